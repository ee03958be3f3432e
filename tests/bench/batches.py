"""Many small partitions made one by one and in batches: the same SQL on the same files, side by side.

    python -m tests.bench.batches [DAYS]

Three recipes over days of twenty rows: sums of a day; the same with a price list of 1,000 rows in CSV that every day
reads; sums over the last thirty days. Each is built cold with one worker, one by one and with `batch = 30` and "all",
by turns, three times in fresh folders. Prints medians, and the ratio of one by one to each.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.daily import write_source
from tests.bench.measuring import apart, measure

HEAD = """\
[partitions.day]
every = "day"
start = 2013-01-01
[sources.raw]
path = "in/{day}.parquet"
[sources.prices]
path = "prices.csv"
schema = { customer = "VARCHAR", price = "BIGINT" }
[targets.made]
path = "out/{day}.parquet"
"""
# What one by one and a batch have to say differently is in braces.
RECIPES = {
    "sums of a day": (
        "SELECT day, sum(amount)::BIGINT AS amount FROM raw GROUP BY day",
        "SELECT day, sum(amount)::BIGINT AS amount FROM raw GROUP BY day",
        "",
    ),
    "with a price list": (
        "SELECT day, sum(amount * price)::BIGINT AS worth FROM raw JOIN prices USING (customer) GROUP BY day",
        "SELECT day, sum(amount * price)::BIGINT AS worth FROM raw JOIN prices USING (customer) GROUP BY day",
        "",
    ),
    "of thirty days": (
        "SELECT $day AS day, sum(amount)::BIGINT AS amount FROM raw",
        "SELECT keys.day, sum(amount)::BIGINT AS amount "
        "FROM keys JOIN raw ON raw.day BETWEEN keys.day - 29 AND keys.day GROUP BY ALL",
        'inputs.raw = { day = "-29d..0d" }\n',
    ),
}
BATCHES = ("one by one", "30", '"all"')


def make(folder: Path, recipe: str, batch: str, sources: Path) -> None:
    """A fresh project over the sources that are there."""
    alone, together, inputs = RECIPES[recipe]
    folder.mkdir()
    (folder / "in").symlink_to(sources / "in")
    (folder / "prices.csv").write_text("customer,price\n" + "".join(f"customer {n},{n % 50}\n" for n in range(1000)))
    own = f'sql = "{alone}"\n' if batch == "one by one" else f'sql = "{together}"\nbatch = {batch}\n'
    (folder / "Dataflowfile").write_text(HEAD + own + inputs)


def write_sources(folder: Path, days: int) -> None:
    """The days' files."""
    (folder / "in").mkdir()
    for number in range(days):
        write_source(folder, number)


def main(days: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dbuild-batches-") as place:
        base = Path(place)
        apart(lambda: write_sources(base, days))
        for recipe in RECIPES:
            found: dict[str, list[tuple[float, float]]] = {batch: [] for batch in BATCHES}
            for turn in range(3):
                for batch, runs in found.items():
                    folder = base / f"{recipe}-{turn}-{batch}".replace(" ", "-").replace('"', "")
                    make(folder, recipe, batch, base)
                    run = measure((sys.executable, "-m", "dbuild", "-q", "-j1"), folder)
                    assert run.outcome == "ok", run.said
                    runs.append((run.wall, run.cpu))
            print(f"{recipe}, {days} days")
            for batch, runs in found.items():
                wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
                ratios = [
                    statistics.median(one[at] / own[at] for one, own in zip(found[BATCHES[0]], runs, strict=True))
                    for at in (0, 1)
                ]
                shown = f"{ratios[0]:.1f} times as fast, {ratios[1]:.1f} by processor time"
                print(f"  {batch:12} {wall:7.2f} s, of processors {cpu:7.2f} s: {shown}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3650)
