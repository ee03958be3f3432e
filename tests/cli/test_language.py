"""What reports have in common: they fit, they show nothing that acts, and what they name other commands take."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dbuild.cli.main import main
from dbuild.ui.folding import folded, folded_all
from dbuild.ui.moments import When
from dbuild.ui.stream import paint
from dbuild.ui.tables import Column, Painted, table
from dbuild.ui.widths import cut, filled, width_of
from tests.build.workshop import DAYS, Workshop
from tests.cli.terminals import Terminal

FLOW = f"""{DAYS}
[partitions.place]
values = ["a,b", "日本", "north-by-northwest"]
[sources.raw]
path = "raw/{{day}}.txt"
expect = {{ at = "06:00" }}
description = "What comes, each day, from all the places that there are"
[targets.daily_by_place]
path = "out/daily/{{day}}/{{place}}.txt"
shell = "test ! -e broken || {{{{ rm broken; exit 1; }}}}; cp {{raw}} {{output}}"
retries = {{ times = 1, delay = "1ms" }}
[targets.total]
path = "out/total.txt"
shell = "cat {{daily_by_place}} > {{output}}"
[targets.fails]
path = "out/fails.txt"
shell = "echo; false"
inputs = ["total"]
"""
REPORTS = (
    ("status",),
    ("plan",),
    ("why", "daily_by_place", "total", "fails"),
    ("why-not", "total", "daily_by_place@2013-01-01"),
    ("mark",),
    ("log",),
    ("log", "1"),
    ("list",),
    ("late",),
    ("history", "daily_by_place"),
    ("history", "daily_by_place@2013-01-01"),
    ("history", "raw"),
    ("stats",),
    ("query",),
    ("query", "FROM runs"),
    ("query", "SELECT partition, seconds, reason FROM tasks"),
)
NAMES = ("raw", "daily_by_place", "total", "fails")
Run = Callable[..., list[str]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Two days in three places, one tried twice; a third day that came late; a failure, a mark, a late day."""
    made = Workshop(tmp_path_factory.mktemp("language") / "p", FLOW)
    made.days("raw", "01-01", "01-02")
    made.write("broken", "")
    made.build(jobs=1, keep_going=True, now="2013-01-03T05:00")
    made.days("raw", "01-03")
    made.build(keep_going=True, now="2013-01-05T09:00")
    made.run(
        "mark", "daily_by_place@2013-01-01,日本", "frozen", "--why", "audited\x1b[31m", DBUILD_NOW="2013-01-05T10:00"
    )
    return made


@pytest.fixture
def run(shop: Workshop, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The lines that a command writes, in this process."""
    monkeypatch.chdir(shop.root)
    monkeypatch.setenv("DBUILD_NOW", "2013-01-05T12:00")

    def called(*words: str, code: int = 0) -> list[str]:
        assert main(words) == code, words
        return capfd.readouterr().out.splitlines()

    return called


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("words", REPORTS, ids=" ".join)
def test_tables_fit(run: Run, monkeypatch: pytest.MonkeyPatch, width: int, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = run(*words)
    assert lines
    assert "\x1b" not in "".join(lines)
    assert [line for line in lines if width_of(line) > width and " " in line.strip()] == []  # words stay whole


def test_a_narrow_status_leaves_no_count_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run("status")[:5] == [
        "dataset         partitions",
        "raw             3 fresh, 1 late",
        "daily_by_place  9 fresh",
        "total           1 fresh",
        "fails           1 stale (1 failed)",
    ]


def test_sentences_are_folded_at_blanks() -> None:
    line = paint("  failed", "red", sys.stdout) + " when it was tried: exited with status 1"
    assert folded(line, 30) == ["  failed when it was tried:", "      exited with status 1"]
    assert folded("    " + "x" * 40 + " y", 30) == ["    " + "x" * 40, "        y"]
    wide = "\x1b[31m日本 日本\x1b[0m 日本 日本"
    assert folded(f"{wide} 日本 日本", 23) == [wide, "    日本 日本"]
    for verbatim in ("  | " + "a b " * 20, "shop@1   | " + "a b " * 20, "      +" + "a b " * 20):
        assert folded(verbatim, 40) == [verbatim]
    assert folded("a b " * 20, 19) == ["a b " * 20]  # there is no room to fold it
    assert folded_all(["a b"], None) == ["a b"]


def test_names_stay_whole_where_there_is_room(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words in (("log", "1"), ("history", "daily_by_place@2013-01-01")):
        assert any("daily_by_place@2013-01-01,north-by-northwest" in line for line in run(*words))


def first_words(lines: list[str]) -> set[str]:
    return {line.split()[0] for line in lines[1:] if line[:5].strip().isdecimal() or line.split()[:1][0].isdecimal()}


def test_every_run_can_be_given_to_another_command(run: Run) -> None:
    runs = first_words(run("log")) | first_words([one for one in run("history", "total") if one[:4].strip().isdigit()])
    runs |= set(run("query", "SELECT run FROM runs", "--csv")[1:])
    assert runs == {"1", "2", "3"}
    for number in runs - {"3"}:  # which is the mark's: nothing ran
        assert run("log", number)
    run("log", "3")


def test_every_partition_can_be_given_to_another_command(run: Run) -> None:
    found: set[str] = set()
    for words in REPORTS:
        shown = re.findall(r"\b(\w+)@([^\s:;']+)", "\n".join(run(*words)))
        found |= {f"{name}@{keys.rstrip(',')}" for name, keys in shown if name in NAMES and "…" not in keys}
    found |= {line.strip('"') for line in run("query", "SELECT DISTINCT partition FROM partitions", "--csv")[1:]}
    assert {"daily_by_place@2013-01-01,a%2Cb", "raw@2013-01-03", "raw@2013-01-04", "total", "fails"} <= found
    for name in sorted(found):
        run("history", name)
        if not name.startswith("raw"):
            run("why", name)


def test_keys_of_a_listing_can_be_given_back(run: Run) -> None:
    keys = run("list", "daily_by_place@2013-01-02")[1].split()[5]
    assert keys.startswith("2013-01-02,")
    assert run("list", f"daily_by_place@{keys}")[1].split()[5] == keys


@pytest.mark.parametrize(("columns", "words"), [(60, ("history", "daily_by_place@2013-01")), (100, ("stats",))])
def test_a_real_terminal_shows_one_line_for_each(shop: Workshop, columns: int, words: tuple[str, ...]) -> None:
    environment = shop.environment(DBUILD_NOW="2013-01-05T12:00")
    environment.pop("COLUMNS", None)
    with Terminal(shop.root, environment, *words, columns=columns, rows=40) as terminal:
        terminal.until(lambda: len(terminal.lines) > 5)
        lines = terminal.lines
    assert lines[0].startswith(("daily_by_place", "since"))
    assert not any(line.startswith(("…", ",")) for line in lines)


# -- tables ------------------------------------------------------------------------------------------------------------

HEADS = [Column("id"), Column("when", 2), Column("note", 1, 6), Column("n", 3, is_right=True)]
ROWS = [["first@1", "3 min ago", "something long", "12"], ["x", "now", "short", "1"]]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["id       when       note             n", "first@1  3 min ago  something long  12"]),
        (36, ["id       when       note           n", "first@1  3 min ago  something l…  12"]),
        (31, ["id       when       note      n", "first@1  3 min ago  someth…  12"]),
        (30, ["id       when       note      n", "first@1  3 min ago  somet…  12"]),
        (29, ["id       when       note", "first@1  3 min ago  somethin…"]),
        (20, ["id       note     n", "first@1  someth…  12"]),
        (15, ["id       note", "first@1  somet…"]),
        (12, ["id        n", "first@1  12"]),
        (7, ["id", "first@1"]),
        (5, ["id", "firs…"]),
    ],
)
def test_what_matters_least_gives_way_first(width: int | None, lines: list[str]) -> None:
    found = table(HEADS, ROWS, width)
    assert [re.sub(" +", " ", line) for line in found[:2]] == [re.sub(" +", " ", line) for line in lines]
    assert width is None or max(map(width_of, found)) <= width


def test_wide_characters_take_two_columns() -> None:
    assert [width_of(text) for text in ("abc", "日本", "é", "e\u0301", "\u200b")] == [3, 4, 1, 1, 0]
    assert [cut("日本語", width) for width in (6, 5, 4, 3, 1, 0)] == ["日本語", "日本…", "日…", "日…", "…", ""]
    assert (filled("日", 4), filled("日", 4, is_right=True)) == ("日  ", "  日")
    assert table(["a", "b"], [["日本", "x"], ["y", "z"]]) == ["a     b", "日本  x", "y     z"]


def test_colours_take_no_room() -> None:
    assert table(["a", "b"], [[Painted("red", "red"), 1]]) == ["a    b", "red  1"]


def test_moments_are_told_as_long_ago_as_they_are() -> None:
    when = When(1000.0)
    assert when.text("1970-01-01 00:15:00+00:00") == "1 min ago"
    assert when.text("1970-01-01 01:00:00+00:00") == "1970-01-01 01:00:00"
    assert When(1000.0, is_exact=True).text("1970-01-01 00:15:00+00:00") == "1970-01-01 00:15:00+00:00"
    assert when.text("") == "-"


def test_a_report_goes_to_a_file_uncut(shop: Workshop, tmp_path: Path) -> None:
    done = shop.run("query", "SELECT repeat('x', 150) AS a, 1 AS b")
    assert done.stdout.splitlines()[1] == "x" * 150 + "  1"
