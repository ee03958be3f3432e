"""Logs: found while their tasks run, followed until they end, and read on when they are shortened."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbuild.build import Settings, follow_log, log_paths
from dbuild.build.tails import Tail, Tails
from dbuild.errors import UsageError
from dbuild.execute.logs import HEAD, TAIL, Log
from tests.build.workshop import DAYS, Workshop, await_that

# The recipe says that it runs, and goes on when the test lets it.
WAITS = """
[targets.slow]
path = "out/slow.txt"
shell = "echo begun; cat ../gate > {output}; echo ended"
[targets.quick]
path = "out/quick.txt"
shell = "echo quick; echo > {output}"
"""


class Logged(Workshop):
    def has_begun(self) -> bool:
        """Whether the slow task waits at the gate."""
        log = self.path(".dbuild/logs/1/slow.log")
        return log.exists() and log.read_text() == "begun\n"

    def log(self, argument: str) -> str | None:
        """What the newest log says."""
        found = list(log_paths(Settings(str(self.root)), [argument]).values())
        assert len(found) < 2
        return Path(found[0]).read_text() if found else None

    def follow(self, argument: str) -> Iterator[tuple[str, bytes]]:
        return (tuple(piece) for piece in follow_log(Settings(str(self.root)), [argument]))

    def followed(self, argument: str) -> dict[str, str]:
        """All that is printed until it ends, by label."""
        found: dict[str, str] = {}
        for label, data in self.follow(argument):
            found[label] = found.get(label, "") + data.decode()
        return found


@contextmanager
def waiting(tmp_path: Path, *words: str) -> Iterator[tuple[Logged, subprocess.Popen[bytes], Path]]:
    """A build whose slow task waits for somebody to write to the gate."""
    project = Logged(tmp_path / "project", WAITS)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    build = subprocess.Popen(project.command("-j1", *words), cwd=project.root, env=project.environment())
    try:
        yield project, build, gate
    finally:
        build.kill()
        build.wait()


def test_a_log_is_found_by_run_target_and_key(tmp_path: Path) -> None:
    project = Logged(
        tmp_path / "project",
        f"""{DAYS}
        [partitions.place]
        values = ["a", "b"]
        [sources.raw]
        path = "data/{{day}}.txt"
        [targets.step]
        path = "out/{{day}}/{{place}}.txt"
        shell = "echo {{day}} {{place}}; cp {{raw}} {{output}}"
        [targets.silent]
        path = "out/silent.txt"
        shell = "echo > {{output}}"
        """,
    )
    project.days("data", "01-01")
    project.build()
    assert project.log("step@2013-01-01,b") == "2013-01-01 b\n"
    assert project.log("step@place=b,day=2013-01-01") == "2013-01-01 b\n"
    assert project.log("1:step@2013-01-01,a") == "2013-01-01 a\n"
    project.write("data/2013-01-01.txt", "new")
    project.build("step@2013-01-01,a")
    assert project.log("step") == "2013-01-01 a\n"
    (path,) = log_paths(Settings(str(project.root)), ["step"]).values()
    assert path.endswith("logs/2/step@2013-01-01,a.log")
    assert project.log("1:step@2013-01-01,a") == "2013-01-01 a\n"
    assert project.log("2:step@2013-01-01,b") is None
    assert project.log("silent") is None
    assert len(log_paths(Settings(str(project.root)), ["step@2013-01-01"])) == 2
    for wrong in ("nothing", "9", "silent@x", "9:step"):
        with pytest.raises(UsageError):
            project.log(wrong)


def test_the_last_attempt_is_the_newest_log(tmp_path: Path) -> None:
    project = Logged(
        tmp_path / "project",
        """
        [targets.x]
        path = "out/x"
        shell = "echo try; echo x >> ../tries; test $(wc -l < ../tries) -gt 1; echo done | tee {output}"
        retries = { times = 1, delay = "0s" }
        [targets.xy]
        path = "out/xy"
        shell = "echo other | tee {output}"
        """,
    )
    project.build()
    assert project.log("x") == "try\ndone\n"
    assert project.followed("1:x") == {"": "try\ntry\ndone\n"}
    assert project.followed("x") == {"": "try\ndone\n"}  # nothing runs: the newest log
    assert project.followed("1") == {"x": "try\ntry\ndone\n", "xy": "other\n"}


def test_a_running_tasks_log_is_shown_and_followed_until_it_ends(tmp_path: Path) -> None:
    with waiting(tmp_path, "slow") as (project, build, gate):
        await_that(project.has_begun)
        assert project.log("slow") == "begun\n"
        pieces = project.follow("slow")
        assert next(pieces) == ("", b"begun\n")
        gate.write_text("go")
        assert b"".join(data for _, data in pieces) == b"ended\n"
        assert build.wait(30) == 0
    assert project.followed("slow") == {"": "begun\nended\n"}


def test_a_run_is_followed_until_it_ends(tmp_path: Path) -> None:
    with waiting(tmp_path, "-k") as (project, build, gate):
        await_that(project.has_begun)
        pieces = project.follow("1")
        found = [next(pieces)]
        gate.write_text("go")
        found += pieces
        assert build.wait(30) == 0
    texts = {label: b"".join(data for one, data in found if one == label) for label, _ in found}
    assert texts == {"slow": b"begun\nended\n", "quick": b"quick\n"}


def test_following_ends_with_a_build_that_is_killed(tmp_path: Path) -> None:
    with waiting(tmp_path, "slow") as (project, build, _):
        await_that(project.has_begun)
        pieces = project.follow("slow")
        assert next(pieces) == ("", b"begun\n")
        build.send_signal(signal.SIGKILL)
        assert list(pieces) == []


def test_an_interrupt_ends_the_following_and_not_the_build(tmp_path: Path) -> None:
    with waiting(tmp_path, "slow") as (project, build, gate):
        await_that(project.has_begun)
        words = project.command("log", "slow", "--follow")
        follower = subprocess.Popen(words, cwd=project.root, env=project.environment(), stdout=subprocess.PIPE)
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"begun\n"
        follower.send_signal(signal.SIGINT)
        assert (follower.wait(30), follower.stdout.read()) == (130, b"")
        follower.stdout.close()
        gate.write_text("go")
        assert build.wait(30) == 0


# -- shortened logs ----------------------------------------------------------------------------------------------------


def lines(start: int, count: int) -> bytes:
    return b"".join(b"%063d\n" % number for number in range(start, start + count))


MANY = (HEAD + 4 * TAIL) // 64 - 10  # lines just before a log is shortened


def test_nothing_is_lost_or_told_twice_when_a_log_is_shortened(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    log, tails, found = Log(path), Tails(), b""
    written = 0
    for count in (5, MANY - 5, 9, 20, MANY - 100, 200, 3):  # is shortened twice on the way, and at its end
        log.write(lines(written, count))
        written += count
        found += b"".join(tails.drain(path))
    log.close()
    found += b"".join(tails.drain(path))
    tails.close()
    assert found == lines(0, written)
    assert os.path.getsize(path) < HEAD + TAIL + 200


def test_lines_that_are_all_the_same_are_counted_right(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    log, tails, found = Log(path), Tails(), 0
    for count in (MANY, 100, 7):
        log.write((b"y" * 63 + b"\n") * count)
        found += sum(map(len, tails.drain(path)))
    assert found == 64 * (MANY + 107)
    log.close()
    assert list(tails.drain(path)) == []


def test_what_was_missed_is_said(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    log, tail = Log(path), Tail(path)
    log.write(lines(0, 10))
    assert tail.read() == lines(0, 10)
    for part in range(5):  # shortened several times between two looks
        log.write(lines(10 + part * MANY, MANY))
    log.close()
    rest = b"".join(iter(tail.read, b""))
    assert rest.count(b"left out here") == 1
    assert rest.endswith(lines(10 + 5 * MANY - 100, 100))
    tail.close()


def test_many_logs_are_followed_with_few_descriptors(tmp_path: Path) -> None:
    tails = Tails()
    paths = [str(tmp_path / f"{number}.log") for number in range(100)]
    for text in (b"one\n", b"two\n"):
        for path in paths:
            with open(path, "ab") as log:
                log.write(text)
        before = len(os.listdir("/dev/fd"))
        assert [b"".join(tails.drain(path)) for path in paths] == [text] * 100
        assert len(os.listdir("/dev/fd")) - before <= 32
    tails.close()


def test_a_log_that_is_not_there_yet_or_any_more_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(str(path))
    assert tail.read() == b""
    path.write_text("first\n")
    assert tail.read() == b"first\n"
    path.write_text("2\n")  # begun anew
    assert tail.read() == b"2\n"
    path.unlink()
    assert tail.read() == b""
    tail.close()
