"""A warm worker process: takes tasks, runs their recipes one after the other, says what came of each.

It is started by `pool.py` as a program of its own. What it prints goes to a pipe that the pool reads. It has more
descriptors: a connection for tasks and messages; a lifeline, on which the pool says which task is to end, and whose
other end only the pool holds: when that closes, the worker ends whatever it runs and itself; a queue of tasks, from
which it takes the next when one has succeeded; and mostly a sign, which it only holds: by its lock the next build sees
that this process still lives.
"""

from __future__ import annotations

import builtins
import gc
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from operator import is_
from types import FrameType
from typing import TYPE_CHECKING

from dbuild import failpoints
from dbuild.core.model import PythonRecipe, ShellRecipe, SqlRecipe
from dbuild.core.task import Produced, Result, Schemas, Task
from dbuild.errors import RecipeError, UserError
from dbuild.execute.channel import Channel, Reader, shorten_result
from dbuild.execute.examination import examine, examine_parts, left_beside, make_folders
from dbuild.execute.queue import take_queued
from dbuild.execute.streams import Streams
from dbuild.recipes.causes import causes_of
from dbuild.recipes.processes import GRACE, adopt_orphans, ask_descendants, is_alive, kill_family

if TYPE_CHECKING:
    from dbuild.execute.telling import Telling
    from dbuild.recipes.engine import Engine

# Interrupts the main thread. Not SIGTERM, which would then be lost on a process that a recipe forks and ends at once:
# until it has its own handler back it would take the signal and, as Python does after a fork, forget it.
_INTERRUPT = signal.SIGRTMIN + 5 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2
_STARTING = -1
_STARTS = 200  # times 5 ms to wait for a process that is just being started
_ENDS = 400  # times 5 ms to wait until what was killed has ended
_TRIES = 20  # times 50 ms to interrupt a query
_READINESS = 500  # of 1000, to be killed when the machine has no memory left: before the build itself


class Builtins:
    """Python's own functions as this process was started with them: whatever recipes put in their place is theirs.

    With another `len` a message would have a wrong length, and the build would wait for its end for ever.
    """

    def __init__(self) -> None:
        self._present = vars(builtins)
        self._own = dict(self._present)
        self._changed: dict[str, object] = {}  # what recipes have, by name

    def __enter__(self) -> None:
        """What runs now is a recipe's."""
        if self._changed:
            self._present.update(self._changed)

    def __exit__(
        self,
        *error: object,
        every: Callable[..., bool] = all,
        each: type[map[bool]] = map,
        count: Callable[..., int] = len,
    ) -> None:
        present, own = self._present, self._own
        self._changed = {}
        # Asked after each Python task, so in one pass without a loop in Python.
        if count(present) < count(own) or not every(each(is_, own.values(), present.values())):
            self._changed = {name: present.get(name) for name, value in own.items() if present.get(name) is not value}
            present.update(own)


class Interrupted(BaseException):
    """The pool asked for the running recipe to be ended."""

    __module__ = "builtins"  # in the traceback that the recipe's author reads it has no place of dbuild's own

    def __str__(self) -> str:
        return "it was told to end here"


class Worker:
    """One process's state: its connection, what it runs, and its warm engine."""

    def __init__(
        self,
        channel: Channel,
        lifeline: int,
        queue: int,
        mark: bytes,
        signs: list[int],
        directories: tuple[str, ...],
        telling: Telling | None = None,
    ) -> None:
        self._channel = channel
        self._reader = Reader()
        self._lifeline = lifeline
        self._queue = queue
        self._mark = mark
        self._signs = signs
        self._telling = telling
        self._directories = directories
        self._streams = Streams()
        self._builtins = Builtins()
        self._look = select.poll()
        self._look.register(lifeline, select.POLLIN)
        self._engine: Engine | None = None
        self._is_fresh = True  # whether it has run programs only: neither SQL nor Python, which may leave files open
        self._has_left = False  # this is a process that a recipe forked
        self._private = ""  # the folder for temporary files of a confined recipe
        self._main = threading.main_thread().ident or 0
        # Written by the main thread only, read by the one that listens to the lifeline:
        self._number = 0  # the task that may be interrupted now; 0: none
        self._child = 0  # the process group of a shell recipe, _STARTING until it is known
        # The other way round:
        self._unwanted = 0  # the task that was asked to end
        self._is_hurried = False  # it is to be killed
        self._is_silent = False  # nobody asks where it stood

    # -- ending, in a thread of its own ------------------------------------------------------------------------------

    def watch(self) -> None:
        """Does what the pool says on the lifeline until the pool is gone, then ends the recipe and this process."""
        try:
            with open(self._lifeline, "rb", buffering=0, closefd=False) as lifeline:
                for line in lifeline:
                    self._end(int(line[1:]), line[:1])
        finally:
            self._end_all()

    def _end(self, number: int, how: bytes) -> None:
        """Ends one task: at once if it runs, else as soon as it would begin. One that has ended stays ended.

        `how`: "k" kills a shell recipe, "e" and "s" ask it; "s" says nothing of where a Python recipe stood.
        """
        is_kill = how == b"k"
        self._is_hurried, self._is_silent, self._unwanted = is_kill, how == b"s", number
        if self._number != number:
            return
        if not self._child:
            self._interrupt(number)
        else:  # while it is _STARTING nothing is sent: `_begun` looks again
            self._signal_child(signal.SIGKILL if is_kill else signal.SIGTERM)

    def _interrupt(self, number: int) -> None:
        """Interrupts what runs in this process; a query, which takes no signal, also where it hadn't quite begun.

        What it started is asked to end after that, lest the recipe goes on as if its children had done their work.
        """
        signal.pthread_kill(self._main, _INTERRUPT)
        ask_descendants(os.getpid())
        for _ in range(_TRIES):
            if self._number != number:
                return
            if self._engine is not None:
                self._engine.interrupt()
            time.sleep(0.05)

    def _end_all(self) -> None:
        for _ in range(_STARTS):
            if self._child != _STARTING:
                break
            time.sleep(0.005)
        self._signal_child(signal.SIGKILL)
        if self._engine is not None:
            from dbuild.recipes.engine import spill_folder

            shutil.rmtree(spill_folder(os.getpid()), ignore_errors=True)
        if self._private:
            shutil.rmtree(self._private, ignore_errors=True)
        for _ in range(_ENDS):  # the sign has to outlast what still writes
            if self._child <= 0 or not is_alive(self._child):
                break
            time.sleep(0.005)
        kill_family(os.getpid())  # with what a Python recipe started
        os._exit(1)

    def _signal_child(self, number: int) -> None:
        if self._child > 0:
            try:
                os.killpg(self._child, number)
            except (ProcessLookupError, PermissionError):
                pass

    # -- running, in the main thread ---------------------------------------------------------------------------------

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handler of the signal: interrupts the recipe that runs in this process, if it is the one that is to end.

        The signal may come late, when that one has ended, or early: then it means nothing.
        """
        if self._number and self._number == self._unwanted and not self._child:
            self._number = 0  # once is enough: what cleans up after it isn't interrupted again
            raise Interrupted

    def serve(self) -> None:
        """Runs tasks until the parent closes the connection."""
        task: Task | None = None
        try:
            while True:
                if task is None:
                    task = self._reader.whole(self._channel.receive())
                if self._is_orphaned():  # what a dead build sent can be read still, and the other thread may be late
                    return
                result = self._run(task)
                task = self._next() if result.error is None else None
                self._send("ended", shorten_result(result, task.number if task is not None else 0))
        except (EOFError, OSError):
            pass

    def _next(self) -> Task | None:
        """The task that waits for this one to end, if there is one."""
        try:
            found = take_queued(self._queue)
        except Exception:  # a recipe has closed the queue, or has a file of that number: the build hands out what waits
            return None
        if found is None:
            return None
        self._streams.write(self._mark)
        return self._reader.whole(found[1])

    def _is_orphaned(self) -> bool:
        """Whether the build is gone."""
        return any(events & select.POLLHUP for _, events in self._look.poll(0))

    def leave_family(self) -> None:
        """In a process that a recipe forked: it holds none of this worker's ends."""
        if self._has_left:  # what it forks itself may have files of these numbers
            return
        self._has_left = True
        self._channel.close()
        for descriptor in (self._lifeline, self._queue, *self._signs):
            os.close(descriptor)

    def _run(self, task: Task) -> Result:
        started, used = time.perf_counter(), _cpu_seconds()
        try:
            try:
                self._begin(task)
                failpoints.reach("write")
                make_folders(task)
                produced = self._watched(task)
                failpoints.reach("written")
                made = examine(task, produced)
                notes = (*produced.notes, *left_beside(task))
                parts = examine_parts(task, produced) if task.parts is not None else ()
                if self._unwanted == task.number:  # what it made when it was told to end may be half of it
                    raise Interrupted
            finally:
                self._number = self._child = 0
        except BaseException as problem:  # a recipe may raise anything; the worker has to outlive it
            self._number = self._child = 0  # the interrupt may have come while they were being cleared
            error, causes = _said(problem)
            self._streams.restore()
            if self._unwanted == task.number:
                if isinstance(task.recipe, PythonRecipe) and isinstance(problem, RecipeError) and not self._is_silent:
                    print(problem.what, file=sys.stderr)  # where it stood: somebody asks what took so long
                error, causes = "interrupted", ()
            seconds, cpu = time.perf_counter() - started, _cpu_seconds() - used
            return Result(task.number, error, seconds=seconds, causes=causes, worker=os.getpid(), cpu=cpu)
        self._streams.restore()
        seconds, cpu = time.perf_counter() - started, _cpu_seconds() - used
        return Result(
            *(task.number, None, made, produced.params_read),
            seconds=seconds,
            notes=notes,
            worker=os.getpid(),
            cpu=cpu,
            parts=parts,
        )

    def _begin(self, task: Task) -> None:
        self._child = _STARTING if isinstance(task.recipe, ShellRecipe) else 0
        self._number = task.number
        if self._unwanted == task.number:
            raise Interrupted

    def _watched(self, task: Task) -> Produced:
        """Runs the recipe within its bounds, where it has some."""
        if task.is_confined:
            from dbuild.execute.confinement import confine

            self._private = confine(task)
        if self._telling is None:
            return self._execute(task)
        with self._telling.of(task.number):
            return self._execute(task)

    def _execute(self, task: Task) -> Produced:
        self._is_fresh = self._is_fresh and isinstance(task.recipe, ShellRecipe)
        match task.recipe:
            case SqlRecipe():
                from dbuild.recipes import sql

                schemas: Schemas = (("", sql.run(task, self._engine_for(task))),)
                return Produced(schemas, None, parts=tuple((None, schemas) for _ in task.parts or ()))
            case PythonRecipe():
                from dbuild.recipes import python

                engine = self._engine_for(task)
                with self._builtins:
                    return python.run(task, engine)
            case ShellRecipe():
                from dbuild.recipes import shell

                return shell.run(task, self._begun, 1, self._grace, is_fresh=self._is_fresh)

    def _engine_for(self, task: Task) -> Engine:
        """The DuckDB session with what the task may use, connected when it is first used."""
        if self._engine is None:
            from dbuild.recipes.engine import Engine

            self._engine = Engine(self._directories)
        try:
            self._engine.set_resources(task.threads, task.share)
        except RecipeError:  # earlier tasks have left too much in it
            self._engine.close()
            self._engine.set_resources(task.threads, task.share)
        return self._engine

    def _grace(self) -> float:
        is_killed = self._is_hurried and self._unwanted == self._number
        return 0.0 if is_killed else GRACE

    def _begun(self, pid: int) -> None:
        self._child = pid
        if self._unwanted == self._number:
            self._signal_child(signal.SIGKILL if self._is_hurried else signal.SIGTERM)
        self._send("child", pid)

    def _send(self, what: str, value: object) -> None:
        self._channel.send((what, value))


def _cpu_seconds() -> float:
    """What this process and those that it waited for have used so far."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _said(problem: BaseException) -> tuple[str, tuple[str, ...]]:
    """What a failure says, and its causes."""
    if isinstance(problem, UserError):
        return str(problem), problem.causes if isinstance(problem, RecipeError) else ()
    if isinstance(problem, Interrupted):
        return "interrupted", ()
    causes = causes_of(problem)
    if isinstance(problem, OSError):
        where = f": {problem.filename}" if problem.filename else ""
        return f"{problem.strerror or problem}{where}", causes
    if isinstance(problem, MemoryError):
        from dbuild.recipes.engine import MEMORY_HINT

        return str(RecipeError("it ran out of memory", hint=MEMORY_HINT)), causes
    return f"{type(problem).__name__}: {problem}", causes


def _volunteer() -> None:
    """If the machine runs out of memory, the kernel ends this process or its recipe rather than the build (Linux)."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write(str(_READINESS))
    except OSError:
        pass


def _descriptors(word: str) -> list[int]:
    """The descriptors that a word lists, or that are sent to the socket that it names: `@7`."""
    if not word.startswith("@"):
        return [int(one) for one in word.split(",")]
    with socket.socket(fileno=int(word[1:])) as sender:
        return socket.recv_fds(sender, 1, 4)[1]


def main() -> None:
    """Entry: the mark between what two tasks print; the descriptors of connection, lifeline, queue and signs; who sees
    what is opened; then the directories."""
    mark, *arguments = sys.argv[1:]
    descriptors = _descriptors(arguments[0])
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    _volunteer()
    adopt_orphans()
    telling = None
    if arguments[1]:
        from dbuild.execute.telling import Telling

        telling = Telling(arguments[1])
    connection, lifeline, queue, *signs = descriptors
    worker = Worker(Channel(connection), lifeline, queue, bytes.fromhex(mark), signs, tuple(arguments[2:]), telling)
    os.register_at_fork(after_in_child=worker.leave_family)
    signal.signal(_INTERRUPT, worker.stop)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=worker.watch, daemon=True).start()
    gc.freeze()  # what is here now stays: Python needn't look for cycles in it, nor when it ends
    worker.serve()
