"""How many partitions one changed input partition rebuilds: every pair of grains, windows, and rules that multiply."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.build.workshop import Built, Workshop

# --- Overlap of every pair of grains ----------------------------------------------------------------------------------

FIRST, LAST = datetime(2012, 12, 29), datetime(2013, 1, 3)  # a Saturday and a Thursday: the week between has two years
DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


def every_period() -> dict[str, dict[str, Span]]:
    """By grain, the keys of all periods that meet the days, each with its beginning and its exclusive end."""
    january = datetime(2013, 1, 1)
    days = [FIRST + DAY * number for number in range(6)]
    thirds = [day + timedelta(hours=8) * number for day in days for number in range(3)]
    years = (datetime(2012, 1, 1), january), (january, datetime(2014, 1, 1))
    return {
        "third": {f"{start:%Y-%m-%dT%H}": (start, start + timedelta(hours=8)) for start in thirds},
        "day": {f"{day:%Y-%m-%d}": (day, day + DAY) for day in days},
        "week": {
            "2012-W52": (datetime(2012, 12, 24), datetime(2012, 12, 31)),
            "2013-W01": (datetime(2012, 12, 31), datetime(2013, 1, 7)),
        },
        "month": {"2012-12": (datetime(2012, 12, 1), january), "2013-01": (january, datetime(2013, 2, 1))},
        "quarter": {"2012-Q4": (datetime(2012, 10, 1), january), "2013-Q1": (january, datetime(2013, 4, 1))},
        "year": {"2012": years[0], "2013": years[1]},
    }


PERIODS = every_period()


def meeting(span: Span, grain: str) -> list[str]:
    """The periods of a grain that share a moment with a span."""
    return [key for key, (start, end) in PERIODS[grain].items() if start < span[1] and span[0] < end]


@pytest.fixture(scope="module")
def grains(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A source of each grain, and of each source a target of each grain."""
    bounds = f"start = {FIRST:%Y-%m-%d}\nend = {LAST:%Y-%m-%d}\n"
    flow = ""
    for grain in PERIODS:
        flow += f'[partitions.{grain}]\nevery = "{"8 hours" if grain == "third" else grain}"\n{bounds}'
        flow += f'[sources.of_{grain}]\npath = "data/{grain}/{{{grain}}}.txt"\n'
        for own in PERIODS:
            flow += f'[targets.{own}_of_{grain}]\npath = "out/{own}_of_{grain}/{{{own}}}.txt"\n'
            flow += f'shell = "cat {{of_{grain}}} > {{output}}"\n'
    made = Workshop(tmp_path_factory.mktemp("grains") / "project", flow)
    for grain, keys in PERIODS.items():
        for key in keys:
            made.write(f"data/{grain}/{key}.txt", f"{key}\n")
    built = made.build()
    assert built.counts == {f"{own}_of_{grain}": len(PERIODS[own]) for own in PERIODS for grain in PERIODS}
    return made


@pytest.mark.parametrize("given", list(PERIODS))
def test_overlap_reads_what_meets_and_is_rebuilt_by_what_meets(grains: Workshop, given: str) -> None:
    for own, keys in PERIODS.items():
        for key, span in keys.items():
            read = grains.read(f"out/{own}_of_{given}/{key}.txt").split()
            assert read == meeting(span, given), (own, key)
    changed = list(PERIODS[given])[-1]  # the week has days of both years, the others don't
    grains.write(f"data/{given}/{changed}.txt", f"{changed}\n\n")
    touched = {own: meeting(PERIODS[given][changed], own) for own in PERIODS}
    assert grains.build().ran == sorted(f"{own}_of_{given}@{key}" for own, keys in touched.items() for key in keys)
    assert grains.build().ran == []


# --- Rules of time, for targets of every grain ------------------------------------------------------------------------

RULES = {  # target -> its dimension, and its rule for the days
    "window_ahead": ("day", "0d..1d"),
    "window_month": ("day", "-1mo..0mo"),
    "weekly_day": ("week", "-1d..0d"),
    "weekly_weeks": ("week", "-2w..0w"),
    "monthly_week": ("month", "-1w..0w"),
    "monthly_months": ("month", "-1mo..0mo"),
    "monthly_before": ("month", "-1mo..-1mo"),
    "monthly_hours": ("month", "-36h..0h"),
    "quarterly": ("quarter", "-1q..0q"),
    "monthly_previous": ("month", "previous"),
    "weekly_last": ("week", "last 9"),
    "monthly_last": ("month", "last 3"),
    "weekly_since": ("week", "since month"),
    "monthly_since": ("month", "since quarter"),
    "yearly_since": ("month", "since year"),
    "monthly_all": ("month", "all"),
}
DAYS = [datetime(2013, 1, 1) + DAY * number for number in range(69)]  # to the 10th of March, a Sunday
AXES = "".join(
    f'[partitions.{name}]\nevery = "{name}"\nstart = 2013-01-01\nend = 2013-03-10\n'
    for name in ("day", "week", "month", "quarter")
)
ALL_MONTHS, ALL_WEEKS = ("2013-01", "2013-02", "2013-03"), tuple(f"2013-W{week:02d}" for week in range(1, 11))


def days(first: int, last: int) -> tuple[str, ...]:
    """Keys of days by their number in the year."""
    return tuple(f"{DAYS[number - 1]:%Y-%m-%d}" for number in range(first, last + 1))


# What is rebuilt when the 31st of January (a Thursday), the 24th of February or the 10th of March (Sundays) changes.
REBUILT: dict[str, dict[str, tuple[str, ...]]] = {
    "2013-01-31": {
        "window_ahead": days(30, 31),
        "window_month": days(31, 59),  # up to the 28th of February: what the 1st of March reads begins on the 1st
        "weekly_day": ("2013-W05",),
        "weekly_weeks": ("2013-W05", "2013-W06", "2013-W07"),
        "monthly_week": ("2013-01", "2013-02"),
        "monthly_months": ("2013-01", "2013-02"),
        "monthly_before": ("2013-02",),
        "monthly_hours": ("2013-01", "2013-02"),
        "quarterly": ("2013-Q1",),
        "monthly_previous": ("2013-02",),
        "weekly_last": ("2013-W05",),
        "monthly_last": ("2013-01",),
        "weekly_since": ("2013-W05",),
        "monthly_since": ALL_MONTHS,
        "yearly_since": ALL_MONTHS,
        "monthly_all": ALL_MONTHS,
    },
    "2013-02-24": {
        "window_ahead": days(54, 55),
        "window_month": days(55, 69),
        "weekly_day": ("2013-W08", "2013-W09"),
        "weekly_weeks": ("2013-W08", "2013-W09", "2013-W10"),
        "monthly_week": ("2013-02", "2013-03"),
        "monthly_months": ("2013-02", "2013-03"),
        "monthly_before": ("2013-03",),
        "monthly_hours": ("2013-02",),
        "quarterly": ("2013-Q1",),
        "weekly_last": ("2013-W08", "2013-W09"),
        "weekly_since": ("2013-W08", "2013-W09"),
        "monthly_since": ("2013-02", "2013-03"),
        "yearly_since": ("2013-02", "2013-03"),
        "monthly_all": ALL_MONTHS,
    },
    "2013-03-10": {
        "window_ahead": days(68, 69),
        "window_month": days(69, 69),
        "weekly_day": ("2013-W10",),
        "weekly_weeks": ("2013-W10",),
        "monthly_week": ("2013-03",),
        "monthly_months": ("2013-03",),
        "monthly_hours": ("2013-03",),
        "quarterly": ("2013-Q1",),
        "weekly_last": ("2013-W10",),
        "monthly_last": ("2013-03",),
        "weekly_since": ("2013-W10",),
        "monthly_since": ("2013-03",),
        "yearly_since": ("2013-03",),
        "monthly_all": ALL_MONTHS,
    },
}


def found(built: Built) -> dict[str, tuple[str, ...]]:
    """By target, the keys of what ran."""
    rows: dict[str, list[str]] = {}
    for label in built.ran:
        target, _, key = label.partition("@")
        rows.setdefault(target, []).append(key)
    return {target: tuple(keys) for target, keys in rows.items()}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A source of days, and a target for each rule."""
    flow = AXES + '[sources.raw]\npath = "data/{day}.txt"\n'
    for name, (dimension, rule) in RULES.items():
        flow += f'[targets.{name}]\npath = "out/{name}/{{{dimension}}}.txt"\ninputs.raw = {{ day = "{rule}" }}\n'
        flow += 'shell = "cat /dev/null {raw} > {output}"\n'
    made = Workshop(tmp_path_factory.mktemp("rules") / "project", flow)
    for day in DAYS:
        made.write(f"data/{day:%Y-%m-%d}.txt", f"{day:%m-%d}\n")
    sizes = {"day": 69, "week": 10, "month": 3, "quarter": 1}
    assert made.build().counts == {name: sizes[dimension] for name, (dimension, _) in RULES.items()}
    return made


@pytest.mark.parametrize("changed", list(REBUILT))
def test_a_changed_day_rebuilds_all_that_read_it_and_nothing_else(rules: Workshop, changed: str) -> None:
    texts = {name: sorted(rules.path(f"out/{name}").iterdir()) for name in RULES}
    who_read = {
        name: tuple(path.stem for path in paths if changed[5:] in path.read_text()) for name, paths in texts.items()
    }
    assert {name: keys for name, keys in who_read.items() if keys} == REBUILT[changed]
    rules.write(f"data/{changed}.txt", f"{changed[5:]}\nother\n")
    assert found(rules.build()) == REBUILT[changed]
    assert rules.build().ran == []


# --- Several dimensions -----------------------------------------------------------------------------------------------

PLACES = f"""{AXES}
[partitions.place]
values = ["a", "b", "c"]
[partitions.kind]
values = ["x", "y"]
[sources.raw]
path = "data/{{day}}-{{place}}.txt"
[sources.rates]
path = "rates/{{month}}.txt"
[targets.same]
path = "out/same/{{place}}/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
[targets.total]
path = "out/total/{{month}}.txt"
shell = "cat {{same}} > {{output}}"
[targets.kinds]
path = "out/kinds/{{kind}}/{{day}}.txt"
inputs.same = {{ place = ["a", "b"], day = "-1d..0d" }}
shell = "cat {{same}} > {{output}}"
[targets.crossed]
path = "out/crossed/{{place}}/{{month}}/{{kind}}.txt"
inputs.same = {{ place = "all", day = "-1mo..0mo" }}
shell = "cat {{same}} {{rates}} > {{output}}"
"""


def test_rules_of_several_dimensions_multiply(tmp_path: Path) -> None:
    bounds = ("start = 2013-01-01\nend = 2013-03-10", "start = 2013-01-25\nend = 2013-02-03")
    made = Workshop(tmp_path / "places", PLACES.replace(*bounds))
    for number in range(24, 34):
        for place in "abc":
            made.write(f"data/{DAYS[number]:%Y-%m-%d}-{place}.txt", f"{number + 1} {place}\n")
    for month in ALL_MONTHS[:2]:
        made.write(f"rates/{month}.txt", f"{month}\n")
    assert made.build().counts == {"same": 30, "total": 2, "kinds": 20, "crossed": 12}
    for path, counts in (
        ("data/2013-01-28-a.txt", {"same": 1, "total": 1, "kinds": 2 * 2, "crossed": 2 * 3 * 2}),
        ("data/2013-01-28-c.txt", {"same": 1, "total": 1, "crossed": 2 * 3 * 2}),
        ("data/2013-02-03-b.txt", {"same": 1, "total": 1, "kinds": 2, "crossed": 3 * 2}),
        ("rates/2013-02.txt", {"crossed": 3 * 2}),
    ):
        made.write(path, "other\n")
        assert made.build().counts == counts, path
    assert made.read("out/kinds/x/2013-01-28.txt") == "27 a\nother\n27 b\n28 b\n"
    assert made.build().ran == []
