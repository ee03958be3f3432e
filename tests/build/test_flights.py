"""The example and the tour, built by the real command, beside the same tables computed in DuckDB without dbuild."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests import nursery

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "flights"
TABLES = ("weekly_trend", "monthly", "by_carrier")
PARTITIONS = {"clean_flights": 90, "daily_delays": 270, "weekly_trend": 90, "monthly": 3, "by_carrier": 3}
LEARNED = {"model": 1, "model_score": 1, "delay_report": 1}
HAS_SKLEARN = find_spec("sklearn") is not None
needs_sklearn = pytest.mark.skipif(not HAS_SKLEARN, reason="the model needs scikit-learn")
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Build:
    """What one call of the command said."""

    tasks: list[dict[str, Any]]
    summary: dict[str, Any]

    @property
    def ran(self) -> Counter[str]:
        return Counter(task["target"] for task in self.tasks)

    def keys(self, target: str) -> set[tuple[str, ...]]:
        return {tuple(task["key"].values()) for task in self.tasks if task["target"] == target}


def build(folder: Path, *words: str) -> Build:
    command = [sys.executable, "-m", "dbuild", "-C", str(folder), "--json", *words]
    done = nursery.run(command, cwd=str(ROOT), env=os.environ, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (summary,) = [event for event in events if event["event"] == "summary"]
    return Build([event for event in events if event["event"] == "task"], summary)


def copy_of(folder: Path, to: Path) -> Path:
    return shutil.copytree(folder, to, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)


@pytest.fixture(scope="module")
def wanted() -> tuple[str, ...]:
    return () if HAS_SKLEARN else TABLES


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, wanted: tuple[str, ...]) -> tuple[Path, Build]:
    folder = tmp_path_factory.mktemp("example") / "flights"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("out", ".dbuild", "__pycache__"))
    return folder, build(folder, *wanted)


@pytest.fixture
def project(first: tuple[Path, Build], tmp_path: Path) -> Path:
    return copy_of(first[0], tmp_path / "flights")


# --- The same tables, straight from the files: one statement each over all days at once ------------------------------


def raw(folder: Path) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    day = r"CAST(regexp_extract(filename, '(\d{4}-\d{2}-\d{2})[.]csv', 1) AS DATE) AS d"
    numbers = ("hour", "sched_dep_time", "dep_time", "dep_delay", "arr_delay", "flight", "distance")
    con.execute(
        f"CREATE TABLE f AS SELECT {day}, carrier, tailnum, origin, dest, "
        + ", ".join(f"CAST(nullif({name}, '') AS BIGINT) AS {name}" for name in numbers)
        + " FROM read_csv(?, all_varchar = true, filename = true)",
        [f"{folder}/data/flights/*.csv.gz"],
    )
    measures = ("temp", "wind_speed", "precip", "visib", "pressure")
    con.execute(
        f"CREATE TABLE w AS SELECT {day}, origin, CAST(hour AS BIGINT) AS hour, "
        + ", ".join(f"CAST(nullif({name}, 'NA') AS DOUBLE) AS {name}" for name in measures)
        + " FROM read_csv(?, all_varchar = true, filename = true)",
        [f"{folder}/data/weather/*.csv.gz"],
    )
    con.execute("CREATE TABLE names (carrier VARCHAR, name VARCHAR)")
    for path in sorted((folder / "data" / "carriers").iterdir()):
        con.execute("INSERT INTO names VALUES (?, ?)", [path.stem, json.loads(path.read_text())["name"]])
    return con


CLEAN = """
SELECT d, hour, d::TIMESTAMP + INTERVAL 1 MINUTE * (60 * (sched_dep_time // 100) + sched_dep_time % 100), carrier,
    flight, tailnum, origin, dest, distance, dep_delay, arr_delay, dep_time IS NULL,
    CASE WHEN dep_time IS NULL THEN false ELSE arr_delay IS NULL END
FROM f ORDER BY ALL
"""

DAILY = """
SELECT f.d, f.origin, f.hour, count(*), sum(CASE WHEN f.dep_time IS NULL THEN 1 ELSE 0 END)::BIGINT,
    sum(CASE WHEN f.dep_delay < $late OR f.dep_delay IS NULL THEN 0 ELSE 1 END)::BIGINT,
    sum(CASE WHEN f.dep_delay > 0 THEN f.dep_delay ELSE 0 END)::BIGINT,
    min(w.temp), min(w.wind_speed), min(w.precip), min(w.visib), min(w.pressure)
FROM f LEFT JOIN w ON f.d = w.d AND f.origin = w.origin AND f.hour = w.hour
GROUP BY f.d, f.origin, f.hour ORDER BY ALL
"""

WEEKLY = """
SELECT last.d, f.origin, count(DISTINCT f.d), count(*), count(*) - count(dep_time),
    round(avg(CASE WHEN dep_time IS NOT NULL THEN CASE WHEN dep_delay >= $late THEN 1.0::DOUBLE ELSE 0 END END), 4),
    round(sum(CASE WHEN dep_delay > 0 THEN dep_delay ELSE 0 END)::DOUBLE / count(dep_time), 2)
FROM (SELECT DISTINCT d FROM f) AS last JOIN f ON f.d BETWEEN last.d - 6 AND last.d
GROUP BY last.d, f.origin ORDER BY ALL
"""

MONTHLY = """
WITH flown AS (
    SELECT date_trunc('month', f.d)::DATE AS m, f.*, dep_delay >= $late AS is_late, coalesce(precip, 0) > 0 AS wet
    FROM f LEFT JOIN w ON f.d = w.d AND f.origin = w.origin AND f.hour = w.hour
)
SELECT m, origin, count(*), count(*) - count(dep_time), count(CASE WHEN is_late THEN 1 END),
    round(count(CASE WHEN is_late THEN 1 END) / count(dep_time), 4),
    round(count(CASE WHEN is_late AND wet THEN 1 END) / count(CASE WHEN wet THEN dep_time END), 4),
    round(count(CASE WHEN is_late AND NOT wet THEN 1 END) / count(CASE WHEN NOT wet THEN dep_time END), 4),
    round(sum(CASE WHEN dep_delay > 0 THEN dep_delay ELSE 0 END)::DOUBLE / count(dep_time), 2)
FROM flown GROUP BY m, origin ORDER BY ALL
"""

CARRIERS = """
SELECT date_trunc('month', d)::DATE AS m, carrier, (SELECT name FROM names WHERE names.carrier = f.carrier),
    count(*), count(*) - count(dep_time), count(arr_delay), coalesce(sum(arr_delay), 0)::BIGINT,
    round(sum(arr_delay)::DOUBLE / nullif(count(arr_delay), 0), 2)
FROM f GROUP BY m, carrier ORDER BY ALL
"""


def made_parquet(folder: Path, pattern: str) -> Rows:
    return duckdb.execute(
        "SELECT * FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL", [f"{folder}/out/{pattern}"]
    ).fetchall()


def made_csv(folder: Path, target: str) -> Rows:
    return duckdb.execute("SELECT * FROM read_csv(?) ORDER BY ALL", [f"{folder}/out/{target}/*.csv"]).fetchall()


def test_clean_flights_are_those_of_the_files(first: tuple[Path, Build]) -> None:
    folder, _ = first
    expected = raw(folder).execute(CLEAN).fetchall()
    assert len(expected) == 80_789
    assert made_parquet(folder, "clean_flights/*.parquet") == expected


@pytest.mark.parametrize("late", [15, pytest.param(30, marks=pytest.mark.slow)])
def test_tables_equal_those_computed_directly(project: Path, wanted: tuple[str, ...], late: int) -> None:
    again = build(project, "--param", f"min_delay={late}", *wanted)
    assert again.ran["daily_delays"] == (0 if late == 15 else PARTITIONS["daily_delays"])
    assert not {"clean_flights", "by_carrier"} & again.ran.keys()  # they don't ask what late is
    con = raw(project)
    assert made_parquet(project, "daily_delays/*/*.parquet") == con.execute(DAILY, {"late": late}).fetchall()
    assert made_csv(project, "weekly_trend") == con.execute(WEEKLY, {"late": late}).fetchall()
    assert made_csv(project, "monthly") == con.execute(MONTHLY, {"late": late}).fetchall()
    assert made_csv(project, "by_carrier") == con.execute(CARRIERS).fetchall()


# --- What runs, and what does not ----------------------------------------------------------------------------------


def expected_partitions() -> dict[str, int]:
    return PARTITIONS | (LEARNED if HAS_SKLEARN else {})


def test_a_first_build_makes_every_partition_once(first: tuple[Path, Build]) -> None:
    _, made_first = first
    assert made_first.ran == expected_partitions()
    assert made_first.summary["built"] == sum(expected_partitions().values())


def test_a_second_build_runs_nothing(project: Path, wanted: tuple[str, ...]) -> None:
    for path in (project / "data").rglob("*.*"):
        path.touch()
    again = build(project, *wanted)
    assert again.tasks == []
    assert again.summary["fresh"] == sum(expected_partitions().values())


def test_one_changed_flight_remakes_what_reads_its_day(project: Path, wanted: tuple[str, ...]) -> None:
    delay_a_flight(project / "data" / "flights" / "2013-02-10.csv.gz", minutes=45)
    again = build(project, *wanted)
    assert again.keys("clean_flights") == {("2013-02-10",)}
    assert again.keys("daily_delays") == {("2013-02-10", airport) for airport in ("EWR", "JFK", "LGA")}
    assert again.keys("weekly_trend") == {(f"2013-02-{day}",) for day in range(10, 17)}
    assert again.keys("monthly") == again.keys("by_carrier") == {("2013-02",)}
    assert {name: again.ran[name] for name in LEARNED if again.ran[name]} == (LEARNED if HAS_SKLEARN else {})
    assert again.summary["built"] == len(again.tasks) == 1 + 3 + 7 + 1 + 1 + (3 if HAS_SKLEARN else 0)


def delay_a_flight(path: Path, minutes: int) -> None:
    """The day's first departure from Newark leaves so many minutes later."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    columns = lines[0].split(",")
    origin, delay = columns.index("origin"), columns.index("dep_delay")
    cells = next(line.split(",") for line in lines[1:] if line.split(",")[origin] == "EWR" and line.split(",")[delay])
    number = lines.index(",".join(cells))
    cells[delay] = str(int(cells[delay]) + minutes)
    lines[number] = ",".join(cells)
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))


# --- The model and the page ----------------------------------------------------------------------------------------


@needs_sklearn
def test_the_model_beats_a_guess_without_weather(first: tuple[Path, Build]) -> None:
    score = json.loads((first[0] / "out" / "model_score.json").read_text())
    assert (score["days_known"], score["days_unseen"]) == (76, 14)
    assert score["error_minutes"] < score["error_minutes_without_weather"]
    assert score["r2"] > score["r2_without_weather"] > 0


@needs_sklearn
@pytest.mark.slow
def test_results_are_the_same_bytes_with_another_number_of_jobs(first: tuple[Path, Build], tmp_path: Path) -> None:
    other = tmp_path / "flights"
    shutil.copytree(EXAMPLE, other, ignore=shutil.ignore_patterns("out", ".dbuild", "__pycache__"))
    build(other, "-j", "1")
    assert contents(other) == contents(first[0])


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in (folder / "out").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


class Outline(HTMLParser):
    """The tags of a page, and whether each that was opened was closed."""

    VOID = frozenset({"meta", "line", "circle", "polyline"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@needs_sklearn
def test_the_page_is_whole_and_needs_nothing_else(first: tuple[Path, Build]) -> None:
    text = (first[0] / "out" / "delay_report.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    assert outline.addresses == []
    assert (outline.seen["svg"], outline.seen["polyline"], outline.seen["script"]) == (1, 3, 0)
    late = raw(first[0]).execute("SELECT avg((dep_delay >= 15)::INT) FROM f WHERE origin = 'EWR' AND dep_time > 0")
    assert f"<b>{late.fetchall()[0][0]:.1%}</b>" in text


@needs_sklearn
def test_the_page_shows_markup_in_the_data_as_text(project: Path) -> None:
    path = project / "data" / "carriers" / "DL.json"
    path.write_text(json.dumps({"name": "<script>alert('Delta & co')</script>"}))
    assert build(project).ran == {"by_carrier": 3, "delay_report": 1}
    text = (project / "out" / "delay_report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;Delta &amp; co&#x27;)&lt;/script&gt;" in text


# --- The tour ------------------------------------------------------------------------------------------------------


def test_the_tour_builds(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "data", tmp_path / "examples" / "flights" / "data")
    copy_of(ROOT / "examples" / "tour", tmp_path / "examples" / "tour")
    shutil.copy(ROOT / "Dataflowfile.example", tmp_path)
    done = build(tmp_path, "-f", "Dataflowfile.example")
    assert done.ran == {
        "delays": 93, "week": 31, "departures": 31, "kennedy": 1, "airline": 16, "ranking": 1, "summary": 1, "worst": 1,
        "pages": 1,
    }  # fmt: skip
    late = raw(tmp_path / "examples" / "flights").execute(
        "SELECT count(*) || ' flights ' || format('{:5.1f}', 100 * avg((coalesce(dep_delay, 0) >= 15)::INT)) || '%'"
        " FROM f WHERE carrier = 'B6' AND d < DATE '2013-02-01'"
    )
    lines = (tmp_path / "out" / "tour" / "summary.txt").read_text().splitlines()
    (jetblue,) = [line for line in lines if line.startswith("JetBlue")]
    assert jetblue.endswith(late.fetchall()[0][0])
    made = tmp_path / "out" / "tour"
    hours = (made / "worst.csv").read_text().splitlines()[1:]
    pages = {page.stem: page.read_text().splitlines() for page in (made / "pages").iterdir()}
    assert {origin: len(lines) for origin, lines in pages.items()} == Counter(line.split(",")[1] for line in hours)
    assert build(tmp_path, "-f", "Dataflowfile.example").tasks == []
    assert build(tmp_path, "-f", "Dataflowfile.example", "announce").ran == {"announce": 1}
    assert build(tmp_path, "-f", "Dataflowfile.example", "announce").tasks == []
