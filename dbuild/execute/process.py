"""One worker process as its pool sees it: the ends of its pipes, the task that it runs, and that task's log; and those
tasks that wait for it."""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from dbuild.core.task import Result, Task
from dbuild.execute.channel import Channel, Sender
from dbuild.execute.logs import Log
from dbuild.execute.masks import Mask
from dbuild.execute.memory import Watch
from dbuild.execute.printing import Printing
from dbuild.execute.queue import Queue
from dbuild.execute.starting import words_to_start
from dbuild.recipes.processes import kill_family
from dbuild.values import replace

if TYPE_CHECKING:
    from dbuild.execute.witness import Tracing, Witness

_PIECE = 1 << 18  # bytes that are taken from a pipe at once, and that it holds where that can be set
_MARK = 16  # bytes of the mark between what two tasks print: nothing that a recipe prints by chance
_PATIENCE = 1.0  # seconds that a process has to end when it has closed its connection


class Process:
    """A worker. Its descriptors are closed by `close` alone."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channel: Channel,
        pipe: int,
        lifeline: int,
        queue: Queue,
        mark: bytes,
        witness: Witness | None = None,
    ) -> None:
        """`mark` is what it prints between two tasks when it goes on by itself."""
        self.channel = channel
        self.pipe = pipe  # what it and its recipes print
        self.queue = queue
        self.witness = witness  # what these open, where that is looked at
        self.pid = process.pid
        self.child = 0  # the process group of the shell recipe that it runs
        self.task: Task | None = None
        self.watch: Watch | None = None  # of a task that has a limit of memory
        self.excess: str | None = None  # how its task exceeded the limit
        self.target = ""  # of the last task; "" before the first
        self.is_confined = False  # it had a task that it was confined for, and can't be set free
        self.is_spent = False  # its task was interrupted: whatever state it is in, it isn't used again
        self.killed_at = 0  # the number of the task that it was killed at; 0: it wasn't
        self.is_cut_off = False  # it had closed its connection and did not end
        self.is_gone = False
        self._process = process
        self._lifeline = lifeline
        self._mask = Mask(())
        self._log = Log("")
        self._printing = Printing(mark, self._write)
        self._began = 0.0

    @property
    def seconds(self) -> float:
        """How long its task has been running."""
        return time.monotonic() - self._began

    # -- its task ------------------------------------------------------------------------------------------------------

    def begin(self, task: Task, hear: Callable[[int, bytes], None] | None = None) -> None:
        """Hands it a task; `hear` gets its number with what it prints."""
        if self.target:
            self._take_waiting()  # what an earlier task left running may have printed since
        self._hand(task, _SENDER.shorten(task), hear)

    def queue_up(self, task: Task) -> bool:
        """Has a task wait until this one has ended; False where it can't."""
        return self.queue.add(task, _SENDER.shorten(task))

    def go_on(self, number: int, hear: Callable[[int, bytes], None] | None = None) -> None:
        """Takes note that it runs a task that waited for it; `hear` as in `begin`."""
        self._take_on(self.queue.take(number), hear)
        self._printing.go_on()

    def begin_queued(self, hear: Callable[[int, bytes], None] | None = None) -> int:
        """Hands it the first task that waits for it, now that it looks for none itself: its number; 0 for none."""
        found = self.queue.first()
        if found is None:
            return 0
        self._hand(*found, hear)
        return found[0].number

    def _hand(self, task: Task, short: object, hear: Callable[[int, bytes], None] | None) -> None:
        self._take_on(task, hear)
        try:
            self.channel.send(short)
        except OSError:
            pass  # it is dead: the pool finds the closed connection and reports the task

    def _take_on(self, task: Task, hear: Callable[[int, bytes], None] | None) -> None:
        self._mask = Mask(value for _, value in task.secrets) if task.secrets else _NOTHING
        self._log = Log(task.log, self._mask, partial(hear, task.number) if hear else None)
        self.watch = Watch(self.pid, task.memory) if task.memory is not None else None
        self.excess = None
        self._began = time.monotonic()
        self.task, self.target = task, task.target
        self.is_confined = self.is_confined or task.is_confined

    def finish(self, result: Result) -> Result:
        """Ends its task: all that was printed is in the log, and what nobody may see is in nothing that is said."""
        self._take_waiting()
        if not result.then:
            self._printing.end()
        self._log.close()
        peak = self.watch.peak if self.watch else 0
        if self.witness is not None:
            sights, is_all = self.witness.finish(result.number)
            result = replace(result, sights=sights, is_all_seen=is_all)
        self.task, self.watch, self.child = None, None, 0
        if self._mask and result.parts:
            hidden = (replace(part, error=part.error and self._mask.hide(part.error)) for part in result.parts)
            result = replace(result, parts=tuple(hidden))
        if result.error is None and not (peak or result.notes or self._log.is_written or self._log.failure):
            return result
        error, causes, made = result.error, result.causes, result.made
        if error is not None and self.excess:
            error, causes = self.excess, ("memory",)
        if self._log.failure is not None:
            reason = f"its log can't be written: {self._log.failure.strerror or self._log.failure}"
            error, made = reason if error is None else f"{error}\n{reason}", ()
        return replace(
            result,
            error=None if error is None else self._mask.hide(error),
            causes=causes,
            made=made,
            notes=tuple(map(self._mask.hide, result.notes)),
            has_output=self._log.is_written,
            peak=max(peak, result.peak),
        )

    def take_printed(self) -> bool:
        """Takes what it has printed to its task's log; False at the end of the stream."""
        try:
            data = os.read(self.pipe, _PIECE)
        except BlockingIOError:
            return True
        self._printing.take(data, is_marked=bool(self.queue.tasks))
        return bool(data)

    def _write(self, data: bytes) -> None:
        if self.task is not None:
            self._log.write(data)

    def _take_waiting(self) -> None:
        """Takes what is in the pipe now, and not what is printed meanwhile: that may never end."""
        fcntl.ioctl(self.pipe, termios.FIONREAD, _WAITING)
        waiting = _WAITING[0]
        while waiting > 0:
            try:
                data = os.read(self.pipe, min(waiting, _PIECE))
            except BlockingIOError:
                return
            if not data:
                return
            waiting -= len(data)
            self._printing.take(data, is_marked=bool(self.queue.tasks))

    # -- its end -------------------------------------------------------------------------------------------------------

    def tell(self, word: str, number: int) -> None:
        """Tells it to end ("e", "s": silently) or kill ("k") the task of that number; nothing where it has none."""
        try:
            os.write(self._lifeline, f"{word}{number}\n".encode())
        except OSError:
            pass  # it is dead, which the pool will hear

    def kill(self) -> None:
        """Ends it and all that descends from it."""
        if self._process.poll() is None:
            kill_family(self.pid)
        _signal_group(self.child, signal.SIGKILL)

    def wait(self, seconds: float = _PATIENCE) -> int:
        """Its exit status; it is killed when it hasn't ended in time, and what it started in its group in any case."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.is_cut_off = True
            self.kill()
            code = self._process.wait()
        _signal_group(self.child, signal.SIGKILL)
        _signal_group(self.pid, signal.SIGKILL)
        if code < 0:
            from dbuild.recipes.engine import spill_folder

            shutil.rmtree(spill_folder(self.pid), ignore_errors=True)
        if self.is_confined:
            from dbuild.execute.confinement import remove_private

            remove_private(self.pid)
        return code

    def hang_up(self) -> None:
        """Tells it that there is no more work, and listens to nothing that it may print: it must not wait for us."""
        self.channel.close()
        self.queue.close()
        os.close(self.pipe)
        self.pipe = -1
        if self.witness is not None:
            self.witness.close()

    def close(self) -> None:
        """Closes all ends."""
        self.is_gone = True
        self._log.close()
        if self.pipe >= 0:
            self.hang_up()
        os.close(self._lifeline)


_NOTHING = Mask(())
_SENDER = Sender()
_WAITING = array.array("i", [0])


def start_process(
    root: str,
    directories: tuple[str, ...],
    environment: Mapping[str, str],
    sign: int | None = None,
    tracing: Tracing | None = None,
) -> Process:
    """Starts a worker in the directory `root` with this environment. Raises OSError where it can't be started.

    It keeps the descriptor `sign` open until it ends. With `tracing`, what its recipes open is looked at.
    """
    opened: list[int] = []
    try:
        (pipe, printed), (lifeline, held) = _pipe(opened), _pipe(opened)
        seen, told = _pipe(opened) if tracing is not None else (-1, -1)
        queue, mark = Queue(), b"\0" + os.urandom(_MARK - 1)
        try:
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    given = (theirs.fileno(), lifeline, queue.fileno(), *(() if sign is None else (sign,)))
                    process = _spawn(root, directories, environment, printed, given, mark, tracing, told)
                except BaseException:
                    ours.close()
                    raise
        except BaseException:
            queue.close()
            raise
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    os.close(printed)
    os.close(lifeline)
    os.set_blocking(pipe, False)
    _widen(pipe)
    witness = None
    if tracing is not None:
        os.close(told)
        os.set_blocking(seen, False)
        _widen(seen)
        from dbuild.execute.witness import Witness

        witness = Witness(seen, tracing, root)
    return Process(process, Channel(ours.detach()), pipe, held, queue, mark, witness)


def _pipe(opened: list[int]) -> tuple[int, int]:
    ends = os.pipe()
    opened.extend(ends)
    return ends


def _spawn(
    root: str,
    directories: tuple[str, ...],
    environment: Mapping[str, str],
    printed: int,
    given: tuple[int, ...],
    mark: bytes,
    tracing: Tracing | None,
    told: int,
) -> subprocess.Popen[bytes]:
    """`given` are the descriptors that a worker works with, `told` is where it says what its recipes open."""

    def start(passed: tuple[int, ...], words: list[str], before: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*before, *words_to_start("dbuild.execute.worker"), mark.hex(), *words, *directories],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=passed,
            start_new_session=True,
        )

    listed = ",".join(map(str, given))
    if tracing is None:
        return start(given, [listed, ""])
    if tracing.strace is None:
        return start((*given, told), [listed, f"hook:{told}"])
    from dbuild.execute.strace import command

    # The tracer has what is passed too, and may outlive the worker: so the worker is sent its descriptors instead.
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = start(
            (theirs.fileno(), told), [f"@{theirs.fileno()}", f"strace:{told}"], command(tracing.strace, told)
        )
        socket.send_fds(ours, [b"."], given)
        return process


def _widen(pipe: int) -> None:
    """Lets a pipe hold more, so that a recipe that prints much waits less often (Linux)."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIECE)
        except OSError:
            pass  # its user has too many already


def _signal_group(group: int, number: int) -> None:
    if group:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            pass
