"""Commands whose output counts, as in `environment = { cmd = "Rscript --version" }`: run once in a build.

Nobody who only reads runs them: for these the last output that a build saw stands. Imports little, as a build with
nothing to do runs them too.
"""

from __future__ import annotations

import os
import select
import signal
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from dbuild.build.interrupts import interruptible
from dbuild.errors import Place, RecipeError
from dbuild.observe.digests import digest_bytes

if TYPE_CHECKING:
    from subprocess import Popen

_SECONDS = 60.0  # in which all of them have to have ended
_MOMENT = 0.02  # seconds between looks at how much they have printed
_MOST = 100_000  # bytes of what one says
_SHOWN = 5  # last lines of what one said that fails
_CHANGE = "mend the command, or let something else count as the environment"


class Asked(NamedTuple):
    """A command, and where it is written."""

    command: str
    target: str  # the first for which it counts
    place: Place | None


class _Started(NamedTuple):
    process: Popen[bytes]
    said: int  # the descriptor of a file with what it printed


class Programs:
    """What the commands have said in this build."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._said: dict[str, str] = {}

    def ask(self, asked: Iterable[Asked], withheld: Collection[str]) -> dict[str, str]:
        """Command -> what it printed, without blanks at its ends. What was asked before isn't run again.

        They run at the same time, in the project's directory, as shell recipes do; `withheld` are variables of this
        process's environment that they don't see. Raises RecipeError for the first that fails or doesn't end in time.
        """
        wanted: dict[str, Asked] = {}
        for one in asked:
            wanted.setdefault(one.command, one)
        new = [one for command, one in wanted.items() if command not in self._said]
        if new:
            with interruptible():
                self._run(new, withheld)
        return {command: self._said[command] for command in wanted}

    def _run(self, asked: list[Asked], withheld: Collection[str]) -> None:
        started: list[_Started] = []
        try:
            for one in asked:
                started.append(self._start(one, withheld))
            deadline = time.monotonic() + _SECONDS
            for one, each in zip(asked, started, strict=True):
                has_ended = _await(each, deadline, started)
                pairs = zip(asked, started, strict=True)
                one, each = next(((o, e) for o, e in pairs if not has_ended and _is_long(e)), (one, each))
                _end(each)
                self._said[one.command] = _said(one, each, has_ended)
        finally:
            for each in started:
                if each.process.returncode is None:
                    _end(each)
                os.close(each.said)

    def _start(self, one: Asked, withheld: Collection[str]) -> _Started:
        from subprocess import DEVNULL, Popen

        from dbuild.recipes.shell import BASH, bare_environment

        arguments = [*BASH, "-c", one.command]
        given = bare_environment({os.fsencode(name) for name in withheld})
        said, path = tempfile.mkstemp(prefix="dbuild-")
        os.unlink(path)
        try:
            process = Popen(
                arguments, stdin=DEVNULL, stdout=said, stderr=said, env=given, cwd=self._root, start_new_session=True
            )
        except OSError as error:
            os.close(said)
            raise RecipeError(f"bash can't be started: {error.strerror}", one.place) from None
        return _Started(process, said)


def identity(said: str) -> str:
    """Identity of what a command printed."""
    return digest_bytes(said.encode("utf-8", "surrogateescape")).hex()


def _said(one: Asked, ended: _Started, has_ended: bool) -> str:
    """What an ended command printed. Raises RecipeError where it failed, or had to be ended."""
    data = os.pread(ended.said, _MOST + 1, 0)
    if len(data) > _MOST:
        what = f"{_named(one)} prints more than {_MOST:,} bytes"
        raise RecipeError(what, one.place, "let it print versions, and nothing else")
    if not has_ended:
        raise RecipeError(f"{_named(one)} didn't end within {_SECONDS:.0f} s", one.place, _CHANGE)
    said = data.decode("utf-8", "backslashreplace").strip()
    status = ended.process.returncode
    if status:
        how = f"ended with exit status {status}" if status > 0 else f"was ended by {signal.Signals(-status).name}"
        raise RecipeError("\n".join([f"{_named(one)} {how}", *_tail(said)]), one.place, _CHANGE)
    return said


def _named(one: Asked) -> str:
    return f'the command {one.command!r} for the environment of "{one.target}"'


def _tail(said: str) -> Iterator[str]:
    lines = said.encode("utf-8", "replace").decode().splitlines()
    return (f"  {line}" for line in lines[-_SHOWN:])


def _await(one: _Started, deadline: float, all_of_them: Collection[_Started]) -> bool:
    """Whether a command ends in time, and before any of them has printed too much."""
    while not _ends_within(one.process, _MOMENT):
        if time.monotonic() > deadline or any(map(_is_long, all_of_them)):
            return False
    return True


def _is_long(started: _Started) -> bool:
    return os.fstat(started.said).st_size > _MOST


def _ends_within(process: Popen[bytes], seconds: float) -> bool:
    """Where that can be it isn't reaped, so that its number can't be another group's yet."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # macOS, old kernels
        return _is_reaped_within(process, seconds)
    try:
        ready, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    return bool(ready)


def _is_reaped_within(process: Popen[bytes], seconds: float) -> bool:
    from subprocess import TimeoutExpired

    try:
        process.wait(seconds)
    except TimeoutExpired:
        return False
    return True


def _end(started: _Started) -> None:
    """Ends a command with all that it left running."""
    try:
        os.killpg(started.process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says so of a group of zombies
        pass
    started.process.wait()
