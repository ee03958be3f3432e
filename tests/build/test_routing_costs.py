"""What rows that go to partitions by their own values cost: looks into files, and rows of the state that are read."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from dbuild.build.passes import Passes
from dbuild.state.routes import Routes
from tests.build.events import FLOW, days, drop, three_days
from tests.build.workshop import Workshop


def test_nothing_to_do_reads_no_routes_and_imports_no_engine(tmp_path: Path) -> None:
    made = three_days(tmp_path / "project")
    script = """
import sys
from dbuild.build import Settings, build
from dbuild.state.routes import Routes
for name in ("known", "partitions", "of", "subjects", "shares", "tally"):
    setattr(Routes, name, lambda self, *_: sys.exit("routes were read"))
summary = build(Settings(sys.argv[1], "Dataflowfile"), sys.argv[2:], emit=lambda event: None)
assert (summary.built, summary.fresh) == (0, 3)
assert not {"duckdb", "pyarrow", "numpy"} & set(sys.modules)
"""
    for folder in ("data", "out"):  # old enough for their stats to vouch for them
        for path in made.path(folder).iterdir():
            os.utime(path, (1_300_000_000, 1_300_000_000))
    made.build()
    for arguments in ([], ["daily"]):
        done = subprocess.run(
            [sys.executable, "-c", script, str(made.root), *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_look_into_a_file_does_without_pandas(tmp_path: Path) -> None:
    script = """
import sys
from dbuild.build import Settings, build
from dbuild.core.budget import Budget
from dbuild.errors import UserError
try:
    build(Settings(sys.argv[1], "Dataflowfile"), (), budget=Budget("0", partitions=0), emit=lambda event: None)
except UserError as error:
    print(error)
assert not {"pandas", "polars"} & set(sys.modules)
"""
    by = "by = { day = \"ts\", sign = \"CASE WHEN v < 0 THEN 'minus' WHEN v > 0 THEN 'plus' END\" }"
    signs = '[partitions.sign]\nvalues = ["plus", "minus"]\n'
    flow = FLOW.replace('by = "ts"', by).replace("{day}.csv", "{day}/{sign}.csv") + signs
    made = Workshop(tmp_path / "project", flow)
    drop(made, "01", "01 1", "02 -2", "02 0")
    command = [sys.executable, "-c", script, str(made.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "4 partitions" in done.stdout) == (0, True), done.stdout + done.stderr
    assert made.build().counts == {"daily": 4}
    assert made.outputs("out")["out/2013-01-02/minus.csv"] == b"n,v\n1,-2\n"


def test_one_pass_for_each_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = three_days(tmp_path / "project")
    looked: list[str] = []
    plain = Passes._route
    monkeypatch.setattr(
        Passes, "_route", lambda self, routed, file: looked.append(Path(file.path).name) or plain(self, routed, file)
    )
    before = made.read("data/2013-01-02.csv")
    drop(made, "02", "02 8")
    made.build()
    made.write("data/2013-01-02.csv", before)
    made.write("data/2013-01-07.csv", made.read("data/2013-01-01.csv"))  # copies of what is known
    made.build()
    assert looked == ["2013-01-02.csv"]
    made.build()
    assert looked == ["2013-01-02.csv"]


def test_a_newer_duckdb_looks_into_all_once_more_and_builds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = three_days(tmp_path / "project")
    looked: list[str] = []
    plain, known = Passes._route, metadata.version
    monkeypatch.setattr("dbuild.build.answer.engine_stamp", lambda: "another")
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "duckdb" else known(name))
    monkeypatch.setattr(
        Passes, "_route", lambda self, routed, file: looked.append(file.path[-6:-4]) or plain(self, routed, file)
    )
    assert (made.build().ran, looked) == ([], ["01", "02", "03"])
    assert (made.build().ran, looked) == ([], ["01", "02", "03"])


class Counting:
    """A connection that counts the rows that are read over it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.rows = 0

    def execute(self, query: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        self.rows += len(self._db.execute(query, tuple(values)).fetchall()) if query.startswith("SELECT") else 0
        return self._db.execute(query, tuple(values))

    def executemany(self, query: str, rows: Iterable[Any]) -> None:
        self._db.executemany(query, rows)


def test_one_new_file_beside_a_thousand_reads_few_rows_of_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,000 files of 50 contents: each of 50 days has rows in 20 files."""
    flow = FLOW.replace("start = 2013-01-01", "start = 2010-01-01", 1)
    flow = flow.replace("start = 2013-01-01", "start = 2013-01-01\nend = 2013-02-19")
    made = Workshop(tmp_path / "project", flow)
    for number in range(1000):
        came = date(2010, 1, 1) + timedelta(number)
        made.write(f"data/{came}.csv", f"ts,v\n{date(2013, 1, 1) + timedelta(number % 50)} 12:00:00,1\n")
    assert made.build().counts == {"daily": 50}
    counts: list[Counting] = []
    plain = Routes.__init__

    def count(self: Routes, db: sqlite3.Connection, flow: str) -> None:
        counts.append(Counting(db))
        plain(self, counts[-1], flow)  # type: ignore[arg-type]

    monkeypatch.setattr(Routes, "__init__", count)
    drop(made, "20", "07 1", "08 1", "07 2")
    assert made.build().ran == days("07", "08")
    assert sum(each.rows for each in counts) < 200
    counts.clear()
    assert made.build().ran == []
    assert sum(each.rows for each in counts) < 10


def test_the_layout_of_a_text_of_by_needs_no_look_and_builds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = three_days(tmp_path / "project")
    made.build()
    looked: list[str] = []
    monkeypatch.setattr(Passes, "find", lambda *_: looked.append("looked"), raising=False)
    for text in ('by = "( ts ) -- when"', 'by = "\\"ts\\""'):
        made.write("Dataflowfile", FLOW.replace('by = "ts"', text))
        assert made.build().ran == []
    assert looked == []
