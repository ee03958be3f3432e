"""With nothing to do, a plan and a status cost what a build does: they take the same short way, and tell the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dbuild import build as building
from dbuild.build import Settings, reports
from dbuild.observe.listing import all_names_of
from dbuild.state.opening import open_state
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/{{day}}.txt"
tags = ["nightly"]
shell = "cat {{raw}} > {{output}}"
[targets.total]
path = "out/total.txt"
shell = "cat {{copy}} > {{output}}"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Three days, built, and looked at once more."""
    made = Workshop(tmp_path / "project", FLOW)
    made.days("data", "01-01", "01-02", "01-03")
    settle(made)
    return made


def settle(shop: Workshop) -> None:
    """Builds, and again when all files are old enough for their stats to vouch for them."""
    shop.build()
    for path in (shop.path("Dataflowfile"), *shop.path("data").iterdir(), *shop.path("out").iterdir()):
        os.utime(path, (1_300_000_000, 1_300_000_000))
    for _ in range(10):  # their times of change can't be set: until then no answer is kept
        assert shop.build().counts == {}


def settings_of(shop: Workshop) -> Settings:
    return Settings(str(shop.root), "Dataflowfile")


def is_short(monkeypatch: pytest.MonkeyPatch, look: Callable[[], object]) -> bool:
    """Whether a look does without loading the flow."""
    asked: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(reports, "status", lambda *given, **_: asked.append(given) or ())
        look()
    return not asked


@pytest.mark.parametrize("arguments", [(), ("copy",), ("copy@2013-01-02..", "total")], ids=str)
def test_the_short_way_tells_what_the_long_one_does(
    shop: Workshop, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(shop)
    shop.build(*arguments)
    assert is_short(monkeypatch, lambda: building.status(settings, arguments))
    assert building.status(settings, arguments) == reports.status(settings, arguments)
    known = building.fresh(settings, arguments)
    assert known == (building.plan(settings, arguments).fresh, ()) and known[0] > 0


EDITS: dict[str, Callable[[Workshop], object]] = {
    "a source": lambda shop: shop.write("data/2013-01-02.txt", "another\n"),
    "a new source": lambda shop: shop.write("data/2013-01-04.txt", "another\n"),
    "an output": lambda shop: shop.write("out/2013-01-02.txt", "another\n"),
    "an output that is gone": lambda shop: shop.path("out/total.txt").unlink(),
    "a recipe": lambda shop: shop.swap("Dataflowfile", "cat {copy}", "cat {copy} {copy}"),
    "a description": lambda shop: shop.swap("Dataflowfile", "[targets.copy]", '[targets.copy]\nowner = "ann"'),
    "a word of a person": lambda shop: shop.run("mark", "copy@2013-01-02", "stale", "--why", "x"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_after_any_change_all_is_looked_at(shop: Workshop, edit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(shop)
    EDITS[edit](shop)
    assert building.fresh(settings, ()) is None
    assert not is_short(monkeypatch, lambda: building.status(settings, ()))
    assert building.status(settings, ()) == reports.status(settings, ())


def test_what_programs_print_is_looked_at_each_time(tmp_path: Path) -> None:
    flow = FLOW.replace('tags = ["nightly"]', 'tags = ["nightly"]\nenvironment = { cmd = "echo 1" }')
    shop = Workshop(tmp_path / "project", flow)
    shop.days("data", "01-01")
    settle(shop)
    assert building.fresh(settings_of(shop), ()) is None


def test_a_plan_runs_no_program_for_the_short_way(shop: Workshop, tmp_path: Path) -> None:
    """Although how things stood was kept before the flow had a program."""
    assert building.fresh(settings_of(shop), ()) is not None
    told = tmp_path / "told"
    cmd = f'environment = {{ cmd = "echo x >> {told}; echo 1" }}'
    shop.swap("Dataflowfile", 'tags = ["nightly"]', f'tags = ["nightly"]\n{cmd}')
    settle(shop)
    before = told.read_text()
    assert building.fresh(settings_of(shop), ()) is None
    assert told.read_text() == before


@pytest.mark.parametrize("command", ["plan", "status"])
def test_with_nothing_to_do_nothing_of_the_project_is_loaded(shop: Workshop, command: str) -> None:
    code = f"""
import sys
from dbuild.cli.main import main
assert main([{command!r}]) == 0
print([name for name in ("tomli", "dbuild.project", "dbuild.core.plan", "dbuild.build.world") if name in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=shop.root, capture_output=True, text=True, check=True, env=environment
    )
    assert found.stdout.splitlines()[-1] == "[]"


def test_a_command_line_prints_the_same_by_both_ways(shop: Workshop) -> None:
    def said() -> list[str]:
        commands = (("plan",), ("plan", "--json"), ("status",), ("status", "--json"), ("plan", "--strict"))
        return [f"{done.returncode} {done.stdout} {done.stderr}" for done in (shop.run(*one) for one in commands)]

    short = said()
    shop.path(".dbuild/intents.Dataflowfile").write_text("{")  # something to mend: the short way isn't taken
    assert said() == short


def test_a_file_that_is_made_anew_keeps_its_place_in_the_kept_listing(shop: Workshop) -> None:
    """As in its folder, whose listing then is as it was kept, to the last byte."""

    def kept() -> list[str]:
        state = open_state(str(shop.root), "Dataflowfile", is_reader=True)
        try:
            return all_names_of(state.listing("out"))
        finally:
            state.close()

    before = kept()
    for day in ("2013-01-01", "2013-01-02", "2013-01-03"):
        shop.write(f"data/{day}.txt", "another\n")
        assert shop.build("copy").counts == {"copy": 1}
        assert kept() == before


def test_what_is_built_again_after_it_was_gone_is_known(shop: Workshop) -> None:
    """Its digest is kept with it: who reads it later needn't read it to know it."""
    for day in ("2013-01-01", "2013-01-03"):
        shop.path(f"out/{day}.txt").unlink()
    shop.path("data/2013-01-02.txt").unlink()
    assert shop.build("copy").counts == {"copy": 2}
    state = open_state(str(shop.root), "Dataflowfile", is_reader=True)
    try:
        known = {*state.files_below("data/"), *state.files_below("out/2013")}
    finally:
        state.close()
    days = ("data/2013-01-01", "data/2013-01-03", "out/2013-01-01", "out/2013-01-02", "out/2013-01-03")
    assert known == {f"{day}.txt" for day in days}
