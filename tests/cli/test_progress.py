"""What a terminal shows of a run, for any size and at any moment: the clock is a value."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest

from dbuild.core.events import Beat, Key, RunStarted, Summary, TaskEnded, TaskPrinted, TaskSkipped, TaskStarted
from dbuild.ui import terminal
from dbuild.ui.live import Line, Live, Size, rows_of
from dbuild.ui.picture import picture
from dbuild.ui.printed import MOST, Printed
from dbuild.ui.progress import Progress
from dbuild.ui.report import closing_lines
from dbuild.ui.teller import Teller
from dbuild.ui.terminal import TerminalSink
from dbuild.ui.widths import cut, cut_middle, filled, width_of

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def key(value: object) -> Key:
    return (("day", str(value)),)


def run_of(total: int = 1203) -> Progress:
    """A run of three tasks at second 100: a slow one, one that takes longer than it should, one that never ran."""
    progress = Progress()
    progress.take(RunStarted("1", total, 0, 4), 0.0)
    for number in range(200):
        progress.take(TaskSkipped("daily", key(number)), 1.0)
    progress.take(TaskStarted("model", (), "", 200.0), 20.0)
    progress.take(TaskStarted("daily", key("2013-01-05"), "", 10.0), 85.0)
    progress.take(TaskStarted("a_target_with_a_name_that_is_very_long", key("2013-01-06"), ""), 97.0)
    progress.take(TaskStarted("daily", key("short"), "", 0.1), 99.9)
    progress.take(Beat(330.0, "about", 12), 90.0)
    return progress


def shown(progress: Progress, now: float, columns: int, rows: int, *, has_unicode: bool = True) -> list[str]:
    lines = picture(progress, now, Size(columns, rows), has_unicode=has_unicode)
    texts = [_STYLES.sub("", line.text) for line in lines]
    assert [line.width for line in lines] == [width_of(text) for text in texts]
    assert all(line.width < max(2, columns) for line in lines)
    assert len(lines) <= max(1, rows - 1)
    return texts


# -- the picture ---------------------------------------------------------------------------------------------------


def test_each_slow_task_has_a_line_and_the_run_a_bar() -> None:
    assert shown(run_of(), 100.0, 80, 24) == [
        "▸ model                                       1m20s  ━━━━╌╌╌╌╌╌╌╌ of 3m20s",
        "▸ daily@2013-01-05                              15s  ━━━━━━━━━━━━ of 10s",
        "▸ a_target_with_…at_is_very_long@2013-01-06      3s",
        "  and 1 more",
        "━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  200/1,203  1m40s  about 5m20s left",
    ]


def test_a_narrow_screen_leaves_out_what_matters_least() -> None:
    assert shown(run_of(), 100.0, 40, 10) == [
        "▸ model                         1m20s",
        "▸ daily@2013-01-05                15s",
        "▸ a_target_…y_long@2013-01-06      3s",
        "  and 1 more",
        "━╌╌╌╌╌╌╌╌╌  200/1,203  about 5m20s left",
    ]
    assert shown(run_of(), 100.0, 20, 10)[-1] == "━╌╌╌╌╌╌╌  200/1,203"
    assert shown(run_of(), 100.0, 8, 10)[-1] == "200/1,…"
    assert shown(run_of(), 100.0, 1, 1) == ["…"]


def test_a_screen_of_one_line_has_the_bar_alone() -> None:
    for rows in (1, 2):
        assert len(shown(run_of(), 100.0, 80, rows)) == 1
    assert len(shown(run_of(), 100.0, 80, 6)) == 3


def test_a_screen_without_unicode_gets_ascii() -> None:
    progress = run_of()
    progress.take(TaskStarted("ünï", (), ""), 98.0)
    lines = shown(progress, 100.0, 80, 24, has_unicode=False)
    assert all(line.isascii() for line in lines)
    assert lines[-1].startswith("####----")
    assert "\\xfcn\\xef" in lines[3]


def test_wide_characters_take_two_columns() -> None:
    progress = Progress()
    progress.take(RunStarted("1", 2, 0, 4), 0.0)
    for name in ("売上高売上高売上高売上高売上高売上高売上高", "sales"):
        progress.take(TaskStarted(name, key("日"), "", 9.0), 0.0)
    for width in range(1, 90):
        shown(progress, 5.0, width, 24)
    assert shown(progress, 5.0, 60, 24)[:2] == [
        "▸ 売上高…上高売上高@日      5s  ━━━━━━╌╌╌╌╌╌ of 9s",
        "▸ sales@日                  5s  ━━━━━━╌╌╌╌╌╌ of 9s",
    ]


def test_failures_and_a_run_that_ends_show_in_the_bar() -> None:
    progress = run_of()
    progress.take(TaskEnded("model", (), "failed", False, 80.0), 100.0)
    progress.take(Beat(4.0, "about", 0, is_ending=True), 100.0)
    assert shown(progress, 100.0, 80, 24)[-1].endswith("  201/1,203  1 failed  1m40s  stopping")


@pytest.mark.parametrize(
    ("beat", "text"),
    [
        (Beat(125.4, "about", 0), "about 2m06s left"),
        (Beat(61.0, "at most", 0), "up to 1m01s left"),
        (Beat(61.0, "at least", 0), "over 1m01s left"),
        (Beat(None, "at least", 0), "1m40s"),
        (Beat(0.4, "about", 0), "1m40s"),
    ],
)
def test_time_left_says_how_it_is_meant(beat: Beat, text: str) -> None:
    progress = run_of()
    progress.take(beat, 100.0)
    assert shown(progress, 100.0, 80, 24)[-1].endswith(f"  {text}")


def test_time_left_goes_on_between_beats() -> None:
    progress = run_of()
    assert progress.seconds_left(100.0) == 320.0
    assert progress.seconds_left(1000.0) == 0.0


# -- widths --------------------------------------------------------------------------------------------------------


def test_texts_are_cut_to_columns() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 4) == "日…"
    assert cut_middle("monthly@2013-01", 10) == "mon…013-01"
    assert width_of("e\u0301日") == 3
    assert filled("日", 4) == "日  "
    for width in range(12):
        for text in ("日本語日本語", "abcdefghijklm", "e\u0301" * 9):
            assert width_of(cut(text, width)) <= width
            assert width_of(cut_middle(text, width)) <= width


# -- lines that change in place -------------------------------------------------------------------------------------


def lines(*texts: str) -> list[Line]:
    return [Line(text, width_of(text)) for text in texts]


def live(size: Size, **more: bool) -> tuple[Live, io.StringIO]:
    stream = io.StringIO()
    return Live(stream, lambda: size, **more), stream


def written(stream: io.StringIO) -> str:
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    return text


def test_a_frame_writes_only_what_changed() -> None:
    screen, stream = live(Size(80, 24))
    screen.draw(lines("one", "two", "three"))
    assert written(stream) == "one\ntwo\nthree"
    screen.draw(lines("one", "two", "three"))
    assert written(stream) == ""
    screen.draw(lines("one", "2", "three"))
    assert written(stream) == "\x1b[1A\r2\x1b[K\nthree\x1b[K"
    screen.draw(lines("one", "2", "3"), ["above"])
    assert written(stream) == "\x1b[2A\r\x1b[Jabove\none\n2\n3"
    screen.clear(["done"])
    assert written(stream) == "\x1b[2A\r\x1b[Jdone\n"
    screen.clear()
    assert written(stream) == ""


def test_a_stop_in_the_middle_of_a_frame_has_the_next_one_drawn_below() -> None:
    class Stopping(Line):
        """A line at which Ctrl-Z and `fg` come while it is compared."""

        def __ne__(self, other: object) -> bool:
            screen.forget()
            return tuple(self) != other

    screen, stream = live(Size(20, 5))
    screen.draw([Stopping("one", 3), *lines("two")])
    assert written(stream) == "one\ntwo"
    screen.draw(lines("one", "three"))
    assert written(stream) == "\rthree\x1b[K"
    screen.draw(lines("one", "four"))
    assert written(stream) == "one\nfour"


def test_after_a_resize_the_rows_are_counted_as_the_terminal_has_them() -> None:
    assert rows_of(lines("x" * 50, "", "日" * 30), 20) == 3 + 1 + 3
    for is_reflowing, up in ((True, 3), (False, 1)):
        stream, size = io.StringIO(), [Size(80, 24)]
        screen = Live(stream, lambda size=size: size[0], is_reflowing=is_reflowing)
        screen.draw(lines("x" * 50, "short"))
        written(stream)
        size[0] = Size(20, 24)
        screen.draw(lines("x", "short"))
        assert written(stream) == f"\x1b[{up}A\r\x1b[Jx\nshort"


# -- the whole sink ------------------------------------------------------------------------------------------------


class Clock:
    """Seconds that go by when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setenv("TERM", "xterm-256color")
    return Clock()


class Recorder(io.StringIO):
    """Counts what is written, and how often it is asked for its terminal."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.asked = 0

    def fileno(self) -> int:
        self.asked += 1
        return super().fileno()

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def test_thousands_of_short_tasks_cost_a_few_small_writes_a_second(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Recorder()
    monkeypatch.setattr(terminal.sys, "stderr", stream)
    sink = TerminalSink(clock=clock)
    sink(RunStarted("1", 10_000, 0, 2))
    for number in range(10_000):  # a thousand a second, as dbuild runs small Python tasks
        sink(TaskStarted("daily", key(number), "new", 0.001))
        clock.now += 0.001
        sink(TaskEnded("daily", key(number), "built", True, 0.001))
    assert stream.writes <= 10 * 10
    assert stream.asked <= 2 * stream.writes
    assert len(stream.getvalue()) <= stream.writes * 200
    sink(Summary("1", 10_000, 0, 0, 0, 0, 0, 0, 10.0))
    assert stream.getvalue().endswith("10,000 built, 0 fresh in 10.0s\n")


def test_a_run_that_is_over_at_once_draws_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Recorder()
    monkeypatch.setattr(terminal.sys, "stderr", stream)
    with TerminalSink(clock=clock) as sink:
        sink(RunStarted("1", 1, 0, 2))
        sink(TaskStarted("daily", key(1), "new"))
        clock.now += 0.2
        sink(TaskEnded("daily", key(1), "built", True, 0.2))
        sink(Summary("1", 1, 0, 0, 0, 0, 0, 0, 0.2))
    assert stream.getvalue() == "1 built, 0 fresh in 0.20s\n"


# -- what recipes print --------------------------------------------------------------------------------------------


def told(*pieces: tuple[str, bytes]) -> list[str]:
    printed = Printed()
    found = [line for name, data in pieces for line in printed.take(TaskPrinted("t", key(name), data))]
    return found + [line for name in dict.fromkeys(name for name, _ in pieces) for line in printed.end("t", key(name))]


def test_lines_of_tasks_side_by_side_are_never_mixed() -> None:
    assert told(("a", b"one\ntw"), ("b", b"eins\n"), ("a", b"o\n\nthr"), ("b", b"zwei"), ("a", b"ee")) == [
        "t@a | one",
        "t@b | eins",
        "t@a | two",
        "t@a | ",
        "t@a | three",
        "t@b | zwei",
    ]


def test_names_stand_below_each_other() -> None:
    assert told(("a", b"1\n"), ("2013-01-05", b"2\n"), ("a", b"3\n"), ("x" * 50, b"4\n"), ("a", b"5\n")) == [
        "t@a | 1",
        "t@2013-01-05 | 2",
        "t@a          | 3",
        f"t@{'x' * 50} | 4",
        f"t@a{' ' * 37} | 5",
    ]


def test_of_a_progress_bar_the_last_state_is_told_and_held() -> None:
    printed = Printed()
    for number in range(100_000):
        assert printed.take(TaskPrinted("t", (), b"\r%3d%%" % (number // 1000))) == []
    assert printed.end("t", ()) == ["t |  99%"]
    assert told(("a", b"10%\r"), ("a", b"20%\r"), ("a", b"\ndone\r\n")) == ["t@a | 20%", "t@a | done"]


def test_nothing_in_it_acts_on_the_terminal() -> None:
    line = b"\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07 \xff\xfe \x07bell \x9b2J caf\xc3\xa9\n"
    assert told(("a", line)) == ["t@a | red  \\xff\\xfe \\x07bell \\x9b2J café"]


def test_a_task_that_prints_without_end_is_told_of_up_to_a_bound() -> None:
    printed = Printed()
    piece = b"x" * 99 + b"\n"
    found: list[str] = []
    for _ in range(40_000):
        found += printed.take(TaskPrinted("t", (), piece))
    assert len(found) <= MOST // 100 + 1
    assert found[-1] == "t | (it prints more: dbuild log t)"
    assert not printed.has_told("t", ())
    for _ in range(3000):  # one line that never ends
        printed.take(TaskPrinted("u", (), b"y" * 1000))
    assert sum(map(len, printed._held.values())) < 100_000


def teller(**more: bool) -> Teller:
    given = {"is_quiet": False, "is_verbose": True, "names_tasks": True, "has_summary": True} | more
    return Teller(**given)


def test_what_was_told_as_it_came_isnt_told_again_when_the_task_fails() -> None:
    telling = teller()
    assert telling.lines(TaskPrinted("t", (), b"one\ntwo")) == ["t | one"]
    failed = TaskEnded("t", (), "failed", False, 0.1, "exited with status 3", ("one", "two"))
    assert telling.lines(failed) == ["t | two", "failed t (0.10s)", "  exited with status 3"]
    assert "  | two" in teller(is_verbose=False).lines(failed)


# -- the end of a run ----------------------------------------------------------------------------------------------


def ending(slowest: Sequence[float], **more: object) -> list[str]:
    named = tuple(("t", key(number), seconds) for number, seconds in enumerate(slowest))
    given: dict[str, object] = {"built": 4, "fresh": 40, "failed": 0, "waiting": 0, "blocked": 0, "restored": 0}
    given |= {"provisional": 0, "seconds": 70.0, "slowest": named} | more
    return closing_lines(Summary("1", **given))  # type: ignore[arg-type]


def test_the_end_says_what_took_longest_and_what_didnt_have_to_run() -> None:
    assert ending([61.0, 2.0, 1.5], saved_seconds=3725.0, spared=12) == [
        "slowest: t@0 1m01s, t@1 2.0s, t@2 1.5s",
        "saved: 1h02m, 40 partitions didn't have to run (12 by early cutoff)",
        "4 built, 40 fresh in 1m10s",
    ]


def test_the_end_is_quiet_where_there_is_nothing_to_say() -> None:
    assert ending([0.4, 0.2, 0.1], saved_seconds=0.9) == ["4 built, 40 fresh in 1m10s"]
    assert ending([9.0, 8.0], built=2, saved_seconds=None) == ["2 built, 40 fresh in 1m10s"]
    assert ending([], built=0) == ["fresh: 40 partitions, nothing to do (1m10s)"]
