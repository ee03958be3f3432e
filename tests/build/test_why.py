"""`dbuild why`: the first cause and the way from it, with before and after; before a build and after it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dbuild.build import Settings, behind, explain, plan
from dbuild.core.causes import Behind, Cause, first_causes
from dbuild.core.report import Explanation
from dbuild.ui.explanations import explanation_lines, explanation_record
from dbuild.ui.plans import plan_lines
from tests.build.priced import SECRET, make, why
from tests.build.workshop import DAYS, Workshop

Edit = Callable[[Workshop], None]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = make(tmp_path_factory.mktemp("why") / "project")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TOKEN", SECRET)
        assert len(shop.build().ran) == 7
    return shop


@pytest.fixture
def shop(built: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("TOKEN", SECRET)
    return built.copy(tmp_path / "project")


def swap(path: str, before: str, after: str) -> Edit:
    return lambda shop: shop.swap(path, before, after)


def both(*edits: Edit) -> Edit:
    return lambda shop: [edit(shop) for edit in edits] and None


def told(causes: tuple[Cause, ...]) -> dict[str, tuple[str, str | None, str | None]]:
    """The parts of the recipe that changed, each with how, and its text before and after."""
    return {
        f"{part.kind} {part.name}".strip(): (part.how, part.before, part.after)
        for cause in causes
        for part in cause.parts or ()
    }


MOVE = both(
    swap("steps/calc.py", "\nRATE = 2\n", "\n"),
    swap("steps/calc.py", "# how much", "from steps.rates import RATE"),
    lambda shop: shop.write("steps/rates.py", "RATE = 2\n"),
)
EDITS = [
    (
        "clean",
        swap("steps/calc.py", "RATE = 2", "RATE = 3"),
        {"code steps.calc.RATE": ("changed", "RATE = 2", "RATE = 3")},
    ),
    (
        "clean",
        both(
            swap("steps/calc.py", "# how much", "def more(): return 1\n"),
            swap("steps/calc.py", "str(RATE)", "str(RATE + more())"),
        ),
        {
            "code steps.calc.scaled": (
                "changed",
                'def scaled(text):\n    return text.replace("1", str(RATE))',
                'def scaled(text):\n    return text.replace("1", str(RATE + more()))',
            ),
            "code steps.calc.more": ("added", None, "def more(): return 1"),
        },
    ),
    (
        "clean",
        swap("steps/calc.py", "str(RATE)", "str(2)"),
        {
            "code steps.calc.scaled": (
                "changed",
                'def scaled(text):\n    return text.replace("1", str(RATE))',
                'def scaled(text):\n    return text.replace("1", str(2))',
            ),
            "code steps.calc.RATE": ("removed", "RATE = 2", None),
        },
    ),
    (
        "clean",
        MOVE,
        {
            "code steps.calc.RATE": ("changed", "RATE = 2", "from steps.rates import RATE"),
            "code steps.rates.RATE": ("added", None, "RATE = 2"),
        },
    ),
    (
        "clean",
        swap("Dataflowfile", 'secrets = ["TOKEN"]', 'env = { A = "1" }'),
        {"setting env A": ("added", None, "1"), "setting secret TOKEN": ("removed", "", None)},
    ),
    (
        "daily",
        swap("sql/macros.sql", "x - 1", "x - 2"),
        {"macro net": ("changed", "CREATE MACRO net(x) AS\n  x - 1;", "CREATE MACRO net(x) AS\n  x - 2;")},
    ),
    (
        "daily",
        swap("Dataflowfile", "price > 1", "price > 2"),
        {"view kept": ("changed", "SELECT * FROM clean WHERE price > 1", "SELECT * FROM clean WHERE price > 2")},
    ),
    (
        "daily",
        swap("sql/daily.sql", "sum(net(price))", "sum(price)"),
        {
            "sql": (
                "changed",
                "-- of a day\nSELECT sum(net(price)) AS total\nFROM kept\nWHERE price >= $floor\n",
                "-- of a day\nSELECT sum(price) AS total\nFROM kept\nWHERE price >= $floor\n",
            ),
            "macro net": ("removed", "CREATE MACRO net(x) AS\n  x - 1;", None),
        },
    ),
    (
        "daily",
        swap("Dataflowfile", 'sql = "sql/daily.sql"', 'sql = "sql/daily.sql"\ntimezone = "Europe/Paris"'),
        {"setting timezone": ("changed", "UTC", "Europe/Paris")},
    ),
    (
        "report",
        swap("Dataflowfile", "./count.sh {daily} >", "./count.sh -u {daily} >"),
        {"shell": ("changed", "./count.sh {daily} > {output}", "./count.sh -u {daily} > {output}")},
    ),
    (
        "report",
        swap("count.sh", "cat $@", "cat $@ | sort"),
        {"file count.sh": ("changed", "#!/bin/sh\ncat $@\n", "#!/bin/sh\ncat $@ | sort\n")},
    ),
    (
        "report",
        lambda shop: shop.path("logo.bin").write_bytes(b"\0\2") and None,
        {"file logo.bin": ("changed", None, None)},
    ),
]


@pytest.mark.parametrize(("target", "edit", "expected"), EDITS, ids=[f"{n}-{'-'.join(e)}" for n, _, e in EDITS])
def test_each_part_is_told_with_before_and_after(
    shop: Workshop, target: str, edit: Edit, expected: dict[str, tuple[str, str | None, str | None]]
) -> None:
    edit(shop)
    partition = "report" if target == "report" else f"{target}@2013-01-02"
    would = why(shop, partition)
    assert (would.standing, told(would.causes)) == ("will run", expected)
    shop.build(partition)
    did = why(shop, partition)
    assert (did.standing, told(did.last_causes)) == ("fresh", expected)


def test_a_function_that_moved_is_told_as_that(shop: Workshop) -> None:
    shop.path("steps/clean.py").rename(shop.path("steps/neat.py"))
    shop.swap("Dataflowfile", "steps.clean:tidy", "steps.neat:tidy")
    found = why(shop, "clean@2013-01-02")
    how = {part.name: (part.how, part.was) for cause in found.causes for part in cause.parts or ()}
    assert how["steps.neat.tidy"] == ("moved", "steps.clean.tidy")
    assert how["function"] == ("changed", "")
    assert "    code steps.neat.tidy: it was steps.clean.tidy (steps/neat.py:4)" in explanation_lines([found])


def test_a_param_is_told_with_its_values(shop: Workshop) -> None:
    would = why(shop, "daily@2013-01-02", floor="5")
    assert [str(cause.reason) for cause in would.causes] == ["param changed floor: 1 -> 5"]
    shop.build("daily@2013-01-02", floor="5")
    did = why(shop, "daily@2013-01-02", floor="5")
    assert [str(cause.reason) for cause in did.last_causes] == ["param changed floor: 1 -> 5"]


# -- the way ---------------------------------------------------------------------------------------------------------


def way(behind: tuple[Behind, ...]) -> list[tuple[object, ...]]:
    """What stands behind, as dataset, number, how it stands, and again what is behind."""
    return [(one.dataset, one.count, one.stands, *way(one.behind)) for one in behind]


def firsts(each: Explanation) -> list[str]:
    found = first_causes(each.causes, each.behind, each.target, each.key)
    return [f"{dataset} {cause.reason.kind} {cause.reason.subject}".strip() for dataset, _, cause in found]


def test_the_way_to_what_may_run_leads_to_the_first_cause(shop: Workshop) -> None:
    shop.write("raw/2013-01-02.csv", "name,price\na,10\nb,70\n")
    found = why(shop, "report")
    assert (found.standing, way(found.behind)) == (
        "may run",
        [("daily", 1, "may run", ("clean", 1, "will run"))],
    )
    assert firsts(found) == ["clean input changed raw@2013-01-02"]
    (cause,) = found.behind[0].behind[0].causes
    assert cause.sizes == (19, 21) and cause.when.startswith("raw/2013-01-02.csv written ")
    assert found.behind[0].behind[0].run is not None and found.behind[0].behind[0].run.run == "1"


def test_alike_partitions_are_told_together(shop: Workshop) -> None:
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.write("raw/2013-01-02.csv", "name,price\na,10\nb,70\n")
    found = why(shop, "report")
    assert way(found.behind) == [("daily", 3, "may run", ("clean", 2, "will run"), ("clean", 1, "will run"))]
    lines = explanation_lines([found])
    assert lines[1] == "  first causes: code steps.calc.RATE changed, input changed raw@2013-01-02"
    assert sum("RATE = 3" in line for line in lines) == 1


def test_after_the_build_the_way_leads_through_what_ran(shop: Workshop) -> None:
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.build()
    found = why(shop, "report")
    assert (found.standing, way(found.last_behind)) == ("fresh", [("daily", 3, "ran", ("clean", 3, "ran"))])
    assert told(found.last_behind[0].behind[0].causes) == {"code steps.calc.RATE": ("changed", "RATE = 2", "RATE = 3")}
    lines = explanation_lines([found])
    assert lines[2] == "    first cause: code steps.calc.RATE changed"


def test_what_ran_earlier_is_part_of_the_way(shop: Workshop) -> None:
    shop.write("raw/2013-01-02.csv", "name,price\na,10\nb,70\n")
    shop.build("daily@2013-01-02")
    found = why(shop, "report")
    assert (found.standing, way(found.behind)) == ("will run", [("daily", 1, "ran", ("clean", 1, "ran"))])
    assert firsts(found) == ["clean input changed raw@2013-01-02"]
    shop.build("report")
    assert way(why(shop, "report").last_behind) == [("daily", 1, "ran", ("clean", 1, "ran"))]


def test_data_that_changed_with_the_recipe_is_told_too(shop: Workshop) -> None:
    """The plan knew of the recipe alone: what the run before it would make, nobody knew."""
    shop.build()
    shop.write("count.sh", "#!/bin/sh\ncat $@ | sort\n")
    shop.write("raw/2013-01-02.csv", "name,price\na,5\nb,9\n")
    assert [cause.reason.kind for cause in why(shop, "report").causes] == ["recipe changed"]
    assert shop.build().counts == {"clean": 1, "daily": 1, "report": 1}
    found = why(shop, "report")
    assert [(cause.reason.kind, cause.reason.subject) for cause in found.last_causes] == [
        ("recipe changed", ""),
        ("input changed", "daily@2013-01-02"),
    ]
    assert way(found.last_behind) == [("daily", 1, "ran", ("clean", 1, "ran"))]


def test_a_diamond_is_told_once(tmp_path: Path) -> None:
    flow = f"""{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
[targets.base]
path = "base/{{day}}.txt"
shell = "cp {{raw}} {{output}}"
[targets.left]
path = "left/{{day}}.txt"
shell = "cp {{base}} {{output}}"
[targets.right]
path = "right/{{day}}.txt"
shell = "cp {{base}} {{output}}"
[targets.top]
path = "top.txt"
shell = "cat {{left}} {{right}} > {{output}}"
"""
    shop = Workshop(tmp_path / "project", flow)
    shop.days("raw", "01-01", "01-02")
    shop.build()
    shop.write("raw/2013-01-01.txt", "new")
    before = why(shop, "top")
    assert sorted(way(before.behind)) == [
        ("left", 1, "may run", ("base", 1, "will run")),
        ("right", 1, "may run", ("base", 1, "will run")),
    ]
    assert [one.is_repeated for each in before.behind for one in each.behind] == [False, True]
    assert firsts(before) == ["base input changed raw@2013-01-01"]
    shop.build()
    after = why(shop, "top")
    assert [one.is_repeated for each in after.last_behind for one in each.behind] == [False, True]
    assert "as told above" in "\n".join(explanation_lines([after]))


def test_a_chain_is_followed_to_its_beginning(tmp_path: Path) -> None:
    flow = f"""{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
[targets.balance]
path = "balance/{{day}}.txt"
shell = "cat {{raw}} {{balance}} > {{output}}"
inputs.balance = {{ day = "previous" }}
"""
    shop = Workshop(tmp_path / "project", flow)
    shop.days("raw", *(f"01-{day:02}" for day in range(1, 9)))
    shop.build()
    shop.write("raw/2013-01-02.txt", "new")
    before = why(shop, "balance@2013-01-08")
    assert (before.standing, way(before.behind)) == ("may run", [("balance", 1, "will run")])
    assert firsts(before) == ["balance input changed raw@2013-01-02"]
    shop.build()
    after = why(shop, "balance@2013-01-08")
    assert [(one.count, dict(one.keys[0])["day"]) for one in after.last_behind] == [(6, "2013-01-02")]
    assert [str(cause.reason)[:28] for cause in after.last_behind[0].causes] == ["input changed raw@2013-01-02"]


def test_of_a_long_way_its_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"t{number}" for number in range(9)]
    targets = "".join(
        f'[targets.{name}]\npath = "{name}.txt"\nshell = "cp {{{before}}} {{output}}"\n'
        for name, before in zip(names, ["raw", *names], strict=False)
    )
    shop = Workshop(tmp_path / "project", f'[sources.raw]\npath = "raw.txt"\n{targets}', **{"raw.txt": "1"})
    shop.build()
    shop.write("raw.txt", "2")
    monkeypatch.setattr(behind, "_DEEPEST", 3)
    before = why(shop, "t8")
    far = ("t0", 1, "will run")
    assert way(before.behind) == [("t7", 1, "may run", ("t6", 1, "may run", ("t5", 1, "may run", far)))]
    assert firsts(before) == ["t0 input changed raw"]
    shop.build()
    after = why(shop, "t8")
    assert way(after.last_behind) == [("t7", 1, "ran", ("t6", 1, "ran", ("t5", 1, "ran", ("t0", 1, "ran"))))]
    assert any("far back t0 ran" in line for line in explanation_lines([after]))


def test_of_very_many_partitions_a_bounded_number_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = """
[partitions.number]
discover = "raw"
[sources.raw]
path = "raw/{number}.txt"
[targets.copy]
path = "copy/{number}.txt"
shell = "cp {raw} {output}"
[targets.top]
path = "top.txt"
shell = "cat {copy} > {output}"
"""
    shop = Workshop(tmp_path / "project", flow)
    shop.write("raw/a.txt", "a")
    shop.build()
    for number in range(2500):
        shop.path(f"raw/{number}.txt").touch()
    asked: list[object] = []
    likeness = behind._likeness
    monkeypatch.setattr(behind, "_likeness", lambda reasons: asked.append(None) or likeness(reasons))
    found = why(shop, "top")
    assert [(one.dataset, one.count) for one in found.behind] == [("copy", 2000), ("copy", 500)]
    assert len(asked) == 2000
    assert len(explanation_lines([found])) < 12


def test_of_many_partitions_only_those_are_explained_that_are_shown(shop: Workshop) -> None:
    shop.write("raw/2013-01-03.csv", "name,price\na,5\n")
    found = explain(Settings(str(shop.root)), ["clean"], most=1)
    assert [(dict(one.key)["day"][-2:], one.standing, len(one.causes)) for one in found] == [
        ("03", "will run", 1),
        ("01", "fresh", 0),
        ("02", "fresh", 0),
    ]
    assert [one.last is None for one in found] == [False, True, True]


# -- who -------------------------------------------------------------------------------------------------------------


def git(shop: Workshop, *words: str) -> None:
    who = ("-c", "user.name=Ann Lee", "-c", "user.email=ann@example.org")
    subprocess.run(["git", *who, *words], cwd=shop.root, check=True, capture_output=True)


def test_it_is_told_who_changed_the_code(shop: Workshop) -> None:
    git(shop, "init", "-q")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "all")
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    assert "    code steps.calc.RATE changed (steps/calc.py:3, uncommitted)" in explanation_lines(
        [why(shop, "clean@2013-01-02")]
    )
    git(shop, "commit", "-qam", "three")
    (line,) = [line for line in explanation_lines([why(shop, "clean@2013-01-02")]) if "RATE changed (" in line]
    assert "(steps/calc.py:3, Ann Lee <ann@example.org>, 2" in line
    shop.build()
    assert ", by Ann Lee <ann@example.org> (" in explanation_lines([why(shop, "report")])[1]


# -- screens and JSON ------------------------------------------------------------------------------------------------


def test_texts_can_not_act_on_a_terminal(shop: Workshop) -> None:
    shop.write("count.sh", "#!/bin/sh\ncat $@ # \x1b]0;title\x07\x1b[2J\u202e\r\n")
    lines = explanation_lines([why(shop, "report")])
    assert all(character.isprintable() for line in lines for character in line)
    assert any("\\x1b]0;title\\x07" in line for line in lines)


def test_long_differences_are_cut_unless_they_are_wanted_whole(shop: Workshop) -> None:
    shop.write("count.sh", "#!/bin/sh\n" + "".join(f"# {number}\n" for number in range(100)) + "cat $@\n")
    found = why(shop, "report")
    assert len(explanation_lines([found])) < 25
    assert any("more lines (-v shows all)" in line for line in explanation_lines([found]))
    assert any("# 99" in line for line in explanation_lines([found], is_whole=True))


def test_json_has_all_of_it(shop: Workshop) -> None:
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    record = explanation_record(why(shop, "report"))
    (daily,) = record["behind"]  # type: ignore[misc]
    (clean,) = daily["behind"]
    assert (daily["dataset"], daily["partitions"], daily["stands"], daily["repeated"]) == ("daily", 3, "may run", False)
    assert clean["keys"][0] == {"day": "2013-01-01"} and clean["run"]["run"] == "1"
    (part,) = clean["causes"][0]["parts"]
    assert (part["kind"], part["name"], part["change"], part["before"], part["after"]) == (
        *("code", "steps.calc.RATE", "changed", "RATE = 2", "RATE = 3"),
    )
    (first,) = record["first"]  # type: ignore[misc]
    assert (first["target"], first["key"], first["kind"]) == ("clean", {"day": "2013-01-01"}, "recipe changed")


def test_what_a_recipe_was_may_not_be_known(shop: Workshop) -> None:
    import sqlite3

    connection = sqlite3.connect(shop.path(".dbuild/state.db"))
    connection.execute("DELETE FROM recipe")
    connection.commit()
    connection.close()
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    found = why(shop, "clean@2013-01-02")
    assert found.causes[0].parts is None
    assert "(what it was isn't kept)" in explanation_lines([found])[1]


def test_a_plan_names_what_of_a_recipe_differs(shop: Workshop) -> None:
    shop.build()
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.write("count.sh", "#!/bin/sh\ncat $@ | sort\n")
    lines = plan_lines(plan(Settings(str(shop.root)), []))
    assert lines[1] == "  clean@2013-01-01: recipe changed: code steps.calc.RATE changed"
    assert lines[4] == "  report: recipe changed: file count.sh changed"


def test_a_file_that_nobody_looked_into_is_the_root_of_the_way(tmp_path: Path) -> None:
    flow = f"""
{DAYS}
[sources.events]
path = "in/{{day}}.csv"
[targets.daily]
path = "daily/{{day}}.csv"
sql = "SELECT count(*) AS n FROM events"
inputs.events = {{ by = "CAST(ts AS DATE)" }}
[targets.total]
path = "total.csv"
sql = "SELECT sum(n) AS n FROM daily"
"""
    shop = Workshop(tmp_path / "routed", flow)
    for day in (1, 2):
        shop.write(f"in/2013-01-0{day}.csv", f"ts\n2013-01-0{day}\n")
    shop.build()
    shop.write("in/2013-01-02.csv", "ts\n2013-01-02\n2013-01-01\n")
    found = why(shop, "total")
    assert [(one.dataset, one.stands, one.unrouted) for one in found.behind] == [
        ("daily", "may run", ("in/2013-01-02.csv",))
    ]
    assert "    a build finds out where the rows of in/2013-01-02.csv go" in explanation_lines([found])
    assert explanation_record(found)["behind"][0]["unrouted"] == ["in/2013-01-02.csv"]  # type: ignore[index]
