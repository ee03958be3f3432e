"""Tells others of builds: runs a command, with what happened on its standard input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

_LONGEST = 60.0  # seconds that one command has
_GRACE = 2.0  # seconds to end after being asked to
_MOST = 100  # builds that wait for being told of


class Messenger:
    """Runs one command at a time, in the order of builds; a watch doesn't wait for it."""

    def __init__(self, command: str, folder: str, complain: Callable[[str], None]) -> None:
        self._command = command
        self._folder = folder
        self._complain = complain
        self._queue: asyncio.Queue[str] = asyncio.Queue(_MOST)
        self._task = asyncio.ensure_future(self._work())

    def tell(self, text: str) -> None:
        """Runs the command with this text, after those before."""
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self._complain(f"{_MOST} builds wait for it already: this one isn't told")

    async def close(self, seconds: float) -> None:
        """Waits at most so long for what is under way, and ends it."""
        joined = asyncio.ensure_future(self._queue.join())
        await asyncio.wait([joined, self._task], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        joined.cancel()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def hurry(self) -> None:
        """Ends what is under way; nothing more is told."""
        self._task.cancel()

    async def _work(self) -> None:
        while True:
            text = await self._queue.get()
            try:
                await self._run(text)
            except OSError as error:
                self._complain(f"it can't be started: {error.strerror}")
            finally:
                self._queue.task_done()

    async def _run(self, text: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", self._command), stdin=asyncio.subprocess.PIPE, cwd=self._folder, start_new_session=True
        )
        try:
            async with asyncio.timeout(_LONGEST):  # not wait_for: that may swallow the word to end
                await process.communicate(text.encode())
        except TimeoutError:
            self._complain(f"it ran longer than {_LONGEST:g} s and was ended")
        finally:
            if process.returncode is None:
                await _end(process)
        if process.returncode is not None and process.returncode > 0:
            self._complain(f"it ended with exit code {process.returncode}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a process and its children: asks, waits a while, kills."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
            return
