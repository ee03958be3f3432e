"""What changes while a build with nothing to do looks at a project: the next build sees it, by the short way too."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dbuild import build as building
from dbuild.build import Settings, answer, looks, session
from dbuild.build.answer import Grounds, Period, Question
from dbuild.build.folders import SETTLE
from dbuild.build.survey import Survey
from dbuild.observe.digests import TICK
from dbuild.observe.listing import pack_record, stat_of
from dbuild.state.opening import open_state
from tests.build.workshop import Workshop

FLOW = """
[project]
include = ["flows/*.toml"]

[targets.made]
path = "out/made.txt"
python = "code.recipes:make"

[targets.shown]
path = "out/shown.txt"
shell = "cat parts/*.txt deep/*/*.txt > {output}"
uses = ["parts/*.txt", "deep", "one.txt"]
"""
LONG_AGO = (1_300_000_000, 1_300_000_000)


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Built, and looked at until a build leaves an answer."""
    made = Workshop(tmp_path / "project", FLOW)
    made.write("code/__init__.py", "")
    made.write("code/recipes.py", "from code import words\n\ndef make():\n    return words.WORD\n")
    made.write("code/words.py", "WORD = 'first'\n")
    for path in ("parts/a.txt", "deep/one/a.txt", "one.txt", "flows/none.toml"):
        made.write(path, "")
    aged(made.root)
    made.build()
    for _ in range(9):
        assert made.build().ran == []
        if building.fresh(settings_of(made), ()) is not None:
            return made
    raise AssertionError("no build leaves an answer")


def forget_answers(shop: Workshop) -> None:
    """Has the next build take the long way."""
    with contextlib.closing(sqlite3.connect(shop.path(".dbuild/state.db"))) as database, database:
        database.execute("DELETE FROM answer")


def aged(folder: Path) -> Path:
    """Gives a folder and all in it the times that a move or an archive would leave."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, LONG_AGO)
    return folder


def settings_of(shop: Workshop) -> Settings:
    return Settings(str(shop.root), "Dataflowfile")


def moved_in(path: str, text: str) -> Callable[[Workshop], object]:
    """A file that was written long ago, and is moved to where it belongs."""

    def change(shop: Workshop) -> None:
        aside = shop.root.parent / "aside"
        aside.write_text(text)
        os.utime(aside, LONG_AGO)
        aside.rename(shop.path(path))

    return change


def folder_moved_in(path: str, name: str, text: str) -> Callable[[Workshop], object]:
    """The same of a folder with one file."""

    def change(shop: Workshop) -> None:
        aside = shop.root.parent / "aside"
        aside.mkdir()
        (aside / name).write_text(text)
        shutil.move(aged(aside), shop.path(path))

    return change


def unpacked(path: str, text: str) -> Callable[[Workshop], object]:
    """A file that comes out of an archive, after which its folder has the time that it has there."""

    def change(shop: Workshop) -> None:
        shop.write(path, text)
        aged(shop.path(path).parent)

    return change


ONE = ["shown"]
CHANGES: dict[str, tuple[Callable[[Workshop], object], list[str]]] = {
    "code moved over code": (moved_in("code/words.py", "WORD = 'other'\n"), ["made"]),
    "code unpacked over code": (unpacked("code/words.py", "WORD = 'other'\n"), ["made"]),
    "a package in front of a module": (folder_moved_in("code/words", "__init__.py", "WORD = 'other'\n"), ["made"]),
    "a file that is used": (moved_in("one.txt", "x"), ONE),
    "one more match": (moved_in("parts/b.txt", ""), ONE),
    "one more match, unpacked": (unpacked("parts/b.txt", ""), ONE),
    "one more in a folder": (unpacked("deep/one/b.txt", ""), ONE),
    "one more folder in a folder": (folder_moved_in("deep/two", "a.txt", ""), ONE),
    "a match is gone": (lambda shop: shop.path("parts/a.txt").unlink(), ONE),
    "one more file of the project": (
        moved_in("flows/more.toml", '[targets.more]\npath = "out/more.txt"\nshell = "echo > {output}"\n'),
        ["more"],
    ),
    "the project's file": (
        lambda shop: moved_in("Dataflowfile", FLOW.replace("cat parts", "cat one.txt parts"))(shop),
        ONE,
    ),
}


@pytest.mark.parametrize("when", ["load_flow", "make"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_meanwhile_is_built_by_the_next_build(
    shop: Workshop, change: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit, expected = CHANGES[change]
    forget_answers(shop)
    module = session if when == "make" else looks
    own = getattr(module, when)

    def then_changed(*given: object, **named: object) -> object:
        found = own(*given, **named)
        edit(shop)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(module, when, then_changed)
        first = shop.build()
    assert (shop.build().ran or first.ran) == expected


def test_without_a_change_it_is_left_again(shop: Workshop) -> None:
    forget_answers(shop)
    shop.build()
    assert building.fresh(settings_of(shop), ()) == (2, ())


def test_no_answer_rests_on_a_file_whose_stats_vouch_for_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another file system, whose clock may differ: no file is trusted that is younger than two minutes.

    A build that didn't need it has kept its folder as it is now, so that nothing differs from what was kept.
    """
    with open(shop.path("Dataflowfile"), "a") as flow:
        flow.write('[sources.given]\npath = "given/*.txt"\n[targets.copy]\npath = "out/copy.txt"\n')
        flow.write('shell = "cat {given} > {output}"\n')
    shop.write("given/a.txt", "x")
    assert shop.build().ran == ["copy"]
    clock = Survey._clock_now
    monkeypatch.setattr(Survey, "_clock_now", lambda self: clock(self) - SETTLE)
    shop.write("given/a.txt", "x")
    assert shop.build("made").ran == []
    assert shop.build().ran == []
    assert building.fresh(settings_of(shop), ()) is None


# -- the moments themselves --------------------------------------------------------------------------------------------

MINUTE = 60_000_000_000
NEVER = Period(0.0, None)
GROUNDS = {
    "one.txt": Grounds(("one.txt",), (), (), (), NEVER),
    "code": Grounds((), (), ("code",), (), NEVER),
    "parts": Grounds((), (), (), ("parts/*.txt",), NEVER),
    "deep/one": Grounds((), (), (), ("deep/**",), NEVER),
    "deep": Grounds((), (), (), ("deep/*/a.txt",), NEVER),
    "": Grounds((), (), (), ("no/such/*.txt",), NEVER),
}


@pytest.mark.parametrize("time", ["st_mtime_ns", "st_ctime_ns"])
@pytest.mark.parametrize("path", GROUNDS)
def test_an_answer_rests_on_what_is_older_than_the_look(shop: Workshop, path: str, time: str) -> None:
    """By the later of its two times: of the file system's next tick after it no change can be told from one before."""
    if time == "st_mtime_ns":  # set to be later than the change
        os.utime(shop.path(path), ns=(0, os.stat(shop.path(path)).st_ctime_ns + MINUTE + 1))
    moment = getattr(os.stat(shop.path(path)), time)
    assert not keeps(shop, GROUNDS[path], moment)
    assert not keeps(shop, GROUNDS[path], moment + TICK - 1)
    assert keeps(shop, GROUNDS[path], moment + MINUTE)


def test_an_answer_rests_on_the_files_that_were_seen(shop: Workshop) -> None:
    grounds, stat = GROUNDS["one.txt"], os.stat(shop.path("one.txt"))
    later = stat.st_ctime_ns + MINUTE
    assert not keeps(shop, grounds, later, seen={})
    assert not keeps(shop, grounds, later, seen={"one.txt": b"one.txt"})
    shop.path("one.txt").unlink()
    assert not keeps(shop, grounds, later, seen={"one.txt": pack_record("one.txt", stat_of(stat))[:-1]})
    assert keeps(shop, grounds, later, seen={})


def keeps(shop: Workshop, grounds: Grounds, clock: int, seen: dict[str, bytes] | None = None) -> bool:
    """Whether an answer is kept after a look that began then."""
    if seen is None:
        seen = {path: pack_record(path, stat_of(os.stat(shop.path(path))))[:-1] for path in grounds.singles}
    question = Question(("x",), ())
    forget_answers(shop)
    state = open_state(str(shop.root), "Dataflowfile")
    try:
        answer.keep_answer(str(shop.root), state, answer.Kept(question, grounds, {}, None, "[]"), clock, seen)
        return state.answer(question.text) is not None
    finally:
        state.close()
