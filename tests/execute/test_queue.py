"""Tasks that wait for a worker: it goes on to them by itself, and what it doesn't begin comes back."""

from __future__ import annotations

import array
import fcntl
import os
import random
import select
import signal
import socket
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from dbuild.core.task import Result, Task
from dbuild.execute.channel import Channel
from dbuild.execute.printing import Printing
from dbuild.execute.process import Process
from dbuild.execute.queue import Queue, take_queued
from tests.build.workshop import await_that
from tests.execute.crews import Crew, crew

SAY = "import os\nprint('to {0}')\nos.write(2, b'straight to {0}')\nos.system('printf \"from {0}\"')"


def start(made: Crew, *tasks: Task) -> None:
    """The first runs, the others wait for its worker."""
    made.pool.submit(tasks[0])
    for task in tasks[1:]:
        assert made.pool.queue_up(task, tasks[0].number)


def results(made: Crew, count: int) -> list[Result]:
    """The next results."""
    found: list[Result] = []
    await_that(lambda: found.extend(made.pool.poll(1.0)) or len(found) >= count)
    return found


def await_ended(made: Crew) -> None:
    """Until the worker has said something that nobody has heard yet."""
    (worker,) = made.pool._busy
    assert select.select([worker.channel], [], [], 60)[0]


def waiting(made: Crew) -> int:
    """How many wait for the only worker."""
    (worker,) = made.pool._busy
    return len(worker.queue.tasks)


def unread(end: Channel) -> int:
    """The bytes that wait at one end of a connection."""
    count = array.array("i", [0])
    fcntl.ioctl(end, termios.FIONREAD, count)
    return count[0]


def gated(made: Crew) -> Task:
    """A task that ends when somebody opens its gate."""
    os.mkfifo(made.root / "gate")
    return made.python("open('gate').read()")


def test_a_worker_goes_on_to_what_waits(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first = gated(made)
        others = [made.python(SAY.format(number)) for number in range(5)]
        start(made, first, *others)
        assert waiting(made) == 5
        (tmp_path / "gate").write_text("")
        ended = results(made, 6)
        assert len(made.pids) == 1
        assert made.pool.has_room
    numbers = [task.number for task in (first, *others)]
    assert [(result.number, result.then, result.returned) for result in ended] == [
        (number, then, ()) for number, then in zip(numbers, [*numbers[1:], 0], strict=True)
    ]
    assert {result.error for result in ended} == {None}
    for number, task in enumerate(others):
        assert made.printed(task) == f"to {number}\nstraight to {number}from {number}"
    assert not os.path.exists(first.log)


def test_what_waits_behind_a_failure_comes_back(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first = gated(made)
        bad, *others = made.python("raise ValueError"), made.python("1"), made.shell("true")
        start(made, first, bad, *others)
        (tmp_path / "gate").write_text("")
        good, failed = results(made, 2)
        assert (good.number, good.then) == (first.number, bad.number)
        assert failed.error is not None
        assert (failed.then, failed.returned) == (0, tuple(task.number for task in others))
        assert made.pool.poll(0) == []
        assert made.run(made.python("print('again')")).error is None  # and none of them is run instead
    assert not any(os.path.exists(task.log) for task in others)


def test_what_waits_can_be_taken_back(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first, *others = gated(made), made.python("print(1)"), made.python("print(2)")
        start(made, first, *others)
        assert made.pool.withdraw(first.number) == [task.number for task in others]
        assert waiting(made) == 0
        (tmp_path / "gate").write_text("")
        (ended,) = results(made, 1)
        assert (ended.then, ended.returned) == (0, ())
    assert not any(os.path.exists(task.log) for task in others)


def test_what_a_worker_has_gone_on_to_cannot_be_taken_back(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first, second = gated(made), made.python("open('began', 'w').close()\nopen('gate').read()")
        third = made.python("print(3)")
        start(made, first, second, third)
        (tmp_path / "gate").write_text("")
        await_that((tmp_path / "began").exists)
        assert made.pool.withdraw(first.number) == [third.number]
        (tmp_path / "gate").write_text("")
        ended = results(made, 2)
    assert [(result.number, result.then, result.error) for result in ended] == [
        (first.number, second.number, None),
        (second.number, 0, None),
    ]


def test_a_worker_may_take_one_while_others_are_taken_back(tmp_path: Path) -> None:
    class Between:
        """The build's end; after what it has read first, the worker takes one."""

        def __init__(self, real: socket.socket) -> None:
            self._real = real
            self._reads = 0

        def recv(self, count: int) -> bytes:
            data = self._real.recv(count)
            self._reads += 1
            if self._reads == 1:
                taken = take_queued(self._real.fileno())
                assert taken is not None
                assert taken[1] == "second"
            return data

        def close(self) -> None:
            self._real.close()

    queue = Queue()
    with crew(tmp_path) as made:
        tasks = [made.python("pass") for _ in range(4)]
    for task, short in zip(tasks, ("first", "second", "third", "fourth"), strict=True):
        assert queue.add(task, short)
    queue._exit = cast("socket.socket", Between(queue._exit))
    assert queue.withdraw() == [tasks[0], tasks[2], tasks[3]]
    assert len(queue.tasks) == 1
    assert queue.take(tasks[1].number) is tasks[1]
    queue.close()


def test_a_worker_that_has_just_ended_is_handed_what_waits(tmp_path: Path) -> None:
    """It had looked for the next before there was any."""
    with crew(tmp_path) as made:
        first, *others = [made.python(SAY.format(number)) for number in range(4)]
        made.pool.submit(first)
        await_ended(made)
        for task in others:
            assert made.pool.queue_up(task, first.number)
        ended = results(made, 4)
    numbers = [task.number for task in (first, *others)]
    assert [(result.number, result.then) for result in ended] == list(zip(numbers, [*numbers[1:], 0], strict=True))
    for number, task in enumerate((first, *others)):
        assert made.printed(task) == f"to {number}\nstraight to {number}from {number}"


@pytest.mark.parametrize("place", [0, 1])
def test_what_waits_for_a_worker_that_dies_comes_back(tmp_path: Path, place: int) -> None:
    with crew(tmp_path) as made:
        tasks = [gated(made), *(made.python("print('on')") for _ in range(3))]
        tasks[1 + place] = made.python("import os, signal\nprint('so far')\nos.kill(os.getpid(), signal.SIGKILL)")
        start(made, *tasks)
        (tmp_path / "gate").write_text("")
        *good, dead = results(made, 2 + place)
        assert [result.error for result in good] == [None] * (1 + place)
        assert dead.number == tasks[1 + place].number
        assert dead.error is not None
        assert "SIGKILL" in dead.error
        assert dead.returned == tuple(task.number for task in tasks[2 + place :])
        assert made.printed(tasks[1 + place]) == "so far\n"
        assert made.pids == []
    assert not any(os.path.exists(task.log) for task in tasks[2 + place :])


def test_a_recipe_that_closes_the_files_of_its_worker_while_others_wait(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first, *others = made.python("import os\nos.closerange(3, 256)"), made.python("1"), made.python("2")
        made.pool.submit(first)
        back = [task.number for task in others if made.pool.queue_up(task, first.number)]
        (ended,) = results(made, 1)
        assert ended.error is not None
        assert list(ended.returned) == back
        assert made.run(made.python("print('again')")).error is None


@pytest.mark.parametrize("at_once", [False, True])
def test_the_end_of_all_is_that_of_what_waits_too(tmp_path: Path, at_once: bool) -> None:
    with crew(tmp_path) as made:
        first, *others = gated(made), made.python("print(1)"), made.python("print(2)")
        start(made, first, *others)
        made.pool.terminate(at_once=at_once)
        (ended,) = results(made, 1)
        assert (ended.error, ended.then) == ("interrupted", 0)
        assert ended.returned == tuple(task.number for task in others)
    assert not any(os.path.exists(task.log) for task in others)


def test_what_a_worker_has_gone_on_to_ends_with_all_others(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first = gated(made)
        second = made.python("import time\nopen('began', 'w').close()\nwhile True: time.sleep(0.01)")
        third = made.python("print(3)")
        start(made, first, second, third)
        (tmp_path / "gate").write_text("")
        await_that((tmp_path / "began").exists)
        made.pool.terminate()  # which is told of the first: nobody has heard yet that it has ended
        ended = results(made, 2)
    assert [(result.number, result.error) for result in ended] == [
        (first.number, None),
        (second.number, "interrupted"),
    ]
    assert ended[1].returned == (third.number,)


@pytest.mark.parametrize("at_once", [False, True])
def test_all_are_ended_in_the_moment_in_which_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """A signal may come at any place."""
    with crew(tmp_path) as made:
        first, second = made.python("pass"), made.shell("trap '' TERM; while :; do read line < gate; done")
        os.mkfifo(tmp_path / "gate")
        made.pool.submit(first)
        await_ended(made)
        assert made.pool.queue_up(second, first.number)
        take = Queue.first

        def interrupted(queue: Queue) -> object:
            made.pool.terminate(at_once=at_once)
            return take(queue)

        monkeypatch.setattr(Queue, "first", interrupted)
        (ended,) = results(made, 1)
        assert (ended.error, ended.then) == (None, second.number)
        if not at_once:
            made.pool.terminate(at_once=True)
        (ended,) = results(made, 1)
        assert (ended.number, ended.error) == (second.number, "interrupted")


def test_what_a_worker_has_gone_on_to_is_ended_at_once_with_all_others(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first = gated(made)
        second = made.shell("trap '' TERM; touch began; while :; do read line < gate; done")
        start(made, first, second)
        (tmp_path / "gate").write_text("")
        await_that((tmp_path / "began").exists)
        made.pool.terminate()
        made.pool.terminate(at_once=True)
        ended = results(made, 2)
    assert ended[1].number == second.number
    assert ended[1].error == "interrupted"


def test_what_a_worker_has_gone_on_to_may_fail_by_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who kills a worker kills its children first, and it may still say what became of them."""
    kill = Process.kill

    def kill_children(worker: Process) -> None:
        monkeypatch.setattr(Process, "kill", kill)
        before = unread(worker.channel)
        os.kill(int((tmp_path / "began").read_text()), signal.SIGKILL)
        await_that(lambda: unread(worker.channel) > before + 100)  # more than who its child is

    with crew(tmp_path) as made:
        first, second = gated(made), made.shell("echo $$ > beginning; mv beginning began; while :; do sleep 60; done")
        start(made, first, second)
        (tmp_path / "gate").write_text("")
        await_that((tmp_path / "began").exists)
        monkeypatch.setattr(Process, "kill", kill_children)
        made.pool.terminate(at_once=True)
        ended = results(made, 2)
    assert [(result.number, result.error) for result in ended] == [
        (task.number, "interrupted") for task in (first, second)
    ]


def test_what_waits_for_a_worker_without_a_queue_is_handed_to_it(tmp_path: Path) -> None:
    """Its recipe has closed that, and has a file of its own in its place."""
    with crew(tmp_path) as made:
        closing = """
import os, sys
frame = sys._getframe()
while not hasattr(frame.f_locals.get('self'), '_queue'):
    frame = frame.f_back
number = frame.f_locals['self']._queue
os.dup2(os.open('file', os.O_RDWR | os.O_CREAT), number)
os.write(number, b'x' * 100)
os.lseek(number, 0, 0)
"""
        tasks = [made.python(closing), *(made.python(SAY.format(number)) for number in range(3))]
        start(made, *tasks)
        ended = results(made, 4)
        assert len(made.pids) == 1
    numbers = [task.number for task in tasks]
    assert [(result.number, result.error, result.then) for result in ended] == [
        (number, None, then) for number, then in zip(numbers, [*numbers[1:], 0], strict=True)
    ]
    assert [made.printed(task) for task in tasks[1:]] == [f"to {n}\nstraight to {n}from {n}" for n in range(3)]


def test_what_is_lost_on_the_way_comes_back(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first, *others = gated(made), made.python("1"), made.python("2")
        start(made, first, *others)
        (worker,) = made.pool._busy
        for _ in others:
            assert take_queued(worker.queue.fileno()) is not None  # somebody else has read them
        (tmp_path / "gate").write_text("")
        (ended,) = results(made, 1)
        assert (ended.error, ended.then) == (None, 0)
        assert ended.returned == tuple(task.number for task in others)
        assert made.run(made.python("3")).error is None


def test_what_is_left_of_a_line_runs_under_its_own_name(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first, lost, last = gated(made), made.python("1"), made.python("print('last')")
        start(made, first, lost, last)
        (worker,) = made.pool._busy
        assert take_queued(worker.queue.fileno()) is not None
        (tmp_path / "gate").write_text("")
        ended = results(made, 2)
    assert [(result.number, result.then, result.returned) for result in ended] == [
        (first.number, last.number, ()),
        (last.number, 0, (lost.number,)),
    ]
    assert made.printed(last) == "last\n"


def test_a_full_pipe_that_does_not_block_takes_the_mark(tmp_path: Path) -> None:
    filling = """
import os
open('gate').read()
os.set_blocking(1, False)
for size in (4096, 1):
    try:
        while True:
            os.write(1, b'a' * size)
    except BlockingIOError:
        pass
"""
    os.mkfifo(tmp_path / "gate")
    with crew(tmp_path) as made:
        tasks = [made.python(filling), *(made.python(SAY.format(number)) for number in range(2))]
        start(made, *tasks)
        (tmp_path / "gate").write_text("")
        results(made, 3)
    assert set(made.printed(tasks[0])) == {"a"}
    assert [made.printed(task) for task in tasks[1:]] == [f"to {n}\nstraight to {n}from {n}" for n in range(2)]


def test_only_so_many_can_wait(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        first = gated(made)
        made.pool.submit(first)
        assert not made.pool.queue_up(made.python("1", params=(("long", "x" * 100_000),)), first.number)
        assert not made.pool.queue_up(made.python("1"), first.number + 1000)  # there is none of that number
        tasks = [made.python("pass") for _ in range(3)]
        waiting = []
        for number in range(100_000):
            task = made.task(tasks[number % 3].recipe)
            if not made.pool.queue_up(task, first.number):
                break
            waiting.append(task.number)
        assert 8 <= len(waiting) < 100_000
        (tmp_path / "gate").write_text("")
        ended = results(made, 1 + len(waiting))
    assert [result.number for result in ended] == [first.number, *waiting]
    assert {result.error for result in ended} == {None}


def test_each_is_heard_under_its_own_number(tmp_path: Path) -> None:
    heard: dict[int, bytes] = {}
    with crew(tmp_path) as made:
        made.pool.hear = lambda number, data: heard.update({number: heard.get(number, b"") + data})
        tasks = [gated(made), *(made.python(SAY.format(number)) for number in range(5))]
        start(made, *tasks)
        (tmp_path / "gate").write_text("")
        results(made, 6)
        assert heard == {task.number: Path(task.log).read_bytes() for task in tasks[1:]}


def test_a_worker_in_between_two_tasks_is_not_interrupted(tmp_path: Path) -> None:
    """A signal that was meant for a task that has ended does nothing to the next."""
    with crew(tmp_path) as made:
        first, second = gated(made), made.python("open('began', 'w').close()\nopen('gate').read()")
        start(made, first, second)
        (tmp_path / "gate").write_text("")
        await_that((tmp_path / "began").exists)
        (worker,) = made.pool._busy
        worker.tell("e", first.number)
        os.kill(worker.pid, signal.SIGRTMIN + 5)
        (tmp_path / "gate").write_text("")
        assert [result.error for result in results(made, 2)] == [None, None]


MARK = b"\0abc\0abd"


def printed(pieces: Sequence[bytes], counts: Sequence[int]) -> list[bytes]:
    """What each task has printed; of the pieces of the stream so many have come when the next one is told of."""
    found = [b""]

    def write(data: bytes) -> None:
        found[-1] += data

    stream = Printing(MARK, write)
    at = 0
    for count in (*counts, len(pieces)):
        for piece in pieces[at:count]:
            stream.take(piece, is_marked=len(found) <= len(counts))
        at = max(at, count)
        if len(found) <= len(counts):
            found.append(b"")
            stream.go_on()
    stream.end()
    return found


@pytest.mark.parametrize("seed", range(300))
def test_what_was_printed_is_told_apart_however_it_comes(seed: int) -> None:
    rng = random.Random(seed)
    each = [bytes(rng.choices(b"\0abcd\n", k=rng.choice([0, 1, 3, 20]))) for _ in range(rng.randint(1, 5))]
    each = [text.replace(MARK, b"") for text in each]
    stream = MARK.join(each)
    cuts = sorted(rng.sample(range(len(stream) + 1), min(len(stream) + 1, rng.randint(0, 6))))
    pieces = [stream[low:high] for low, high in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    counts: list[int] = []
    for place in range(1, len(each)):  # its mark is there before a task is told of
        end = len(MARK.join(each[:place]) + MARK)
        needed = next(count for count in range(len(pieces) + 1) if len(b"".join(pieces[:count])) >= end)
        counts.append(max(rng.randint(needed, len(pieces)), *counts, 0))
    assert printed(pieces, counts) == each
