"""Named places before every effect, where tests can cut a run off. Without the environment variable they cost a check.

`DBUILD_FAILPOINT=rename:3` ends the process, as kill -9 would, when the place `rename` is passed for the third time;
`rename:3:ENOSPC` raises that error there instead. The names are those in PLACES.
"""

from __future__ import annotations

import errno
import os
import signal

PLACES = (
    "spawn",  # a worker process is started
    "task",  # a task is handed to a worker
    "write",  # (worker) the recipe is about to run
    "log",  # a task's log is written to
    "written",  # (worker) the recipe has written its temporary output
    "intent",  # the journal gets an intent
    "rename",  # a temporary output gets its final name
    "renamed",  # it has it
    "swapped",  # a folder has its final name, and the one before is still beside it
    "flush",  # a group's files are flushed
    "commit",  # a group's traces are committed
    "committed",  # they are
    "look",  # a file is looked into: where do its rows go?
    "route",  # where rows go is committed
    "routed",  # it is
    "inherit",  # what was built under other names is put under the present ones
    "seal",  # the run's end is recorded
)
_wanted = os.environ.get("DBUILD_FAILPOINT", "")
_seen: dict[str, int] = {}


def reach(place: str) -> None:
    """Called before the effect of that name."""
    if _wanted:
        _reach(place)


def _reach(place: str) -> None:
    name, _, rest = _wanted.partition(":")
    count, _, error = rest.partition(":")
    if name != place:
        return
    _seen[place] = _seen.get(place, 0) + 1
    if _seen[place] == int(count or 1):
        if error:
            number = getattr(errno, error)
            raise OSError(number, os.strerror(number))
        os.kill(os.getpid(), signal.SIGKILL)
