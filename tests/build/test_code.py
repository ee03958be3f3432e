"""An edit of a project's Python code builds again what can reach it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, lint
from dbuild.build.fingerprints import Fingerprints, Prints
from tests.build.workshop import Workshop

FLOW = """
[targets.plain]
path = "out/plain.txt"
python = "steps.all:plain"
[targets.taxed]
path = "out/taxed.txt"
python = "steps.all:taxed"
[targets.named]
path = "out/named.txt"
python = "steps.all:named"
[targets.late]
path = "out/late.txt"
python = "steps.all:late"
"""
ALL = """
from steps import calc, more
RATE = 2

def plain():
    return calc.double(1)

def taxed():
    return str(calc.BASE * RATE)

def named():
    return getattr(calc, "dou" + "ble")(4)

def late():
    from steps import rare
    return rare.text()
"""
CALC = """
BASE = 1

def double(x):
    return str(x * 2)

def unused():
    return 3
"""
FILES = {
    "steps/__init__.py": "",
    "steps/all.py": ALL,
    "steps/calc.py": CALC,
    "steps/more.py": "from steps import calc\ncalc.EXTRA = 7\n",
    "steps/rare.py": "def text(): return 'rare'\ndef other(): return 1\n",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    found = Workshop(tmp_path_factory.mktemp("code") / "project", FLOW, **FILES)
    assert found.build().ran == ["late", "named", "plain", "taxed"]
    return found


@pytest.fixture
def made(built: Workshop, tmp_path: Path) -> Workshop:
    return built.copy(tmp_path / "project")


@pytest.mark.parametrize(
    ("path", "before", "after", "ran"),
    [
        ("steps/calc.py", "BASE = 1", "BASE = 2", ["named", "taxed"]),
        ("steps/calc.py", "x * 2", "x + x", ["named", "plain"]),
        ("steps/calc.py", "return 3", "return 4", ["named"]),
        ("steps/calc.py", "def double", "# said\n\ndef double", []),
        ("steps/all.py", "RATE = 2", "RATE = 3", ["taxed"]),
        ("steps/all.py", "def plain", "def unused(): pass\n\ndef plain", []),
        ("steps/all.py", "calc, more", "calc, more, rare", []),
        ("steps/more.py", "EXTRA = 7", "EXTRA = 8", ["late", "named", "plain", "taxed"]),
        ("steps/rare.py", "'rare'", "'often'", ["late"]),
        ("steps/rare.py", "return 1", "return 2", []),
    ],
)
def test_an_edit_builds_what_reaches_it(made: Workshop, path: str, before: str, after: str, ran: list[str]) -> None:
    made.swap(path, before, after)
    assert made.build().ran == ran
    assert made.build().ran == []


def test_what_was_built_is_as_of_a_clean_build(made: Workshop, tmp_path: Path) -> None:
    made.swap("steps/calc.py", "return 3", "return 4")
    made.swap("steps/all.py", "RATE = 2", "RATE = 3")
    made.swap("steps/calc.py", "BASE = 1", "BASE = 5")
    made.build()
    assert made.outputs() == made.clean_outputs(tmp_path / "clean")
    assert made.read("out/taxed.txt") == "15"


def test_what_an_earlier_version_built_is_fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path / "project", FLOW, **FILES)
    present = Fingerprints.of

    def former(self: Fingerprints, target: str) -> Prints:
        return present(self, target)[1:]

    with monkeypatch.context() as patched:
        patched.setattr(Fingerprints, "of", former)
        assert len(shop.build().ran) == 4
    assert shop.build().ran == []
    shop.swap("steps/calc.py", "BASE = 1", "BASE = 2")
    assert "taxed" in shop.build().ran


def test_lint_says_what_could_not_be_followed(made: Workshop) -> None:
    flow = lint(Settings(str(made.root)))
    said = {name: [f"{note.place}: {note.what}" for note in step.analysis.notes] for name, step in flow.steps.items()}
    assert [name for name, notes in said.items() if notes] == ["named"]
    assert said["named"] == [
        "steps/all.py:12: something of steps.calc is taken by a computed name, so more than steps.all:named reaches"
        " by name counts as its code"
    ]
    assert "note: steps/all.py:12: something of steps.calc" in made.run("lint").stderr
    (record,) = made.json("lint")
    assert record["problems"] == [] and record["notes"][0]["line"] == 12


def test_what_an_earlier_version_built_is_known_by_its_parts_after_one_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(tmp_path / "project", FLOW, **FILES)
    present = Fingerprints.of

    def former(self: Fingerprints, target: str) -> Prints:
        return present(self, target)[1:]

    with monkeypatch.context() as patched:
        patched.setattr(Fingerprints, "of", former)
        shop.build()
    assert shop.build().ran == []
    shop.swap("steps/calc.py", "return 3", "return 4")  # which whole modules would have counted
    assert shop.build().ran == ["named"]
