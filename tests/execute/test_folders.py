"""Folders as outputs, and targets that make nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dbuild.errors import UserError
from dbuild.observe.digests import combine, digest_bytes, hash_file, hash_folder
from tests.execute.crews import crew


def test_a_folder_is_made_and_every_file_in_it_counts(tmp_path: Path) -> None:
    text = (
        "mkdir -p {output}/a/b {output}/empty; echo 1 > {output}/z; echo 2 > {output}/a/b/x.csv; echo 3 > {output}/.h"
    )
    with crew(tmp_path) as made:
        result = made.run(made.shell(text, "site/"))
    assert result.error is None
    (one,) = result.made
    assert one.files == hash_folder(str(tmp_path / "site"))[1]
    assert [name for name, _ in one.files] == [".h", "a/b/x.csv", "z"]
    assert one.digest == combine([digest_bytes(b".h\na/b/x.csv\nz"), *(digest for _, digest in one.files)])
    assert one.digest == hash_folder(str(tmp_path / "site"))[0]
    assert (one.size, one.schema) == (6, None)
    for name, _ in one.files:
        stat = os.stat(tmp_path / "site" / name)
        assert stat.st_mtime_ns < stat.st_ctime_ns


def test_a_python_function_writes_into_it(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        assert made.run(made.python("(output / 'a.txt').write_text('x')", "one/")).error is None
        returned = made.run(made.python("return 'x'", "two/"))
        empty = made.run(made.python("(output / 'sub').mkdir()", "three/"))
    assert returned.error is not None
    assert "returned a value for its output, which is a folder" in returned.error
    assert empty.error is not None
    assert "its output folder final/three is empty" in empty.error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("true", "the recipe succeeded, but its output folder final/site is empty"),
        ("rmdir {output}; echo x > {output}", "made a file in the place of the folder of its output final/site"),
        ("rmdir {output}", "took away the folder of its output final/site"),
        ("ln -s loop {output}/loop", "loop in the folder"),
        ("mkfifo {output}/pipe", "pipe in the folder"),
        ("touch {output}/$'bad\\xff.txt'", "bad\\xff.txt"),
        ("touch {output}/$'a\\nb'", "has a line break in it"),
        ("mv {output} {output}.moved; ln -s {output}.moved {output}", "made a file in the place of"),
    ],
)
def test_what_a_folder_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    with crew(tmp_path) as made:
        result = made.run(made.shell(text, "site/"))
    assert result.error is not None
    assert said in result.error
    assert result.made == ()


def test_a_file_stays_a_file(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        result = made.run(made.shell("mkdir {output}", "out.txt"))
    assert result.error is not None
    assert "made a folder in the place of its output final/out.txt" in result.error


def test_actions_make_nothing(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        tasks = [made.shell("echo done"), made.python("print('done')"), made.python("return 1")]
        results = [made.run(task) for task in tasks]
    assert [result.error is None for result in results] == [True, True, False]
    assert [result.made for result in results] == [()] * 3


def test_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(name: str, **files: str) -> bytes:
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        return hash_folder(str(tmp_path / name))[0]

    digests = [folder("a", x="1", y="2"), folder("b", x="2", y="1"), folder("c", x="1"), folder("d", **{"x/y": "1"})]
    assert len(set(digests)) == 4
    assert folder("e", y="2", x="1") == digests[0]
    assert hash_file(str(tmp_path / "c" / "x"))[0] != digests[2]
    with pytest.raises(FileNotFoundError):
        hash_folder(str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path / "c")  # the path of a socket can't be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    with pytest.raises(UserError, match="neither a file nor a folder"):
        hash_folder(str(tmp_path / "c"))
