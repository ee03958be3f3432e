"""Builds in a real pseudo-terminal, as an emulator shows them."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.build.workshop import DAYS
from tests.cli.sandbox import Sandbox
from tests.cli.terminals import PATIENCE, Terminal

FLOW = """
[sources.raw]
path = "data/{day}.txt"
[targets.copy]
path = "out/copy/{day}.txt"
shell = "cp {raw} {output}"
[targets.slow]
path = "out/slow.txt"
shell = '''
printf 'step 1\\nstep 2 \\033[31mred\\033[2J\\033[0m'
touch began; until [ -e go ]; do sleep 0.02; done
cat {copy} > {output}'''
[targets.broken]
path = "out/broken.txt"
shell = "echo what was done; : {copy}; exit 3"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Sandbox:
    """Three days, copied; a task that ends when there is a file `go`; one that fails."""
    made = Sandbox(tmp_path / "p")
    made.write("Dataflowfile", DAYS + FLOW)
    for day in (1, 2, 3):
        made.write(f"data/2013-01-0{day}.txt", f"day {day}\n")
    return made


def terminal(shop: Sandbox, *words: str, columns: int = 80, rows: int = 24, **more: str) -> Terminal:
    return Terminal(shop.root, shop.environment(**more), *words, columns=columns, rows=rows)


def without_times(lines: list[str]) -> list[str]:
    """Lines with durations as `_`."""
    return [re.sub(r"(?<![\w.])(\d+(\.\d+)?s|\d+m\d\ds)", "_", line) for line in lines]


@pytest.mark.parametrize(("columns", "rows"), [(40, 10), (80, 24), (200, 50)])
def test_a_build_shows_what_runs_and_then_how_it_ended(shop: Sandbox, columns: int, rows: int) -> None:
    with terminal(shop, "-k", "-j2", columns=columns, rows=rows) as shown:
        shown.until_shown("▸ slow")
        shown.until_shown(" 1 failed")
        assert without_times(shown.lines)[-2:] == [
            "▸ slow      _",
            {
                40: "━━━━━━━━━━━━━━━━╌╌╌╌  4/5  1 failed  _",
                80: "━━━━━━━━━━━━━━━━━━━━━━━━╌╌╌╌╌╌  4/5  1 failed  _",
                200: "━━━━━━━━━━━━━━━━━━━━━━━━╌╌╌╌╌╌  4/5  1 failed  _",
            }[columns],
        ]
        (shop.root / "go").touch()
        assert shown.finish() == 1
        joined = "".join(shown.history)
        assert "failed broken (" in joined
        assert "  | what was done" in shown.history
        assert re.search(r"1 failed, 4 built, 0 fresh ?in [\d.]+s: *broken$", joined)
        assert shown.screen.cursor.x == 0
        assert not any("━" in line for line in shown.history)


def test_a_screen_of_one_line_and_names_that_are_too_long_are_fine(shop: Sandbox) -> None:
    with terminal(shop, "slow", columns=12, rows=1) as shown:
        shown.until_shown("3/4")
        assert shown.lines == ["3/4"]
        (shop.root / "go").touch()
        assert shown.finish() == 0


def test_ctrl_c_leaves_the_screen_in_order(shop: Sandbox) -> None:
    with terminal(shop, "slow", "copy", columns=100) as shown:
        shown.until_shown("▸ slow")
        shown.type(b"\x03")
        assert shown.finish() == 130
        last = shown.lines[-1]
        assert re.fullmatch(r"interrupted: 3 built, 0 fresh, 1 left in [\d.]+s; the next build goes on from here", last)
        assert not any("━" in line for line in shown.history)
        assert shown.screen.cursor.x == 0
        assert not shown.screen.cursor.hidden


def test_a_window_that_is_closed_ends_the_build(shop: Sandbox) -> None:
    with terminal(shop, "slow", "copy") as shown:
        shown.until_shown("▸ slow")
        shown.close()
        assert shown.process.wait(PATIENCE) == 130
    assert shop.json("log")[0]["outcome"] == "interrupted"
    (shop.root / "go").touch()
    assert shop.run().returncode == 1  # broken is


def test_what_ctrl_z_stops_goes_on_below_what_the_shell_has_written(shop: Sandbox) -> None:
    script = f"set -m; {sys.executable} -m dbuild slow copy; echo 'it stopped'; fg"
    with Terminal(shop.root, shop.environment(), script, program=("bash", "-c")) as shown:
        shown.until_shown("▸ slow")
        shown.type(b"\x1a")
        shown.until_shown("it stopped")
        shown.until(lambda: "\n".join(shown.lines).count("▸ slow") == 2)
        (shop.root / "go").touch()
        assert shown.finish() == 0
        after = shown.lines[shown.lines.index("it stopped") :]
        assert not any("▸" in line for line in after)
        assert any(line.endswith("dbuild slow copy") for line in after)  # what `fg` has written
        assert re.fullmatch(r"4 built, 0 fresh in .*", after[-1])
        assert sum("it stopped" in line for line in shown.lines) == 1


def test_the_window_may_change_its_size_in_the_middle(shop: Sandbox) -> None:
    """The emulator cuts lines when it gets narrower, as xterm does."""
    with terminal(shop, "slow", columns=100, XTERM_VERSION="1") as shown:
        shown.until_shown("▸ slow")
        for columns, rows in ((30, 24), (9, 3), (120, 40)):
            shown.resize(columns, rows)
            before = len(shown.output)
            shown.until(lambda before=before: len(shown.output) > before)
        shown.until_shown("━━━━━━━━━━━━━━━━━━━━━━╌╌╌╌╌╌╌╌  3/4")
        assert sum("3/4" in line for line in shown.lines) == 1
        (shop.root / "go").touch()
        assert shown.finish() == 0
        assert not any("━" in line for line in shown.lines)


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_where_lines_are_to_be_plain_they_are(shop: Sandbox, variable: dict[str, str]) -> None:
    (shop.root / "go").touch()
    with terminal(shop, "slow", **variable) as shown:
        assert shown.finish() == 0
        assert b"\x1b" not in shown.output
        assert without_times(shown.lines)[-2:] == ["built slow (_)", "4 built, 0 fresh in _"]


def test_a_terminal_without_unicode_gets_ascii(shop: Sandbox) -> None:
    with terminal(shop, "slow", PYTHONIOENCODING="ascii") as shown:
        shown.until_shown("######################--------  3/4")
        (shop.root / "go").touch()
        assert shown.finish() == 0


def test_what_recipes_print_is_streamed_above_the_bar(shop: Sandbox) -> None:
    with terminal(shop, "-v", "slow", "broken", "-k", "-j2") as shown:
        shown.until_shown("| step 1")
        shown.until_shown("▸ slow")
        (shop.root / "go").touch()
        assert shown.finish() == 1
        assert "| step 2 red" in "\n".join(shown.lines)
        assert sum("what was done" in line for line in shown.lines) == 1
        assert not any("━" in line for line in shown.lines)


def test_plain_lines_have_what_recipes_print_too(shop: Sandbox) -> None:
    (shop.root / "go").touch()
    done = shop.run("-v", "slow")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines.index("slow | step 1") < lines.index("slow | step 2 red") < len(lines) - 2
    assert "slow | " not in shop.run("-B", "slow").stderr
    assert "slow | step 1" in shop.run("-v", "--json", "-B", "slow").stderr
