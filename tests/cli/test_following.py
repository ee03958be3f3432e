"""`dbuild status --watch` in a real terminal, beside a build in another one."""

from __future__ import annotations

import signal

import pytest

from dbuild.build.running import RunningTask
from dbuild.ui.drawing.canvas import Piece
from dbuild.ui.following import fitting, with_running
from dbuild.ui.live import Size
from tests.cli.sandbox import FLOW, Sandbox
from tests.cli.terminals import Terminal
from tests.cli.test_flow_screens import shop

# Recipes that run until somebody lets them end.
HELD = FLOW.replace('"cp {raw} {output}"', '"until [ -e go ]; do sleep 0.05; done; cp {raw} {output}"')


@pytest.mark.parametrize("words", [["--graph"], []])
def test_it_shows_what_another_terminal_builds(sandbox: Sandbox, words: list[str]) -> None:
    sandbox.write("Dataflowfile", HELD)
    calm = sandbox.environment() | {"DBUILD_ASCII": "1"}
    with Terminal(sandbox.root, calm, "status", *words, "--watch", columns=100, rows=40) as screen:
        screen.until_shown("Ctrl-C ends")
        with Terminal(sandbox.root, calm, "-j2") as build:
            screen.until_shown("running: copy@2013-01-0")
            if words:
                assert "2 running" in "\n".join(screen.lines)
                assert any(">" in line for line in screen.lines)
            sandbox.write("go", "")
            assert build.finish() == 0
        screen.until(lambda: is_done(screen.lines))
        screen.process.send_signal(signal.SIGINT)
        assert screen.finish() == 0
        assert not any("Ctrl-C" in line or "running" in line for line in screen.lines)
        assert is_done(screen.lines)


def is_done(lines: list[str]) -> bool:
    text = "\n".join(lines)
    return "stale" not in text.replace("fresh  stale", "") and "undecided" not in text and "running:" not in text


def test_it_needs_a_terminal(sandbox: Sandbox) -> None:
    done = sandbox.run("status", "--watch")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --watch needs a terminal\n  hint: ")
    assert sandbox.run("status", "--watch", "--json").returncode == 2


def test_what_runs_is_a_state_of_its_own() -> None:
    tasks = [
        RunningTask("trend", (("day", "2024-02-28"),), 0.0),
        RunningTask("trend", (("day", "nonsense"),), 0.0),
        RunningTask("gone", (), 0.0),
    ]
    before, found = shop(), with_running(shop(), tasks)
    assert [each for each in found if each.name != "trend"] == [each for each in before if each.name != "trend"]
    (trend,) = [each.detail for each in found if each.name == "trend"]
    assert trend is not None
    assert [(state, len(partitions)) for state, partitions in trend.standing] == [
        ("running", 1), ("undecided", 18), ("frozen", 30), ("fresh", 41),
    ]  # fmt: skip


def test_what_is_higher_than_the_screen_is_cut() -> None:
    rows = [[Piece(str(number), "")] for number in range(30)]
    found = [row[0].text for row in fitting(rows, [Piece("footer", "")], Size(80, 10))]
    assert found == [*map(str, range(7)), "and 23 more lines", "footer"]
    assert len(fitting(rows[:8], [Piece("footer", "")], Size(80, 10))) == 9
