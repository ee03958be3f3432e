"""Files that somebody may still be writing, and markers that say when they are whole: what is read, and when."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from dbuild.build.presence import is_young
from dbuild.observe.listing import Stat
from dbuild.state.opening import open_state
from tests.build.workshop import DAYS, Workshop

SETTLING = f"""{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
settle = "30s"
[targets.copy]
path = "out/copy/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
[targets.total]
path = "out/total.txt"
shell = "cat {{copy}} > {{output}}"
"""
MARKED = SETTLING.replace('settle = "30s"', 'ready = "{path}.done"')
LONG_AGO = "2013-01-01T00:00"


def land(made: Workshop, day: str, text: str, moment: str) -> None:
    """A day's file with this text, written at that moment."""
    made.write(f"data/{day}.txt", text)
    made.date(f"data/{day}.txt", moment)


def hashed(made: Workshop) -> list[str]:
    """The source files that were ever read to be known by their digests."""
    state = open_state(str(made.root), "Dataflowfile", is_reader=True)
    try:
        return sorted(state.files_below("data/"))
    finally:
        state.close()


@pytest.fixture
def settling(tmp_path: Path) -> Workshop:
    """Two days that have settled, and are built."""
    made = Workshop(tmp_path / "p", SETTLING)
    land(made, "2013-01-01", "one\n", "2013-01-02T05:00")
    land(made, "2013-01-02", "two\n", "2013-01-03T05:00")
    assert made.build(now="2013-01-03T06:00").ran == ["copy@2013-01-01", "copy@2013-01-02", "total"]
    return made


def test_half_a_file_is_never_read(settling: Workshop) -> None:
    land(settling, "2013-01-03", "thr", "2013-01-04T05:00:00")
    half = settling.build(now="2013-01-04T05:00:10")
    assert (half.ran, half.summary.waiting) == ([], 2)
    assert hashed(settling) == ["data/2013-01-01.txt", "data/2013-01-02.txt"]
    assert settling.read("out/total.txt") == "one\ntwo\n"

    land(settling, "2013-01-03", "three", "2013-01-04T05:00:25")  # it is still being written
    assert settling.build(now="2013-01-04T05:00:45").ran == []
    assert hashed(settling) == ["data/2013-01-01.txt", "data/2013-01-02.txt"]

    land(settling, "2013-01-03", "three\n", "2013-01-04T05:00:50")
    assert settling.build(now="2013-01-04T05:01:19").ran == []
    assert settling.build(now="2013-01-04T05:01:20").ran == ["copy@2013-01-03", "total"]
    assert settling.read("out/total.txt") == "one\ntwo\nthree\n"
    assert settling.build(now="2013-01-04T05:01:21").ran == []


def test_nothing_but_time_passes_until_it_is_read(settling: Workshop) -> None:
    land(settling, "2013-01-03", "three\n", "2013-01-04T05:00:00")
    for second in (5, 10, 29):
        assert settling.build(now=f"2013-01-04T05:00:{second:02}").standing == (0, 2, 0, 2, 0)
    assert settling.build(now="2013-01-04T05:00:30").ran == ["copy@2013-01-03", "total"]


def test_a_correction_that_is_being_written_leaves_what_was_built(settling: Workshop) -> None:
    land(settling, "2013-01-01", "o", "2013-01-04T05:00")
    assert settling.build(now="2013-01-04T05:00:10").standing == (0, 1, 0, 2, 0)
    assert settling.read("out/total.txt") == "one\ntwo\n"
    assert settling.build("copy@2013-01-02", now="2013-01-04T05:00:11").standing == (0, 1, 0, 0, 0)
    land(settling, "2013-01-01", "uno\n", "2013-01-04T05:00:12")
    assert settling.build(now="2013-01-04T05:01").ran == ["copy@2013-01-01", "total"]
    assert settling.read("out/total.txt") == "uno\ntwo\n"


def test_what_is_written_anew_is_not_gone(settling: Workshop) -> None:
    settling.swap("Dataflowfile", 'settle = "30s"', 'settle = "30s"\ngone = "keep"')
    assert settling.build(now="2013-01-03T07:00").ran == []
    land(settling, "2013-01-01", "o", "2013-01-04T05:00")
    assert settling.build(now="2013-01-04T05:00:10").standing == (0, 1, 0, 2, 0)
    land(settling, "2013-01-01", "uno\n", "2013-01-04T05:00:12")
    assert settling.build(now="2013-01-04T05:01").ran == ["copy@2013-01-01", "total"]


def test_a_correction_that_ends_as_it_was_rebuilds_nothing(settling: Workshop) -> None:
    land(settling, "2013-01-01", "o", "2013-01-04T05:00")
    assert settling.build(now="2013-01-04T05:00:10").ran == []
    land(settling, "2013-01-01", "one\n", "2013-01-04T05:00:12")
    assert settling.build(now="2013-01-04T05:01").standing == (0, 3, 0, 0, 0)


def test_what_does_not_need_it_is_built(settling: Workshop) -> None:
    land(settling, "2013-01-03", "thr", "2013-01-04T05:00")
    land(settling, "2013-01-02", "deux\n", "2013-01-04T04:00")
    assert settling.build(now="2013-01-04T05:00:01").ran == ["copy@2013-01-02"]


def test_a_young_file_that_goes_is_no_more(settling: Workshop) -> None:
    land(settling, "2013-01-03", "thr", "2013-01-04T05:00")
    assert settling.build(now="2013-01-04T05:00:01").summary.waiting == 2
    settling.path("data/2013-01-03.txt").unlink()
    assert settling.build(now="2013-01-04T05:00:02").standing == (0, 3, 0, 0, 0)


def test_a_file_without_partitions_settles_too(tmp_path: Path) -> None:
    flow = '[sources.rates]\npath = "rates.txt"\nsettle = "1m"\n'
    made = Workshop(tmp_path / "p", flow + '[targets.copy]\npath = "out/copy.txt"\nshell = "cp {rates} {output}"\n')
    made.write("rates.txt", "1\n")
    made.date("rates.txt", "2013-01-01T12:00")
    assert made.build(now="2013-01-01T12:00:59").standing == (0, 0, 0, 1, 0)
    assert made.build(now="2013-01-01T12:01:00").ran == ["copy"]
    made.write("rates.txt", "2\n")
    made.date("rates.txt", "2013-01-01T13:00")
    assert made.build(now="2013-01-01T13:00:30").standing == (0, 0, 0, 1, 0)
    assert made.build(now="2013-01-01T13:01:00").ran == ["copy"]
    assert made.build(now="2013-01-01T13:01:00").ran == []


def test_one_young_file_holds_back_its_whole_partition(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", SETTLING.replace("data/{day}.txt", "data/{day}/*.txt"))
    land(made, "2013-01-01/a", "a\n", "2013-01-02T05:00")
    land(made, "2013-01-01/b", "b", "2013-01-02T06:00")
    assert made.build(now="2013-01-02T06:00:10").standing == (0, 0, 0, 2, 0)
    assert made.build(now="2013-01-02T06:00:30").ran == ["copy@2013-01-01", "total"]
    land(made, "2013-01-01/c", "c", "2013-01-02T07:00")
    assert made.build(now="2013-01-02T07:00:10").standing == (0, 0, 0, 2, 0)
    assert made.read("out/total.txt") == "a\nb"
    assert made.build(now="2013-01-02T07:00:30").ran == ["copy@2013-01-01", "total"]


def test_columns_are_not_read_from_half_a_file(tmp_path: Path) -> None:
    flow = SETTLING.replace(".txt", ".csv").replace('shell = "cat {raw} > {output}"', 'sql = "SELECT * FROM raw"')
    made = Workshop(tmp_path / "p", flow.partition("[targets.total]")[0])
    for day, moment in (("2013-01-01", "2013-01-02T05:00"), ("2013-01-02", "2013-01-03T05:00")):
        made.write(f"data/{day}.csv", "n\n1\n")
        made.date(f"data/{day}.csv", moment)
    assert made.build(now="2013-01-03T06:00").counts == {"copy": 2}
    made.write("data/2013-01-01.csv", "n,m\n1,")
    made.date("data/2013-01-01.csv", "2013-01-04T05:00")
    made.write("data/2013-01-02.csv", "n\n2\n")
    made.date("data/2013-01-02.csv", "2013-01-04T04:00")
    assert made.build(now="2013-01-04T05:00:01").standing == (0, 0, 0, 2, 0)
    made.write("data/2013-01-01.csv", "n\n1\n")
    made.date("data/2013-01-01.csv", "2013-01-04T05:00:01")
    assert made.build(now="2013-01-04T05:00:31").ran == ["copy@2013-01-02"]


def test_a_build_that_is_killed_keeps_nothing_of_a_young_file(settling: Workshop) -> None:
    land(settling, "2013-01-03", "thr", "2013-01-04T05:00")
    land(settling, "2013-01-02", "deux\n", "2013-01-04T04:00")
    assert settling.run(DBUILD_NOW="2013-01-04T05:00:01", DBUILD_FAILPOINT="seal").returncode == -signal.SIGKILL
    assert settling.build(now="2013-01-04T05:00:02").ran == []
    assert settling.build(now="2013-01-04T05:00:30").ran == ["copy@2013-01-03", "total"]


@pytest.mark.parametrize(
    ("mtime", "ctime", "is_held"),
    [
        (1000, 1000, True),
        (971, 1000, True),
        (970, 1000, False),
        (1001, 1001, True),  # written since the clock was looked at
        (5000, 990, True),  # set ahead on purpose: when it was set counts
        (5000, 900, False),
        (5000, 5000, True),  # another clock is ahead
        (200_000, 200_000, False),  # more than a day ahead tells nothing
        (900, 1000, False),  # copied with its time: a copy that isn't finished has another
    ],
)
def test_when_a_file_is_young(mtime: int, ctime: int, is_held: bool) -> None:
    second = 1_000_000_000
    assert is_young(Stat(1, mtime * second, ctime * second, 1), 30, 1000 * second) is is_held


# -- markers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def marked(tmp_path: Path) -> Workshop:
    """A day that is whole, and built; another that isn't."""
    made = Workshop(tmp_path / "p", MARKED)
    land(made, "2013-01-01", "one\n", LONG_AGO)
    made.write("data/2013-01-01.txt.done", "")
    land(made, "2013-01-02", "tw", LONG_AGO)
    assert made.build().ran == ["copy@2013-01-01", "total"]
    return made


def test_without_its_marker_a_file_is_not_there(marked: Workshop) -> None:
    assert marked.build().standing == (0, 2, 0, 0, 0)
    assert hashed(marked) == ["data/2013-01-01.txt"]
    land(marked, "2013-01-02", "two\n", LONG_AGO)
    assert marked.build().ran == []
    marked.write("data/2013-01-02.txt.done", "")
    assert marked.build().ran == ["copy@2013-01-02", "total"]
    assert marked.read("out/total.txt") == "one\ntwo\n"
    assert marked.build().ran == []


def test_a_marker_that_goes_takes_its_partition_with_it(marked: Workshop) -> None:
    marked.write("data/2013-01-02.txt.done", "")
    marked.build()
    marked.path("data/2013-01-01.txt.done").unlink()
    assert marked.build().standing == (0, 1, 0, 2, 0)
    assert marked.read("out/copy/2013-01-01.txt") == "one\n"
    land(marked, "2013-01-01", "uno\n", LONG_AGO)
    assert marked.build().ran == []
    marked.write("data/2013-01-01.txt.done", "")
    assert marked.build().ran == ["copy@2013-01-01", "total"]


def test_a_marker_that_comes_back_beside_the_same_file_rebuilds_nothing(marked: Workshop) -> None:
    marked.path("data/2013-01-01.txt.done").unlink()
    marked.write("data/2013-01-02.txt.done", "")
    assert marked.build().standing == (1, 0, 0, 2, 0)
    marked.write("data/2013-01-01.txt.done", "again")
    assert marked.build().ran == ["total"]
    marked.write("data/2013-01-01.txt.done", "other content")
    assert marked.build().ran == []


def test_a_marker_without_its_file_is_nothing(marked: Workshop) -> None:
    marked.write("data/2013-01-03.txt.done", "")
    assert marked.build().standing == (0, 2, 0, 0, 0)
    land(marked, "2013-01-03", "three\n", LONG_AGO)  # 2013-01-02 still has none: it is missing between the two
    assert marked.build().standing == (1, 1, 0, 2, 0)


def test_a_file_that_changes_beside_its_marker_is_a_correction(marked: Workshop) -> None:
    land(marked, "2013-01-01", "uno\n", LONG_AGO)
    assert marked.build().ran == ["copy@2013-01-01", "total"]


def test_a_marker_may_stand_for_several_partitions(tmp_path: Path) -> None:
    flow = MARKED.replace("{day}.txt", "{day}/{place}.txt").replace("{path}.done", "data/{day}/_SUCCESS")
    made = Workshop(tmp_path / "p", flow + '[partitions.place]\ndiscover = "raw"\n')
    land(made, "2013-01-01/a", "1a\n", LONG_AGO)
    land(made, "2013-01-01/b", "1b\n", LONG_AGO)
    assert made.build().ran == ["total"]  # of nothing
    made.write("data/2013-01-01/_SUCCESS", "")
    assert made.build().ran == ["copy@2013-01-01,a", "copy@2013-01-01,b", "total"]
    land(made, "2013-01-02/a", "2a\n", LONG_AGO)
    land(made, "2013-01-02/c", "2c\n", LONG_AGO)
    assert made.build().ran == []
    land(made, "2013-01-01/c", "1c\n", LONG_AGO)
    land(made, "2013-01-02/b", "2b\n", LONG_AGO)
    made.write("data/2013-01-02/_SUCCESS", "")
    new = ["copy@2013-01-01,c", "copy@2013-01-02,a", "copy@2013-01-02,b", "copy@2013-01-02,c", "total"]
    assert made.build().ran == new


def test_one_marker_for_everything(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", MARKED.replace("{path}.done", "data/READY"))
    land(made, "2013-01-01", "one\n", LONG_AGO)
    assert made.build().ran == ["total"]  # of nothing
    made.write("data/READY", "")
    assert made.build().ran == ["copy@2013-01-01", "total"]
    assert made.build().ran == []
    made.path("data/READY").unlink()
    assert made.build().ran == ["total"]


def test_with_a_marker_a_file_still_has_to_settle(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", MARKED.replace("ready =", 'settle = "30s"\nready ='))
    land(made, "2013-01-01", "one\n", "2013-01-02T05:00:20")
    assert made.build(now="2013-01-02T05:00:30").ran == ["total"]  # of nothing
    made.write("data/2013-01-01.txt.done", "")
    assert made.build(now="2013-01-02T05:00:40").standing == (0, 0, 0, 2, 0)
    assert made.build(now="2013-01-02T05:00:50").ran == ["copy@2013-01-01", "total"]


def test_a_marker_that_is_declared_later_counts(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", MARKED.replace('ready = "{path}.done"\n', ""))
    land(made, "2013-01-01", "one\n", LONG_AGO)
    land(made, "2013-01-02", "two\n", LONG_AGO)
    made.write("data/2013-01-02.txt.done", "")
    made.build()
    made.write("Dataflowfile", MARKED)
    assert made.build().standing == (0, 1, 0, 2, 0)
    made.write("Dataflowfile", MARKED.replace('ready = "{path}.done"\n', ""))
    assert made.build().standing == (0, 3, 0, 0, 0)
