"""What installed packages say of themselves, in all forms in which they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbuild.observe import importpath
from dbuild.observe.packages import Packages, packages_of, read_packages


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, the only one of the import path."""
    made = tmp_path / "site-packages"
    made.mkdir()
    monkeypatch.setattr("sys.path", [str(made)])
    return made


def write(folder: Path, name: str, **files: str) -> None:
    info = folder / name
    info.mkdir()
    for file, text in files.items():
        (info / file.replace("_txt", ".txt").replace("_INFO", "-INFO")).write_text(text)


def found(folder: Path) -> Packages:
    """The packages, read, and then once more as they are kept."""
    made = read_packages(str(folder.parent))
    assert packages_of(made.text()).all == made.all
    return made


def test_modules_are_told_by_the_record(folder: Path) -> None:
    record = "one/__init__.py,sha256=x,1\none/two.py,,\n_fast.cpython-311-x86_64-linux-gnu.so,,\nsingle.py,,\n"
    record += "../../bin/tool,,\none-1.dist-info/METADATA,,\nsome data.txt,,\n__pycache__/single.cpython-311.pyc,,\n"
    text = "Metadata-Version: 2.1\nName: One.Pkg\nVersion: 1\nRequires-Dist: x ; python_version<'3'\n\nName: other\n"
    write(folder, "one-1.dist-info", METADATA=text, RECORD=record)
    (package,) = found(folder).all
    assert (package.name, package.version, package.modules) == ("One.Pkg", "1", ("_fast", "one", "single"))
    assert package.requires == (("x", (), "python_version<'3'"),)


def test_packages_of_older_tools_are_read_too(folder: Path) -> None:
    write(folder, "old-1.egg-info", PKG_INFO="Name: old\nVersion: 1\n", top_level_txt="old\n", requires_txt="new>=1\n")
    write(folder, "new-2.dist-info", METADATA="Name: new\nVersion: 2\n", RECORD="new.py,,\n")
    assert found(folder).versions(["old"]) == {"new": "2", "old": "1"}


def test_a_namespace_is_of_all_that_have_a_part_of_it(folder: Path) -> None:
    for name in ("cloud-one", "cloud-two"):
        write(folder, f"{name}-1.dist-info", METADATA=f"Name: {name}\nVersion: 1\n", RECORD=f"cloud/{name}.py,,\n")
    assert found(folder).versions(["cloud", "os", "nobody"]) == {"cloud-one": "1", "cloud-two": "1"}


def test_what_is_broken_is_left_out(folder: Path) -> None:
    write(folder, "half-1.dist-info")
    write(folder, "mute-1.dist-info", METADATA="Summary: none\n")
    write(folder, "wild-1.dist-info", METADATA="Name: wild\nVersion: 1\nRequires-Dist: ???\n", RECORD="wild.py,,\n")
    assert found(folder).versions(["wild"]) == {"wild": "1"}


def test_what_comes_goes_or_changes_has_another_witness(folder: Path) -> None:
    root = str(folder.parent)
    seen = [(importpath.packages_witness(root), importpath.folders_stamp(root))]

    def look() -> None:
        seen.append((importpath.packages_witness(root), importpath.folders_stamp(root)))

    (folder / "loose.py").write_text("")
    assert importpath.packages_witness(root) == seen[0][0]  # which is no package
    write(folder, "one-1.dist-info")
    look()
    os.rename(folder / "one-1.dist-info", folder / "one-2.dist-info")
    look()
    os.rmdir(folder / "one-2.dist-info")
    write(folder, "one-1.dist-info")
    os.utime(folder / "one-1.dist-info", (1, 1))  # in place of the first
    look()
    assert len({witness for witness, _ in seen}) == len({stamp for _, stamp in seen}) == 4


def test_the_folder_of_a_project_and_where_python_was_started_hold_no_packages(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", ["", str(tmp_path), str(folder), str(tmp_path / "absent")])
    monkeypatch.chdir(tmp_path)
    assert importpath.folders(str(tmp_path / "absent")) == (str(folder),)
