"""`--assume-unchanged X`: nobody looks at the files of X, and nobody is wrong about them afterwards."""

from __future__ import annotations

import random
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from dbuild import failpoints
from dbuild.build import Settings, fresh, status
from dbuild.errors import UsageError, UserError
from dbuild.state.opening import open_state
from tests.build.looking import count_looks
from tests.build.watching import watching
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
tags = ["archive"]
[sources.note]
path = "data/{{day}}.note"
[sources.codes]
path = "codes.csv"
[targets.copy]
path = "out/copy/{{day}}.txt"
shell = "cat {{raw}} {{note}} > {{output}}"
[targets.parts]
path = "out/parts/{{day}}/"
shell = "mkdir -p {{output}} && cp {{raw}} {{output}}/a.txt"
[targets.head]
path = "out/head.txt"
shell = "head -c 1000 {{codes}} > {{output}}"
[targets.total]
path = "out/total.txt"
shell = "cat {{copy}} > {{output}}; for d in {{parts}}; do cat $d/*; done >> {{output}}; cat {{head}} >> {{output}}"
"""
ALL = ["01-01", "01-02", "01-03"]


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    shop = Workshop(tmp_path / "project", FLOW)
    shop.date("Dataflowfile", "2013-02-01")
    shop.days("data", *ALL)
    shop.days("data", *ALL, ending="note", text="note {day}\n")
    shop.write("codes.csv", "codes\n")
    return shop


@pytest.fixture
def looks(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return count_looks(monkeypatch, shop.root, ("data", "out", "codes"), sees_opens=True)


def settle(shop: Workshop) -> None:
    """Builds until an answer is kept, and no file is too young to be trusted."""
    for _ in range(10):
        shop.build()


def keep_changing(shop: Workshop) -> None:
    """A change of the flow that makes nothing stale, so that no kept answer holds."""
    shop.write("Dataflowfile", shop.read("Dataflowfile") + "# more\n")
    shop.date("Dataflowfile", "2013-02-01")


def test_nothing_of_it_is_looked_at(shop: Workshop, looks: Counter[str]) -> None:
    settle(shop)
    looks.clear()
    found = shop.build(assumed=("*",)).summary
    assert (found.fresh, found.built, sum(looks.values())) == (8, 0, 0)
    assert found.assumed == ("raw", "note", "codes", "copy", "parts", "head", "total")
    keep_changing(shop)
    assert shop.build(assumed=("*",)).summary.assumed == found.assumed
    assert set(looks) <= {"out/", "out"}  # no answer holds, so it is planned


def test_what_else_there_is_is_looked_at(shop: Workshop, looks: Counter[str]) -> None:
    settle(shop)
    for change in (lambda: None, lambda: keep_changing(shop)):
        change()
        looks.clear()
        assert shop.build(assumed=("copy", "parts")).summary.assumed == ("copy", "parts")
        assert {name for name in looks if name.endswith("/")} == {"data/"}
        assert "codes.csv" in looks


def test_plans_and_tables_do_not_look_either(shop: Workshop, looks: Counter[str]) -> None:
    settle(shop)
    settings = Settings(str(shop.root), assumed=("tag:archive", "note"))
    looks.clear()
    assert fresh(settings, ()) == (8, ("raw", "note"))
    assert [each.name for each in status(settings, ()) if each.is_assumed] == ["raw", "note"]
    assert not {name for name in looks if name.startswith("data")}
    keep_changing(shop)
    looks.clear()
    assert fresh(settings, ()) is None
    assert shop.plan(assumed=("raw", "note")).assumed == ("raw", "note")
    assert [each.name for each in status(settings, ()) if each.is_assumed] == ["raw", "note"]
    assert not {name for name in looks if name.startswith("data")}


def test_a_change_is_seen_without_it_and_not_with_it(shop: Workshop) -> None:
    settle(shop)
    shop.write("data/2013-01-02.txt", "corrected\n")
    for _ in range(3):
        assert shop.build(assumed=("raw",)).ran == []
    assert shop.build().ran == ["copy@2013-01-02", "parts@2013-01-02", "total"]


def test_so_it_is_after_no_answer_held(shop: Workshop) -> None:
    settle(shop)
    shop.write("data/2013-01-02.txt", "corrected\n")
    shop.path("data/2013-01-03.txt").unlink()
    shop.write("data/2013-01-04.txt", "new\n")
    shop.write("data/2013-01-04.note", "new\n")
    shop.write("codes.csv", "other codes\n")
    for _ in range(3):
        keep_changing(shop)
        assert shop.build(assumed=("raw", "note", "codes")).ran == []
    found = shop.build()
    assert found.ran == ["copy@2013-01-02", "copy@2013-01-04", "head", "parts@2013-01-02", "parts@2013-01-04"]
    assert found.summary.waiting == 3  # two of a day that is gone, and what reads them


def test_a_neighbour_in_the_same_folder_is_seen(shop: Workshop) -> None:
    settle(shop)
    shop.write("data/2013-01-01.note", "another note\n")
    shop.write("data/2013-01-02.txt", "corrected\n")
    assert shop.build(assumed=("raw",)).ran == ["copy@2013-01-01", "total"]
    assert shop.build(assumed=("raw",)).ran == []
    assert shop.build().ran == ["copy@2013-01-02", "parts@2013-01-02", "total"]


def test_outputs_are_taken_as_they_were_made(shop: Workshop) -> None:
    settle(shop)
    shop.write("out/copy/2013-01-01.txt", "edited\n")
    shop.path("out/copy/2013-01-02.txt").unlink()
    assert shop.build(assumed=("copy",)).ran == []
    assert shop.build().ran == ["copy@2013-01-01", "copy@2013-01-02"]


def test_a_target_of_it_is_looked_at_where_it_is_built(shop: Workshop) -> None:
    settle(shop)
    shop.write("out/copy/2013-01-01.txt", "edited\n")
    shop.write("out/copy/2013-01-02.txt", "edited too\n")
    shop.swap("data/2013-01-01.note", "note", "a note")
    [(name, error)] = shop.build(assumed=("copy",)).errors.items()
    assert (name, error.splitlines()) == (
        "total",
        [
            "2013-01-02.txt of copy isn't as it was when it was last looked at",
            "  hint: leave out --assume-unchanged, so that what has changed is seen",
        ],
    )
    assert shop.read("out/copy/2013-01-01.txt") == "01-01\na note 01-01\n"
    assert shop.build().ran == ["copy@2013-01-02", "total"]


def test_a_recipe_is_not_recorded_with_what_was_assumed(shop: Workshop) -> None:
    settle(shop)
    shop.write("data/2013-01-02.txt", "corrected\n")
    shop.path("data/2013-01-03.txt").unlink()
    shop.swap("Dataflowfile", "cat {raw} {note}", "cat {note} {raw}")
    found = shop.build(assumed=("raw",), keep_going=True)
    assert sorted(found.errors) == ["copy@2013-01-02", "copy@2013-01-03"]
    assert "copy@2013-01-01" in found.ran
    assert shop.build(assumed=("raw",), keep_going=True).ran == ["copy@2013-01-02", "copy@2013-01-03"]
    assert shop.build(keep_going=True).ran == ["copy@2013-01-02", "parts@2013-01-02"]
    assert shop.read("out/copy/2013-01-02.txt") == "note 01-02\ncorrected\n"


def test_a_folder_with_another_file_in_it_is_not_read(shop: Workshop) -> None:
    settle(shop)
    shop.write("out/parts/2013-01-02/b.txt", "more\n")
    shop.write("codes.csv", "other codes\n")
    assert sorted(shop.build(assumed=("parts",)).errors) == ["total"]
    assert shop.build().ran == ["parts@2013-01-02", "total"]
    assert shop.outputs() == shop.clean_outputs(shop.root.parent / "clean")


def test_what_was_never_looked_at_is_looked_at(shop: Workshop) -> None:
    first = shop.build(assumed=("*",))
    assert (first.summary.built, first.summary.assumed) == (8, ())
    assert shop.outputs() == shop.clean_outputs(shop.root.parent / "clean")
    shop.write("more/2013-01-01.txt", "more\n")
    shop.write("Dataflowfile", FLOW + '[sources.more]\npath = "more/{day}.txt"\n')
    shop.swap("Dataflowfile", "cat {raw} {note}", "cat {raw} {more}")
    shop.swap("Dataflowfile", "[targets.copy]", '[targets.copy]\ninputs.more = { missing = "skip" }')
    assert shop.build(assumed=("raw", "more")).summary.assumed == ("raw",)
    assert shop.read("out/copy/2013-01-01.txt") == "01-01\nmore\n"


def test_another_path_was_never_looked_at(shop: Workshop) -> None:
    settle(shop)
    shop.days("data", *ALL, ending="text", text="text {day}\n")
    shop.swap("Dataflowfile", "data/{day}.txt", "data/{day}.text")
    assert len(shop.build(assumed=("raw",)).ran) == 7
    assert shop.outputs() == shop.clean_outputs(shop.root.parent / "clean")


def test_what_a_killed_build_made_is_looked_at(shop: Workshop) -> None:
    settle(shop)
    state = open_state(str(shop.root), "Dataflowfile")
    state.begin_run(0.0, "dbuild")  # and it never ended
    state.close()
    shop.write("out/copy/2013-01-01.txt", "edited\n")
    assert shop.build(assumed=("copy", "raw")).summary.assumed == ("raw",)
    assert shop.read("out/copy/2013-01-01.txt") == "01-01\nnote 01-01\n"


def test_what_a_killed_build_made_is_looked_at_also_after_a_build_of_something_else(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(shop)
    shop.write("data/2013-01-01.note", "corrected\n")
    monkeypatch.setattr(failpoints, "_wanted", "seal:1:ENOSPC")
    monkeypatch.setattr(failpoints, "_seen", {})
    with pytest.raises(UserError, match="can't go on"):
        shop.build("copy")
    monkeypatch.setattr(failpoints, "_wanted", "")
    assert shop.build("head").ran == []
    built = shop.build(assumed=("copy", "raw", "parts"))
    assert (built.ran, built.summary.assumed) == (["total"], ("raw",))
    assert shop.build(assumed=("*",)).summary.assumed == ("raw", "note", "codes", "copy", "parts", "head", "total")
    assert shop.outputs() == shop.clean_outputs(shop.root.parent / "clean")


def test_after_a_restart_what_was_assumed_is_looked_at_the_next_time(
    shop: Workshop, looks: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(shop)
    monkeypatch.setattr("dbuild.build.survey.boot_identity", lambda: "another")
    monkeypatch.setattr("dbuild.build.answer.boot_identity", lambda: "another")
    looks.clear()
    assert shop.build(assumed=("*",)).ran == []
    assert not {name for name in looks if name.endswith((".txt", ".csv", " opened"))}
    shop.swap("data/2013-01-01.note", "note", "a note")
    shop.swap("codes.csv", "codes", "other codes")
    assert shop.build(assumed=("copy", "parts", "raw")).ran == ["copy@2013-01-01", "head", "total"]
    looks.clear()
    assert shop.build().ran == []
    assert {"out/copy/2013-01-02.txt opened", "data/2013-01-02.txt opened"} <= set(looks)  # a crash may have come


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only where a kernel tells of changes")
def test_a_watch_is_told_nothing_that_was_assumed(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root) as watcher:
        for _ in range(3):
            shop.build()
            watcher.settle()
        watcher.asked.clear()
        watcher.vouched.clear()
        shop.write("data/2013-01-02.txt", "corrected\n")
        watcher.tell(shop.path("data"), "2013-01-02.txt")
        keep_changing(shop)
        assert shop.build(assumed=("raw", "note")).ran == []
        shop.swap("data/2013-01-01.note", "note", "a note")
        watcher.tell(shop.path("data"), "2013-01-01.note")
        assert shop.build(assumed=("raw",)).ran == ["copy@2013-01-01", "total"]
        watcher.settle()
        assert {one[0] for one in watcher.asked[0]} == {str(shop.path("out/copy")), str(shop.path("out/parts"))}
        assert shop.build().ran == ["copy@2013-01-02", "parts@2013-01-02", "total"]


@pytest.mark.parametrize(
    ("word", "what", "hint"),
    [
        ("rew", 'there is no dataset "rew"', 'did you mean "raw"?'),
        ("raw@2013-01", '--assume-unchanged takes whole datasets, and "raw@2013-01" names partitions', "write raw"),
        ("tag:archives", 'nothing has the tag "archives"', 'did you mean "archive"?'),
    ],
)
def test_words_that_name_nothing_whole_are_refused(shop: Workshop, word: str, what: str, hint: str) -> None:
    settle(shop)
    with pytest.raises(UsageError) as caught:
        shop.build(assumed=("note", word))
    assert (caught.value.what, caught.value.hint) == (what, hint)


def test_the_command_says_what_was_assumed(shop: Workshop) -> None:
    settle(shop)
    words = ("--assume-unchanged", "raw", "--assume-unchanged", "co*")
    line = "assumed unchanged: raw, codes, copy\n"
    for change in (lambda: None, lambda: keep_changing(shop)):
        change()
        assert line in shop.run("build", *words).stderr
        assert line in shop.run("plan", *words).stdout
        assert line in shop.run("status", *words).stdout
        for command in ("build", "plan", "status"):
            assert '"assumed_unchanged":["raw","codes","copy"]' in shop.run(command, *words, "--json").stdout


@pytest.mark.parametrize("seed", range(2))
def test_whatever_was_assumed_a_build_without_it_is_right(shop: Workshop, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    names = ["raw", "note", "codes", "copy", "parts", "head", "total", "*"]
    for step in range(7):
        for _ in range(rng.randrange(3)):
            edit(shop, rng, step)
        for _ in range(rng.randrange(4)):
            shop.build(assumed=tuple(rng.sample(names, rng.randint(1, 3))), keep_going=True)
            if rng.random() < 0.3:
                edit(shop, rng, step)
        shop.build(keep_going=True)
        assert shop.outputs() == shop.clean_outputs(tmp_path / f"clean{step}"), f"step {step}"


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), 10])
def test_what_is_assumed_rightly_makes_no_difference(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    sources = {"raw": "data/2013-01-02.txt", "note": "data/2013-01-02.note", "codes": "codes.csv"}
    targets = ["copy", "parts", "head", "total"]
    for step in range(7):
        shop.build()
        edited = rng.sample(sorted(sources), rng.randint(1, 2))
        for number, name in enumerate(edited):
            shop.write(sources[name], f"{seed} {step} {number}\n")
        for _ in range(rng.randrange(4)):
            place, count = rng.choice(["intent", "rename", "commit", "committed", "seal", "none"]), rng.randint(1, 3)
            monkeypatch.setattr(failpoints, "_wanted", f"{place}:{count}:ENOSPC")
            monkeypatch.setattr(failpoints, "_seen", {})
            with suppress(UserError):
                shop.build(*rng.sample(targets, rng.randint(1, 2)), keep_going=True)
            monkeypatch.setattr(failpoints, "_wanted", "")
        unedited = [name for name in (*sources, *targets) if name not in edited]
        shop.build(assumed=tuple(rng.sample(unedited, rng.randint(2, len(unedited)))))
        assert shop.outputs() == shop.clean_outputs(tmp_path / f"clean{step}"), f"step {step}"


def edit(shop: Workshop, rng: random.Random, step: int) -> None:
    """Changes something anywhere: a source, an output, a recipe."""
    day = f"2013-01-0{rng.randint(1, 3)}"
    match rng.randrange(6):
        case 0:
            shop.write(f"data/{day}.txt", f"{rng.random()}\n")
        case 1:
            shop.write(f"data/{day}.note", f"{rng.random()}\n")
        case 2:
            shop.write("codes.csv", f"{rng.random()}\n")
        case 3:
            shop.write(f"out/copy/{day}.txt", f"{rng.random()}\n")
        case 4:
            shop.write(f"out/parts/{day}/{rng.choice('ab')}.txt", f"{rng.random()}\n")
        case _:
            text = shop.read("Dataflowfile")
            swapped = ("cat {raw} {note}", "cat {note} {raw}")
            shop.write("Dataflowfile", text.replace(*(swapped if swapped[0] in text else swapped[::-1])))
            shop.date("Dataflowfile", "2013-02-01")
