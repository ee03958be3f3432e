"""A warm worker process: takes tasks, runs their recipes one after the other, says what came of each.

It is started by `pool.py` as a program of its own with two descriptors: a connection for tasks and messages, and a
lifeline, whose other end only the parent holds: when that closes, the worker ends whatever it runs and itself.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from types import FrameType

from dbuild import failpoints
from dbuild.core.model import PythonRecipe, ShellRecipe, SqlRecipe
from dbuild.core.task import Made, Produced, Result, Task
from dbuild.errors import UserError
from dbuild.observe.digests import backdate, hash_file

_STARTING = -1
_STARTS = 200  # times 5 ms to wait for a process that is just being started


class Interrupted(BaseException):
    """The parent asked for the running recipe to be ended."""


class Worker:
    """One process's state: its connection, its log file and its warm engine."""

    def __init__(self, connection: Connection, logs: str, directories: tuple[str, ...], threads: int) -> None:
        self._connection = connection
        self._scratch = os.path.join(logs, f"worker-{os.getpid()}.tmp")
        self._directories = directories
        self._threads = threads
        self._engine: object = None
        self._child = 0  # the process group of a shell recipe, _STARTING until it is known
        self._is_unwanted = False  # it was to end before it was there
        self._redirect()

    def _redirect(self) -> None:
        """Standard output and error go to a scratch file, which becomes a task's log if anything was written."""
        log = os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)

    def watch(self, lifeline: int) -> None:
        """Blocks until the parent is gone, then ends the running recipe and this process."""
        try:
            os.read(lifeline, 1)
        finally:
            for _ in range(_STARTS):
                if self._child != _STARTING:
                    break
                time.sleep(0.005)
            self._end_child(signal.SIGKILL)
            self._discard()
            os.killpg(os.getpgrp(), signal.SIGKILL)  # with what a Python recipe started
            os._exit(1)

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handler of SIGTERM: ends the child of a shell recipe, or interrupts what runs in this process."""
        if self._child == _STARTING:
            self._is_unwanted = True
        elif self._child:
            self._end_child(signal.SIGTERM)
        else:
            raise Interrupted

    def _end_child(self, number: int) -> None:
        if self._child > 0:
            try:
                os.killpg(self._child, number)
            except ProcessLookupError:
                self._child = 0

    def _discard(self) -> None:
        try:
            os.unlink(self._scratch)
        except OSError:
            pass

    def serve(self) -> None:
        """Runs tasks until the parent closes the connection."""
        try:
            while True:
                task = self._connection.recv()
                self._connection.send(("ended", self._run(task)))
        except (EOFError, OSError):
            pass
        finally:
            self._discard()

    def _run(self, task: Task) -> Result:
        started = time.perf_counter()
        made: tuple[Made, ...] = ()
        params_read: tuple[str, ...] | None = None
        error: str | None = None
        try:
            failpoints.reach("write")
            produced = self._execute(task)
            failpoints.reach("written")
            made, params_read = _examine(task, produced), produced.params_read
        except UserError as problem:
            error = str(problem)
        except OSError as problem:
            error = f"{problem.strerror or problem}" + (f": {problem.filename}" if problem.filename else "")
        except Interrupted:
            error = "interrupted"
        except MemoryError:
            error = "it ran out of memory"
        except BaseException as problem:  # a recipe may raise anything; the worker has to outlive it
            error = f"{type(problem).__name__}: {problem}"
        seconds = time.perf_counter() - started
        return Result(task.number, error, made, params_read, self._keep_log(task), seconds)

    def _execute(self, task: Task) -> Produced:
        match task.recipe:
            case SqlRecipe():
                from dbuild.recipes import sql

                return Produced((("", sql.run(task, self.engine)),), None)
            case PythonRecipe():
                from dbuild.recipes import python

                return python.run(task, self.engine)
            case ShellRecipe():
                from dbuild.recipes import shell

                self._child, self._is_unwanted = _STARTING, False
                try:
                    return shell.run(task, self._begun, 1)
                finally:
                    self._child = 0

    @property
    def engine(self):  # type: ignore[no-untyped-def]
        """The DuckDB session, connected when it is first used."""
        if self._engine is None:
            from dbuild.recipes.engine import Engine

            self._engine = Engine(self._directories, self._threads)
        return self._engine

    def _begun(self, pid: int) -> None:
        self._child = pid
        if self._is_unwanted:
            self._end_child(signal.SIGTERM)
        self._connection.send(("child", pid))

    def _keep_log(self, task: Task) -> bool:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        if os.fstat(1).st_size == 0:
            return False
        os.makedirs(os.path.dirname(task.log), mode=0o700, exist_ok=True)
        os.replace(self._scratch, task.log)
        self._redirect()
        return True


def _examine(task: Task, produced: Produced) -> tuple[Made, ...]:
    """What the recipe wrote: every declared output has to be there, as a regular file."""
    schemas = dict(produced.schemas)
    made = []
    for output in task.outputs:
        try:
            digest, stat = hash_file(output.path)
        except FileNotFoundError:
            what = f'its output "{output.name}"' if output.name else "its output"
            raise UserError(
                f"the recipe succeeded but did not write {what} {os.path.relpath(output.final, task.root)}",
                hint="it has to write to the path that it is given: {output}, $DBUILD_OUTPUT or `output`",
            ) from None
        except UserError:
            if not os.path.isdir(output.path):
                raise
            what = f"the recipe made a folder in the place of its output {os.path.relpath(output.final, task.root)}"
            raise UserError(what, hint="an output is one file") from None
        backdate(output.path, stat)
        made.append(Made(output.name, digest, stat.size, schemas.get(output.name)))
    return tuple(made)


def main(arguments: list[str]) -> None:
    """Entry: connection descriptor, lifeline descriptor, log folder, threads, directories."""
    connection = Connection(int(arguments[0]))
    lifeline = int(arguments[1])
    worker = Worker(connection, arguments[2], tuple(arguments[4:]), int(arguments[3]))
    threading.Thread(target=worker.watch, args=(lifeline,), daemon=True).start()
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        worker.serve()
    except Interrupted:
        pass
