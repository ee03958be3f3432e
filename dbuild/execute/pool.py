"""Worker processes on this machine: starting them, handing them tasks, hearing from them, ending them.

The one interface that execution elsewhere will implement too: `warm_up`, `submit`, `queue_up`, `withdraw`, `poll`,
`end`, `terminate`, `close`.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from dbuild import failpoints
from dbuild.core.model import ShellRecipe
from dbuild.core.task import Result, Task
from dbuild.execute.channel import whole_result
from dbuild.execute.memory import used_by
from dbuild.execute.process import Process, start_process
from dbuild.values import replace

if TYPE_CHECKING:
    from dbuild.execute.witness import Tracing, Witness

GRACE = 5.0  # seconds between asking a recipe to end and ending it
_LARGE = 2  # a worker that uses more than one part in so many of a task's limit is not given the task


class Pool:
    """At most `size` workers, started when there is work for them, or a first one when it is sure to come.

    `withheld` are variables of the environment that only the tasks see that are given them (as secrets). `sign` is a
    descriptor that every worker keeps open as long as it lives, so that its lock tells of it; the pool never closes it.
    With `tracing`, results tell what recipes opened.
    """

    def __init__(
        self,
        size: int,
        root: str,
        logs: str,
        directories: tuple[str, ...],
        withheld: Collection[str] = (),
        sign: int | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._size = size
        self._root = root
        self._directories = directories
        self._environment = {name: value for name, value in os.environ.items() if name not in withheld}
        self._sign = sign
        self._tracing = tracing
        self.hear: Callable[[int, bytes], None] | None = None  # gets what each task prints, as its log gets it
        self._idle: list[Process] = []
        self._busy: list[Process] = []
        self._is_ending = False  # all that runs, and what begins still, is to end
        self._is_hurried = False  # at once
        self._refusal: OSError | None = None  # why no first worker could be started, for the first task
        self._selector = selectors.DefaultSelector()
        self._waker, waking = socket.socketpair()
        for end in (self._waker, waking):
            end.setblocking(False)
        self._selector.register(self._waker, selectors.EVENT_READ)
        self.wake_descriptor = waking
        os.makedirs(logs, mode=0o700, exist_ok=True)

    @property
    def has_room(self) -> bool:
        """Whether another task can be submitted now."""
        return len(self._busy) < self._size

    # -- handing out ---------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Starts a first worker before there is a task for it; where that fails, the first task fails for it."""
        try:
            self._idle.append(self._start())
        except OSError as error:
            self._refusal = error

    def submit(self, task: Task) -> None:
        """Hands a task to a worker. Raises OSError where none can be started."""
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise refusal
        worker = self._worker_for(task)
        failpoints.reach("task")
        worker.begin(task, self.hear)
        self._busy.append(worker)
        if self._is_ending:
            self._end_begun(worker)

    def queue_up(self, task: Task, behind: int) -> bool:
        """Has a task wait for the worker of the running task with that number; False where it can't.

        It is run there as soon as that one has succeeded, of which the result of that one tells (`then`), or it is
        told there that it was `returned`. For a task without a limit of memory, that isn't looked at.
        """
        worker = self._at(behind)
        if worker is None:
            return False
        failpoints.reach("task")
        return worker.queue_up(task)

    def withdraw(self, behind: int) -> list[int]:
        """Takes back the tasks that wait behind a running one and have not been begun; their numbers."""
        worker = self._at(behind)
        return [task.number for task in worker.queue.withdraw()] if worker is not None else []

    def _at(self, number: int) -> Process | None:
        """The worker of a running task."""
        for worker in self._busy:
            if worker.task is not None and worker.task.number == number:
                return worker
        return None

    def _worker_for(self, task: Task) -> Process:
        """An idle worker, or a new one: a worker that still holds what earlier tasks used up has no room for some.

        One whose recipes are looked at serves one target: what it has opened and keeps isn't opened again for others.
        One that is to be confined begins anew: what it has can't be taken away from it.
        """
        for worker in reversed(self._idle):
            if task.is_confined or (worker.target != task.target and self._tracing is not None):
                continue
            if task.memory is None or used_by(worker.pid, task.memory // _LARGE) * _LARGE <= task.memory:
                self._idle.remove(worker)
                return worker
        is_apart = task.is_confined or self._tracing is not None
        if self._idle and (not is_apart or len(self._idle) + len(self._busy) >= self._size):
            self._end(self._idle[-1])
        return self._start()

    def _start(self) -> Process:
        failpoints.reach("spawn")
        worker = start_process(self._root, self._directories, self._environment, self._sign, self._tracing)
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        self._selector.register(worker.pipe, selectors.EVENT_READ, worker)
        if worker.witness is not None:
            self._selector.register(worker.witness.descriptor, selectors.EVENT_READ, worker)
        return worker

    # -- hearing -------------------------------------------------------------------------------------------------------

    def poll(self, timeout: float | None) -> list[Result]:
        """Results that have come in; waits for the first at most `timeout` seconds. Empty also after a wake-up.

        What tasks print is taken to their logs meanwhile, and those that have a limit of memory are watched.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        results: list[Result] = []
        is_woken = False
        while not results and not is_woken:
            wait = self._next_look(deadline)
            for ready, _ in self._selector.select(wait):
                worker: Process | None = ready.data
                if worker is None:
                    is_woken = True
                    self._drain()
                elif ready.fd == worker.pipe:
                    self._take_printed(worker)
                elif worker.witness is not None and ready.fd == worker.witness.descriptor:
                    self._take_seen(worker, worker.witness)
                elif not worker.is_gone:
                    results.extend(self._hear(worker))
            self._look_at_memory()
            if deadline is not None and time.monotonic() >= deadline:
                break
        return results

    def _next_look(self, deadline: float | None) -> float | None:
        """Seconds until the deadline, or until a task's memory has to be looked at."""
        due = deadline
        for worker in self._busy:
            if worker.watch is not None and (due is None or worker.watch.due < due):
                due = worker.watch.due
        return None if due is None else max(0.0, due - time.monotonic())

    def _look_at_memory(self) -> None:
        now = time.monotonic()
        for worker in self._busy:
            if worker.watch is None or worker.watch.due > now or worker.excess:
                continue
            worker.excess = worker.watch.look()
            if worker.excess:
                self._end_task(worker, at_once=True)

    def _drain(self) -> None:
        try:
            while self._waker.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _take_printed(self, worker: Process) -> None:
        if not worker.is_gone and not worker.take_printed():
            self._selector.unregister(worker.pipe)  # it has closed its streams, and whatever held them has ended

    def _take_seen(self, worker: Process, witness: Witness) -> None:
        if not worker.is_gone and not witness.take():
            self._selector.unregister(witness.descriptor)

    def _hear(self, worker: Process) -> list[Result]:
        try:
            told = worker.channel.take()
        except (EOFError, OSError):
            return self._bury(worker)
        results: list[Result] = []
        for kind, content in told:
            results.extend(self._take_told(worker, kind, content))
        return results

    def _take_told(self, worker: Process, kind: str, content: Any) -> list[Result]:
        if kind == "child":
            worker.child = content
            return []
        content = whole_result(content)
        if worker.killed_at and (content.error is None or content.number != worker.killed_at):
            # Whoever kills a worker kills its children first: a recipe that waits for one of them may go on to its end,
            # and what the worker has gone on to meanwhile may fail for it.
            content = replace(content, error="interrupted", causes=())
        result = worker.finish(content)
        if result.then:
            worker.go_on(result.then, self.hear)
            if self._is_ending:
                self._end_begun(worker)
            return [result]
        if worker.queue.tasks:
            number = 0
            if result.error is None and not (self._is_ending or worker.is_spent):
                number = worker.begin_queued(self.hear)  # it had looked before there was one
            if number:
                if self._is_ending:
                    self._end_begun(worker)
                return [replace(result, then=number)]
            result = _with(result, worker.queue.clear())
        self._busy.remove(worker)
        if worker.is_spent or worker.is_confined:
            self._end(worker)
        else:
            self._idle.append(worker)
        return [result]

    def _bury(self, worker: Process) -> list[Result]:
        """A worker that died: its task failed, its children end, its place is free."""
        task, code = worker.task, worker.wait()
        if task is None:
            self._forget(worker)
            return []
        words, causes = _cause_of_death(code)
        if worker.is_spent:
            words, causes = "interrupted", ()
        elif worker.is_cut_off:
            words, causes = (
                "the recipe closed files of the process that it runs in, which had to be killed",
                ("killed",),
            )
        result = worker.finish(Result(task.number, words, seconds=worker.seconds, causes=causes, worker=worker.pid))
        waiting = worker.queue.clear()
        self._forget(worker)
        return [_with(result, waiting)]

    def _end(self, worker: Process) -> None:
        """Ends a worker that runs no task, with all that its tasks have left in it."""
        worker.kill()
        worker.wait()
        self._forget(worker)

    def _forget(self, worker: Process) -> None:
        seen = worker.witness.descriptor if worker.witness is not None else worker.pipe
        for end in (worker.channel, worker.pipe, seen):
            try:
                self._selector.unregister(end)
            except KeyError:
                pass
        worker.close()
        for group in (self._idle, self._busy):
            if worker in group:
                group.remove(worker)

    # -- ending --------------------------------------------------------------------------------------------------------

    def end(self, number: int, *, at_once: bool = False) -> None:
        """Asks one running task to end, or kills it; its result comes as any other. One that isn't running: nothing.

        A shell recipe is asked by TERM to its process group; what runs in the worker itself by an exception there,
        and by TERM to what it started: where a Python recipe stood is in its log then. A worker that had to be
        interrupted or killed isn't used again. What a task made after it was asked doesn't count.
        """
        worker = self._at(number)
        if worker is not None:
            self._end_task(worker, at_once)

    def _end_task(self, worker: Process, at_once: bool, word: str = "e") -> None:
        task = worker.task
        assert task is not None
        is_shell = isinstance(task.recipe, ShellRecipe)
        worker.is_spent = worker.is_spent or not is_shell
        if at_once and not is_shell:
            worker.killed_at = task.number
            worker.kill()
        else:
            worker.tell("k" if at_once else word, task.number)

    def _end_begun(self, worker: Process) -> None:
        """Ends what has just begun where all is to end: the signal may have come a moment before."""
        if worker.task is not None:
            self._end_task(worker, self._is_hurried, "s")

    def terminate(self, *, at_once: bool = False) -> None:
        """Asks running recipes to end, or ends them at once; also what begins from now on."""
        self._is_ending, self._is_hurried = True, self._is_hurried or at_once
        for worker in list(self._busy):
            if worker.task is not None:
                self._end_task(worker, at_once, "s")

    def close(self) -> None:
        """Ends all workers; recipes that still run are asked, and ended after the grace."""
        self.terminate()
        deadline = time.monotonic() + GRACE
        workers = [*self._idle, *self._busy]
        for worker in workers:
            if not worker.target:  # it never had a task, and may still be starting
                worker.kill()
            worker.hang_up()
        for worker in workers:
            worker.wait(max(0.0, deadline - time.monotonic()))
            worker.close()
        self._idle.clear()
        self._busy.clear()
        self._selector.close()
        self._waker.close()
        self.wake_descriptor.close()


def _with(result: Result, returned: Sequence[Task]) -> Result:
    return replace(result, returned=tuple(task.number for task in returned)) if returned else result


def _cause_of_death(code: int) -> tuple[str, tuple[str, ...]]:
    """What to say of a worker that ended with this status, and what that counts as."""
    if code >= 0:
        return f"its process ended unexpectedly (status {code})", ("killed", f"exit {code}")
    name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
    causes = ("killed", f"signal {name}")
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL): most likely the machine ran out of memory", causes
    return f"its process died of {name}", causes
