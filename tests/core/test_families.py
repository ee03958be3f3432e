"""Files that belong together, told by their names alone: families, their dimensions, the pattern of their paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbuild.core.families import Family, families_of, strands_of
from dbuild.core.grain import Grain
from dbuild.core.pattern import PathPattern
from dbuild.core.rhythm import Rhythm
from dbuild.core.unit import number_at

NAMES = ("one", "two", "three", "four")
DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(40)]


def families(paths: Iterable[str], ending: str = ".csv", **contents: object) -> list[Family]:
    """The families of paths; `contents` tells by a word of their paths what is in them."""
    strands = strands_of((path, ending) for path in paths)
    told = {s.sample: next((what for word, what in contents.items() if word in s.sample), None) for s in strands}
    return families_of(strands, told)  # type: ignore[arg-type]


def family(paths: Iterable[str], ending: str = ".csv") -> Family:
    (found,) = families(paths, ending)
    return found


def pattern_of(found: Family) -> PathPattern:
    """The pattern of a family, with the dimensions that it would have."""
    grains: dict[str, Grain | None] = {}
    for name, axis in zip(NAMES, found.axes, strict=False):
        grains[name] = None if axis.rhythm is None else grain_of(axis.rhythm)
    return PathPattern(found.pattern(NAMES), grains)


def grain_of(rhythm: Rhythm) -> Grain:
    return replace(Grain(rhythm.unit, count=rhythm.step), anchor=number_at(rhythm.unit, rhythm.first) % rhythm.step)


def described(found: Family) -> tuple[str, ...]:
    """Its pattern by what its dimensions could be called, and how often each comes or which values it has."""
    hints = [axis.hint or "kind" for axis in found.axes]
    kinds = [axis.rhythm.every if axis.rhythm else ",".join(axis.values[:3]) for axis in found.axes]
    return (found.pattern(hints), *kinds)


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("sales_%Y-%m-%d.csv", "sales_{day}.csv"),
        ("%Y%m%d.csv", "{day:%Y%m%d}.csv"),
        ("data/%Y/%m/%d.csv", "data/{day:%Y/%m/%d}.csv"),
        ("data/%Y/%m/%d/sales.csv", "data/{day:%Y/%m/%d}/sales.csv"),
        ("dt=%Y-%m-%d/sales.csv", "dt={day}/sales.csv"),
        ("sales/year=%Y/month=%m/day=%d/x.csv", "sales/year={day:%Y/month=%m/day=%d}/x.csv"),
        ("y%Y/m%m/d%d/x.csv", "y{day:%Y/m%m/d%d}/x.csv"),
        ("%Y/%Y-%m-%d.csv", "{day:%Y/%Y-%m-%d}.csv"),
        ("%Y/sales/%Y-%m-%d.csv", "{day:%Y/sales/%Y-%m-%d}.csv"),
        ("%Y-%m-%d/sales_%Y%m%d.csv", "{day}/sales_{day:%Y%m%d}.csv"),
        ("%d-%m-%Y.csv", "{day:%d-%m-%Y}.csv"),
        ("%m.%d.%Y.csv", "{day:%m.%d.%Y}.csv"),
        ("%Y-%j.csv", "{day:%Y-%j}.csv"),
        ("log%Y%m%d0600.csv", "log{day:%Y%m%d}0600.csv"),
        ("store7_%Y_%m_%d_v2.csv", "store7_{day:%Y_%m_%d}_v2.csv"),
        ("{x}[%Y-%m-%d].csv", "{{x}}[[]{day}].csv"),
    ],
)
def test_days_are_found_however_they_are_written(form: str, pattern: str) -> None:
    found = family([day.strftime(form) for day in DAYS])
    assert described(found) == (pattern, "day")
    assert found.present == 40


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (sorted({day.strftime("w_%G-W%V.csv") for day in DAYS}), ("w_{week}.csv", "week")),
        ([day.strftime("w_%Y-%m-%d.csv") for day in DAYS[::7]], ("w_{week:%Y-%m-%d}.csv", "week")),
        ([day.strftime("w_%Y-%m-%d.csv") for day in DAYS[2::7]], ("w_{period}.csv", "7 days")),
        ([f"{year}-{month:02}.csv" for year in (2023, 2024) for month in range(1, 13)], ("{month}.csv", "month")),
        ([f"m_2023{month:02}01.csv" for month in range(1, 13)], ("m_{month:%Y%m}01.csv", "month")),
        (["a_2023-01-31.csv", "a_2023-02-28.csv", "a_2023-03-31.csv"], ("a_{month}-??.csv", "month")),
        (["2023Q1.csv", "2023Q2.csv", "2023Q4.csv"], ("{quarter:%YQ%q}.csv", "quarter")),
        (["a_2023-01.csv", "a_2023-04.csv", "a_2023-07.csv"], ("a_{quarter:%Y-%m}.csv", "quarter")),
        ([f"survey_{year}.csv" for year in range(2018, 2024)], ("survey_{year}.csv", "year")),
        ([f"x_2024-01-01T{hour:02}.csv" for hour in range(24)], ("x_{hour}.csv", "hour")),
        ([f"2024-01-01/{hour:02}/x.csv" for hour in range(24)], ("{hour:%Y-%m-%d/%H}/x.csv", "hour")),
        ([f"x_20240101_{hour:02}00.csv" for hour in range(0, 24, 4)], ("x_{period:%Y%m%d_%H}00.csv", "4 hours")),
        ([f"x_202401011{n // 4}{n % 4 * 15:02}.csv" for n in range(20)], ("x_{period:%Y%m%d%H%M}.csv", "15 minutes")),
        (
            [f"x_202401{n + 10}_0{n % 9}{n * 7 % 60:02}12.csv" for n in range(20)],
            ("x_{day:%Y%m%d}_????12.csv", "day"),
        ),
        (["x_2024-01-03.csv"], ("x_{day}.csv", "day")),
        (["x_2024-01-03.csv", "x_2024-06-13.csv"], ("x_{snapshot}.csv", "2024-01-03,2024-06-13")),
        ([f"n_{day}_to_{day + timedelta(days=6)}.csv" for day in DAYS], ("n_{day}_to_*.csv", "day")),
    ],
)
def test_the_grain_is_told_by_the_gaps(paths: list[str], expected: tuple[str, ...]) -> None:
    assert described(family(paths)) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("dt={day}/region={word}/p.csv", ("dt={day}/region={region}/p.csv", "day", "EU,US")),
        ("{word}_{day}.csv", ("{kind}_{day}.csv", "EU,US", "day")),
        ("{word}/sales_{word}_{day}.csv", ("{kind}/sales_{kind}_{day}.csv", "EU,US", "day")),
        ("2024/{word}/{day}.csv", ("*/{kind}/{day}.csv", "EU,US", "day")),
        ("store{number}/{day}.csv", ("store{store}/{day}.csv", "1,12", "day")),
        ("shop_{number}_{day}.csv", ("shop_{shop}_{day}.csv", "1,12", "day")),
        ("day={day}/part-0000{number}.csv", ("day={day}/part-*.csv", "day")),
        ("x_{day}_{unique}.csv", ("x_{day}_*.csv", "day")),
    ],
)
def test_words_are_a_second_dimension_or_say_nothing(form: str, expected: tuple[str, ...]) -> None:
    paths = {
        form.format(day=day, word=word, number=number, unique=f"{day.toordinal() * 7919 % 10**8}a")
        for day in DAYS
        for word, number in (("EU", 1), ("US", 12))
    }
    assert described(family(sorted(paths))) == expected


def test_what_is_in_files_tells_families_from_dimensions() -> None:
    paths = [f"data/{word}/{day}.csv" for day in DAYS for word in ("north", "south")]
    assert [described(each) for each in families(paths)] == [("data/{kind}/{day}.csv", "north,south", "day")]
    split = families(paths, north=("a", "b"), south=("c",))
    assert [described(each) for each in split] == [("data/north/{day}.csv", "day"), ("data/south/{day}.csv", "day")]


def test_names_of_things_are_families_of_their_own() -> None:
    found = families([f"{word}_{day}.csv" for day in DAYS for word in ("sales", "returns")])
    assert [described(each)[0] for each in found] == ["returns_{day}.csv", "sales_{day}.csv"]


def test_files_without_a_time_are_alone_unless_they_are_numbered() -> None:
    paths = ["customers.csv", "products.csv", "survey_2024.csv", "shop_01.csv", "shop_02.csv", "shop_03.csv"]
    patterns = [described(each)[0] for each in families(paths)]
    assert patterns == ["customers.csv", "products.csv", "shop_{shop}.csv", "survey_2024.csv"]


def test_weekends_without_files_are_no_gaps() -> None:
    (axis,) = family([f"x_{day}.csv" for day in DAYS if day.weekday() < 5]).axes
    assert axis.rhythm is not None
    assert axis.rhythm.is_on_business_days
    (axis,) = family([f"x_{day}.csv" for day in DAYS if day.day not in (5, 9)]).axes
    assert axis.rhythm is not None
    assert not axis.rhythm.is_on_business_days
    assert (axis.rhythm.present, axis.rhythm.expected) == (36, 39)


def test_days_and_months_that_may_be_the_other_way_round_are_told() -> None:
    assert not family(["x_01-02-2024.csv", "x_02-02-2024.csv"]).axes[0].is_sure
    assert family([day.strftime("x_%d-%m-%Y.csv") for day in DAYS]).axes[0].is_sure


def test_numbers_that_are_no_times_are_left_alone() -> None:
    paths = ["x_20241332.csv", "v1.2.3.csv", "1920x1080.csv", "id_99999999.csv", "2024-02-31.csv", "x_20240101123.csv"]
    assert all(not each.axes for each in families(paths))


# -- any family ------------------------------------------------------------------------------------------------------

FORMS = {
    "day": ["%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y_%m_%d", "%Y.%m.%d", "year=%Y/month=%m/day=%d", "%Y/%Y-%m-%d"],
    "month": ["%Y-%m", "%Y%m", "%Y/%m", "%Y_%m"],
    "hour": ["%Y-%m-%dT%H", "%Y%m%d%H", "%Y/%m/%d/%H", "%Y-%m-%d/hour=%H"],
    "minute": ["%Y%m%d%H%M", "%Y-%m-%dT%H-%M", "%Y%m%dT%H%M"],
}
words = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
signs = st.sampled_from(["_", "-", ".", " ", "/", ""])


@st.composite
def drawn(draw: st.DrawFn) -> tuple[list[str], int]:
    """Paths of one family, and how many dimensions it has."""
    unit = draw(st.sampled_from(sorted(FORMS)))
    form = draw(st.sampled_from(FORMS[unit]))
    first = datetime(2023, draw(st.integers(1, 12)), 1)
    steps = {"day": timedelta(days=1), "month": timedelta(days=31), "hour": timedelta(hours=1)}
    step = steps.get(unit) or timedelta(minutes=draw(st.sampled_from([5, 15, 30])))
    moments = [first + number * step for number in range(draw(st.integers(25, 60)))]
    if unit == "month":
        moments = [moment.replace(day=1) for moment in moments]
    missing = draw(st.sets(st.integers(1, len(moments) - 2), max_size=4))
    moments = [moment for number, moment in enumerate(moments) if number not in missing]
    values = draw(st.sampled_from([[""], ["EU", "US"], ["A1", "B2", "C3"], ["7", "8", "9"]]))
    head, tail = draw(words), draw(words)
    before = draw(st.sampled_from(["_", "-", ".", "/"]))
    after = draw(st.sampled_from(["_", "-", ".", "/"]))
    value = f"{{}}{draw(st.sampled_from('_-/'))}" if values != [""] else "{}"
    texts = [f"{value.format(each)}{moment.strftime(form)}" for moment in moments for each in values]
    paths = [f"{head}{before}{text}{after}{tail}.csv" for text in texts]
    return paths, 1 + (values != [""])


def test_the_value_of_a_named_folder_is_one_word() -> None:
    paths = [f"sensor={one}/week=2024-W{week:02}/x-1.csv" for one in ("a-1", "b 2", "c.3") for week in (1, 2, 3)]
    assert described(family(paths)) == ("sensor={sensor}/week={week}/x-1.csv", "a-1,b 2,c.3", "week")


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(drawn())
def test_the_pattern_of_any_family_gives_every_name_back(case: tuple[list[str], int]) -> None:
    paths, dimensions = case
    found = family(paths)
    assert len(found.axes) == dimensions
    check_pattern(found, paths)


def check_pattern(found: Family, paths: Sequence[str]) -> None:
    """Every path has a key of its own, and is the path of that key."""
    pattern = pattern_of(found)
    keys = [pattern.key(path) for path in paths]
    assert None not in keys, (pattern.text, paths[keys.index(None)])
    assert len(set(keys)) == found.present
    if not pattern.has_glob:
        assert [pattern.path(key) for key in keys if key is not None] == list(paths)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab0123Q-_./=W{}[*%", min_size=1, max_size=24), min_size=1, max_size=12, unique=True))
def test_any_names_have_families_that_match_them(stems: list[str]) -> None:
    paths = [f"{'/'.join(part for part in stem.split('/') if part.strip('.')) or 'x'}.csv" for stem in stems]
    paths = sorted(set(paths))
    for found in families(paths):
        check_pattern(found, found.paths)
    assert sorted(path for found in families(paths) for path in found.paths) == paths
