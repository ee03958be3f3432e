"""Path patterns: keys to paths and back, what can't be told apart, what overlaps."""

from __future__ import annotations

import os
import re
from datetime import datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbuild.core.grain import UNITS, Grain
from dbuild.core.pattern import TEMPORARY, PathPattern
from dbuild.core.pieces import is_key
from dbuild.errors import UserError
from dbuild.observe import listing

GRAINS: dict[str, Grain | None] = {unit: Grain(unit) for unit in UNITS} | {"origin": None, "carrier": None}
FORMATS = {
    "minute": ["%Y%m%dT%H%M", "%Y/%j/%H-%M", "%H%M_%d.%m.%Y", "%Y-%m/%Y-%m-%d/%H/%M"],
    "hour": ["%Y/%m/%d/%H", "%Y%j%H", "%d%m%Y-%H", "%Y-%m-%d_%H%M"],
    "day": ["%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%Y-%j", "%G-W%V/%Y-%m-%d", "100%%/%Y-%m-%d", "%Y/%q/%Y%m%d"],
    "week": ["%G/%V", "%G%V", "%Y-%m-%d", "%Y%j"],
    "month": ["%Y/%m", "%m-%Y", "%Y-%m-%d", "%Y%j"],
    "quarter": ["%Y/%q", "%Yq%q", "%Y-%m", "%Y%m%d"],
    "year": ["%Y", "y%Y", "%Y-%m-%d", "%Y%Y"],
}
ALL_FORMATS = [(unit, form) for unit in UNITS for form in ["", *FORMATS[unit]]]


def pattern(text: str) -> PathPattern:
    return PathPattern(text, GRAINS)


def what_is_wrong(text: str) -> str:
    with pytest.raises(UserError) as caught:
        pattern(text)
    assert caught.value.hint or "no dimension" in caught.value.what
    return caught.value.what


@pytest.mark.parametrize(
    ("text", "root", "depth", "dimensions", "is_static", "has_glob"),
    [
        ("data/flights/{day}.csv", "data/flights", 1, ("day",), False, False),
        ("data/{day:%Y/%m/%d}.csv", "data", 3, ("day",), False, False),
        ("out/report.html", "out", 1, (), True, False),
        ("report.html", "", 1, (), True, False),
        ("{origin}/{day}/{origin}.csv", "", 3, ("origin", "day"), False, False),
        ("/data/{day}.csv", "/data", 1, ("day",), False, False),
        ("/{day}.csv", "/", 1, ("day",), False, False),
        ("../a/b*/{day}.csv", "../a", 2, ("day",), False, True),
        ("a{{b}}/x.csv", "a{b}", 1, (), True, False),
        ("a/[x]/y", "a", 2, (), False, True),
        ("out/site/", "out/site", 64, (), False, False),
        ("out/{day}/", "out", 64, ("day",), False, False),
        ("{day:%Y/%m/%d}/", "", 64, ("day",), False, False),
    ],
)
def test_what_a_pattern_says_of_itself(
    text: str, root: str, depth: int, dimensions: tuple[str, ...], is_static: bool, has_glob: bool
) -> None:
    made = pattern(text)
    assert (made.root, made.depth, made.dimensions) == (root, depth, dimensions)
    assert (made.is_static, made.has_glob) == (is_static, has_glob)


@pytest.mark.parametrize(("unit", "form"), ALL_FORMATS)
@given(moment=st.datetimes(datetime(1, 1, 8), datetime(9998, 12, 31)))
def test_every_period_is_read_back_from_its_path(unit: str, form: str, moment: datetime) -> None:
    grain = Grain(unit)
    key = (grain.text(grain.index_at(moment)),)
    made = pattern(f"a/{{{unit}{':' if form else ''}{form}}}.csv")
    assert made.key(made.path(key)) == key


@pytest.mark.parametrize(("unit", "form"), ALL_FORMATS)
@given(digits=st.lists(st.integers(0, 9), min_size=20, max_size=20), moment=st.datetimes())
def test_a_path_has_a_key_only_if_the_key_has_that_path(
    unit: str, form: str, digits: list[int], moment: datetime
) -> None:
    made = pattern(f"{{{unit}{':' if form else ''}{form}}}")
    grain = Grain(unit)
    shape = made.path((grain.text(grain.index_at(moment)),))
    some = iter(digits)
    for near in (
        re.sub("[0-9]", lambda _: str(next(some, 0)), shape),
        re.sub("0", lambda _: str(next(some, 0) % 3), shape),
    ):
        key = made.key(near)
        assert key is None or made.path(key) == near


SEVERAL = [
    (Grain("minute", count=15), ("", "%Y%m%d-%H%M", "%Y/%j/%H%M")),
    (Grain("hour", count=4), ("", "%Y%m%d-%H")),
    (Grain("day", count=10, anchor=7), ("", "%Y/%m/%d", "%Y-%j")),
    (Grain("week", count=2, anchor=1), ("", "%G%V", "%Y%m%d")),
    (Grain("month", count=6), ("", "%Y%m")),
    (Grain("quarter", count=2), ("", "%Y-%q", "%Y%m")),
    (Grain("year", count=5, anchor=3), ("", "%Y")),
]


@pytest.mark.parametrize(("grain", "form"), [(grain, form) for grain, forms in SEVERAL for form in forms])
@given(moment=st.datetimes(datetime(1601, 1, 8), datetime(2398, 12, 31)))
def test_paths_of_periods_of_several_units_have_their_starts_and_no_others(
    grain: Grain, form: str, moment: datetime
) -> None:
    made = PathPattern(f"a/{{x{':' if form else ''}{form}}}.csv", {"x": grain})
    unit = PathPattern(made.text, {"x": Grain(grain.unit)})
    key = (grain.text(grain.index_at(moment)),)
    some = (Grain(grain.unit).text(Grain(grain.unit).index_at(moment)),)
    assert made.key(made.path(key)) == key
    assert made.path(key) == unit.path(key)
    assert made.key(unit.path(some)) == (some if some == key else None)
    if some != key:
        with pytest.raises(ValueError, match=f"is not a {grain.words}"):
            made.path(some)


ZONED = [
    (Grain("hour", "America/New_York"), ("", "%Y/%m/%d/%H%z", "%Y%j-%z-%H")),
    (Grain("hour", "America/New_York", 4), ("", "%Y/%m/%d/%H")),  # clocks show none of these twice
    (Grain("minute", "Europe/Zurich", 15), ("", "%Y%m%dT%H%M%z")),
    (Grain("hour", "Asia/Kathmandu"), ("", "%Y%m%d%H")),
    (Grain("day", "Pacific/Apia"), ("", "%Y/%m/%d", "%Y-%j")),
    (Grain("week", "Pacific/Apia"), ("", "%G%V")),
    (Grain("month", "Europe/Zurich", 6), ("", "%Y%m")),
]


@pytest.mark.parametrize(("grain", "form"), [(grain, form) for grain, forms in ZONED for form in forms])
@given(
    moment=st.one_of(
        st.datetimes(datetime(1999, 1, 8), datetime(2030, 12, 31)),
        st.datetimes(datetime(2013, 11, 3, 3), datetime(2013, 11, 3, 9)),
        st.datetimes(datetime(2013, 10, 26, 23), datetime(2013, 10, 27, 4)),
        st.datetimes(datetime(2011, 12, 28), datetime(2012, 1, 2)),
    )
)
def test_paths_of_periods_of_zones_are_read_back(grain: Grain, form: str, moment: datetime) -> None:
    made = PathPattern(f"a/{{x{':' if form else ''}{form}}}.csv", {"x": grain})
    key = (grain.text(grain.index_at(moment)),)
    assert made.key(made.path(key)) == key
    assert made.overlaps(made)


def test_paths_of_twice_shown_hours() -> None:
    hour = Grain("hour", "America/New_York")
    made = PathPattern("{hour:%Y/%m/%d/%H%z}.csv", {"hour": hour})
    assert made.path(("2013-11-03T01-0500",)) == "2013/11/03/01-0500.csv"
    assert made.path(("2013-11-03T05",)) == "2013/11/03/05-0500.csv"
    assert made.key("2013/11/03/05-0400.csv") is None  # it was -0500 by then
    plain = PathPattern("{hour}.csv", {"hour": hour})
    assert plain.key("2013-11-03T01-0400.csv") == ("2013-11-03T01-0400",)
    for no_key in ("2013-11-03T01.csv", "2013-11-03T05-0500.csv", "2013-03-10T02.csv"):
        assert plain.key(no_key) is None
    assert PathPattern("{day}.csv", {"day": Grain("day", "Pacific/Apia")}).key("2011-12-30.csv") is None
    assert plain.overlaps(PathPattern("2013-11-03T01-0400.csv", {}))
    assert made.overlaps(PathPattern("2013/11/03/01-0400.csv", {}))


@pytest.mark.parametrize(
    ("grain", "text", "what", "hint"),
    [
        (Grain("hour", "America/New_York"), "{x:%Y%m%d%H}", "doesn't tell one hour from another", "%Y %m %d %H %z"),
        (Grain("minute", "Europe/Zurich", 15), "{x:%Y%m%d%H%M}", "one minute from another", "show some minutes twice"),
        (Grain("hour", "Asia/Tokyo"), "{x:%Y%m%d%H%z}", '"%z", which says nothing', "leave it out"),
        (Grain("day", "America/New_York"), "{x:%Y%m%d%z}", '"%z", which says nothing', "leave it out"),
        (Grain("hour"), "{x:%Y%m%d%H%z}", '"%z", which says nothing of a hour of UTC', "leave it out"),
    ],
)
def test_formats_of_zones_say_what_tells_periods_apart(grain: Grain, text: str, what: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        PathPattern(text, {"x": grain})
    assert what in caught.value.what
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "path",
    [
        "2013-1-5",
        "2013-02-29",
        "2013-13-01",
        "2013-00-10",
        "0000-01-01",
        "2013-01-05\n",
        " 2013-01-05",
        "2013-01-5x",
        "\u0662013-01-05",
        "2013-01-05/",
        "x2013-01-05",
        "",
        "2013-W01",
        "20130105",
    ],
)
def test_what_is_no_day_is_no_key(path: str) -> None:
    assert pattern("{day}").key(path) is None
    with pytest.raises(ValueError):
        pattern("{day}").path((path,))


@pytest.mark.parametrize(
    ("unit", "path"),
    [
        ("hour", "2013-01-05T24"),
        ("minute", "2013-01-05T24:00"),
        ("minute", "2013-01-05T10:60"),
        ("week", "2013-W53"),
        ("week", "2013-W00"),
        ("month", "2013-00"),
        ("month", "0000-01"),
        ("quarter", "2013-Q5"),
        ("year", "0000"),
    ],
)
def test_impossible_periods_are_no_keys(unit: str, path: str) -> None:
    assert pattern(f"{{{unit}}}").key(path) is None
    with pytest.raises(ValueError):
        pattern(f"{{{unit}}}").path((path,))


def test_week_53_exists_in_long_years_only() -> None:
    assert pattern("{week}").key("2015-W53") == ("2015-W53",)
    assert pattern("{week:%G/%V}").key("2013/53") is None


def test_values_that_appear_twice_have_to_agree() -> None:
    twice = pattern("{day:%Y/%m/%d}/{day}-{origin}/{origin}.csv")
    assert twice.key("2013/01/05/2013-01-05-JFK/JFK.csv") == ("2013-01-05", "JFK")
    assert twice.key("2013/01/06/2013-01-05-JFK/JFK.csv") is None
    assert twice.key("2013/01/05/2013-01-05-JFK/LGA.csv") is None
    assert pattern("{day}/{day}").key("2013-01-05/2013-01-06") is None


def test_values_of_free_text() -> None:
    made = pattern("d/{origin}.csv")
    assert made.key("d/New York (JFK) ü'\"$x.csv") == ("New York (JFK) ü'\"$x",)
    for path in (
        "d/.csv",
        "d/a/b.csv",
        "d/.hidden.csv",
        "d/a\nb.csv",
        "d/a\x7f.csv",
        "d/a\x85.csv",
        "d/\udcff.csv",
        "e/a.csv",
    ):
        assert made.key(path) is None, path
    for value in ("", ".", "..", "a/b", "../x", "a\0", "a\n", "\udcff", ".hidden"):
        with pytest.raises(ValueError):
            made.path((value,))
    assert pattern("x{origin}").path((".hidden",)) == "x.hidden"
    assert pattern("x{origin}").key("x.") is None


@given(st.lists(st.text(alphabet="ab-_.%{}", min_size=1, max_size=4), min_size=2, max_size=2))
@pytest.mark.parametrize(
    "text", ["{origin}-{carrier}", "{origin}__{carrier}.x", "{origin}/{carrier}", "{origin}{day}{carrier}"]
)
def test_no_two_keys_have_one_path(text: str, values: list[str]) -> None:
    made = pattern(text)
    key = tuple({"origin": values[0], "carrier": values[1], "day": "2013-01-05"}[name] for name in made.dimensions)
    try:
        path = made.path(key)
    except ValueError:
        assume(False)
    assert made.key(path) == key


@given(st.lists(st.text(alphabet="ab-_.%{}/\n\udcff", max_size=3), max_size=4))
@pytest.mark.parametrize(
    "text", ["{origin}", "d/{origin}.csv", "x{origin}", "100%/%s{{{origin}}}/", "{origin}/{origin}"]
)
def test_many_paths_are_those_of_each(text: str, values: list[str]) -> None:
    made = pattern(text)
    keys = [(value,) for value in values]
    try:
        one_by_one = [made.path(key) for key in keys]
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            made.paths(keys)
    else:
        assert made.paths(keys) == one_by_one


def test_many_paths_of_periods_are_those_of_each() -> None:
    keys = [("2013-01-05",), ("2013-01-06",)]
    assert pattern("d/{day}.csv").paths(keys) == ["d/2013-01-05.csv", "d/2013-01-06.csv"]
    with pytest.raises(ValueError, match="2 values"):
        pattern("{origin}").paths([("a",), ("b", "c")])


def test_a_key_that_a_path_can_not_tell_is_refused() -> None:
    made = pattern("{origin}-{carrier}.csv")
    assert made.path(("x", "y-z")) == "x-y-z.csv"
    with pytest.raises(ValueError, match="begin and end"):
        made.path(("x-y", "z"))


def test_globs_match_within_one_component_as_in_the_shell() -> None:
    made = pattern("data/{day}/*.csv")
    assert made.key("data/2013-01-05/part-1.csv") == ("2013-01-05",)
    assert made.key("data/2013-01-05/a/b.csv") is None
    assert made.key("data/2013-01-05/.part.csv") is None
    assert made.key("data/2013-01-05/\udcff.csv") is None
    assert pattern("x-*.csv").key("x-.csv") == ()
    assert pattern("*-{origin}.csv").key("a-b-c.csv") == ("b-c",)
    assert pattern("[a-c]?[!0-9].x").key("b...x") == ()
    assert [pattern("[]^-]").key(text) for text in ("]", "^", "-", "x", "/")] == [(), (), (), None, None]
    assert pattern("a[!b]c").key("a/c") is None
    with pytest.raises(ValueError, match="glob"):
        made.path(("2013-01-05",))


def test_braces_and_percents_stand_for_themselves() -> None:
    made = pattern("100%/{{{origin}}}/%s.csv")
    assert made.path(("JFK",)) == "100%/{JFK}/%s.csv"
    assert made.key("100%/{JFK}/%s.csv") == ("JFK",)


def test_file_names_as_the_system_gives_them_that_are_not_utf8_match_nothing() -> None:
    assert pattern("{origin}.csv").key(os.fsdecode(b"a\xff.csv")) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{origin}{carrier}", "nothing tells where"),
        ("{origin}*", "nothing tells where"),
        ("*{origin}", "nothing tells where"),
        ("{dya}.csv", "no dimension"),
        ("{day:%Y-%m}", "doesn't tell one day"),
        ("{week:%Y-%V}", "doesn't tell one week"),
        ("{hour:%Y%m%d}", "doesn't tell one hour"),
        ("{day:}", "doesn't tell one day"),
        ("{day:%b %d %Y}", "can't be turned back"),
        ("{day:%y%m%d}", "can't be turned back"),
        ("{day:%Y%m%d%}", "can't be turned back"),
        ("{day:%Y-%m-%d*}", "glob"),
        ("{origin:%Y}", "no time"),
        ("a/**/b", "not supported"),
        ("a{", "opens no placeholder"),
        ("a{}", "opens no placeholder"),
        ("{a b}", "opens no placeholder"),
        ("{ day }", "opens no placeholder"),
        ("a}", "closes no placeholder"),
        ("a[b", "not closed"),
        ("a[b/c]", "not closed"),
        ("[z-a]", "backwards"),
    ],
)
def test_patterns_that_can_not_be_taken(text: str, said: str) -> None:
    assert said in what_is_wrong(text)


def test_the_number_of_values_has_to_fit() -> None:
    with pytest.raises(ValueError, match="2 values"):
        pattern("{day}").path(("2013-01-05", "JFK"))


OVERLAPS = [
    ("out/{day}.csv", "out/{day}.csv", True),
    ("out/{day}.csv", "out/{month}.csv", False),
    ("out/{day}.csv", "out/{day:%Y%m%d}.csv", False),
    ("out/{day}.csv", "out/{day}.json", False),
    ("out/{origin}.csv", "out/{month}.csv", True),
    ("out/{origin}.csv", "out/total.csv", True),
    ("out/{origin}.csv", "out/x/{origin}.csv", False),
    ("out/a-{origin}.csv", "out/{origin}-b.csv", True),
    ("out/a{origin}.csv", "out/b{origin}.csv", False),
    ("out/*.csv", "out/.csv", True),
    ("out/{origin}.csv", "out/.csv", False),
    ("out/[a-c].csv", "out/[!a-c].csv", False),
    ("out/[a-c].csv", "out/[!a-b].csv", True),
    ("out/?.csv", "out/??.csv", False),
    ("out/{day:%Y/%m/%d}", "out/{origin}/{carrier}/07", True),
    ("out/{day:%Y/%m/%d}", "out/{origin}/{carrier}/7", False),
    ("out/total.csv", "out/total.csv", True),
]


@pytest.mark.parametrize(("one", "other", "expected"), OVERLAPS)
def test_overlaps(one: str, other: str, expected: bool) -> None:
    assert pattern(one).overlaps(pattern(other)) is expected
    assert pattern(other).overlaps(pattern(one)) is expected


def test_overlaps_of_lists_follow_their_values() -> None:
    values = {"origin": ["EWR", "JFK"]}
    assert not pattern("out/{origin}.csv").overlaps(pattern("out/all.csv"), values)
    assert pattern("out/{origin}.csv").overlaps(pattern("out/JFK.csv"), values)
    assert pattern("out/{origin}.csv").overlaps(pattern("out/{carrier}.csv"), values)
    assert not pattern("out/{origin}x.csv").overlaps(pattern("out/{origin}.csv"), values)


PIECES = ["a", "b", "-", "/", "{origin}", "{day}", "*", "?", "[ab]", "[!a]", "{month}"]


@given(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.lists(st.sampled_from(PIECES), min_size=1, max_size=5)
)
def test_patterns_that_share_a_path_overlap(one: list[str], other: list[str]) -> None:
    values = {
        "{origin}": "a-b",
        "{day}": "2013-01-05",
        "{month}": "2013-01",
        "*": "ab",
        "?": "b",
        "[ab]": "a",
        "[!a]": "b",
    }
    try:
        first, second = pattern("".join(one)), pattern("".join(other))
    except UserError:
        assume(False)
    path = "".join(values.get(piece, piece) for piece in one)
    if first.key(path) is not None and second.key(path) is not None:
        assert first.overlaps(second)


def test_what_can_be_a_key() -> None:
    assert is_key("JFK")
    assert is_key("a b")
    assert is_key(".x")
    assert is_key("...")
    assert not any(is_key(text) for text in ("", ".", "..", "a/b", "a\tb", "a\x00", "\udc80"))


def test_a_folder_has_all_files_below_it_and_is_none_of_them() -> None:
    made = pattern("out/{day}/")
    assert (made.is_folder, made.is_multiple, made.has_glob) == (True, True, False)
    assert made.path(("2013-01-01",)) == "out/2013-01-01/"
    for inside in ("a.csv", "a/b.csv", ".hidden", "a/.b/c", "a b/\n", "x.dbuild-tmp-1"):
        assert made.key(f"out/2013-01-01/{inside}") == ("2013-01-01",)
    for other in ("", "/", "//a", "x", "/a/", "/a//b", "/.dbuild-tmp-1", "/.dbuild-tmp-1/a", "/a/.dbuild-tmp-1"):
        assert made.key(f"out/2013-01-01{other}") is None
    assert made.key("out/2013-02-30/a.csv") is None
    assert made.key("out/.dbuild-tmp-1-2013-01-01/a.csv") is None


def test_a_name_that_is_not_utf8_is_in_no_folder() -> None:
    name = os.fsdecode(b"\xff")
    assert pattern("out/").key(f"out/{name}") is None
    assert pattern("out/").key(f"out/{name}/a") is None


def test_a_folder_without_fields_is_not_static_because_it_has_to_be_listed() -> None:
    made = pattern("out/site/")
    assert (made.path(()), made.key("out/site/index.html"), made.key("out/site")) == ("out/site/", (), None)
    assert not pattern("out/report.html").is_multiple
    assert pattern("out/*.html").is_multiple


def test_the_values_of_a_folder_are_told_apart_as_those_of_a_file() -> None:
    made = pattern("{origin}-{carrier}/")
    assert made.path(("a", "b")) == "a-b/"
    assert made.key("a-b/c-d/e") == ("a", "b")
    with pytest.raises(ValueError, match="doesn't tell where"):
        made.path(("a-b", "c"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("out/{day}/", "out/{day}/", True),
        ("out/{day}/", "out/2013-01-01/a.csv", True),
        ("out/{day}/", "out/site/a.csv", False),
        ("out/site/", "out/*/*.csv", True),
        ("out/site/", "out/site/deep/", True),
        ("out/site/", "out/site", False),
        ("out/site/", "out/sites/a", False),
        ("out/", "out/{day}.csv", True),
    ],
)
def test_folders_overlap_with_what_lies_in_them(one: str, other: str, expected: bool) -> None:
    assert pattern(one).overlaps(pattern(other)) is expected
    assert pattern(other).overlaps(pattern(one)) is expected


def test_unfinished_outputs_have_one_name() -> None:
    assert TEMPORARY == listing.TEMPORARY
