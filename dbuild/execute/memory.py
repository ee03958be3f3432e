"""How much memory a running task uses, looked at now and then and held against its limit."""

from __future__ import annotations

import time

from dbuild.execute.amounts import spelt_bytes
from dbuild.observe.processes import descendants, exact_memory_of, memory_of

_INTERVAL = 0.15  # seconds between two looks
_SHARE = 20  # looking takes at most one part in so many of the time


class Watch:
    """The processes of one task: a worker and all that descends from it."""

    def __init__(self, pid: int, limit: int) -> None:
        self.peak = 0  # bytes, at its highest so far
        self.due = time.monotonic() + _INTERVAL  # when to look next
        self._pid = pid
        self._limit = limit

    def look(self) -> str | None:
        """Looks; where the task uses more than its limit, what to say of that."""
        started = time.monotonic()
        used = used_by(self._pid, self._limit)
        self.peak = max(self.peak, used)
        ended = time.monotonic()
        self.due = ended + max(_INTERVAL, (ended - started) * _SHARE)
        return over_limit(used, self._limit) if used > self._limit else None


def over_limit(used: int, limit: int) -> str:
    """The error of a task that used more memory than it may."""
    shown, most = spelt_bytes(used), spelt_bytes(limit)
    if shown == most:
        shown, most = f"{used} bytes", str(limit)
    return f"it used {shown} of memory, more than its limit of {most} (needs.memory)"


def used_by(pid: int, limit: int) -> int:
    """The bytes that a process and its descendants use; pages that they share count once where that matters."""
    family = (pid, *descendants(pid))
    used = memory_of(family)
    if used > limit and len(family) > 1:
        used = min(used, exact_memory_of(family))
    return used
