"""Commands where a watch runs: they look at what it names and at nothing else, and never do otherwise for it."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbuild.build import Settings, status
from dbuild.observe import vouching
from dbuild.observe.vouching import Known, Watch
from tests.build.looking import count_looks
from tests.build.watching import Watcher, watching
from tests.build.workshop import DAYS, Workshop

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only where the kernel tells of changes a watch can answer for them"
)
FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
"""
ALL = ["01-01", "01-02", "01-03"]


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    shop = Workshop(tmp_path / "project", FLOW)
    shop.date("Dataflowfile", "2013-02-01")
    shop.days("data", *ALL)
    return shop


@pytest.fixture
def looks(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return count_looks(monkeypatch, shop.root, ("data", "out"))


def settle(shop: Workshop, watcher: Watcher) -> None:
    """Builds until an answer is kept, and no file is too young to be trusted."""
    for _ in range(3):
        shop.build()
        watcher.settle()


@contextmanager
def looked(shop: Workshop, looks: Counter[str], *expected: str) -> Iterator[None]:
    looks.clear()
    yield
    assert sorted(looks) == sorted(expected)


def test_where_a_watch_vouches_nothing_is_looked_at(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        assert {one[0] for one in watcher.asked[-1]} == {str(shop.path("data")), str(shop.path("out"))}
        with looked(shop, looks):
            assert shop.build().summary.fresh == 3
        with looked(shop, looks):
            assert [one.name for one in status(Settings(str(shop.root)), ())] == ["raw", "copy"]
    with looked(shop, looks, "data/", "out/"):
        assert shop.build().summary.fresh == 3  # and without it, everything


def test_only_what_it_names_is_looked_at(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        watcher.tell(shop.path("data"), "2013-01-02.txt")
        with looked(shop, looks, "data/2013-01-02.txt"):
            assert shop.build().summary.fresh == 3
        watcher.settle()
        with looked(shop, looks):
            assert shop.build().summary.fresh == 3  # it was told that nothing had changed
        shop.write("data/2013-01-02.txt", "corrected\n")
        watcher.tell(shop.path("data"), "2013-01-02.txt")
        looks.clear()
        assert shop.build().ran == ["copy@2013-01-02"]
        assert not looks.keys() & {"data/", "out/", "data/2013-01-01.txt", "data/2013-01-03.txt"}
        watcher.tell(shop.path("out"), "2013-01-02.txt")
        shop.path("data/2013-01-03.txt").unlink()
        shop.write("data/2013-01-04.txt", "new\n")
        watcher.tell(shop.path("data"), "2013-01-03.txt", "2013-01-04.txt")
        again = shop.build()
        assert (again.ran, again.summary.waiting) == (["copy@2013-01-04"], 1)


def test_after_a_build_it_vouches_for_all_but_what_was_made(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        shop.write("data/2013-01-02.txt", "corrected\n")
        watcher.tell(shop.path("data"), "2013-01-02.txt")
        assert shop.build().ran == ["copy@2013-01-02"]
        watcher.settle()
        watcher.tell(shop.path("out"), "2013-01-02.txt")
        looks.clear()
        assert shop.build().ran == []
        assert set(looks) <= {"data/2013-01-02.txt", "out/2013-01-02.txt"}  # which may be too young to be trusted


def test_an_output_that_somebody_edited_is_built_again(shop: Workshop) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        shop.write("out/2013-01-01.txt", "edited\n")
        watcher.tell(shop.path("out"), "2013-01-01.txt")
        assert shop.build().ran == ["copy@2013-01-01"]


def test_whoever_cannot_tell_is_not_heard(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        watcher.vouched.clear()
        with looked(shop, looks, "data/", "out/"):
            assert shop.build().summary.fresh == 3
        watcher.settle()
        with looked(shop, looks):
            assert shop.build().summary.fresh == 3


def silent(connection: socket.socket, answer: bytes) -> None:
    """Says nothing."""


def gone(connection: socket.socket, answer: bytes) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def gone_in_the_middle(connection: socket.socket, answer: bytes) -> None:
    connection.sendall(answer[:-10])
    connection.shutdown(socket.SHUT_RDWR)


def raw(answer: bytes) -> Any:
    def send(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer + b"\n")

    return send


BAD = [
    *(silent, gone, gone_in_the_middle),
    *map(raw, (b"", b"nonsense", b"[]", b"null", b"\xff\xfe", b"[" * 100_000)),
    *(
        raw(json.dumps(answer).encode())
        for answer in (
            {},
            {"number": 9},
            {"number": "9", "changed": [[], []]},
            {"number": True, "changed": [[], []]},
            {"number": 9, "changed": {}},
            {"number": 9, "changed": [[]]},
            {"number": 9, "changed": [[], [], []]},
            {"number": 9, "changed": [[], 1]},
            {"number": 9, "changed": ["names", []]},
            {"number": 9, "changed": [["../../etc/passwd"], []]},
            {"number": 9, "changed": [["/etc/passwd"], []]},
            {"number": 9, "changed": [[""], []]},
            {"number": 9, "changed": [["a\0b"], []]},
        )
    ),
]


def test_a_bad_answer_is_none(shop: Workshop, looks: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
    monkeypatch.setattr(vouching, "PATIENCE", 0.05)
    for reply in BAD:
        with watching(shop.root, reply) as watcher, looked(shop, looks, "data/", "out/"):
            assert shop.build().summary.fresh == 3
        assert len(watcher.asked) == 1


def test_what_is_no_watch_is_passed_over(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root, name="watch-3.sock") as watcher:
        settle(shop, watcher)
        shop.write(".dbuild/watch-1.sock", "no socket")
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(shop.path(".dbuild/watch-2.sock")))
        left.close()  # of one that was killed
        with looked(shop, looks):
            assert shop.build().summary.fresh == 3
    with looked(shop, looks, "data/", "out/"):
        assert shop.build().summary.fresh == 3


def test_of_two_watches_the_one_that_can_tell_is_heard(shop: Workshop, looks: Counter[str]) -> None:
    with watching(shop.root, name="watch-2.sock") as second:
        settle(shop, second)
        with watching(shop.root), looked(shop, looks):
            assert shop.build().summary.fresh == 3


def test_another_users_watch_is_not_heard(shop: Workshop, looks: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        asked, own = len(watcher.asked), os.geteuid()
        monkeypatch.setattr("dbuild.observe.vouching.os.geteuid", lambda: own + 1)
        with looked(shop, looks, "data/", "out/"):
            assert shop.build().summary.fresh == 3
        assert len(watcher.asked) == asked


def test_a_path_may_be_longer_than_a_sockets(tmp_path: Path, looks: Counter[str], shop: Workshop) -> None:
    far = shop.copy(tmp_path / ("long" * 30) / "project")
    with watching(far.root) as watcher:
        settle(far, watcher)
        looks.clear()
        assert far.build().summary.fresh == 3
        assert watcher.asked
        assert [name for name in looks if name.endswith(("data/", "out/"))] == []


def test_a_watch_that_took_anothers_place_is_not_told_what_that_one_answered(tmp_path: Path) -> None:
    known = Known(str(tmp_path), 1, "00")
    with watching(tmp_path) as first:
        watch = Watch(str(tmp_path / ".dbuild" / "watch-1.sock"))
        answer = watch.ask([known], 20.0)
        assert answer is not None
        assert answer.changed == (None,)
        watch.vouch([known], answer.number)
        watch.vouch([known], answer.number)  # later, by another connection
        first.settle()
        assert first.vouched == {known: answer.number}
        assert len(first.asked) == 1
    with watching(tmp_path) as second:
        watch.vouch([known], answer.number)
        second.settle()
        assert second.vouched == {}


def test_the_question_takes_no_longer_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("dbuild.observe.vouching.time", type("Clock", (), {"monotonic": lambda: next(clock)}))
    with watching(tmp_path) as watcher:
        assert Watch(str(tmp_path / ".dbuild" / "watch-1.sock")).ask([Known(str(tmp_path), 1, "00")], 0.05) is None
    assert watcher.asked == []


PATIENT = """
import sys
from dbuild.observe import vouching
vouching.PATIENCE = 20.0  # however busy the machine is
from dbuild.__main__ import main
sys.exit(main())
"""


def test_two_commands_at_once(shop: Workshop) -> None:
    with watching(shop.root) as watcher:
        settle(shop, watcher)
        before = len(watcher.asked)
        words = [("status", "--json"), ("build", "--json"), ("status", "--json")]
        given = {"cwd": shop.root, "env": shop.environment(), "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen([sys.executable, "-c", PATIENT, *each], **given) for each in words]
        shown = [process.communicate(timeout=60)[0] for process in started]
        assert [process.returncode for process in started] == [0, 0, 0]
        assert shown[0] == shown[2]
        assert json.loads(shown[1])["fresh"] == 3
        watcher.settle()
        assert len(watcher.asked) == before + 3


def test_with_a_watch_nothing_comes_out_otherwise(shop: Workshop) -> None:
    draw = random.Random(11)
    with watching(shop.root) as watcher:
        for step in range(15):
            for _ in range(draw.randrange(4)):
                folder, name = draw.choice(["data", "out"]), f"2013-01-0{draw.randint(1, 6)}.txt"
                path = shop.path(f"{folder}/{name}")
                if draw.random() < 0.3:
                    path.unlink(missing_ok=True)
                else:
                    shop.write(f"{folder}/{name}", f"{step}\n" if draw.random() < 0.7 else "same\n")
                watcher.tell(path.parent, name)
            with_it = shop.plan()
            os.rename(shop.path(".dbuild/watch-1.sock"), shop.path("aside"))
            without = shop.plan()
            os.rename(shop.path("aside"), shop.path(".dbuild/watch-1.sock"))
            assert (with_it.will_run, with_it.fresh, with_it.waiting) == (
                without.will_run,
                without.fresh,
                without.waiting,
            )
            built = shop.build(keep_going=True)
            assert built.summary.built == with_it.will_run
            watcher.tell(shop.path("out"), *(f"{label.partition('@')[2]}.txt" for label in built.ran))
            watcher.settle()
