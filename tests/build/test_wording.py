"""What recipes consisted of is kept with what they made: once for each content, bounded, without secrets."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from dbuild.core.part import Wording
from dbuild.state.opening import open_state
from dbuild.state.recipes import MOST
from tests.build.priced import FILES, SECRET, make
from tests.build.workshop import Workshop


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = make(tmp_path_factory.mktemp("wording") / "project")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TOKEN", SECRET)
        assert len(shop.build().ran) == 7
    return shop


@pytest.fixture
def shop(built: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("TOKEN", SECRET)
    return built.copy(tmp_path / "project")


def asked(shop: Workshop, question: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(shop.path(".dbuild/state.db"))
    try:
        return connection.execute(question, values).fetchall()
    finally:
        connection.close()


def wordings(shop: Workshop, target: str) -> Sequence[Wording]:
    """The parts of what a target's first trace was made by."""
    state = open_state(str(shop.root), "Dataflowfile", is_reader=True)
    trace = next(iter(state.traces(target).values()))
    found = state.recipes.of(target, trace.fingerprint.hex())
    state.close()
    assert found is not None
    return found


def texts(shop: Workshop, target: str) -> dict[str, str | None]:
    return {f"{one.part.kind} {one.part.name}".strip(): one.text for one in wordings(shop, target)}


def test_each_part_is_kept_with_its_text(built: Workshop) -> None:
    clean = texts(built, "clean")
    assert clean["code steps.calc.RATE"] == "RATE = 2"
    assert clean["code steps.calc.scaled"] == 'def scaled(text):\n    return text.replace("1", str(RATE))'
    assert "code steps.calc.unused" not in clean
    daily = texts(built, "daily")
    assert daily["sql"] == FILES["sql/daily.sql"]
    assert daily["view kept"] == "SELECT * FROM clean WHERE price > 1"
    assert daily["macro net"] == "CREATE MACRO net(x) AS\n  x - 1;"
    assert "macro other" not in daily
    report = texts(built, "report")
    assert report["shell"] == "./count.sh {daily} > {output}"
    assert report["file count.sh"] == FILES["count.sh"]
    assert report["file logo.bin"] is None
    values = {one.part.name: one.part.value for one in wordings(built, "report")}
    assert (values["timezone"], values["input daily"]) == ("UTC", "daily")
    places = {one.part.name: str(one.part.place) for one in wordings(built, "clean") if one.part.place}
    assert (places["steps.calc.RATE"], places["steps.clean.tidy"]) == ("steps/calc.py:3", "steps/clean.py:4")


def test_what_did_not_change_is_kept_once(shop: Workshop) -> None:
    before = asked(shop, "SELECT count(*) FROM content")[0][0]
    assert isinstance(before, int)
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.build()
    assert asked(shop, "SELECT count(*) FROM content") == [(before + 1,)]
    recipes = "SELECT name, count(*) FROM recipe JOIN target ON target.id = target GROUP BY name"
    assert dict(asked(shop, recipes)) == {"clean": 2, "daily": 1, "report": 1}


def test_a_build_with_nothing_to_do_and_readers_keep_nothing(shop: Workshop) -> None:
    everything = "SELECT (SELECT count(*) FROM recipe), (SELECT count(*) FROM part), (SELECT count(*) FROM content)"
    shop.swap("steps/calc.py", "# how much", "# how much of it")
    before = asked(shop, everything)
    assert shop.build().ran == []
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.run("why", "clean@2013-01-01")
    shop.run("plan")
    assert asked(shop, everything) == before


def test_values_of_secrets_are_not_kept(shop: Workshop) -> None:
    shop.write("count.sh", f"#!/bin/sh\ncat $@ # {SECRET}\n")
    shop.path("count.sh").chmod(0o755)
    shop.swap("Dataflowfile", 'secrets = ["TOKEN"]', 'secrets = ["TOKEN"]\nenv = { LEVEL = "hunter2hunter2" }')
    shop.build()
    assert texts(shop, "report")["file count.sh"] is None
    values = {one.part.name: one.part.value for one in wordings(shop, "clean")}
    assert (values["env LEVEL"], values["secret TOKEN"]) == ("***", "")


def test_recipes_that_nothing_is_made_by_any_more_are_forgotten(shop: Workshop) -> None:
    state = open_state(str(shop.root), "Dataflowfile")
    (first,) = {trace.fingerprint for trace in state.traces("daily").values()}
    for number in range(2 * MOST):
        part = wordings(shop, "daily")[0].part
        with state.transaction():
            state.recipes.put("daily", number.to_bytes(16, "big"), [Wording(part, f"SELECT {number}")])
    assert state.recipes.knows("daily", first)
    assert not state.recipes.knows("daily", bytes(16))
    state.close()
    (count,) = asked(shop, "SELECT count(*) FROM recipe JOIN target ON target.id = target WHERE name = 'daily'")
    assert isinstance(count[0], int) and count[0] <= MOST
    unused = "SELECT count(*) FROM content WHERE digest NOT IN (SELECT content FROM part WHERE content IS NOT NULL)"
    assert asked(shop, unused) == [(0,)]


def test_a_renamed_target_keeps_what_its_recipe_was(shop: Workshop) -> None:
    before = texts(shop, "report")
    shop.swap("Dataflowfile", "[targets.report]", '[targets.summary]\nwas = "report"')
    assert shop.build().ran == []
    assert texts(shop, "summary") == before


def test_a_recipe_that_two_names_had_leaves_nothing_when_they_become_one(tmp_path: Path) -> None:
    """Numbers of recipes are given again: what was left of one would be in the way of the next."""
    shop = Workshop(tmp_path / "project")
    flow = '[targets.{name}]\npath = "out/{name}.csv"\nsql = "SELECT {number} AS x"\n'
    for name in ("old", "new"):
        shop.write("Dataflowfile", flow.format(name=name, number=1))
        assert shop.build().counts == {name: 1}
    assert shop.run("clean", "--outputs", "new", "--yes").returncode == 0
    for number in (1, 2):
        shop.write("Dataflowfile", flow.format(name="new", number=number) + 'was = "old"\n')
        assert shop.build().counts == {"new": 1}
    assert asked(shop, "SELECT count(*) FROM part WHERE recipe NOT IN (SELECT id FROM recipe)") == [(0,)]


def git(shop: Workshop, *words: str) -> str:
    who = ("-c", "user.name=Ann Lee", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(["git", *who, *words], cwd=shop.root, check=True, capture_output=True, text=True).stdout


def maker(shop: Workshop) -> tuple[object, ...]:
    return asked(shop, "SELECT who, code, is_dirty FROM run ORDER BY id DESC LIMIT 1")[0]


def test_a_run_knows_whose_code_it_built(shop: Workshop) -> None:
    assert "@" in str(maker(shop)[0]) and maker(shop)[1:] == ("", None)
    shop.write(".gitignore", ".dbuild\nclean\ndaily\nreport.txt\nraw\n__pycache__\n")
    git(shop, "init", "-q")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "all")
    head = git(shop, "rev-parse", "HEAD").strip()
    shop.build(force=True)
    assert maker(shop) == ("Ann Lee <ann@example.org>", head, 0)
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.build()
    assert maker(shop) == ("Ann Lee <ann@example.org>", head, 1)
    for path in ("Dataflowfile", *FILES):
        shop.write(path, f"{shop.read(path)}\n")
    shop.build(force=True)
    assert maker(shop) == ("Ann Lee <ann@example.org>", head, 1)


def test_asking_git_runs_nothing_that_a_repository_names(shop: Workshop) -> None:
    git(shop, "init", "-q")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "all")
    hook = shop.path("hook.sh")
    hook.write_text("#!/bin/sh\ntouch ran\ncat\n")
    hook.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "gpg.program", "diff.external", "filter.x.clean"):
        git(shop, "config", name, str(hook))
    git(shop, "config", "log.showSignature", "true")
    shop.write(".git/info/attributes", "* filter=x diff=x\n")
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.build()
    assert maker(shop)[0] == "Ann Lee <ann@example.org>"
    shop.run("why", "clean@2013-01-01")
    assert not shop.path("ran").exists()


def test_without_git_it_is_the_user(shop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    git(shop, "init", "-q")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "all")
    monkeypatch.setattr("dbuild.observe.git._GIT", ("no-such-git",))
    shop.swap("steps/calc.py", "RATE = 2", "RATE = 3")
    shop.build()
    assert "Ann" not in str(maker(shop)[0]) and maker(shop)[1] == ""
