"""What is installed counts: packages that recipes import, engines, files that list versions, what commands print."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbuild.build import Settings, build, lint
from dbuild.build.looks import forget, look, reading
from dbuild.core.budget import Budget, BudgetError
from dbuild.core.causes import Cause
from dbuild.core.events import Notice
from dbuild.errors import ProjectError, RecipeError, UserError
from dbuild.state.opening import open_state
from tests.build.installed import Site
from tests.build.priced import why
from tests.build.workshop import Workshop

STEPS = """
import late_one
from helpers import shared

def tabular():
    import tables_pkg
    return tables_pkg.VERSION

def other():
    return shared()

def plain():
    return "plain"
"""
FLOW = """
[targets.tabular]
path = "out/tabular.txt"
python = "steps:tabular"
[targets.other]
path = "out/other.txt"
python = "steps:other"
[targets.query]
path = "out/query.csv"
sql = "SELECT 1 AS one"
[targets.command]
path = "out/command.txt"
shell = "echo 1 > {output}"
"""
ALL = ["command", "other", "query", "tabular"]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The project, built once, beside the packages that it imports."""
    folder = tmp_path_factory.mktemp("environment")
    site = Site(folder)
    site.install("tables-pkg", "1.0", "base-pkg>=1", 'extra-pkg ; extra == "all"', "absent-pkg", module="tables_pkg")
    site.install("base-pkg", "1.0", "deep-pkg[fast]")
    site.install("deep-pkg", "1.0", 'fast-pkg; extra == "fast"', 'tables-pkg; python_version < "3"', "tables-pkg")
    site.install("fast-pkg", "1.0")
    site.install("extra-pkg", "1.0")
    site.install("helpers-pkg", "1.0", module="shared_pkg")
    site.install("late-one", "1.0")
    made = Workshop(folder / "p", FLOW)
    made.write("steps.py", STEPS)
    made.write("helpers.py", "import shared_pkg\ndef shared(): return shared_pkg.VERSION\n")
    with pytest.MonkeyPatch.context() as patch:
        site.use(patch)
        assert made.build().ran == ALL
        assert made.build().ran == []
    return made


@pytest.fixture
def site(original: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    shutil.copytree(original.root.parent / "site-packages", made.folder, dirs_exist_ok=True)
    made.use(monkeypatch)
    return made


@pytest.fixture
def shop(original: Workshop, site: Site, tmp_path: Path) -> Workshop:
    """The project, not built yet."""
    shutil.copytree(original.root, tmp_path / "p", ignore=shutil.ignore_patterns("out", ".dbuild"))
    return Workshop(tmp_path / "p")


@pytest.fixture
def built(original: Workshop, site: Site, tmp_path: Path) -> Workshop:
    return original.copy(tmp_path / "p")


@pytest.mark.parametrize(
    ("package", "ran"),
    [
        ("tables-pkg", ["tabular"]),
        ("base-pkg", ["tabular"]),  # which that requires
        ("deep-pkg", ["tabular"]),
        ("fast-pkg", ["tabular"]),  # as an extra
        ("extra-pkg", []),  # of an extra that nobody asked for
        ("helpers-pkg", ["other", "tabular"]),  # at the top of another module of the project, which both import
        ("late-one", ["other", "tabular"]),  # imported at the top
    ],
)
def test_an_upgrade_builds_what_imports_the_package(built: Workshop, site: Site, package: str, ran: list[str]) -> None:
    site.install(package, "2.0", *_requires(package), module={"helpers-pkg": "shared_pkg"}.get(package, ""))
    assert built.build().ran == ran
    assert built.build().ran == []


def _requires(package: str) -> tuple[str, ...]:
    return {"tables-pkg": ("base-pkg",), "base-pkg": ("deep-pkg[fast]",), "deep-pkg": ("fast-pkg",)}.get(package, ())


def test_a_package_that_nobody_imports_costs_one_look_and_builds_nothing(built: Workshop, site: Site) -> None:
    site.install("unused", "1.0")
    assert built.build().ran == []


def test_a_build_with_nothing_to_do_reads_no_package(built: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a stat for each folder of the import path; one that has changed is looked into."""
    for path in (each for each in built.root.rglob("*") if each.is_file() and ".dbuild" not in each.parts):
        os.utime(path, (1_300_000_000, 1_300_000_000))  # old enough for their stats to vouch for them
    built.build()  # which sees other stats
    built.build()
    looked: list[str] = []
    monkeypatch.setattr("dbuild.build.environments.packages_witness", lambda root: looked.append(root) or b"")
    assert built.build().ran == []
    assert looked == []
    os.utime(built.root.parent / "site-packages")
    assert built.build().ran == []
    assert looked == [str(built.root)]


def test_what_is_required_counts_from_when_it_is_installed(built: Workshop, site: Site) -> None:
    site.install("absent-pkg", "1.0")
    assert built.build().ran == ["tabular"]
    site.remove("absent-pkg")
    assert built.build().ran == ["tabular"]


def test_what_is_installed_in_editable_form_is_no_version(built: Workshop, site: Site) -> None:
    site.install("fast-pkg", "1.0", editable=True)
    assert built.build().ran == ["tabular"]
    site.install("fast-pkg", "2.0", editable=True)
    assert built.build().ran == []


@pytest.mark.parametrize("where", ["project", "targets.tabular"])
def test_ignore_takes_no_notice_of_packages(shop: Workshop, site: Site, where: str) -> None:
    shop.write("Dataflowfile", _said(where, '"ignore"'))
    shop.build()
    site.install("fast-pkg", "2.0")
    assert shop.build().ran == []


def _said(where: str, value: str) -> str:
    line = f"environment = {value}\n"
    return f"[project]\n{line}{FLOW}" if where == "project" else FLOW.replace(f"[{where}]\n", f"[{where}]\n{line}")


def test_names_count_alone_and_in_any_spelling(shop: Workshop, site: Site) -> None:
    shop.write("Dataflowfile", _said("targets.tabular", '["Base_Pkg", "python"]'))
    shop.build()
    site.install("fast-pkg", "2.0")
    assert shop.build().ran == []
    site.install("base-pkg", "2.0")
    assert shop.build().ran == ["tabular"]


def test_a_target_wins_over_the_project(shop: Workshop, site: Site) -> None:
    text = _said("project", '["late-one"]').replace(
        "[targets.command]\n", '[targets.command]\nenvironment = "ignore"\n'
    )
    shop.write("Dataflowfile", text)
    shop.build()
    site.install("late-one", "2.0")
    assert shop.build().ran == ["other", "query", "tabular"]


def test_names_of_nothing_are_said_with_the_nearest(shop: Workshop) -> None:
    shop.write("Dataflowfile", _said("targets.query", '["late-one", "tabels-pkg"]'))
    with pytest.raises(ProjectError) as found:
        lint(Settings(str(shop.root)))
    (problem,) = found.value.problems
    assert (str(problem.place), problem.hint) == ("Dataflowfile:9", 'did you mean "tables-pkg"?')
    assert "tabels-pkg" in problem.what


def test_files_count_instead_with_their_contents(shop: Workshop, site: Site) -> None:
    shop.write("uv.lock", "a = 1\n")
    shop.write("locks/one.in", "x\n")
    shop.write("Dataflowfile", _said("project", '["uv.lock", "locks/*.in"]'))
    assert shop.build().ran == ALL
    site.install("late-one", "2.0")
    assert shop.build().ran == []
    shop.write("uv.lock", "a = 22\n")
    assert shop.build().ran == ALL
    shop.write("locks/two.in", "x\n")
    assert shop.build().ran == ALL
    assert shop.build().ran == []


# -- what upgrades cost ------------------------------------------------------------------------------------------------


def test_an_upgrade_is_told_by_who_refuses_it(built: Workshop, site: Site) -> None:
    site.install("late-one", "2.0")
    site.install("fast-pkg", "1.5")
    with pytest.raises(BudgetError) as found:
        build(Settings(str(built.root)), (), budget=Budget("1", partitions=1), emit=lambda event: None)
    lines = found.value.what.split("\n")
    assert lines[-2:] == [
        "fast-pkg 1.0 -> 1.5, late-one 1.0 -> 2.0 makes 1 partition of tabular stale (about 1s of past durations)",
        "late-one 1.0 -> 2.0 makes 1 partition of other stale (about 1s of past durations)",
    ]
    assert 'environment = "ignore"' in (found.value.hint or "")
    assert [upgrade.targets for upgrade in found.value.excess.upgrades] == [(("tabular", 1),), (("other", 1),)]
    built.swap("Dataflowfile", '"steps:tabular"', '"steps:tabular"\nenvironment = "ignore"')
    assert built.build("tabular").ran == []  # as it says


def test_a_large_upgrade_is_told_before_it_is_built(
    built: Workshop, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("late-one", "2.0")
    assert built.plan().notices == ()
    monkeypatch.setattr("dbuild.build.upgrades.MANY", 2)
    told = "late-one 1.0 -> 2.0 makes 2 partitions of 2 targets stale (about 1s of past durations)"
    assert built.plan().notices == (told,)
    first = built.build()
    assert first.notices == [told]
    assert isinstance(first.events[0], Notice)
    assert built.build().notices == []


def test_what_is_stale_for_more_than_an_upgrade_is_none_of_its_partitions(built: Workshop, site: Site) -> None:
    site.install("late-one", "2.0")
    built.swap("steps.py", "return tables_pkg.VERSION", "return tables_pkg.VERSION + '!'")
    built.path("out/other.txt").unlink()
    with pytest.raises(BudgetError) as found:
        build(Settings(str(built.root)), (), budget=Budget("1", partitions=1), emit=lambda event: None)
    assert found.value.excess.upgrades == ()


# -- engines -----------------------------------------------------------------------------------------------------------


def test_the_engine_counts_for_sql_and_what_reads_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = FLOW + '[targets.seen]\nsql = "SELECT 2 AS two"\n[targets.through]\npath = "out/through.txt"\n'
    shop = Workshop(tmp_path / "p", flow + 'python = "views:through"\ninputs = ["seen"]\n')
    shop.write("steps.py", "def tabular(): return '1'\ndef other(): return '2'\n")
    shop.write("views.py", "def through(seen): return '3'\n")
    shop.build()
    monkeypatch.setattr("dbuild.build.environments.engine_version", lambda: "9.9.9")
    shop.write("Dataflowfile", shop.read("Dataflowfile") + "\n")  # the kept answer rests on the engine's files
    assert shop.build().ran == ["query", "through"]


# -- commands ----------------------------------------------------------------------------------------------------------

ASKING = """
[project]
environment = "ignore"
[targets.first]
path = "out/first.txt"
shell = "echo 1 > {output}"
environment = { cmd = "echo x >> asked; cat version" }
[targets.second]
path = "out/second.txt"
shell = "cat {first} > {output}"
environment = { cmd = "echo x >> asked; cat version" }
[targets.third]
path = "out/third.txt"
shell = "echo 3 > {output}"
environment = { cmd = "echo y >> asked; echo constant" }
[targets.fourth]
path = "out/fourth.txt"
shell = "echo 4 > {output}"
"""


@pytest.fixture
def asking(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "p", ASKING)
    made.write("version", "1.0\n")
    return made


def _asked(shop: Workshop) -> str:
    """What was asked since the last time."""
    path = shop.path("asked")
    found = "".join(sorted(path.read_text().split())) if path.exists() else ""
    path.unlink(missing_ok=True)
    return found


def test_a_command_is_run_once_a_build_and_its_output_counts(asking: Workshop) -> None:
    assert asking.build().ran == ["first", "fourth", "second", "third"]
    assert _asked(asking) == "xy"
    assert asking.build().ran == []
    assert _asked(asking) == "xy"  # also where there is nothing to do
    asking.write("version", "1.1\n")
    assert asking.build().ran == ["first", "second"]
    assert _asked(asking) == "xy"
    asking.write("version", "\n1.1  \n")  # blanks around it aren't it
    assert asking.build().ran == []


def test_a_command_is_run_only_for_what_is_asked_for(asking: Workshop) -> None:
    asking.build()
    _asked(asking)
    asking.build("fourth")
    asking.build("fourth")
    assert _asked(asking) == ""
    asking.build("third")
    assert _asked(asking) == "y"
    asking.write("version", "2.0\n")
    assert asking.build("second").ran == ["first", "second"]
    assert _asked(asking) == "x"


def test_who_reads_asks_nothing_and_takes_the_last_answer(asking: Workshop) -> None:
    assert asking.plan().will_run == 4  # nothing is known, and nothing built
    asking.build()
    _asked(asking)
    asking.write("version", "1.1\n")
    assert asking.plan().will_run == 0
    lint(Settings(str(asking.root)))
    assert _asked(asking) == ""
    asking.build()
    _asked(asking)
    asking.write("version", "1.2\n")
    assert asking.plan().will_run == 0
    assert _asked(asking) == ""


def _told(causes: tuple[Cause, ...]) -> list[tuple[str | None, str | None]]:
    """What commands printed before and now."""
    parts = [part for cause in causes for part in cause.parts or () if part.kind == "program"]
    return [(part.before, part.after) for part in parts]


def test_what_a_command_prints_is_told_also_where_it_is_long_or_unknown(asking: Workshop) -> None:
    asking.build()
    asking.write("version", "1\n" * 2_000)
    assert asking.build("first").ran == ["first"]
    ((before, after),) = _told(why(asking, "first").last_causes)
    assert before == "1.0"
    assert re.fullmatch("3,999 characters, [0-9a-f]{12}", after or "")
    asking.swap("Dataflowfile", "echo constant", "echo other")
    assert [after for _, after in _told(why(asking, "third").causes) if after] == ["not asked yet"]


@pytest.mark.parametrize("is_quiet", [True, False])
def test_a_command_that_fails_ends_the_build_and_says_where(asking: Workshop, is_quiet: bool) -> None:
    asking.build()
    asking.path("version").unlink()
    if not is_quiet:
        asking.swap("Dataflowfile", "echo 4", "echo 44")
    with pytest.raises(RecipeError) as found:
        asking.build()
    assert (str(found.value.place), found.value.exit_code) == ("Dataflowfile:7", 1)
    assert "ended with exit status 1" in found.value.what
    assert "cat: version: No such file" in found.value.what
    assert asking.build("third").ran == []


def test_a_command_may_print_what_is_no_text(tmp_path: Path) -> None:
    flow = '[targets.a]\npath = "a.txt"\nshell = "echo 1 > {output}"\nenvironment = { cmd = "cat version" }\n'
    shop = Workshop(tmp_path / "project", flow)
    shop.path("version").write_bytes(b"R \xff 1")
    assert (shop.build().ran, shop.build().ran) == (["a"], [])
    shop.path("version").write_bytes(b"R \xff 2")
    assert shop.build().ran == ["a"]


def test_commands_get_no_secrets_and_have_their_time(asking: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hush")
    asking.swap("Dataflowfile", "[targets.fourth]\n", '[targets.fourth]\nsecrets = ["DB_PASSWORD"]\n')
    asking.swap("Dataflowfile", "echo constant", 'echo \\"$TZ $LC_ALL [${DB_PASSWORD:-}]\\" | tee seen')
    asking.build()
    assert asking.read("seen").startswith("UTC ")
    assert asking.read("seen").endswith("[]\n")
    asking.path("seen").unlink()
    asking.build()
    assert asking.read("seen").endswith("[]\n")
    monkeypatch.setattr("dbuild.build.programs._SECONDS", 0.0)
    asking.swap("Dataflowfile", "| tee seen", "; sleep 60")
    with pytest.raises(UserError, match="didn't end within 0 s"):
        asking.build("third")


def test_a_state_of_an_earlier_version_goes_not_stale(built: Workshop, site: Site) -> None:
    """Its traces know of no environment; from the next build on they do."""
    _age(built)
    assert built.build().ran == []
    site.install("fast-pkg", "2.0")
    assert built.build().ran == ["tabular"]


def _age(shop: Workshop) -> None:
    """Gives all traces the fingerprints of the version before."""
    settings = Settings(str(shop.root))
    with reading(settings) as state:
        looked = look(settings, state, (), forget)
        prints = {name: looked.world.fingerprints.of(name) for name in looked.flow.steps}
    state = open_state(str(shop.root), "Dataflowfile")
    try:
        with state.transaction():
            for name, (present, former, *_) in prints.items():
                state.renew_fingerprints(name, former, present)
    finally:
        state.close()
    with closing(sqlite3.connect(shop.path(".dbuild/state.db"))) as database, database:
        database.execute("DELETE FROM seal")
        database.execute("DELETE FROM answer")
