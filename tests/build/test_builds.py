"""Which recipes run after which change, and how often."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from dbuild.core.events import Event, TaskEnded
from dbuild.errors import ProjectError, UsageError, UserError
from tests.build.workshop import DAYS, Workshop

DIAMOND = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.top]
path = "out/top/{{day}}.txt"
shell = "sed '/^#/d' {{raw}} > {{output}}"
[targets.left]
path = "out/left/{{day}}.txt"
shell = "sort {{top}} > {{output}}"
[targets.right]
path = "out/right/{{day}}.txt"
shell = "wc -l < {{top}} > {{output}}"
[targets.join]
path = "out/join/{{day}}.txt"
shell = "cat {{left}} {{right}} > {{output}}"
[targets.size]
path = "out/size.txt"
shell = "cat {{join}} | wc -l > {{output}}"
"""


@pytest.fixture(scope="module")
def built_diamond(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = Workshop(tmp_path_factory.mktemp("diamond"), DIAMOND)
    made.days("data", "01-01", "01-02", text="b {day}\na {day}\n")
    assert made.build().counts == {"top": 2, "left": 2, "right": 2, "join": 2, "size": 1}
    return made


@pytest.fixture
def diamond(built_diamond: Workshop, tmp_path: Path) -> Workshop:
    """Two days through a diamond, and what sums them up; built."""
    return built_diamond.copy(tmp_path / "diamond")


# --- Early cutoff --------------------------------------------------------------------------------------------------


def test_a_recipe_that_makes_the_same_stops_the_change(diamond: Workshop) -> None:
    diamond.write("data/2013-01-01.txt", "# a remark\nb 01-01\na 01-01\n")
    done = diamond.build()
    assert done.ran == ["top@2013-01-01"]
    assert [event.changed for event in done.ended] == [False]
    assert done.skipped == ["join@2013-01-01", "left@2013-01-01", "right@2013-01-01", "size"]
    assert diamond.build().ran == []


def test_a_change_goes_through_the_side_of_a_diamond_that_it_reaches(diamond: Workshop) -> None:
    diamond.write("data/2013-01-01.txt", "b 01-01\nc 01-01\n")
    done = diamond.build()
    assert done.ran == ["join@2013-01-01", "left@2013-01-01", "right@2013-01-01", "size", "top@2013-01-01"]
    changed = {event.target: event.changed for event in done.ended}
    assert changed == {"top": True, "left": True, "right": False, "join": True, "size": False}


def test_a_diamond_closes_without_running_what_joins_it(diamond: Workshop) -> None:
    diamond.swap("Dataflowfile", "sort {top} >", "sort -s {top} >")
    done = diamond.build()
    assert done.counts == {"left": 2}
    assert done.skipped == ["join@2013-01-01", "join@2013-01-02", "size"]


def test_a_change_taken_back_before_a_build_is_no_change(diamond: Workshop) -> None:
    text = diamond.read("data/2013-01-01.txt")
    diamond.write("data/2013-01-01.txt", "other\n")
    diamond.write("data/2013-01-01.txt", text)
    assert diamond.build().ran == []


# --- Files that look different, and files that look the same -------------------------------------------------------


def test_touching_and_rewriting_everything_runs_nothing(diamond: Workshop) -> None:
    for path in diamond.root.rglob("*.txt"):
        path.touch()
    assert diamond.build().ran == []
    for path in diamond.root.rglob("*.txt"):
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)
        os.utime(path, (2_000_000_000, 2_000_000_000))  # a clock that ran ahead
    assert diamond.build().ran == []
    (diamond.root / "Dataflowfile").touch()
    assert diamond.build().ran == []


@pytest.mark.parametrize("path", ["data/2013-01-02.txt", "out/top/2013-01-02.txt", "out/size.txt"])
def test_other_content_of_the_same_size_and_time_is_noticed(diamond: Workshop, path: str) -> None:
    before = diamond.outputs()
    found = diamond.path(path).stat()
    text = diamond.read(path)
    diamond.write(path, text.replace(text[0], "x"))
    os.utime(diamond.path(path), ns=(found.st_atime_ns, found.st_mtime_ns))
    after = diamond.path(path).stat()
    assert (after.st_size, after.st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    done = diamond.build()
    if path.startswith("out"):
        assert done.ran == [{"out/size.txt": "size"}.get(path, "top@2013-01-02")]
        assert diamond.outputs() == before
    else:
        assert "top@2013-01-02" in done.ran
        assert diamond.read("out/top/2013-01-02.txt") == diamond.read(path)


def test_an_output_that_is_gone_or_edited_is_made_again_and_nothing_else(diamond: Workshop) -> None:
    before = diamond.outputs()
    diamond.path("out/left/2013-01-01.txt").unlink()
    diamond.write("out/right/2013-01-02.txt", "7\n")
    diamond.write("out/size.txt", "")
    done = diamond.build()
    assert done.ran == ["left@2013-01-01", "right@2013-01-02", "size"]
    assert diamond.outputs() == before
    assert diamond.build().ran == []


def test_all_outputs_gone_are_all_made_again(diamond: Workshop) -> None:
    before = diamond.outputs()
    for path in diamond.path("out").rglob("*.txt"):
        path.unlink()
    assert len(diamond.build().ran) == 9
    assert diamond.outputs() == before


def test_the_same_made_again_keeps_its_place(diamond: Workshop) -> None:
    before = diamond.path("out/top/2013-01-01.txt").stat()
    assert diamond.build("top", force=True).counts == {"top": 2}
    after = diamond.path("out/top/2013-01-01.txt").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino, before.st_mtime_ns, before.st_ctime_ns,
    )  # fmt: skip


# --- Recipes and params --------------------------------------------------------------------------------------------

KINDS = f"""
[project]
params = {{ low = 0, word = "w", unread = 1 }}
{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
[targets.q]
path = "out/q/{{day}}.csv"
sql = "q.sql"
[targets.p]
path = "out/p/{{day}}.txt"
python = "steps.p:make"
inputs = ["q"]
[targets.s]
path = "out/s/{{day}}.txt"
shell = "echo {{word}}; sh tool/s.sh {{p}} > {{output}}"
uses = ["tool/*.sh"]
[targets.all]
path = "out/all.txt"
shell = "cat {{s}} > {{output}}"
"""
SQL = "SELECT v, v * 2 AS w FROM raw WHERE v >= $low ORDER BY v\n"
PYTHON = """from steps import form

def make(q, output, params):
    text = q.read_text()
    output.write_text(form.shape(text, params["low"]))
"""
FORM = """def shape(text, low):
    return text.upper()
"""


@pytest.fixture(scope="module")
def built_kinds(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = Workshop(
        tmp_path_factory.mktemp("kinds"),
        KINDS,
        **{"q.sql": SQL, "steps/__init__.py": "", "steps/p.py": PYTHON, "steps/form.py": FORM},
        **{"tool/s.sh": "cat $1\n"},
    )
    made.days("data", "01-01", "01-02", ending="csv", text="v\n1\n2\n")
    assert made.build().counts == {"q": 2, "p": 2, "s": 2, "all": 1}
    return made


@pytest.fixture
def kinds(built_kinds: Workshop, tmp_path: Path) -> Workshop:
    """A SQL, a Python and a shell recipe after each other; built for two days."""
    return built_kinds.copy(tmp_path / "kinds")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("q.sql", SQL, "-- what is kept\nselect v,\n  v*2 as w /* twice */\nFROM raw\nWHERE v>=$low ORDER BY v;\n"),
        ("steps/p.py", "def make(q, output, params):", 'def make(q, output, params):\n    """Shapes."""  # see form'),
        ("steps/p.py", "    text = q.read_text()", "\n    # all of it\n    text = (q.read_text())"),
        ("steps/form.py", "return text.upper()", "return (\n        text.upper()\n    )"),
        ("Dataflowfile", "[targets.all]\n", "\n# the end\n[targets.all]\ndescription = 'all days'\n"),
        ("Dataflowfile", "unread = 1", "unread = 2, more = 'x'"),
    ],
)
def test_comments_and_layout_run_nothing(kinds: Workshop, path: str, before: str, after: str) -> None:
    kinds.swap(path, before, after)
    assert kinds.build().ran == []
    assert kinds.build().ran == []


@pytest.mark.parametrize(
    ("path", "before", "after", "counts"),
    [
        ("q.sql", "v * 2", "v * 3", {"q": 2, "p": 2, "s": 2, "all": 1}),
        ("q.sql", "v * 2", "v + v", {"q": 2}),  # the same values: early cutoff
        ("steps/p.py", "output.write_text(", "output.write_text('.' + ", {"p": 2, "s": 2, "all": 1}),
        ("steps/form.py", "upper", "swapcase", {"p": 2}),
        ("steps/form.py", "upper", "lower", {"p": 2, "s": 2, "all": 1}),
        ("tool/s.sh", "cat $1", "tac $1", {"s": 2, "all": 1}),
        ("tool/s.sh", "cat $1", "cat  $1", {"s": 2}),  # of a shell script every byte counts
        ("Dataflowfile", "echo {word};", "echo {word} ;", {"s": 2}),
    ],
)
def test_a_change_of_meaning_runs_its_target_and_what_follows(
    kinds: Workshop, path: str, before: str, after: str, counts: dict[str, int]
) -> None:
    kinds.swap(path, before, after)
    assert kinds.build().counts == counts
    assert kinds.build().ran == []


def test_only_params_that_are_read_count(kinds: Workshop) -> None:
    assert kinds.build(unread="5").ran == []
    assert kinds.build(word="other").counts == {"s": 2}
    done = kinds.build(low="2", word="other")
    assert done.counts == {"q": 2, "p": 2, "s": 2, "all": 1}
    assert kinds.read("out/q/2013-01-01.csv") == "v,w\n2,4\n"
    assert kinds.build(low="2", word="other").ran == []
    assert kinds.build().counts == {"q": 2, "p": 2, "s": 2, "all": 1}


def test_a_param_of_a_python_recipe_counts_when_it_was_looked_up(kinds: Workshop) -> None:
    kinds.swap("steps/p.py", 'params["low"]', 'params.get("extra", 0)')
    assert kinds.build().counts == {"p": 2}
    assert kinds.build(word="other", unread="3").counts == {"s": 2}
    kinds.swap("Dataflowfile", "unread = 1", "unread = 1, extra = 1")
    assert kinds.build().counts == {"p": 2, "s": 2}  # it was looked up and absent


def test_files_that_a_recipe_uses_come_and_go(kinds: Workshop) -> None:
    kinds.write("tool/notes.md", "not a script")
    assert kinds.build().ran == []
    kinds.write("tool/more.sh", "true")
    assert kinds.build().counts == {"s": 2}
    kinds.write("tool/more.sh", "false")
    assert kinds.build().counts == {"s": 2}
    kinds.path("tool/more.sh").touch()
    assert kinds.build().ran == []
    kinds.path("tool/more.sh").unlink()
    assert kinds.build().counts == {"s": 2}
    assert kinds.build().ran == []


@pytest.mark.parametrize("uses", ["tool", "to*"])
def test_files_that_come_into_a_folder_that_a_recipe_uses_count(tmp_path: Path, uses: str) -> None:
    step = '[targets.step]\npath = "out.txt"\nshell = "find tool -type f | sort | xargs cat > {output}"\n'
    shop = Workshop(tmp_path / "project", f'{step}uses = ["{uses}"]\n')
    for name in ("tool/a.txt", "tool/deep/b.txt"):
        shop.write(name, name)
        shop.date(name, "2024-01-01")
    shop.date("Dataflowfile", "2024-01-01")
    assert [shop.build().ran for _ in range(3)] == [["step"], [], []]
    for name in ("tool/c.txt", "tool/deep/d.txt"):
        shop.write(name, name)
        assert [shop.build().ran for _ in range(3)] == [["step"], [], []]
        assert name in shop.read("out.txt")


def test_a_module_that_comes_to_stand_before_another_counts(kinds: Workshop) -> None:
    kinds.write(
        "steps/p.py", "import colorsys\n" + PYTHON.replace("q.read_text()", "q.read_text() if colorsys else ''")
    )
    assert kinds.build().ran == ["p@2013-01-01", "p@2013-01-02"]
    kinds.write("colorsys.py", "")
    assert kinds.build().ran == ["p@2013-01-01", "p@2013-01-02"]
    kinds.write("colorsys.py", "x = 1\n")
    assert kinds.build().ran == ["p@2013-01-01", "p@2013-01-02"]
    kinds.write("steps/unrelated.py", "x = 1\n")
    assert kinds.build().ran == []


# --- Days, months, keys --------------------------------------------------------------------------------------------

CALENDAR = f"""
{DAYS}
[partitions.month]
every = "month"
start = 2013-01-01
[sources.raw]
path = "data/{{day}}.txt"
[targets.day]
path = "out/day/{{day}}.txt"
shell = "cp {{raw}} {{output}}"
[targets.trend]
path = "out/trend/{{day}}.txt"
shell = "cat {{day_}} > {{output}}"
inputs = {{ day_ = {{ from = "day", day = "-2d..0d" }} }}
[targets.ahead]
path = "out/ahead/{{day}}.txt"
shell = "cat {{day_}} > {{output}}"
inputs = {{ day_ = {{ from = "day", day = "0d..1d" }} }}
[targets.monthly]
path = "out/monthly/{{month}}.txt"
shell = "cat {{days}} > {{output}}"
inputs = {{ days = "day" }}
[targets.first]
path = "out/first.txt"
shell = "cat {{monthly}} | tail -n1 > {{output}}"
"""


@pytest.fixture(scope="module")
def built_calendar(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = Workshop(tmp_path_factory.mktemp("calendar"), CALENDAR.replace("2013-01-01", "2013-01-29", 1))
    made.days("data", "01-29", "01-30", "01-31", "02-01", "02-02")
    assert made.build().counts == {"day": 5, "trend": 5, "ahead": 5, "monthly": 2, "first": 1}
    return made


@pytest.fixture
def calendar(built_calendar: Workshop, tmp_path: Path) -> Workshop:
    """The last days of January and the first of February; built."""
    return built_calendar.copy(tmp_path / "calendar")


def test_windows_are_clipped_to_the_days_that_are(calendar: Workshop) -> None:
    assert calendar.read("out/trend/2013-01-30.txt") == "01-29\n01-30\n"
    assert calendar.read("out/trend/2013-02-01.txt") == "01-30\n01-31\n02-01\n"
    assert calendar.read("out/ahead/2013-02-02.txt") == "02-02\n"
    assert calendar.read("out/monthly/2013-02.txt") == "02-01\n02-02\n"


def test_a_changed_day_runs_its_windows_and_its_month(calendar: Workshop) -> None:
    calendar.write("data/2013-01-31.txt", "changed\n")
    assert calendar.build().ran == [
        "ahead@2013-01-30", "ahead@2013-01-31", "day@2013-01-31", "first", "monthly@2013-01",
        "trend@2013-01-31", "trend@2013-02-01", "trend@2013-02-02",
    ]  # fmt: skip


def test_a_new_day_runs_what_reads_it(calendar: Workshop) -> None:
    calendar.days("data", "02-03")
    assert calendar.build().ran == [
        "ahead@2013-02-02", "ahead@2013-02-03", "day@2013-02-03", "first", "monthly@2013-02", "trend@2013-02-03",
    ]  # fmt: skip
    calendar.days("data", "03-01")  # and between them, what is not there yet
    done = calendar.build(keep_going=True)
    assert "monthly@2013-03" in done.ran
    assert done.summary.failed == 0
    assert done.summary.waiting > 0


def test_a_last_day_that_goes_shrinks_what_reads_it(calendar: Workshop, tmp_path: Path) -> None:
    calendar.path("data/2013-02-02.txt").unlink()
    done = calendar.build()
    assert done.ran == ["ahead@2013-02-01", "first", "monthly@2013-02"]
    assert calendar.read("out/monthly/2013-02.txt") == "02-01\n"
    assert calendar.build().ran == []
    calendar.days("data", "02-02")
    assert calendar.build().ran == ["ahead@2013-02-01", "first", "monthly@2013-02"]
    assert calendar.outputs() == calendar.clean_outputs(tmp_path / "clean")


DISCOVERED = """
[partitions.shop]
discover = "stock"
[sources.stock]
path = "data/{shop}.txt"
[targets.copy]
path = "out/copy/{shop}.txt"
shell = "cp {stock} {output}"
[targets.all]
path = "out/all.txt"
shell = "cat {copy} > {output}"
"""


def test_keys_that_are_discovered_come_and_go(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", DISCOVERED)
    for name in ("b", "d"):
        shop.write(f"data/{name}.txt", f"{name}\n")
    assert shop.build().ran == ["all", "copy@b", "copy@d"]
    for name in ("a", "c"):
        shop.write(f"data/{name}.txt", f"{name}\n")
    assert shop.build().ran == ["all", "copy@a", "copy@c"]
    assert shop.read("out/all.txt") == "a\nb\nc\nd\n"
    shop.path("data/b.txt").unlink()
    assert shop.build().ran == ["all"]
    assert shop.read("out/all.txt") == "a\nc\nd\n"
    shop.write("data/d.txt", "changed\n")
    assert shop.build().ran == ["all", "copy@d"]
    shop.write("data/b.txt", "b\n")
    assert shop.build().ran == ["all"]  # its copy is still there and still right
    assert shop.build().ran == []


def test_outputs_that_share_a_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.a]
    path = "out/{{day}}.a.txt"
    shell = "cp {{raw}} {{output}}"
    [targets.b]
    path = "out/{{day}}.b.txt"
    shell = "cp {{raw}} {{output}}"
    [targets.c]
    path = "out/all.txt"
    shell = "cat {{a}} {{b}} > {{output}}"
    """
    shared = Workshop(tmp_path / "shared", flow)
    shared.days("data", "01-01", "01-02")
    assert shared.build("a").counts == {"a": 2}
    assert shared.build().counts == {"b": 2, "c": 1}
    shared.write("out/foreign.txt", "not ours")
    shared.path("out/2013-01-01.b.txt").unlink()
    shared.write("out/all.txt", "edited")
    assert shared.build("a").ran == []
    assert shared.build().ran == ["b@2013-01-01", "c"]
    assert shared.read("out/all.txt") == "01-01\n01-02\n01-01\n01-02\n"
    shared.write("data/2013-01-02.txt", "new\n")
    assert shared.build("b").ran == ["b@2013-01-02"]
    assert shared.build().ran == ["a@2013-01-02", "c"]
    assert shared.build().ran == []
    assert shared.read("out/foreign.txt") == "not ours"


# --- Parts of a project --------------------------------------------------------------------------------------------


def test_parts_are_built_alone_and_the_whole_knows_it(calendar: Workshop, tmp_path: Path) -> None:
    calendar.write("data/2013-01-30.txt", "one\n")
    calendar.write("data/2013-02-01.txt", "two\n")
    assert calendar.build("day@2013-01-30").ran == ["day@2013-01-30"]
    assert calendar.build("trend@2013-01-31").ran == ["trend@2013-01-31"]
    assert calendar.build("monthly@2013-01").ran == ["monthly@2013-01"]
    assert calendar.build().ran == [
        "ahead@2013-01-29", "ahead@2013-01-30", "ahead@2013-01-31", "ahead@2013-02-01", "day@2013-02-01", "first",
        "monthly@2013-02", "trend@2013-01-30", "trend@2013-02-01", "trend@2013-02-02",
    ]  # fmt: skip
    assert calendar.build().ran == []
    assert calendar.outputs() == calendar.clean_outputs(tmp_path / "clean")


def test_a_change_seen_by_a_part_is_not_forgotten_by_the_whole(calendar: Workshop) -> None:
    for day in ("2013-01-29", "2013-02-02"):
        calendar.write(f"data/{day}.txt", f"other {day}\n")
    assert calendar.build("day@2013-01-31").ran == []
    assert calendar.build("first", "day@2013-01-30").ran == [
        "day@2013-01-29", "day@2013-02-02", "first", "monthly@2013-01", "monthly@2013-02",
    ]  # fmt: skip
    assert calendar.build("day").ran == []
    left = calendar.build()
    assert left.ran == [
        "ahead@2013-01-29", "ahead@2013-02-01", "ahead@2013-02-02",
        "trend@2013-01-29", "trend@2013-01-30", "trend@2013-01-31", "trend@2013-02-02",
    ]  # fmt: skip
    assert calendar.build().ran == []


def test_up_and_down_the_flow(diamond: Workshop) -> None:
    diamond.write("data/2013-01-01.txt", "c\n")
    assert diamond.build("left@2013-01-01").ran == ["left@2013-01-01", "top@2013-01-01"]
    diamond.write("data/2013-01-02.txt", "d\n")
    assert diamond.build("+left@2013-01-02").ran == ["left@2013-01-02", "top@2013-01-02"]
    assert diamond.build("right@2013-01-01+").ran == [
        "join@2013-01-01", "join@2013-01-02", "right@2013-01-01", "right@2013-01-02", "size",
    ]  # fmt: skip
    assert diamond.build().ran == []


def test_force_runs_what_is_named_and_what_changes_after_it(diamond: Workshop) -> None:
    assert diamond.build("left", force=True).ran == ["left@2013-01-01", "left@2013-01-02"]
    assert diamond.build("left@2013-01-02", force=True).ran == ["left@2013-01-02"]
    assert len(diamond.build(force=True).ran) == 9
    assert diamond.build().ran == []


def test_a_dry_run_changes_nothing(diamond: Workshop) -> None:
    diamond.write("data/2013-01-01.txt", "c\n")
    before = diamond.outputs(".")
    done = diamond.run("-n")
    assert done.returncode == 0
    assert "top@2013-01-01: input changed raw@2013-01-01" in done.stdout
    after = diamond.outputs(".")
    assert {path for path in after if after[path] != before.get(path)} <= {".dbuild/clock"}
    assert diamond.plan().will_run == 1
    assert len(diamond.build().ran) == 5


# --- Failures ------------------------------------------------------------------------------------------------------

FALLIBLE = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.step]
path = "out/step/{{day}}.txt"
shell = "grep -v bad {{raw}} > {{output}}"
[targets.next]
path = "out/next/{{day}}.txt"
shell = "cp {{step}} {{output}}"
[targets.sum]
path = "out/sum.txt"
shell = "cat {{next}} > {{output}}"
[targets.other]
path = "out/other.txt"
shell = "echo other > {{output}}"
"""


@pytest.fixture
def fallible(tmp_path: Path) -> Workshop:
    """Three days, of which the second can't be read."""
    made = Workshop(tmp_path / "fallible", FALLIBLE)
    made.days("data", "01-01", "01-02", "01-03")
    made.write("data/2013-01-02.txt", "bad\n")
    return made


def test_keep_going_builds_all_that_does_not_need_the_failure(fallible: Workshop) -> None:
    done = fallible.build(keep_going=True)
    assert done.ran == [
        "next@2013-01-01", "next@2013-01-03", "other", "step@2013-01-01", "step@2013-01-02", "step@2013-01-03",
    ]  # fmt: skip
    assert done.errors == {"step@2013-01-02": "exited with status 1"}
    assert done.standing == (5, 0, 1, 0, 2)
    again = fallible.build(keep_going=True)
    assert again.ran == ["step@2013-01-02"]
    assert again.standing == (0, 5, 1, 0, 2)
    fallible.write("data/2013-01-02.txt", "good\n")
    mended = fallible.build()
    assert mended.ran == ["next@2013-01-02", "step@2013-01-02", "sum"]
    assert mended.standing == (3, 5, 0, 0, 0)
    assert fallible.build().ran == []


def test_without_keep_going_nothing_is_started_after_a_failure(fallible: Workshop) -> None:
    done = fallible.build(jobs=1)
    assert done.ended[-1].status == "failed"
    assert done.summary.failed == 1
    built, _, failed, _, blocked = done.standing
    assert built + failed + blocked == 8
    fallible.write("data/2013-01-02.txt", "good\n")
    again = fallible.build()
    assert again.standing == (8 - built, built, 0, 0, 0)
    assert not set(again.ran) & (set(done.ran) - done.errors.keys())


def test_what_runs_when_another_fails_is_finished(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    flow = f"""
    [targets.bad]
    path = "out/bad.txt"
    shell = "cat {tmp_path}/begun; false"
    [targets.slow]
    path = "out/slow.txt"
    shell = "echo > {tmp_path}/begun; cat {tmp_path}/end; echo done > {{output}}"
    [targets.later]
    path = "out/later.txt"
    shell = "cp {{slow}} {{output}}"
    """
    os.mkfifo(tmp_path / "end")
    both = Workshop(tmp_path / "both", flow)

    def free(event: Event) -> None:
        if isinstance(event, TaskEnded) and event.status == "failed":
            (tmp_path / "end").write_text("")  # only now may the other go on

    done = both.build(jobs=2, hear=free)
    assert done.ran == ["bad", "slow"]
    assert done.standing == (1, 0, 1, 0, 1)
    assert both.read("out/slow.txt") == "done\n"
    assert both.build("later").ran == ["later"]


def test_a_failure_after_a_success_keeps_the_old_output_and_stays_stale(fallible: Workshop) -> None:
    fallible.write("data/2013-01-02.txt", "good\n")
    fallible.build()
    fallible.write("data/2013-01-02.txt", "bad\n")
    assert fallible.build().errors.keys() == {"step@2013-01-02"}
    assert fallible.read("out/step/2013-01-02.txt") == "good\n"
    fallible.write("data/2013-01-02.txt", "good\n")
    assert fallible.build().ran == ["step@2013-01-02"]  # it failed when it was last tried
    assert fallible.build().ran == []
    assert fallible.temporaries() == []


def test_success_without_an_output_is_a_failure(tmp_path: Path) -> None:
    flow = """
    [targets.none]
    path = "out/none.txt"
    shell = "true"
    [targets.py]
    path = "out/py.txt"
    python = "lazy:nothing"
    [targets.folder]
    path = "out/folder.txt"
    shell = "mkdir {output}"
    """
    lazy = Workshop(tmp_path / "lazy", flow, **{"lazy.py": "def nothing(output):\n    pass\n"})
    done = lazy.build(keep_going=True)
    assert done.standing == (0, 0, 3, 0, 0)
    assert "did not write its output out/none.txt" in done.errors["none"]
    assert "neither returned nor wrote its output" in done.errors["py"]
    assert "made a folder in the place of its output out/folder.txt" in done.errors["folder"]
    assert lazy.outputs() == {}
    assert lazy.temporaries() == []
    assert len(lazy.build(keep_going=True).ran) == 3


# --- Tables --------------------------------------------------------------------------------------------------------


def test_csv_targets_keep_the_types_of_their_recipe(tmp_path: Path) -> None:
    flow = """
    [targets.typed]
    path = "out/typed.csv"
    sql = "SELECT '01' AS code, 1::INTEGER AS i, 2::BIGINT AS b, DATE '2013-01-01' AS d, NULL::DOUBLE AS x"
    [targets.seen]
    path = "out/seen.parquet"
    sql = "SELECT * FROM typed"
    """
    typed = Workshop(tmp_path / "typed", flow)
    assert typed.build().counts == {"typed": 1, "seen": 1}
    seen = duckdb.read_parquet(f"{typed.root}/out/seen.parquet")
    assert list(map(str, seen.types)) == ["VARCHAR", "INTEGER", "BIGINT", "DATE", "DOUBLE"]
    text = typed.read("out/typed.csv")
    typed.swap("Dataflowfile", "1::INTEGER", "1::BIGINT")
    assert typed.build().counts == {"typed": 1, "seen": 1}  # the same bytes, of another type
    assert typed.read("out/typed.csv") == text
    assert str(duckdb.read_parquet(f"{typed.root}/out/seen.parquet").types[1]) == "BIGINT"


CSV_SOURCE = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
[targets.sum]
path = "out/sum.parquet"
sql = "SELECT a, count(*) AS n FROM raw GROUP BY a ORDER BY a"
"""


def test_a_csv_source_has_the_schema_of_its_first_partition(tmp_path: Path) -> None:
    source = Workshop(tmp_path / "csv", CSV_SOURCE)
    source.days("data", "01-01", ending="csv", text="a,b\n1,x\n")
    source.days("data", "01-02", ending="csv", text="a,b\n2,y\n")
    assert source.build().ran == ["sum"]
    first = [str(kind) for kind in duckdb.read_parquet(f"{source.root}/out/sum.parquet").types]
    source.days("data", "01-01", ending="csv", text="a,b\nword,x\n")
    assert source.build().ran == ["sum"]
    second = [str(kind) for kind in duckdb.read_parquet(f"{source.root}/out/sum.parquet").types]
    assert (first[0], second[0]) == ("BIGINT", "VARCHAR")


def test_a_file_that_does_not_fit_the_schema_is_named_with_its_columns(tmp_path: Path) -> None:
    source = Workshop(tmp_path / "csv", CSV_SOURCE)
    source.days("data", "01-01", "01-03", ending="csv", text="a,b\n1,x\n")
    source.days("data", "01-02", ending="csv", text="a,colour\n2,y\n")
    done = source.build()
    assert done.errors.keys() == {"sum"}
    said = done.errors["sum"]
    assert "data/2013-01-02.csv" in said
    assert "colour" in said
    source.days("data", "01-02", ending="csv", text="a,b\n2,y\n")
    assert source.build().standing == (1, 0, 0, 0, 0)


# --- What isn't there ----------------------------------------------------------------------------------------------


def test_a_gap_is_waited_for_and_so_is_what_reads_it(tmp_path: Path) -> None:
    gap = Workshop(tmp_path / "gap", FALLIBLE)
    gap.days("data", "01-01", "01-03")
    done = gap.build()
    assert done.ran == ["next@2013-01-01", "next@2013-01-03", "other", "step@2013-01-01", "step@2013-01-03"]
    assert done.standing == (5, 0, 0, 3, 0)
    assert gap.build().standing == (0, 5, 0, 3, 0)
    assert gap.run().returncode == 0
    assert gap.run("--strict").returncode == 3
    assert gap.plan().lacks("sum", ()) == ["next@2013-01-02"]
    gap.days("data", "01-02")
    arrived = gap.build()
    assert arrived.ran == ["next@2013-01-02", "step@2013-01-02", "sum"]
    assert arrived.standing == (3, 5, 0, 0, 0)


def test_what_was_built_waits_when_its_input_goes(tmp_path: Path) -> None:
    gap = Workshop(tmp_path / "gap", FALLIBLE)
    gap.days("data", "01-01", "01-02", "01-03")
    gap.build()
    gap.path("data/2013-01-02.txt").unlink()
    assert gap.build().standing == (0, 5, 0, 3, 0)
    gap.days("data", "01-02")
    assert gap.build().standing == (0, 8, 0, 0, 0)  # it came back as it was
    gap.path("data/2013-01-02.txt").unlink()
    gap.build()
    gap.write("data/2013-01-02.txt", "other\n")
    assert gap.build().ran == ["next@2013-01-02", "step@2013-01-02", "sum"]


def test_keys_past_the_newest_wait_and_keys_outside_are_mistakes(calendar: Workshop) -> None:
    later = calendar.build("day@2013-02-09")
    assert later.standing == (0, 0, 0, 1, 0)
    assert calendar.run("day@2013-02-09").returncode == 0
    for outside in ("day@2012-12-31", "day@2013-02-30", "trend@2013-01"):
        if outside == "trend@2013-01":
            assert calendar.build(outside).summary.fresh >= 3
            continue
        with pytest.raises(UsageError):
            calendar.build(outside)
        failed = calendar.run(outside)
        assert failed.returncode == 2
        assert failed.stderr.startswith("error: ")


def test_an_empty_source_builds_nothing_and_is_no_error(tmp_path: Path) -> None:
    empty = Workshop(tmp_path / "empty", FALLIBLE)
    done = empty.build()
    assert done.summary.failed == 0
    assert "other" in done.ran
    assert not empty.path("out/step").exists() or not list(empty.path("out/step").iterdir())
    assert empty.build().ran == []
    empty.days("data", "01-01")
    assert {"next@2013-01-01", "step@2013-01-01", "sum"} <= set(empty.build().ran)


# --- Files of a project --------------------------------------------------------------------------------------------

LITTLE = """
[targets.{name}]
path = "out/{path}.txt"
shell = "echo {name} > {{output}}"
"""


def test_two_dataflowfiles_in_a_folder_keep_to_themselves(tmp_path: Path) -> None:
    two = Workshop(tmp_path / "two", LITTLE.format(name="same", path="a"))
    two.write("other.toml", LITTLE.format(name="same", path="b"))
    assert two.build().ran == ["same"]
    assert two.build(file="other.toml").ran == ["same"]
    assert two.build().ran == []
    assert two.build(file="other.toml").ran == []
    two.swap("other.toml", "echo same", "echo more")
    assert two.build().ran == []
    assert two.build(file="other.toml").ran == ["same"]
    assert (two.read("out/a.txt"), two.read("out/b.txt")) == ("same\n", "more\n")


def test_two_dataflowfiles_may_not_write_the_same_file(tmp_path: Path) -> None:
    two = Workshop(tmp_path / "two", LITTLE.format(name="one", path="a"))
    two.write("other.toml", LITTLE.format(name="two", path="a"))
    two.build()
    with pytest.raises(UserError, match='already an output of target "one" in Dataflowfile'):
        two.build(file="other.toml")
    assert two.read("out/a.txt") == "one\n"


def test_included_files_belong_to_the_project(tmp_path: Path) -> None:
    many = Workshop(tmp_path / "many", '[project]\ninclude = ["flows/*.toml"]\n' + LITTLE.format(name="a", path="a"))
    many.write("flows/b.toml", LITTLE.format(name="b", path="b"))
    assert many.build().ran == ["a", "b"]
    many.write("flows/c.toml", "# more\n" + LITTLE.format(name="c", path="c"))
    assert many.build().ran == ["c"]
    many.swap("flows/b.toml", "echo b", "echo B")
    assert many.build().ran == ["b"]
    many.path("flows/b.toml").unlink()
    assert many.build().standing == (0, 2, 0, 0, 0)
    many.write("flows/d.toml", LITTLE.format(name="a", path="d"))
    with pytest.raises(ProjectError, match='"a"'):
        many.build()


def test_a_chain_of_2000_targets_is_no_matter_of_recursion(tmp_path: Path) -> None:
    count = 2000
    links = [
        f'[targets.t{n}]\npath = "out/{n}.txt"\npython = "step:more"\ninputs = {{ given = "t{n - 1}" }}\n'
        for n in range(1, count)
    ]
    flow = '[targets.t0]\npath = "out/0.txt"\nshell = "grep 0 start > {output}"\nuses = ["start"]\n' + "".join(links)
    step = "def more(given, output):\n    output.write_text(str(int(given.read_text()) + 1))\n"
    chain = Workshop(tmp_path / "chain", flow, **{"step.py": step, "start": ""})
    assert chain.build(keep_going=True).standing == (0, 0, 1, 0, count - 1)
    chain.write("start", "0")
    assert chain.build("t300", jobs=1).standing == (301, 0, 0, 0, 0)
    assert chain.read("out/300.txt") == "300"
    chain.write("out/200.txt", "7")
    planned = chain.plan(f"t{count - 1}")
    assert (planned.will_run, planned.may_run, planned.fresh) == (count - 300, 100, 200)
    assert chain.build("t300").ran == ["t200"]


def test_a_json_field_that_is_null_on_the_first_day_keeps_its_later_values(tmp_path: Path) -> None:
    shop = Workshop(
        tmp_path / "shop",
        '[partitions.day]\nevery = "day"\nstart = 2013-01-01\n[sources.ev]\npath = "data/{day}.json"\n'
        '[targets.out]\npath = "out/{day}.csv"\nsql = "SELECT a, b, c.x AS x FROM ev"\n',
    )
    shop.write("data/2013-01-01.json", '[{"a": 1, "b": null, "c": {"x": null}}, {"a": 2}]')
    shop.write("data/2013-01-02.json", '[{"a": 1, "b": "late", "c": {"x": 7}}]')
    shop.build()
    assert "late" in (shop.root / "out/2013-01-02.csv").read_text()
    assert "7" in (shop.root / "out/2013-01-02.csv").read_text()


# --- Files from the future -----------------------------------------------------------------------------------------

FUTURE = """
[sources.raw]
path = "data/*.txt"
[targets.x]
path = "out/x.txt"
shell = "cat {raw} > {output}; touch -d 2099-01-01 {output}"
[targets.y]
path = "out/y/y.txt"
shell = "cp {x} {output}; touch -d 2099-01-01 {output}"
"""


@pytest.mark.parametrize("path", ["out/x.txt", "out/y/y.txt"])
def test_an_output_from_the_future_that_is_gone_is_missed(tmp_path: Path, path: str) -> None:
    shop = Workshop(tmp_path / "shop", FUTURE)
    shop.write("data/a.txt", "a")
    assert shop.build().counts == {"x": 1, "y": 1}
    assert shop.build().ran == []
    shop.path(path).unlink()
    assert shop.build().ran == [path[4]]


def test_a_source_from_the_future_that_is_gone_is_missed(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", FUTURE)
    for name in "ab":
        shop.write(f"data/{name}.txt", name)
        os.utime(shop.path(f"data/{name}.txt"), (4e9, 4e9))
    assert shop.build().counts == {"x": 1, "y": 1}
    assert shop.build().ran == []
    shop.path("data/a.txt").unlink()
    assert shop.build().ran == ["x", "y"]
    assert shop.read("out/x.txt") == "b"
