"""Deadlines against a slow oracle that looks at clocks minute by minute, and what they make of absent partitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dbuild.core.absence import Absence
from dbuild.core.expectation import (
    absence_of,
    due_at,
    is_expected,
    newest_due,
    next_deadline,
    next_due,
)
from dbuild.core.grain import Grain
from dbuild.core.model import Dimension, Expectation, TimeDimension
from dbuild.core.partitions import Index, ListAxis, PartitionSet, TimeAxis
from dbuild.errors import Place
from tests.core.flows import FILE, source, values

PLACE = Place(FILE, 10)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
UTC_DAY = Grain("day")
ZURICH = Grain("day", "Europe/Zurich")
HOLIDAYS = frozenset({date(2024, 12, 25), date(2024, 12, 26), date(2025, 1, 1)})


def expecting(
    at: str | None = None, days: int | None = None, business_days: int | None = None, hours: float | None = None
) -> Expectation:
    minutes = int(at[:2]) * 60 + int(at[3:]) if at else None
    return Expectation(PLACE, minutes, days, business_days, hours * 3600 if hours is not None else None)


def due(expectation: Expectation, grain: Grain, key: str) -> str:
    """The deadline of a key, as people write it."""
    found = due_at(expectation, grain, grain.index(key))
    return f"{found:%Y-%m-%d %H:%M}" if found else "never"


BUSINESS = replace(expecting(), is_business=True, weekdays=frozenset(range(5)), holidays=HOLIDAYS)


@pytest.mark.parametrize(
    ("expectation", "grain", "key", "expected"),
    [
        (expecting("06:00", 1), UTC_DAY, "2024-12-20", "2024-12-21 06:00"),
        (expecting("06:00"), UTC_DAY, "2024-12-20", "2024-12-21 06:00"),
        (expecting(days=2), UTC_DAY, "2024-12-20", "2024-12-23 00:00"),
        (expecting("22:00", 0), UTC_DAY, "2024-12-20", "2024-12-20 22:00"),
        (expecting("24:00", 0), UTC_DAY, "2024-12-20", "2024-12-21 00:00"),
        (expecting(hours=6), UTC_DAY, "2024-12-20", "2024-12-21 06:00"),
        (expecting(hours=0.5), Grain("hour"), "2024-12-20T23", "2024-12-21 00:30"),
        (expecting("06:00"), Grain("hour"), "2024-12-20T23", "2024-12-21 06:00"),
        (expecting("06:00", 1), Grain("month"), "2024-02", "2024-03-01 06:00"),
        (expecting("06:00", 3), Grain("week"), "2024-W52", "2025-01-01 06:00"),
        (expecting("06:00"), Grain("quarter"), "2024-Q4", "2025-01-01 06:00"),
        (expecting("06:00", business_days=1), UTC_DAY, "2024-12-20", "2024-12-23 06:00"),  # a Friday
        (replace(expecting("06:00", business_days=1), holidays=HOLIDAYS), UTC_DAY, "2024-12-24", "2024-12-27 06:00"),
        (replace(expecting(business_days=2), holidays=HOLIDAYS), UTC_DAY, "2024-12-24", "2024-12-31 00:00"),
        (expecting("06:00", 1), ZURICH, "2024-12-20", "2024-12-21 05:00"),
        (expecting("06:00", 1), ZURICH, "2024-06-20", "2024-06-21 04:00"),
        (expecting("06:00", 1), ZURICH, "2024-03-30", "2024-03-31 04:00"),  # an hour less passed that night
        (expecting("02:30", 1), ZURICH, "2024-03-30", "2024-03-31 01:00"),  # skipped: when clocks show 3:00
        (expecting("02:30", 1), ZURICH, "2024-10-26", "2024-10-27 00:30"),  # twice: the first
        (expecting(hours=24), ZURICH, "2024-03-30", "2024-03-31 23:00"),  # which is the next midnight and an hour
        (expecting("06:00", 1), Grain("day", "Pacific/Apia"), "2011-12-29", "2011-12-30 10:00"),  # the 30th was skipped
        (BUSINESS, UTC_DAY, "2024-12-20", "2024-12-22 00:00"),
        (BUSINESS, UTC_DAY, "2024-12-21", "never"),
        (BUSINESS, UTC_DAY, "2024-12-25", "never"),
        (BUSINESS, Grain("hour"), "2024-12-22T23", "never"),
        (BUSINESS, Grain("week"), "2024-W52", "2024-12-31 00:00"),
        (replace(expecting("06:00"), weekdays=frozenset({0})), UTC_DAY, "2024-12-23", "2024-12-24 06:00"),
        (replace(expecting("06:00"), weekdays=frozenset({0})), UTC_DAY, "2024-12-24", "never"),
        (
            replace(expecting("06:00"), weekdays=frozenset({2}), holidays=HOLIDAYS),
            UTC_DAY,
            "2024-12-25",
            "2024-12-26 06:00",
        ),
    ],
)
def test_deadlines(expectation: Expectation, grain: Grain, key: str, expected: str) -> None:
    assert due(expectation, grain, key) == expected


def test_beyond_the_calendar_nothing_is_late() -> None:
    last = Grain("year").index("9999")
    for each in (expecting("06:00"), expecting(business_days=1), expecting(hours=1)):
        assert due_at(each, Grain("year"), last) == datetime.max


# -- the oracle ----------------------------------------------------------------------------------------------------

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "America/Sao_Paulo", "America/St_Johns", "Australia/Lord_Howe"]
ZONES += ["Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca"]
GRAINS = [("minute", 30), ("hour", 1), ("hour", 6), ("day", 1), ("day", 10), ("week", 1), ("month", 1), ("quarter", 1)]


def clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """What clocks show."""
    return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)


@cache
def shown_first(wall: datetime, name: str) -> datetime:
    """The first instant at which clocks show that, or more."""
    zone, moment = ZoneInfo(name), wall - timedelta(hours=26)
    while clock(moment, zone) < wall:
        moment += MINUTE
    return moment


def days_shown(grain: Grain, number: int) -> tuple[date, date]:
    """The first day that clocks show from a period's start on, and the last that they have shown by its end."""
    zone = ZoneInfo(grain.timezone)
    start, end = grain.start(number), grain.start(number + 1)
    last = max(clock(end - MINUTE * n, zone) for n in range(1, 181)).date()
    first = min(clock(start + MINUTE * n, zone) for n in range(180)).date()
    return first, last


def oracle(expectation: Expectation, grain: Grain, number: int) -> datetime | None:
    first, last = days_shown(grain, number)
    days = [first + DAY * n for n in range((last - first).days + 1)]
    if expectation.is_business:
        days = [day for day in days if day.weekday() < 5 and day not in expectation.holidays]
    elif not any(day.weekday() in expectation.weekdays for day in days):
        days = []
    if not days:
        return None
    if expectation.seconds is not None:
        return grain.start(number + 1) + timedelta(seconds=expectation.seconds)
    if expectation.business_days is not None:
        for _ in range(expectation.business_days):
            last += DAY
            while last.weekday() >= 5 or last in expectation.holidays:
                last += DAY
    else:
        last += DAY * (1 if expectation.days is None else expectation.days)
    wall = datetime.combine(last, time()) + MINUTE * (1440 if expectation.at is None else expectation.at)
    return shown_first(wall, grain.timezone)


@st.composite
def grains(draw: st.DrawFn) -> Grain:
    unit, count = draw(st.sampled_from(GRAINS))
    return Grain(unit, draw(st.sampled_from(ZONES)), count, draw(st.integers(0, count - 1)) if unit == "day" else 0)


@st.composite
def expectations(draw: st.DrawFn) -> Expectation:
    moments = st.one_of(st.none(), st.integers(0, 48).map(lambda n: n * 30))
    made = draw(
        st.one_of(
            st.builds(Expectation, st.just(PLACE), moments),
            st.builds(Expectation, st.just(PLACE), moments, st.integers(0, 4)),
            st.builds(Expectation, st.just(PLACE), moments, st.none(), st.integers(1, 4)),
            st.builds(Expectation, st.just(PLACE), seconds=st.integers(1, 100_000).map(float)),
        )
    )
    days = draw(st.frozensets(st.integers(0, 6), min_size=1))
    choice = draw(st.sampled_from(["all", "business", "some"]))
    made = replace(made, holidays=draw(st.frozensets(st.dates(date(2009, 12, 1), date(2010, 3, 1)), max_size=40)))
    if choice == "business":
        return replace(made, is_business=True, weekdays=frozenset(range(5)))
    return replace(made, weekdays=days) if choice == "some" else made


# Around the changes of the zones above, and New Year.
MOMENTS = st.one_of(
    st.datetimes(datetime(2009, 12, 20), datetime(2010, 2, 20)),
    st.sampled_from([datetime(2010, 3, 28), datetime(2010, 10, 31), datetime(2010, 3, 14), datetime(2010, 11, 7)]),
    st.sampled_from([datetime(2010, 2, 20), datetime(2010, 10, 17), datetime(2010, 4, 4), datetime(2010, 10, 3)]),
    st.sampled_from([datetime(2011, 12, 30), datetime(2010, 5, 2), datetime(2010, 8, 8)]),
)


@given(expectations(), grains(), MOMENTS, st.integers(-30, 30))
@example(expecting("00:30"), Grain("hour", "America/St_Johns"), datetime(2010, 11, 7), 3)
def test_deadlines_are_those_of_the_oracle(
    expectation: Expectation, grain: Grain, moment: datetime, hours: int
) -> None:
    number = grain.index_at(moment + timedelta(hours=hours))
    expected = oracle(expectation, grain, number)
    assert due_at(expectation, grain, number) == expected
    assert is_expected(expectation, grain, number) == (expected is not None)


@pytest.mark.slow
@given(expectations(), grains(), MOMENTS, st.integers(-30, 30))
def test_deadlines_never_fall(expectation: Expectation, grain: Grain, moment: datetime, hours: int) -> None:
    number = grain.index_at(moment + timedelta(hours=hours))
    always = replace(expectation, weekdays=frozenset(range(7)), is_business=False)
    dues = [due_at(always, grain, number + n) for n in range(5)]
    assert dues == sorted(each for each in dues if each)


@given(expectations(), grains(), MOMENTS, st.integers(1, 60), st.floats(0, 1))
def test_what_is_due_by_now_reaches_as_far_as_the_last_that_is(
    expectation: Expectation, grain: Grain, moment: datetime, size: int, part: float
) -> None:
    start = grain.index_at(moment)
    now = grain.start(start) + (grain.start(start + size) - grain.start(start)) * part
    known = range(start, grain.index_at(now) + 1)
    dues = {number: due_at(expectation, grain, number) for number in known}
    expected = max((number for number, each in dues.items() if each is not None and each <= now), default=None)
    assert newest_due(expectation, grain, start, now) == expected
    later = next_due(expectation, grain, start, now)
    assert later > now
    assert newest_due(expectation, grain, start, later - timedelta(microseconds=1)) == expected


# -- what is absent ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A source, what there is of it, and a moment."""

    expectation: Expectation | None
    dimensions: dict[str, Dimension]
    names: tuple[str, ...]
    domain: PartitionSet
    there: PartitionSet
    unsettled: PartitionSet
    now: datetime

    def absence(self) -> Absence:
        made = replace(source("raw", *self.names), expect=self.expectation)
        return absence_of(made, self.dimensions, self.domain, self.there, self.unsettled, self.now)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    grain = draw(grains())
    low = grain.index_at(draw(MOMENTS))
    size = draw(st.integers(1, 60))
    dimension = TimeDimension("time", grain, low, None, PLACE)
    names = draw(st.sampled_from([("time",), ("time", "origin"), ("origin", "time")]))
    axes = tuple(TimeAxis("time", grain) if name == "time" else ListAxis("origin", ("EWR", "JFK")) for name in names)
    bounds = [[(low, low + size)] if name == "time" else [(0, 2)] for name in names]
    domain = PartitionSet.box(axes, bounds)
    members = list(domain.indices())
    there, unsettled = (
        PartitionSet.of_indices(axes, draw(st.lists(st.sampled_from(members), max_size=100))) for _ in range(2)
    )
    now = grain.start(low) + (grain.start(low + size + 5) - grain.start(low)) * draw(st.floats(0, 1))
    expectation = draw(st.one_of(expectations(), st.none()))
    dimensions: dict[str, Dimension] = {"time": dimension, "origin": values("origin", "EWR", "JFK")}
    return Case(expectation, dimensions, names, domain, there, unsettled, now)


def kind(case: Case, index: Index) -> str:
    """How a partition stands, by itself."""
    if index in case.unsettled:
        return "unsettled"
    if index in case.there:
        return "there"
    if case.expectation is None:
        return "missing"
    grain = case.dimensions["time"].grain  # type: ignore[union-attr]
    moment = due_at(case.expectation, grain, index[case.names.index("time")])
    if moment is None:
        return "idle"
    return "awaited" if case.now < moment else "late"


@given(cases())
def test_absences_are_those_of_each_partition(case: Case) -> None:
    absence = case.absence()
    for index in case.domain.indices():
        expected = kind(case, index)
        found = {
            name for name in ("idle", "awaited", "missing", "late", "unsettled") if index in getattr(absence, name)
        }
        assert found == {"there": set(), "late": {"missing", "late"}}.get(expected, {expected})
    assert absence.unsettled == case.unsettled


@pytest.mark.slow
@given(cases())
def test_the_next_deadline_is_when_something_becomes_late(case: Case) -> None:
    made = replace(source("raw", *case.names), expect=case.expectation)
    before = case.absence()
    moment = next_deadline(made, before, case.dimensions)
    assert (moment is not None) == bool(before.awaited)
    assume(moment is not None)
    assert moment is not None
    assert moment > case.now
    assert replace(case, now=moment - timedelta(microseconds=1)).absence() == before
    after = replace(case, now=moment).absence()
    assert len(after.late) > len(before.late)
    assert after.awaited | after.late == before.awaited | before.late


def test_what_was_unsettled_may_count_as_there_or_not() -> None:
    axes = (TimeAxis("day", UTC_DAY),)
    domain = PartitionSet.box(axes, [[(0, 9)]])
    unsettled, there = PartitionSet.box(axes, [[(3, 5)]]), PartitionSet.box(axes, [[(0, 5)]])
    for each in (there, there - unsettled):
        found = absence_of(source("raw", "day"), {}, domain, each, unsettled, datetime(2024, 1, 1))
        assert (found.unsettled, found.missing) == (unsettled, domain - there)


def test_what_is_not_absent_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is every period of a long absence: deadlines are found by bisection."""
    asked = []

    def walls(grain: Grain, number: int) -> tuple[datetime, datetime]:
        asked.append(number)
        return grain.start(number), grain.last(number)

    monkeypatch.setattr(Grain, "walls", walls)
    grain = Grain("minute")
    low = grain.index("2024-01-01T00:00")
    high = low + 1_000_000
    axes = (TimeAxis("minute", grain),)
    domain = PartitionSet.box(axes, [[(low, high)]])
    made = replace(source("raw", "minute"), expect=expecting("06:00"))
    dimensions: dict[str, Dimension] = {"minute": TimeDimension("minute", grain, low, None, PLACE)}
    nothing = PartitionSet.empty(axes)
    absence_of(made, dimensions, domain, domain, nothing, datetime(2025, 1, 1))
    assert asked == []
    found = absence_of(made, dimensions, domain, nothing, nothing, datetime(2025, 1, 1, 6))
    assert (len(found.late), len(asked) < 30) == (366 * 1440, True)
    asked.clear()
    absence_of(replace(made, expect=BUSINESS), dimensions, domain, nothing, nothing, datetime(2025, 1, 1))
    assert len(asked) < 20_000  # some for each of 100 weekends, of two years


def test_an_absence_may_reach_to_the_end_of_the_calendar() -> None:
    last = UTC_DAY.index("9999-12-31")
    axes = (TimeAxis("day", UTC_DAY),)
    domain = PartitionSet.box(axes, [[(last - 6, last + 1)]])
    dimensions: dict[str, Dimension] = {"day": TimeDimension("day", UTC_DAY, last - 6, last, PLACE)}
    made = replace(source("raw", "day"), expect=BUSINESS)
    found = absence_of(made, dimensions, domain, PartitionSet.empty(axes), PartitionSet.empty(axes), datetime.max)
    assert str(found.idle) == "9999-12-25..9999-12-26"
    assert str(found.late) == "9999-12-27..9999-12-31"
