"""The README's commands show what it says, one after the other, at a terminal; its flow is the one that is there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.pages import ROOT, Clone, Step, blocks, normal, page, tour

TEXT = page("README.md")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("readme") / "clone")


def test_each_command_shows_what_the_readme_says(clone: Clone) -> None:
    steps = tour(TEXT)
    assert len([step for step in steps if "dbuild" in step.command]) >= 8
    for step in steps:
        assert normal(clone.type(step.command)) == normal(step.output), f"$ {step.command}"
    assert (clone.root / "shop/out/report.txt").read_text().startswith("The best days:\n")


def test_what_it_shows_of_the_dataflowfile_is_in_it(clone: Clone) -> None:
    if not (clone.root / "shop").exists():
        clone.run("dbuild init shop")
    (shown,) = map(tomllib.loads, blocks("toml", TEXT))
    written = tomllib.loads((clone.root / "shop/Dataflowfile").read_text())
    for section, named in shown.items():
        assert {name: written[section][name] for name in named} == named
    assert "def best_days(daily: pyarrow.Table) -> pyarrow.Table:" in (clone.root / "shop/recipes.py").read_text()


def test_the_test_command_is_the_one_of_ci() -> None:
    (command,) = [block.strip() for block in blocks("sh", TEXT) if "pytest" in block]
    venv, install, test = command.split(" && ")
    assert venv == "python3 -m venv .venv"
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert next(line for line in steps if line.startswith("pip install")).endswith(" -e '.[dev]'")
    assert install.removeprefix(".venv/bin/").endswith(" -e '.[dev]'")
    assert steps[-1] == test.removeprefix(".venv/bin/") == "pytest"


def test_the_install_command_makes_and_enters_an_environment() -> None:
    (install,) = [block.strip() for block in blocks("sh", TEXT) if "pytest" not in block]
    assert install == "python3 -m venv .venv && . .venv/bin/activate && pip install -q '.[flights]'"
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"flights", "dev"} <= declared["optional-dependencies"].keys()
    assert "dbuild" in declared["scripts"]
    assert f"Version {'.'.join(_version().split('.')[:2])}." in TEXT


def _version() -> str:
    from dbuild import __version__

    return __version__


# -- the tests above can fail ----------------------------------------------------------------------------------------


def test_commands_and_their_output_are_told_apart() -> None:
    text = "```console\n$ a\none\ntwo\n$ b\n```\ntext\n```sh\nc\n```\n```console\n$ d\nthree\n```\n"
    assert tour(text) == [Step("a", ["one", "two"]), Step("b", []), Step("d", ["three"])]
    assert blocks("sh", text) == ["c\n"]


def test_only_what_differs_each_time_is_left_out() -> None:
    shown = [
        "16 built, 443 fresh in 3.9s",
        "x: f9067cbaf01e -> 3ab6a5b35879 (2026-11-21 05:07:16+00:00)",
        "built b (1m05s)",
    ]
    assert normal(shown) == ["built b (LENGTH)", "16 built, 443 fresh in LENGTH", "x: DIGEST -> DIGEST (MOMENT)"]


def test_a_command_that_shows_something_else_is_noticed(tmp_path: Path) -> None:
    made = Clone(tmp_path / "clone")
    assert made.type("mkdir a && cd a && echo one") == ["one"]
    assert made.type("pwd; exit 3", code=3) == [str(tmp_path / "clone/a")]
