"""How a watch hears of changes: from the kernel, from a package, or by looking again and again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from dbuild.core.watching import Ear
from dbuild.observe.journal import Journal
from dbuild.observe.spots import Spot
from dbuild.watch.looks import Look

POLL = 2.0  # seconds between two looks
_SHARE = 10.0  # a look may take at most this part of the time until the next
_BLIND = 60.0  # seconds between two looks where a package tells of changes that may lose some
_SHOWN = 5

Heard = Callable[[Sequence[str]], None]  # takes paths, none where it isn't known which


class Ears(Protocol):
    """Hears of changes in some spots."""

    kind: Ear

    @property
    def folders(self) -> int:
        """Folders that are listened to."""

    def set(self, look: Look) -> bool:
        """Listens to what a build looks at, and to nothing else; whether there is anything new in it."""

    def catch_up(self) -> None:
        """Takes note of all that has happened until now."""

    def lose(self) -> None:
        """Trusts nothing that was heard till now."""

    async def close(self) -> None:
        """Listens no longer."""


def ears_of(heard: Heard, missed: Callable[[str], None], poll: float | None) -> Ears:
    """The best way to hear of changes that there is here."""
    if poll is not None:
        return Polling(heard, poll)
    if sys.platform.startswith("linux"):
        try:
            return Kernel(heard, missed)
        except OSError as error:
            missed(f"the kernel tells of no changes ({error.strerror}); looking every {POLL:g} s")
            return Polling(heard, POLL)
    try:
        return Package(heard)
    except ImportError:
        return Polling(heard, POLL)


class Polling:
    """Looks at everything again and again."""

    kind: Ear = "polling"

    def __init__(self, heard: Heard, seconds: float) -> None:
        self._heard = heard
        self._seconds = seconds
        self._look: Look | None = None
        self._kept: bytes | None = None  # what the last look saw
        self._is_asked = asyncio.Event()  # a look at once
        self._task = asyncio.ensure_future(self._work())

    @property
    def folders(self) -> int:
        return len(self._look.at.trees) if self._look else 0

    def set(self, look: Look) -> bool:
        is_new = look != self._look
        if is_new:
            self._look = look
            self.lose()
        return is_new

    def catch_up(self) -> None:
        """Looks are made in their own time."""

    def lose(self) -> None:
        self._kept = None
        self._is_asked.set()

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _work(self) -> None:
        took = 0.0
        while True:
            pause = max(self._seconds, _SHARE * took) if self._look else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):  # not wait_for: that may swallow the word to end
                    await self._is_asked.wait()
            self._is_asked.clear()
            if self._look:
                took = await self._take(self._look)

    async def _take(self, look: Look) -> float:
        """Looks, and tells if anything differs; the seconds that it took."""
        started = time.monotonic()
        try:
            seen = await asyncio.to_thread(look.seen)
        except OSError:  # no process or descriptor to be had just now: the next look tells
            return time.monotonic() - started
        if look == self._look:
            if seen != self._kept:
                self._heard(())  # what came before the first look was seen by no build
            self._kept = seen
        return time.monotonic() - started


class Kernel:
    """Hears from the kernel, and looks where that can't tell."""

    kind: Ear = "inotify"

    def __init__(self, heard: Heard, missed: Callable[[str], None]) -> None:
        self.journal = Journal()
        self._heard = heard
        self._missed = missed
        self._losses = 0
        self._look: Look | None = None
        self._polling: Polling | None = None
        asyncio.get_running_loop().add_reader(self.journal.fileno(), self.catch_up)

    @property
    def folders(self) -> int:
        return self.journal.folders

    def set(self, look: Look) -> bool:
        is_new = self.journal.watch(look.spots())
        self._look = look
        self._poll()
        return is_new

    def _poll(self) -> None:
        """Looks, in the usual time, at what the kernel can't tell of."""
        spots, files = self.journal.unheard()
        if self._look is None:
            return
        look = self._look.within([spot.path for spot in spots], files)
        if look and self._polling is None:
            self._polling = Polling(self._heard, POLL)
        if self._polling is not None:
            self._polling.set(look)

    def catch_up(self) -> None:
        happened = self.journal.read()
        if self.journal.losses != self._losses:
            self._losses = self.journal.losses
            self._missed("the kernel lost changes, its queue was full")
        is_renewed = self.journal.renew()
        if is_renewed:
            self._poll()
        if happened or is_renewed:
            self._heard(self.journal.take_recent())

    def lose(self) -> None:
        self.journal.lose()
        self._poll()

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.journal.fileno())
        self.journal.close()
        if self._polling is not None:
            await self._polling.close()


class Package:
    """Hears from the package watchfiles, where the kernel is another than Linux. Raises ImportError without it.

    It may lose changes and say nothing: so everything is looked at once a minute too.
    """

    kind: Ear = "watchfiles"

    def __init__(self, heard: Heard) -> None:
        import watchfiles

        self._watchfiles = watchfiles
        self._heard = heard
        self._spots: list[Spot] = []
        self._polling = Polling(heard, _BLIND)
        self._task: asyncio.Task[None] | None = None

    @property
    def folders(self) -> int:
        return len(self._spots)

    def set(self, look: Look) -> bool:
        spots = [spot for spot in look.spots() if os.path.isdir(spot.path)]
        is_new = self._polling.set(look)
        if spots != self._spots:
            self._spots = spots
            self._end()
            self._task = asyncio.ensure_future(self._work(spots))
        return is_new

    def catch_up(self) -> None:
        """The package tells in its own time."""

    def lose(self) -> None:
        self._polling.lose()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        self._end()
        await self._polling.close()

    async def _work(self, spots: Sequence[Spot]) -> None:
        """Listens to whole trees and to single folders at the same time: the package has one depth for all."""
        deep = [spot for spot in spots if spot.depth > 1]
        flat = [spot for spot in spots if spot.depth <= 1]
        await asyncio.gather(self._listen(deep, recursive=True), self._listen(flat, recursive=False))

    async def _listen(self, spots: Sequence[Spot], *, recursive: bool) -> None:
        if not spots:
            return
        async for changes in self._watchfiles.awatch(
            *{spot.path for spot in spots}, watch_filter=None, debounce=100, step=20, recursive=recursive
        ):
            found = [path for _, path in changes if _matters(path, spots)]
            if found:
                self._heard(found[:_SHOWN])


def _matters(path: str, spots: Iterable[Spot]) -> bool:
    for spot in spots:
        inside = os.path.relpath(path, spot.path)
        if not inside.startswith("..") and spot.matters(inside):
            return True
    return False
