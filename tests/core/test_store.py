"""The state store: everything that is kept comes back, and a state that can't be used is left or set aside."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dbuild.core.mark import Mark
from dbuild.core.trace import InputRecord, OutputRecord, Trace, pack_inputs, pack_outputs
from dbuild.errors import DiskError, StateError
from dbuild.observe.listing import Stat
from dbuild.state import opening
from dbuild.state.files import NO_BOOT, FileRow
from dbuild.state.ledger import TaskRow
from dbuild.state.leftovers import Orphan
from dbuild.state.opening import open_state, set_aside
from dbuild.state.schema import STEPS, VERSION
from dbuild.state.store import Failure, State

FLOW = "Dataflowfile"


def trace(number: int = 1) -> Trace:
    records = [InputRecord("flights", "flights", ("2013-01-01",), b"\x00\xff" * 8, b"")]
    typed = OutputRecord("", "out/a.csv", bytes([number]) * 16, (("a", "DATE"),))
    outputs = (typed, OutputRecord("m", "m", b"x" * 16, None))
    params = (("min_delay", "15"), ("absent", ""), ("text", '"a\\n=,;"'))
    return Trace(b"\x00" * 16, params, pack_inputs(records), outputs, number, 1.5, 0.25)


def row(path: str, number: int = 1) -> FileRow:
    return FileRow(path, Stat(2**40, -5, 2**62, 2**62 + number), bytes([number]) * 16, bool(number % 2), "boot", 2**62)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_state(str(tmp_path), FLOW)
    yield made
    made.close()


def again(tmp_path: Path, flow: str = FLOW, *, is_reader: bool = True) -> State:
    """The same state as another process would open it."""
    return open_state(str(tmp_path), flow, is_reader=is_reader)


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_traces_come_back_as_they_were(tmp_path: Path, state: State) -> None:
    days = ("2013-01-01\x1fJFK", "2013-01-02\x1fJFK")
    rows = [("daily", days[0], trace(1)), ("daily", days[1], trace(2)), ("report", "", trace(3))]
    with state.transaction():
        state.put_traces(rows)
    reader = again(tmp_path)
    for target, key, made in rows:
        assert reader.trace(target, key) == made
    assert reader.traces("daily") == {key: made for target, key, made in rows if target == "daily"}
    assert reader.outputs("report") == {"": pack_outputs(trace(3).outputs)}
    assert reader.trace("daily", "2013-01-03\x1fJFK") is None
    assert (reader.trace("nothing", ""), reader.traces("nothing"), reader.outputs("nothing")) == (None, {}, {})
    state.put_traces([("report", "", replace(trace(4), params=(), outputs=(), inputs=b""))])
    assert reader.trace("report", "") == replace(trace(4), params=(), outputs=(), inputs=b"")
    reader.close()


def test_a_failure_is_kept_until_its_partition_succeeds(state: State) -> None:
    boom = Failure(3, "boom", "logs/1", 1.5, ("one", "", "three"), 2)
    state.put_failure("daily", "a", boom)
    state.put_failure("daily", "b", Failure(3, "bang", None))
    state.put_failure("daily", "b", Failure(4, "bang again", None))
    assert state.failures("daily") == {"a": boom, "b": Failure(4, "bang again", None)}
    state.put_traces([("daily", "a", trace())])
    assert list(state.failures("daily")) == ["b"]
    assert state.failures("report") == {}


def test_a_state_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / ".dbuild"
    folder.mkdir()
    old = sqlite3.connect(folder / "state.db")
    old.executescript(f"{STEPS[1]} PRAGMA user_version = 1;")
    old.execute("INSERT INTO target VALUES (1, ?, 'daily')", (FLOW,))
    old.execute("INSERT INTO failure VALUES (1, 'a', 3, 'boom', NULL)")
    old.commit()
    old.close()
    state = open_state(str(tmp_path), FLOW)
    assert state.failures("daily") == {"a": Failure(3, "boom", None)}
    assert state.marks.all() == []
    state.close()


def test_marks_come_back_newest_first_with_what_they_replaced(tmp_path: Path, state: State) -> None:
    first = Mark(1, "daily", "", "frozen", "history", "anna", 1.5, None)
    second = Mark(2, "daily", "2013-01-01", "fresh", "", "ben", 2.5, 99.5)
    with state.transaction():
        state.marks.put(first)
        state.marks.put(second, [("2013-01-01", trace()), ("2013-01-02", None)])
    reader = again(tmp_path)
    assert reader.marks.all() == [second, first]
    assert reader.marks.replaced(2) == {"2013-01-01": trace(), "2013-01-02": None}
    assert again(tmp_path, "Other").marks.all() == []
    state.marks.forget(2)
    assert (state.marks.all(), state.marks.replaced(2)) == ([first], {})


def test_outputs_that_no_trace_has_any_more_are_remembered(state: State) -> None:
    orphan = Orphan("old/a.csv", "daily", "a", b"x" * 16)
    state.leftovers.put_orphans([orphan, orphan])
    assert state.leftovers.orphans() == [orphan]
    state.leftovers.drop_orphans(["old/a.csv"])
    assert state.leftovers.orphans() == []


def test_forgotten_partitions_were_never_built(state: State) -> None:
    state.put_traces([("daily", "a", trace()), ("daily", "b", trace())])
    state.put_failure("daily", "a", Failure(3, "boom", None))
    state.leftovers.forget_partitions("daily", ["a"])
    assert (list(state.traces("daily")), state.failures("daily")) == (["b"], {})
    state.leftovers.forget_target("daily")
    assert state.traces("daily") == {}


def test_digests_of_files_come_back_with_their_stats(state: State) -> None:
    rows = [row(f"data/{n:04}.csv", n % 7) for n in range(1200)]
    state.put_files([*rows, row("data.csv"), row("data0/a"), row("dat")])
    assert state.files([one.path for one in rows] + ["none"]) == {one.path: one for one in rows}
    assert state.files_below("data/") == {one.path: one for one in rows}
    assert state.files_below("none/") == {}
    changed = rows[5]._replace(digest=b"n" * 16)
    state.put_files([changed])
    state.drop_files(["data/0006.csv", "none"])
    assert state.files(["data/0005.csv", "data/0006.csv"]) == {changed.path: changed}


def test_listings_come_back_byte_for_byte(state: State) -> None:
    content = b"caf\xe9.csv\t1\t2.0\t3.0\t4\0line\nbreak\t1\t2.0\t3.0\t4\0"
    state.put_listing("data", b"d" * 16, "boot", 2, content)
    state.put_listing("empty", b"e" * 16, "boot", 0, b"")
    assert state.listing("data") == content
    assert state.listing("empty") == state.listing("none") == b""
    assert state.listing_heads() == {"data": (b"d" * 16, "boot", 2), "empty": (b"e" * 16, "boot", 0)}
    state.put_listing("data", b"D" * 16, "boot-2", 1, b"x")
    assert state.listing_heads()["data"] == (b"D" * 16, "boot-2", 1)
    state.doubt_listings(["data", "none"])
    assert state.listing_heads() == {"data": (b"D" * 16, NO_BOOT, 1), "empty": (b"e" * 16, "boot", 0)}
    assert state.listing("data") == b"x"


def test_what_was_there_and_what_was_fresh_come_back(state: State) -> None:
    nothing = (state.presence("flights"), state.seal("daily"), state.answer("all"), state.memo("schema", b"s"))
    assert nothing == (None,) * 4
    state.put_presence("flights", "data/{day}.csv", b"axes", "[[1,2]]")
    state.put_seal("daily", b"basis", b"axes", "[[3,4]]")
    state.put_answer("all", b"basis", "{}")
    state.put_memo("schema", b"\x00s", "[]")
    assert state.presence("flights") == ("data/{day}.csv", b"axes", "[[1,2]]")
    assert state.seal("daily") == (b"basis", b"axes", "[[3,4]]")
    assert state.answer("all") == (b"basis", "{}")
    assert state.memo("schema", b"\x00s") == "[]"
    assert state.memo("analysis", b"\x00s") is None


@pytest.mark.parametrize("values", [(), ("AA",), ("AA", "b c", "Zürich", "=")])
def test_the_values_of_a_dimension_come_back_in_order(state: State, values: tuple[str, ...]) -> None:
    assert state.axis_values("carrier") == ()
    state.put_axis_values("carrier", ("old",))
    state.put_axis_values("carrier", values)
    assert state.axis_values("carrier") == values


def test_owners_are_those_of_all_dataflowfiles(tmp_path: Path, state: State) -> None:
    state.put_owner("out/{day}.csv", "daily")
    other = again(tmp_path, "Other", is_reader=False)
    other.put_owner("out/report.html", "report")
    assert other.owners() == {"out/{day}.csv": (FLOW, "daily"), "out/report.html": ("Other", "report")}
    other.close()


def test_two_dataflowfiles_keep_apart_what_has_the_same_name(tmp_path: Path, state: State) -> None:
    state.put_traces([("daily", "", trace(1))])
    state.put_seal("daily", b"basis", b"axes", "[]")
    state.put_listing("data", b"d" * 16, "boot", 0, b"mine")
    state.put_axis_values("carrier", ("AA",))
    state.put_presence("flights", "p", b"a", "[]")
    state.put_answer("all", b"b", "{}")
    other = again(tmp_path, "Other", is_reader=False)
    assert other.trace("daily", "") is None
    assert (other.seal("daily"), other.listing("data"), other.axis_values("carrier")) == (None, b"", ())
    assert (other.presence("flights"), other.answer("all"), other.seconds_by_target()) == (None, None, {})
    other.put_traces([("daily", "", trace(2))])
    assert (state.trace("daily", ""), other.trace("daily", "")) == (trace(1), trace(2))
    other.close()


def task(number: int, target: str, key: str, seconds: float = 1.0) -> TaskRow:
    return TaskRow(number, target, key, "built", number % 2 == 0, seconds, 5.0, '["forced"]', None, "logs/1")


def test_the_ledger_tells_runs_and_tasks_newest_first(state: State) -> None:
    first = state.begin_run(10.0, "dbuild")
    state.put_tasks(first, [task(1, "daily", "a"), task(2, "daily", "b"), task(3, "report", "")])
    state.end_run(first, 2.5, "done", 3, 0)
    second = state.begin_run(20.0, "dbuild report")
    state.put_tasks(second, [replace(task(1, "report", ""), status="failed", error="boom", log=None)])
    assert second > first
    assert state.runs(10) == [
        (second, 20.0, None, "dbuild report", None, 0, 0),
        (first, 10.0, 2.5, "dbuild", "done", 3, 0),
    ]
    assert [one[0] for one in state.runs(1)] == [second]
    assert [(run, one.target, one.key, one.status) for run, one in state.tasks(10)] == [
        (second, "report", "", "failed"),
        (first, "report", "", "built"),
        (first, "daily", "b", "built"),
        (first, "daily", "a", "built"),
    ]
    of_daily = [one for _, one in state.tasks(10, run=first, target="daily")]
    assert of_daily == [task(2, "daily", "b"), task(1, "daily", "a")]
    assert [run for run, _ in state.tasks(10, target="report", key="")] == [second, first]
    assert len(state.tasks(2)) == 2
    assert state.tasks(10, run=99) == []


def test_how_long_targets_take(state: State) -> None:
    assert state.seconds_by_target() == {}
    state.put_traces([("daily", key, replace(trace(), seconds=s)) for key, s in (("a", 1.0), ("b", 3.0))])
    assert state.seconds_by_target() == {"daily": (2, 2.0)}


# -- transactions ----------------------------------------------------------------------------------------------------


def test_a_transaction_that_breaks_off_leaves_nothing(tmp_path: Path, state: State) -> None:
    with pytest.raises(KeyboardInterrupt), state.transaction():  # noqa: PT012
        state.put_files([row("a")])
        raise KeyboardInterrupt
    assert state.files(["a"]) == {}
    with state.transaction():
        state.put_files([row("b")])
    reader = again(tmp_path)
    assert list(reader.files(["a", "b"])) == ["b"]
    reader.close()


def test_a_target_that_was_new_in_a_broken_transaction_is_new_again(tmp_path: Path, state: State) -> None:
    """Else its traces would stand under a number that the next new target gets."""
    with pytest.raises(ValueError, match="broken"), state.transaction():  # noqa: PT012
        state.put_traces([("daily", "", trace(1))])
        raise ValueError("broken")
    with state.transaction():
        state.put_traces([("report", "", trace(2))])
        state.put_traces([("daily", "", trace(3))])
    reader = again(tmp_path)
    assert (reader.trace("report", ""), reader.trace("daily", "")) == (trace(2), trace(3))
    reader.close()


def test_a_full_disk_is_told_as_such_and_the_store_goes_on(state: State) -> None:
    (pages,) = state._db.execute("PRAGMA page_count").fetchone()
    state._db.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(sqlite3.OperationalError, match="full"), state.transaction():
        state.put_listing("data", b"d" * 16, "boot", 1, b"x" * 1_000_000)
    assert state.listing_heads() == {}
    state._db.execute("PRAGMA max_page_count = 100000")
    with state.transaction():
        state.put_listing("data", b"d" * 16, "boot", 1, b"x")
    assert state.listing("data") == b"x"


def test_readers_see_what_is_committed_while_a_build_writes(tmp_path: Path, state: State) -> None:
    state.put_files([row("a")])
    reader = again(tmp_path)
    with state.transaction():
        state.put_files([row("b")])
        assert list(reader.files(["a", "b"])) == ["a"]
    assert list(reader.files(["a", "b"])) == ["a", "b"]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.put_files([row("c")])
    reader.close()


# -- opening ---------------------------------------------------------------------------------------------------------


def test_the_state_is_for_its_owner_alone_and_hidden_from_git(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = open_state(str(tmp_path), FLOW)
        state.put_files([row("a")])
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / ".dbuild").iterdir()}
        state.close()
    finally:
        os.umask(before)
    assert (tmp_path / ".dbuild").stat().st_mode & 0o777 == 0o700
    assert modes["state.db"] == 0o600
    assert (tmp_path / ".dbuild" / ".gitignore").read_text() == "*\n"


def test_a_reader_of_a_project_without_state_gets_an_empty_one_and_makes_nothing(tmp_path: Path) -> None:
    reader = again(tmp_path)
    assert (reader.trace("daily", ""), reader.runs(5), reader.listing_heads()) == (None, [], {})
    reader.close()
    assert os.listdir(tmp_path) == []


def database(tmp_path: Path) -> Path:
    return tmp_path / ".dbuild" / "state.db"


@pytest.mark.parametrize("is_reader", [True, False])
def test_a_state_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path, is_reader: bool) -> None:
    open_state(str(tmp_path), FLOW).close()
    connection = sqlite3.connect(database(tmp_path))
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = database(tmp_path).read_bytes()
    names = sorted(os.listdir(tmp_path / ".dbuild"))
    with pytest.raises(StateError, match="newer") as caught:
        again(tmp_path, is_reader=is_reader)
    assert caught.value.hint
    assert caught.value.exit_code == 1
    assert database(tmp_path).read_bytes() == before
    assert sorted(os.listdir(tmp_path / ".dbuild")) == names


def test_a_damaged_state_is_set_aside_and_an_empty_one_begins(tmp_path: Path) -> None:
    open_state(str(tmp_path), FLOW).close()
    junk = b"this is no database" * 500
    database(tmp_path).write_bytes(junk)
    state = open_state(str(tmp_path), FLOW)
    assert state.runs(5) == []
    state.put_files([row("a")])
    state.close()
    (kept,) = (tmp_path / ".dbuild").glob("state.db.damaged-*")
    assert kept.read_bytes() == junk
    reopened = again(tmp_path)
    assert list(reopened.files(["a"])) == ["a"]
    reopened.close()


def test_a_reader_leaves_a_damaged_state_where_it_is(tmp_path: Path) -> None:
    open_state(str(tmp_path), FLOW).close()
    database(tmp_path).write_bytes(b"this is no database" * 500)
    before = sorted(os.listdir(tmp_path / ".dbuild"))
    reader = again(tmp_path)
    assert reader.runs(5) == []
    reader.close()
    assert sorted(os.listdir(tmp_path / ".dbuild")) == before


def test_a_file_of_no_bytes_is_an_empty_state(tmp_path: Path) -> None:
    (tmp_path / ".dbuild").mkdir()
    database(tmp_path).touch()
    for is_reader in (True, False):
        state = again(tmp_path, is_reader=is_reader)
        assert state.runs(5) == []
        state.close()


def test_setting_aside_takes_what_belongs_to_the_state_with_it(tmp_path: Path) -> None:
    state = open_state(str(tmp_path), FLOW)
    state.put_files([row("a")])
    aside = set_aside(str(tmp_path))
    state.close()
    fresh = open_state(str(tmp_path), FLOW)
    assert fresh.files(["a"]) == {}
    fresh.close()
    kept = sqlite3.connect(aside)
    assert kept.execute("SELECT path FROM file").fetchall() == [("a",)]
    kept.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / ".dbuild").write_text("in the way")
    with pytest.raises(StateError) as caught:
        open_state(str(tmp_path), FLOW)
    assert str(tmp_path / ".dbuild") in caught.value.what
    assert caught.value.hint


def test_a_full_disk_is_named_where_the_state_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dbuild" / "state.db").mkdir(parents=True)
    with pytest.raises(DiskError) as caught:
        open_state(str(tmp_path), "Dataflowfile")
    assert caught.value.hint == "is the folder writable?"
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=3, f_frsize=4096))
    with pytest.raises(DiskError) as caught:
        open_state(str(tmp_path), "Dataflowfile")
    assert caught.value.hint == "its disk is full: 12,288 bytes are free"


def test_two_that_make_the_state_at_once_make_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = opening._take_steps

    def meanwhile(connection: sqlite3.Connection) -> None:
        monkeypatch.setattr(opening, "_take_steps", before)
        open_state(str(tmp_path), FLOW).close()
        before(connection)

    monkeypatch.setattr(opening, "_take_steps", meanwhile)
    state = open_state(str(tmp_path), FLOW)
    assert state.targets() == []
    state.close()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_state_of_each_version_comes_to_the_tables_of_today(tmp_path: Path, version: int) -> None:
    open_state(str(tmp_path / "new"), FLOW).close()
    (tmp_path / "old" / ".dbuild").mkdir(parents=True)
    old = sqlite3.connect(database(tmp_path / "old"))
    for step in range(1, version + 1):
        old.executescript(STEPS[step])
    old.executescript(f"PRAGMA user_version = {version};")
    old.close()
    open_state(str(tmp_path / "old"), FLOW).close()
    tables = []
    for name in ("new", "old"):
        connection = sqlite3.connect(database(tmp_path / name))
        tables.append(sorted(connection.execute("SELECT type, name, sql FROM sqlite_schema")))
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        connection.close()
    assert tables[0] == tables[1]
