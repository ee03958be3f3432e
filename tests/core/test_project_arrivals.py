"""What a Dataflowfile says of data that isn't there: expectations, markers, what is done without, and when it ends."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dbuild.core.model import Expectation, Input, Source
from dbuild.errors import Place
from tests.core.test_project_load import load
from tests.core.test_project_mistakes import BASE, LINE, TARGET, said
from tests.core.test_project_mistakes import load as load_wrong
from tests.core.test_project_targets import target

PRICES = '[sources.prices]\npath = "prices/{day}.csv"\n'
ROUTED = '[targets.t]\npath = "out/{day}/{origin}.csv"\nsql = "SELECT * FROM raw"\n'
SHELL = '[targets.t]\npath = "out/{day}.csv"\nshell = "x"\n'
VIEW = '[targets.v]\nsql = "SELECT * FROM raw"\n'
OTHER = '[targets.u]\npath = "u/{day}.csv"\nsql = "SELECT * FROM v"\n'
ALL = frozenset(range(7))
CHRISTMAS = frozenset({date(2024, 12, 25), date(2024, 12, 26)})


def source(root: Path, text: str, head: str = "") -> Source:
    """The source "prices" of a project."""
    return load(root, head + BASE + PRICES + text).sources["prices"]


def expected(root: Path, text: str, head: str = "") -> Expectation:
    found = source(root, f"expect = {text}\n", head).expect
    assert found is not None
    return found


def reading(root: Path, options: str, recipe: str = TARGET) -> Input:
    """The input "raw" of the target "t", with these options."""
    return target(root, f"{recipe}inputs.raw = {options}\n").inputs[0]


# -- sources -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "days", "business_days", "seconds"),
    [
        ('{ at = "06:00", days = 1 }', 360, 1, None, None),
        ('{ at = "6:05" }', 365, None, None, None),
        ("{ at = 06:00:00 }", 360, None, None, None),
        ('{ at = "24:00" }', 1440, None, None, None),
        ("{ days = 2 }", None, 2, None, None),
        ('{ days = 0, at = "22:00" }', 1320, 0, None, None),
        ('{ business_days = 2, at = "00:00" }', 0, None, 2, None),
        ("{ hours = 6 }", None, None, None, 21600.0),
        ("{ hours = 0.25 }", None, None, None, 900.0),
    ],
)
def test_deadlines(
    tmp_path: Path, text: str, at: int | None, days: int | None, business_days: int | None, seconds: float | None
) -> None:
    place = Place("Dataflowfile", LINE + 3)
    assert expected(tmp_path, text) == Expectation(place, at, days, business_days, seconds)


@pytest.mark.parametrize(
    ("text", "weekdays", "is_business"),
    [
        ('"business days"', frozenset(range(5)), True),
        ('["monday"]', frozenset({0}), False),
        ('["Friday", "saturday", "SUNDAY"]', frozenset({4, 5, 6}), False),
    ],
)
def test_the_days_for_which_something_is_due(
    tmp_path: Path, text: str, weekdays: frozenset[int], is_business: bool
) -> None:
    found = expected(tmp_path, f"{{ on = {text} }}")
    assert (found.weekdays, found.is_business, found.holidays) == (weekdays, is_business, frozenset())


@pytest.mark.parametrize(
    ("head", "text", "holidays"),
    [
        ("", '{ on = "business days", holidays = [2024-12-25, "2024-12-26"] }', CHRISTMAS),
        ("", "{ business_days = 1, holidays = [2024-12-25, 2024-12-26] }", CHRISTMAS),
        ("", '{ on = "business days", holidays = "days.txt" }', CHRISTMAS),
        ("[project]\nholidays = [2024-12-25, 2024-12-26]\n", "{ business_days = 1 }", CHRISTMAS),
        ('[project]\nholidays = "days.txt"\n', '{ on = "business days" }', CHRISTMAS),
        ('[project]\nholidays = "days.txt"\n', '{ on = "business days", holidays = [] }', frozenset()),
        ('[project]\nholidays = "days.txt"\n', '{ on = ["monday"] }', frozenset()),
        ('[project]\nholidays = "days.txt"\n', "{ days = 1 }", frozenset()),
    ],
)
def test_holidays(tmp_path: Path, head: str, text: str, holidays: frozenset[date]) -> None:
    (tmp_path / "days.txt").write_text("# of 2024\n\n2024-12-25  # Christmas\n2024-12-26\n")
    assert expected(tmp_path, text, head).holidays == holidays


def test_a_file_of_holidays_is_a_file_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "days.txt").write_text("2024-12-25\n")
    (tmp_path / "more.txt").write_text("2024-12-26\n")
    text = BASE + PRICES + 'expect = { business_days = 1, holidays = "./more.txt" }\n'
    assert load(tmp_path, f'[project]\nholidays = "days.txt"\n{text}').files == (
        "Dataflowfile",
        "days.txt",
        "more.txt",
    )


def test_without_a_word_a_source_is_expected_everywhere_and_read_at_once(tmp_path: Path) -> None:
    found = source(tmp_path, "")
    assert (found.expect, found.keeps_gone, found.settle, found.ready) == (None, False, 0.0, "")


def test_what_is_gone_is_kept_and_files_settle(tmp_path: Path) -> None:
    found = source(tmp_path, 'gone = "keep"\nsettle = "1m30s"\n')
    assert (found.keeps_gone, found.settle) == (True, 90.0)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{path}.done", "prices/{day}.csv.done"),
        ("marks/{path}", "marks/prices/{day}.csv"),
        ("./prices//{day:%Y/%m/%d}/_SUCCESS", "prices/{day:%Y/%m/%d}/_SUCCESS"),
        ("/there/{day}", "/there/{day}"),
    ],
)
def test_markers(tmp_path: Path, text: str, path: str) -> None:
    assert source(tmp_path, f'ready = "{text}"\n').ready == path


def test_a_marker_beside_files_that_only_a_glob_names(tmp_path: Path) -> None:
    text = BASE + '[sources.s]\npath = "s/{day}/*.csv"\nready = "s/{day}/_SUCCESS"\n'
    assert load(tmp_path, text).sources["s"].ready == "s/{day}/_SUCCESS"


# -- inputs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["wait", "fail", "skip", "latest"])
def test_what_is_done_without_an_input(tmp_path: Path, word: str) -> None:
    found = reading(tmp_path, f'{{ missing = "{word}" }}')
    assert (found.missing, found.says_missing, found.max_age, found.minimum) == (word, True, None, None)


def test_how_old_a_stand_in_may_be(tmp_path: Path) -> None:
    found = reading(tmp_path, '{ missing = "latest", max_age = "7d" }')
    assert (found.missing, found.max_age) == ("latest", 7 * 86400)


def test_how_many_are_enough(tmp_path: Path) -> None:
    found = reading(tmp_path, '{ day = "-6d..0d", min = 5 }')
    assert (found.missing, found.says_missing, found.minimum) == ("wait", False, 5)


@pytest.mark.parametrize(
    ("recipe", "text", "by"),
    [
        (TARGET, '"CAST(ts AS DATE)"', (("day", "CAST(ts AS DATE)"),)),
        (TARGET, '{ day = "d" }', (("day", "d"),)),
        (ROUTED, '{ origin = "upper(o)", day = "d" }', (("origin", "upper(o)"), ("day", "d"))),
        (ROUTED, '{ origin = "o" }', (("origin", "o"),)),
    ],
)
def test_rows_are_routed(tmp_path: Path, recipe: str, text: str, by: tuple[tuple[str, str], ...]) -> None:
    assert reading(tmp_path, f"{{ by = {text} }}", recipe).by == by


def test_the_inputs_of_a_view_have_policies_for_those_who_read_it(tmp_path: Path) -> None:
    made = load(tmp_path, BASE + VIEW + 'inputs.raw = { missing = "skip", min = 3 }\n' + OTHER)
    assert (made.targets["v"].inputs[0].missing, made.targets["v"].inputs[0].minimum) == ("skip", 3)


def test_what_was_built_freezes(tmp_path: Path) -> None:
    assert target(tmp_path, TARGET).freeze_after is None
    assert target(tmp_path, TARGET + 'freeze_after = "90d"\n').freeze_after == 90 * 86400
    action = '[targets.t]\nshell = "x"\npartitions = ["day"]\nfreeze_after = "12h"\n'
    assert target(tmp_path, action).freeze_after == 12 * 3600


# -- mistakes ------------------------------------------------------------------------------------------------------

# What stands below BASE, the line (counted from there) of the mistake, a part of what is said, a part of the hint.
VALUES = [
    (PRICES + "expect = 1\n", 3, '"expect" of [sources.prices] must be a table', '{ at = "06:00" }'),
    (PRICES + "expect = {}\n", 3, "[sources.prices.expect] doesn't say when", '{ at = "06:00" }'),
    (PRICES + 'expect = { att = "06:00" }\n', 3, 'unknown key "att" in [sources.prices.expect]', 'did you mean "at"?'),
    (PRICES + 'expect = { at = "6" }\n', 3, '"at" of [sources.prices.expect] must be a time of day', '"06:00"'),
    (PRICES + 'expect = { at = "24:01" }\n', 3, "must be a time of day", '"06:00"'),
    (PRICES + "expect = { at = 06:00:30 }\n", 3, "must be a time of day", '"06:00"'),
    (PRICES + "expect = { at = 6 }\n", 3, "must be a time of day", '"06:00"'),
    (PRICES + "expect = { days = -1 }\n", 3, "must be a whole number, 0 or more", "days = 1"),
    (PRICES + "expect = { business_days = 0 }\n", 3, "must be a whole number, at least 1", "business_days = 2"),
    (PRICES + "expect = { hours = -0.5 }\n", 3, "must be a number above 0", "hours = 6"),
    (PRICES + 'expect = { hours = 1, at = "06:00" }\n', 3, "has hours and at", "remove it, or at"),
    (PRICES + "expect = { hours = 1, days = 1 }\n", 3, "has hours and days", "remove it, or days"),
    (PRICES + "expect = { days = 1, business_days = 1 }\n", 3, "has days and business_days", "remove one"),
    (PRICES + 'expect = { on = "busness days" }\n', 3, "names no days", 'did you mean "business days"?'),
    (PRICES + 'expect = { on = "monday" }\n', 3, "names no days", "a list of weekdays"),
    (PRICES + "expect = { on = [] }\n", 3, 'must be "business days" or a list of weekdays', '"business days"'),
    (PRICES + 'expect = { on = ["mnday"] }\n', 3, '"mnday" of [sources.prices.expect] is no w', 'mean "monday"?'),
    (PRICES + 'expect = { on = ["x"] }\n', 3, '"x" of [sources.prices.expect] is no weekday', "weekdays are monday"),
    (PRICES + "[sources.prices.expect]\nbusiness_days = 1\nholidays = [\n'x']\n", 6, "x of [sources.prices", "2024-"),
    ("[project]\nholidays = 3\n", 2, '"holidays" of [project] must be a list of dates', "[2024-12-25]"),
    ("[project]\nholidays = [2024-12-25T00:00:00]\n", 2, "is no date", "2024-12-25"),
    (PRICES + 'gone = "forget"\n', 3, '"gone" of [sources.prices] can only be "keep"', "missing"),
    (PRICES + "settle = 30\n", 3, '"settle" of [sources.prices] must be a duration', '"30s"'),
    (PRICES + 'settle = "soon"\n', 3, "must be a duration", '"30s"'),
    ('[sources.s]\npath = "s/{day}.csv"\nmissing = "skip"\n', 3, 'unknown key "missing"', "inputs.NAME = {"),
    ('[sources.s]\npath = "s/{day}.csv"\nat = "06:00"\n', 3, 'unknown key "at"', 'expect = { at = "06:00" }'),
    (TARGET + 'missing = "skip"\n', 4, 'unknown key "missing" in [targets.t]', 'inputs.NAME = { missing = "latest" }'),
    (TARGET + "expect = {}\n", 4, 'unknown key "expect" in [targets.t]', "[sources.NAME]"),
    (TARGET + 'inputs.raw = { gone = "keep" }\n', 4, '"gone" of the input "raw" is said of a source', "[sources.NAME]"),
    (TARGET + 'inputs.raw = { missing = "lates" }\n', 4, '"lates" is nothing', 'did you mean "latest"?'),
    (TARGET + 'inputs.raw = { missing = "x" }\n', 4, '"x" is nothing', "one of wait, fail, skip, latest"),
    (TARGET + "inputs.raw = { missing = true }\n", 4, '"missing" of the input "raw" must be a string', "latest"),
    (TARGET + 'inputs.raw = { missing = "lates", max_age = "7d" }\n', 4, '"lates" is nothing', "did you mean"),
    (TARGET + 'inputs.raw = { missing = "latest", max_age = 7 }\n', 4, "must be a duration", '"7d"'),
    (
        TARGET + "inputs.raw = { min = 0 }\n",
        4,
        '"min" of the input "raw" must be a whole number, at least 1',
        "min = 5",
    ),
    (TARGET + "inputs.raw = { by = 3 }\n", 4, '"by" of the input "raw" must be a string', "CAST"),
    (TARGET + "inputs.raw = { by = {} }\n", 4, "names no dimension", "CAST"),
    (TARGET + "inputs.raw = { by = { day = 3 } }\n", 4, 'the value of a row on "day" must be SQL', "CAST"),
    (TARGET + 'inputs.raw = { by = { day = " " } }\n', 4, 'the value of a row on "day" must be SQL', "CAST"),
    (TARGET + "freeze_after = 90\n", 4, '"freeze_after" of [targets.t] must be a duration', '"90d"'),
    ('[sources.s]\npath = "s/{day}.csv"\nfreeze_after = "1d"\n', 3, 'unknown key "freeze_after"', "[targets.NAME]"),
]

# What only other keys, files or datasets show to be wrong; editors can't know it.
TOGETHER = [
    (PRICES + "expect = { days = 36526 }\n", 3, '"days" of [sources.prices.expect] is more than a century', "36525"),
    (PRICES + "expect = { hours = 1e9 }\n", 3, "more than a century", "876600"),
    (PRICES + "expect = { at = '6:00', holidays = [] }\n", 3, "is for business days", 'on = "business days"'),
    ("[project]\nholidays = [2024-12-25,\n'2024-02-30']\n", 3, "2024-02-30 of [project] is no date", "2024-12-25"),
    ('[project]\nholidays = "no.txt"\n', 2, 'the file of holidays "no.txt" doesn\'t exist', "relative"),
    ('[sources.s]\npath = "s.csv"\nexpect = { days = 1 }\n', 3, "is for partitions of time", "data/{day}.csv"),
    ('[sources.s]\npath = "{origin}.csv"\nexpect = { days = 1 }\n', 3, "is for partitions of time", "{day}"),
    (
        '[partitions.hour]\nevery = "hour"\nstart = 2013-01-01\n'
        '[sources.s]\npath = "s/{day}/{hour}.csv"\nexpect = { days = 1 }\n',
        6,
        "is for one time dimension, and its path has day, hour",
        "remove",
    ),
    ('[sources.s]\npath = "{dya}.csv"\nexpect = { days = 1 }\n', 2, '"{dya}" in the path', 'did you mean "day"?'),
    (PRICES + 'ready = "{path}.*"\n', 3, '"ready" of [sources.prices] has a glob', "{path}.done"),
    (PRICES + 'ready = "done/"\n', 3, "names a folder", "files in it"),
    (PRICES + 'ready = "done/{dya}"\n', 3, '"{dya}"', 'did you mean "day"?'),
    (PRICES + 'ready = "done/{day}/{origin}"\n', 3, "has dimensions (origin) that its path (day) hasn't", "{path}"),
    (PRICES + 'ready = "{path}"\n', 3, "could be one of its files", "a folder"),
    ('[sources.s]\npath = "s/{day}/*"\nready = "s/{day}/_DONE"\n', 3, "could be one of its files", "a folder"),
    ('[sources.s]\npath = "s/{day}/*"\nready = "{path}.done"\n', 3, "which has globs", "data/{day}/_SUCCESS"),
    (
        '[sources.s]\npath = "s/{day}.csv"\nready = "out/{day}.csv"\n' + TARGET,
        5,
        "the flow would feed itself",
        "folder",
    ),
    (TARGET + 'inputs.raw = { max_age = "7d" }\n', 4, 'is for missing = "latest"', "add missing"),
    (TARGET + 'inputs.raw = { missing = "skip", max_age = "7d" }\n', 4, 'is for missing = "latest"', "add missing"),
    (TARGET + 'inputs.raw = { missing = "latest", max_age = "0d" }\n', 4, "is no time at all", '"7d"'),
    (TARGET + 'inputs.raw = { min = 2, missing = "latest" }\n', 4, "is for several partitions", "remove one"),
    (
        TARGET + 'inputs.before = { from = "t", day = "previous", missing = "skip" }\n',
        4,
        '"missing" of the input "before", which is the target itself',
        "remove",
    ),
    (TARGET + 'inputs.before = { from = "t", day = "previous", min = 1 }\n', 4, "which is the target itself", "remove"),
    (TARGET + 'inputs.before = { from = "t", day = "previous", by = "d" }\n', 4, "the target itself", "remove"),
    (
        TARGET + 'inputs.raw = { by = { dya = "d" } }\n',
        4,
        '"dya" is no dimension of [targets.t]',
        'did you mean "day"?',
    ),
    (TARGET + 'inputs.raw = { by = { origin = "d" } }\n', 4, "is no dimension of [targets.t]", "its dimensions: day"),
    (ROUTED + 'inputs.raw = { by = "d" }\n', 4, "doesn't say which of day, origin", "by = { day = "),
    (TARGET + 'inputs.raw = { day = "all", by = "d" }\n', 4, 'has a rule for "day"', "remove it"),
    (SHELL + 'inputs.raw = { by = "d" }\n', 4, "a command reads files", "SQL target"),
    (VIEW + 'inputs.raw = { by = { day = "d" } }\n', 3, "a view has no partitions", "of a target"),
    ('[targets.t]\npath = "t.csv"\nsql = "x"\ninputs.raw = { by = "d" }\n', 4, "the target has no", "of a target"),
    (VIEW + OTHER + 'inputs.v = { by = "d" }\n', 6, '"v" is a view', "a path"),
    (VIEW + 'freeze_after = "90d"\n', 3, "is for what is stored", "a path"),
    ('[targets.t]\npath = "t.csv"\nsql = "x"\nfreeze_after = "1d"\n', 4, "is for partitions of time", "{day}"),
]

CASES = [*VALUES, *TOGETHER]


@pytest.mark.parametrize(("text", "line", "what", "hint"), CASES, ids=[case[2][:40] for case in CASES])
def test_one_mistake_gives_one_message(tmp_path: Path, text: str, line: int, what: str, hint: str) -> None:
    project, problems = load_wrong(tmp_path, BASE + text)
    assert project is not None
    found = said(problems)
    assert len(found) == 1, found
    assert (found[0][0], what in found[0][1], hint in found[0][2]) == (LINE + line, True, True), found
    assert found[0][2], "every message has a hint"


def test_mistakes_in_a_file_of_holidays_have_its_lines(tmp_path: Path) -> None:
    (tmp_path / "days.txt").write_text("2024-12-25\nsoon\n# x\n25.12.2024 # x\n")
    _, problems = load_wrong(tmp_path, '[project]\nholidays = "days.txt"\n' + BASE)
    assert [str(problem.place) for problem in problems] == ["days.txt:2", "days.txt:4"]
    assert [problem.what for problem in problems] == ['"soon" is no date', '"25.12.2024" is no date']


def test_an_output_does_not_replace_a_file_of_holidays(tmp_path: Path) -> None:
    (tmp_path / "days.txt").write_text("2024-12-25\n")
    text = '[project]\nholidays = "days.txt"\n' + BASE + '[targets.t]\npath = "days.txt"\nshell = "x"\n'
    (problem,) = load_wrong(tmp_path, text)[1]
    assert 'could overwrite "days.txt", a file of the project (Dataflowfile:2)' in problem.what
