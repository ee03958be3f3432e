"""Code that lies elsewhere and isn't installed by copying is the project's: it counts, and recipes may be of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from dbuild.errors import ProjectError
from dbuild.observe.codepath import code_path, code_stamp
from dbuild.recipes.sources import Sources
from tests.build.workshop import Workshop

FLOW = """
[targets.here]
path = "out/here.txt"
python = "steps:here"
[targets.there]
path = "out/there.txt"
python = "shared.lib:there"
"""
STEPS = "from shared import lib\nfrom shared.sub.deep import DEPTH\ndef here():\n  return f'{lib.rate()} {DEPTH}'\n"
LIB = "RATE = 2\ndef rate(): return RATE\ndef there(output): output.write_text('there')\ndef unused(): pass\n"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A project that uses a package of its neighbour."""
    monkeypatch.setenv("PYTHONPATH", "../sibling")
    made = Workshop(tmp_path / "shop", FLOW, **{"steps.py": STEPS, "../sibling/shared/lib.py": LIB})
    made.write("../sibling/shared/sub/deep.py", "DEPTH = 3\n")
    return made


@pytest.mark.parametrize("with_init", [False, True])
def test_what_lies_beside_the_project_counts(shop: Workshop, with_init: bool) -> None:
    if with_init:
        shop.write("../sibling/shared/__init__.py", "")
    assert shop.build().ran == ["here", "there"]
    assert shop.read("out/here.txt") == "2 3"
    assert shop.build().ran == []
    shop.swap("../sibling/shared/lib.py", "RATE = 2", "RATE = 5")
    assert shop.build().ran == ["here"]
    shop.swap("../sibling/shared/sub/deep.py", "DEPTH = 3", "DEPTH = 4")
    assert shop.build().ran == ["here"]
    shop.swap("../sibling/shared/lib.py", "unused(): pass", "unused(): return 1")
    assert shop.build().ran == []
    shop.swap("../sibling/shared/lib.py", "'there'", "'where'")
    assert shop.build().ran == ["there"]
    assert shop.read("out/here.txt") == "5 4"


def test_a_build_with_nothing_to_do_looks_at_it_too(shop: Workshop) -> None:
    shop.build()
    for _ in range(4):
        assert shop.build(tells_grounds=True).ran == []
    shop.swap("../sibling/shared/lib.py", "RATE = 2", "RATE = 7")
    assert shop.build().ran == ["here"]
    shop.write("shared.py", "")  # it comes to stand before
    with pytest.raises(ProjectError, match="no Python module"):
        shop.build()


def test_a_watch_is_told_of_it(shop: Workshop) -> None:
    told = []
    shop.build(tells_grounds=True, hear=told.append)
    (looked,) = [event for event in told if type(event).__name__ == "LookedAt"]
    assert {"../sibling/shared/lib.py", "../sibling/shared/sub/deep.py"} <= set(looked.files)
    folders = {path for path, _, _ in looked.trees}
    assert {"../sibling", "../sibling/shared", "../sibling/shared/sub"} <= folders


def test_mistakes_name_it_by_a_path_that_people_know(shop: Workshop) -> None:
    shop.swap("../sibling/shared/lib.py", "RATE = 2", "RATE = 1 / 0")
    errors = shop.build(keep_going=True).errors
    assert 'File "../sibling/shared/lib.py", line 1' in errors["here"]
    shop.swap("../sibling/shared/lib.py", "RATE = 1 / 0", "RATE = = 1")
    with pytest.raises(ProjectError) as caught:
        shop.build()
    assert {str(problem.place) for problem in caught.value.problems} == {"../sibling/shared/lib.py:1"}


def test_it_is_of_the_beginning_while_a_build_runs(shop: Workshop) -> None:
    late = "def here():\n  import pathlib\n  pathlib.Path('../sibling/shared/lib.py').write_text('RATE = = 3')\n"
    shop.write("steps.py", late + "  from shared import lib\n  return str(lib.RATE)\n")
    assert shop.build("here").errors == {}
    assert shop.read("out/here.txt") == "2"


def test_what_is_installed_before_it_is_none_of_it(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "env" / "site-packages"
    (site / "shared").mkdir(parents=True)
    (site / "shared" / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(tmp_path / "sibling")]))
    assert Sources(str(shop.root)).locate("shared.lib") is None
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "sibling"), str(site)]))
    assert Sources(str(shop.root)).locate("shared.lib") is None  # a regular package stands before a mere folder
    shop.write("../sibling/shared/__init__.py", "")
    assert Sources(str(shop.root)).locate("shared.lib") == "../sibling/shared/lib.py"


def test_folders_of_one_package_in_several_places(shop: Workshop) -> None:
    shop.write("shared/own.py", "HERE = 1\n")
    shop.write("steps.py", "from shared import lib, own\ndef here(): return f'{lib.RATE} {own.HERE}'\n")
    shop.build()
    assert shop.read("out/here.txt") == "2 1"
    shop.swap("../sibling/shared/lib.py", "RATE = 2", "RATE = 3")
    shop.swap("shared/own.py", "HERE = 1", "HERE = 2")
    assert shop.build().ran == ["here"]
    assert shop.read("out/here.txt") == "3 2"


# --- editable installs ---------------------------------------------------------------------------------------------

# What setuptools writes for an editable install, as the interpreter runs it when it starts.
FINDER = """
import sys
from importlib.util import spec_from_file_location
MAPPING = {mapping!r}
class _EditableFinder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname in MAPPING:
            folder = MAPPING[fullname]
            return spec_from_file_location(fullname, folder + "/__init__.py", submodule_search_locations=[folder])
def install():
    sys.meta_path.append(_EditableFinder)
"""


@pytest.fixture
def mapped(tmp_path: Path) -> Workshop:
    """A project that uses a package which a finder maps to a folder of another name."""
    made = Workshop(tmp_path / "shop", FLOW, **{"steps.py": STEPS, "../far/away/src/lib.py": LIB})
    made.write("../far/away/src/__init__.py", "")
    made.write("../far/away/src/sub/deep.py", "DEPTH = 3\n")
    finder = FINDER.format(mapping={"shared": str(tmp_path / "far/away/src")})
    made.write("../start/__editable___shared_1_0_finder.py", finder)
    made.write("../start/sitecustomize.py", "import __editable___shared_1_0_finder as f\nf.install()\n")
    return made


def test_a_package_that_a_finder_maps(mapped: Workshop) -> None:
    def ran() -> list[str]:
        start = os.pathsep.join([str(mapped.root.parent / "start"), mapped.environment()["PYTHONPATH"]])
        done = mapped.run("build", "--json", PYTHONPATH=start)
        assert done.returncode == 0, done.stderr
        records = [json.loads(line) for line in done.stdout.splitlines()]
        return sorted(record["target"] for record in records if record["event"] == "task")

    assert ran() == ["here", "there"]
    assert mapped.read("out/here.txt") == "2 3"
    mapped.swap("../far/away/src/lib.py", "RATE = 2", "RATE = 5")
    assert ran() == ["here"]
    mapped.swap("../far/away/src/sub/deep.py", "DEPTH = 3", "DEPTH = 4")
    assert ran() == ["here"]
    assert ran() == []
    assert mapped.read("out/here.txt") == "5 4"
    assert list((mapped.root.parent / "far").rglob("*.pyc")) == []


def test_folders_of_editable_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, root = tmp_path / "lib" / "site-packages", str(tmp_path / "project")
    for folder in (site, tmp_path / "one" / "src", tmp_path / "two", tmp_path / "three" / "src"):
        folder.mkdir(parents=True)
    before = code_stamp(root)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site), str(tmp_path / "one" / "src"), str(tmp_path / "x.zip")])
    found = code_path(root)
    assert found.own == (root, str(tmp_path / "one" / "src"))
    assert found.shown(str(tmp_path / "one" / "src" / "m.py")) == "../one/src/m.py"
    assert found.shown("/elsewhere/m.py") == "/elsewhere/m.py"
    assert not found.is_own(str(site / "m.py")) and not found.is_own(os.__file__)
    assert code_stamp(root) != before
    for name, editable in (("three", "true"), ("two", "false")):
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "direct_url.json").write_text(
            f'{{"url": "file://{tmp_path}/{name}", "dir_info": {{"editable": {editable}}}}}'
        )
    assert code_path(root).own == found.own  # all that is there can be found without it
    loader = type("Loader", (), {"__module__": "_three_editable_loader"})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, loader()])
    assert code_path(root).own == (*found.own, str(tmp_path / "three" / "src"))


def test_dbuild_is_no_code_of_the_project(tmp_path: Path) -> None:
    found = code_path(str(tmp_path))
    assert found.own == (str(tmp_path),)
    assert Sources(str(tmp_path)).spot("dbuild.recipes") is None
    around = code_path(os.path.dirname(os.path.dirname(os.__file__)))  # an environment in the project's folder
    assert not around.is_own(os.__file__)
