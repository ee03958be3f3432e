"""A target that gets another name (`was`): what is built again of it and of what reads it, and what is said before."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from dbuild.build import Settings, find_cleaning, ledger
from dbuild.core.cleaning import Wanted
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.csv"
[targets.daily]
path = "out/daily/{{day}}.csv"
sql = "SELECT day, sum(x) AS x FROM raw GROUP BY day"
[targets.total]
path = "out/total.csv"
sql = "SELECT sum(x) AS x FROM daily"
[targets.copy]
path = "out/copy/{{day}}.csv"
inputs.given = {{ from = "daily" }}
sql = "SELECT * FROM given"
[targets.paths]
path = "out/paths/{{day}}.txt"
inputs.given = {{ from = "daily" }}
shell = "cat {{given}} > {{output}}"
[targets.shown]
path = "out/shown.txt"
shell = "cat {{daily}} > {{output}}"
"""
ALL = {"daily": 3, "total": 1, "copy": 3, "paths": 3, "shown": 1}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    found = Workshop(tmp_path_factory.mktemp("built") / "project", FLOW)
    found.days("data", "01-01", "01-02", "01-03", ending="csv", text="x\n1\n")
    assert found.build().counts == ALL
    return found


@pytest.fixture
def made(built: Workshop, tmp_path: Path) -> Workshop:
    return built.copy(tmp_path / "project")


def rename(made: Workshop, before: str = "daily", now: str = "days", said: str = 'was = "daily"') -> None:
    """Gives a target another name wherever the Dataflowfile has it."""
    text = made.read("Dataflowfile").replace(f'"{before}" }}', f'"{now}" }}').replace(f"{{{before}}}", f"{{{now}}}")
    text = text.replace(f'FROM {before}"', f'FROM {now}"')
    made.write("Dataflowfile", text.replace(f"[targets.{before}]", f"[targets.{now}]\n{said}"))


def will_run(made: Workshop) -> list[str]:
    return [name for name, part in made.plan().targets.items() if part.will]


def orphans(made: Workshop) -> list[str]:
    """What `clean --orphans` would remove."""
    return [one.path for one in find_cleaning(Settings(str(made.root), "Dataflowfile"), Wanted(orphans=True)).removed]


def rows(made: Workshop, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(made.path(".dbuild/state.db"))) as state:
        return state.execute(question).fetchall()


def test_only_who_says_the_name_itself_runs_again(made: Workshop) -> None:
    rename(made)
    assert will_run(made) == ["shown"]
    done = made.build()
    assert (done.ran, done.skipped) == (["shown"], [])
    assert made.build().ran == []
    made.swap("Dataflowfile", 'was = "daily"\n', "")
    assert will_run(made) == []
    assert made.build().ran == []
    made.days("data", "01-02", ending="csv", text="x\n5\n")
    assert made.build().counts == {"days": 1, "total": 1, "copy": 1, "paths": 1, "shown": 1}


def test_a_plan_writes_nothing(made: Workshop) -> None:
    rename(made)
    before = rows(made, "SELECT * FROM target"), rows(made, "SELECT * FROM trace"), rows(made, "SELECT * FROM shape")
    assert will_run(made) == ["shown"]
    assert before == (
        *(rows(made, f"SELECT * FROM {table}") for table in ("target", "trace")),
        rows(made, "SELECT * FROM shape"),
    )


def test_nothing_of_it_is_an_orphan_and_its_history_goes_on(made: Workshop) -> None:
    rename(made)
    assert orphans(made) == []
    made.build()
    assert orphans(made) == []
    assert rows(made, "SELECT name FROM target ORDER BY name") == [
        (name,) for name in ("copy", "days", "paths", "shown", "total")
    ]
    assert {target for (target,) in rows(made, "SELECT target FROM owner WHERE path LIKE 'out/daily/%'")} == {"days"}
    assert len(ledger(Settings(str(made.root), "Dataflowfile"), ["days"], 9)) == 3


def test_without_the_word_it_is_another_target(made: Workshop) -> None:
    rename(made, said="")
    assert made.build().counts == {"days": 3, "total": 1, "copy": 3, "paths": 3, "shown": 1}
    made.swap("Dataflowfile", "[targets.days]", '[targets.days]\nwas = "daily"')  # too late: it is built
    assert will_run(made) == []
    assert made.build().ran == []


def test_another_path_is_built_and_the_old_files_are_orphans(made: Workshop) -> None:
    rename(made)
    made.swap("Dataflowfile", "out/daily/", "out/days/")
    done = made.build()
    assert done.counts == {"days": 3, "shown": 1}  # what it made is the same: its other readers don't run
    assert orphans(made) == [f"out/daily/2013-01-0{day}.csv" for day in (1, 2, 3)]
    assert made.build().ran == []


def test_names_of_several_changes_at_once(made: Workshop) -> None:
    rename(made)  # and nobody builds
    rename(made, "days", "by_day", "")
    made.swap("Dataflowfile", 'was = "daily"', 'was = ["daily", "days"]')
    rename(made, "total", "sum", 'was = "total"')
    assert will_run(made) == ["shown"]
    assert made.build().ran == ["shown"]
    rename(made, "by_day", "each", 'was = "by_day"')
    made.swap("Dataflowfile", 'was = ["daily", "days"]\n', "")
    assert made.build().ran == ["shown"]
    text = made.read("Dataflowfile")
    made.write("Dataflowfile", "\n".join(line for line in text.splitlines() if not line.startswith("was")))
    assert made.build().ran == []


def test_who_is_not_asked_for_is_taken_over_too(made: Workshop) -> None:
    rename(made)
    assert made.build("days").ran == []
    made.swap("Dataflowfile", 'was = "daily"\n', "")
    assert made.build().ran == ["shown"]


def test_a_state_that_kept_no_shapes_knows_names_only(made: Workshop) -> None:
    with closing(sqlite3.connect(made.path(".dbuild/state.db"))) as state, state:
        state.execute("DELETE FROM shape")
    rename(made)
    assert will_run(made) == ["shown"]
    assert made.build().ran == ["shown"]


def test_a_name_that_is_free_again_is_another_target(made: Workshop) -> None:
    rename(made)
    made.build()
    made.swap("Dataflowfile", 'was = "daily"\n', "")
    made.write(
        "Dataflowfile",
        made.read("Dataflowfile") + '[targets.daily]\npath = "out/other.txt"\nshell = "cat {raw} > {output}"\n',
    )
    assert made.build().ran == ["daily"]
    assert made.build().ran == []


def test_what_failed_and_what_was_said_goes_with_it(made: Workshop) -> None:
    made.run("mark", "daily@2013-01-01", "frozen", "--why", "audited")
    made.write("data/2013-01-02.csv", "y\n1\n")
    assert made.build(keep_going=True).errors.keys() == {"daily@2013-01-02"}
    rename(made)
    assert made.plan().targets["days"].will.keys() == made.plan("days@2013-01-02").targets["days"].will.keys()
    assert [line for line in made.run("mark").stdout.splitlines() if "days@2013-01-01" in line]
    assert made.build(keep_going=True).errors.keys() == {"days@2013-01-02"}
    assert "attempts" in made.run("why", "days@2013-01-02", "--json").stdout


CUT = ("inherit:1", "inherit:1:EIO")


@pytest.mark.parametrize("failpoint", CUT)
def test_a_cut_in_the_middle_takes_over_nothing_and_the_next_build_all(made: Workshop, failpoint: str) -> None:
    rename(made)
    before = rows(made, "SELECT * FROM target")
    environment = made.environment(DBUILD_FAILPOINT=failpoint)
    done = subprocess.run(made.command(), cwd=made.root, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert rows(made, "SELECT * FROM target") == before
    assert made.build().ran == ["shown"]


# --- What recipes see of names ----------------------------------------------------------------------------------------


READERS = [  # before, after, whether it runs again
    ("SELECT x FROM a", "SELECT x FROM b", False),
    ("SELECT x FROM a AS t", "SELECT x FROM b AS t", False),
    ("SELECT t.x FROM a t JOIN a USING (x)", "SELECT t.x FROM b t JOIN b USING (x)", False),
    ("WITH w AS (FROM a) SELECT x FROM w", "WITH w AS (FROM b) SELECT x FROM w", False),
    ("SELECT x FROM v", "SELECT x FROM v", False),  # through a view
    ("SELECT sum(a.x) FROM a", "SELECT sum(b.x) FROM b", True),  # a column of another name
    ("SELECT (SELECT max(x) FROM a)", "SELECT (SELECT max(x) FROM b)", True),
    ("SELECT x FROM a", "SELECT x FROM b AS a", True),
    ("SELECT x FROM a", "SELECT x + 0 AS x FROM b", True),
]


def reading(target: str, view: str, texts: list[str]) -> str:
    readers = (f'[targets.r{n}]\npath = "out/r{n}.csv"\nsql = "{text}"\n' for n, text in enumerate(texts))
    return f"""
[targets.{target}]
path = "out/a.csv"
sql = "SELECT 1 AS x"
[targets.v]
sql = "{view}"
{"".join(readers)}"""


def test_sql_runs_again_where_a_name_is_more_than_that_of_a_table(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "p", reading("a", "SELECT x FROM a", [before for before, _, _ in READERS]))
    assert len(made.build().ran) == 1 + len(READERS)
    made.write("Dataflowfile", reading('b]\nwas = "a"\n#', "SELECT x FROM b", [now for _, now, _ in READERS]))
    assert made.build().ran == [f"r{number}" for number, (_, _, runs) in enumerate(READERS) if runs]
    assert made.outputs() == made.clean_outputs(tmp_path / "clean")
    assert made.build().ran == []


def test_outputs_views_and_functions(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        """
        [targets.model]
        path = { score = "out/score.csv", note = "out/note.txt" }
        shell = "echo x > {output.score}; echo 1 >> {output.score}; echo n > {output.note}"
        [targets.seen]
        sql = "SELECT x FROM model.score"
        [targets.through]
        path = "out/through.csv"
        sql = "SELECT x FROM seen"
        [targets.straight]
        path = "out/straight.csv"
        sql = "SELECT x FROM model.score"
        [targets.by_name]
        path = "out/by_name.txt"
        python = "recipes:same"
        inputs.given = { from = "model.note" }
        """,
        **{"recipes.py": "def same(given):\n    return given.read_text()\n"},
    )
    assert made.build().counts == {"model": 1, "through": 1, "straight": 1, "by_name": 1}
    text = (
        made.read("Dataflowfile").replace("model.", "best.").replace("[targets.model]", '[targets.best]\nwas="model"')
    )
    text = text.replace("[targets.seen]", '[targets.look]\nwas = "seen"').replace("FROM seen", "FROM look")
    made.write("Dataflowfile", text)
    assert made.build().ran == []
    made.write("recipes.py", made.read("recipes.py") + "\n\ndef other(model):\n    return 'x'\n")
    assert made.build().ran == []
    made.swap("recipes.py", "return given", "return '' + given")
    assert made.build().ran == ["by_name"]


def test_a_chain_goes_on_under_another_name(tmp_path: Path) -> None:
    made = Workshop(
        tmp_path / "project",
        f"""
        {DAYS}
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.balance]
        path = "out/balance/{{day}}.txt"
        inputs.before = {{ from = "balance", day = "previous" }}
        shell = "cat /dev/null {{before}} {{raw}} > {{output}}"
        """,
    )
    made.days("data", "01-01", "01-02", "01-03")
    assert made.build().counts == {"balance": 3}
    made.swap("Dataflowfile", "[targets.balance]", '[targets.sums]\nwas = "balance"')
    made.swap("Dataflowfile", 'from = "balance"', 'from = "sums"')
    assert will_run(made) == []
    assert made.build().ran == []
    made.days("data", "01-04")
    assert made.build().ran == ["sums@2013-01-04"]
    assert made.outputs() == made.clean_outputs(tmp_path / "clean")
