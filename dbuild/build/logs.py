"""Where the logs of tasks are, those of running tasks too, and following them until what writes them has ended."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from dbuild.build.loading import load_flow
from dbuild.build.session import _forget, reading
from dbuild.build.settings import Settings
from dbuild.build.tails import Tails
from dbuild.build.tasks import log_file
from dbuild.core.choice import key_of
from dbuild.core.selection import parse_selector
from dbuild.core.trace import joined_key
from dbuild.errors import UsageError, nearest
from dbuild.state.lock import is_held
from dbuild.state.store import FOLDER, State

PAUSE = 0.1  # seconds between two looks
_LOOKS = 5  # looks at logs for each question whether it is over
_MOST = 16  # pieces of a log that are taken at one look, so that others get their turn
_ENDING = re.compile(r"(?:~\d{1,3})?\.log$")  # of a log's name, with the number of a further attempt


class Piece(NamedTuple):
    """A part of what a task printed."""

    label: str  # the partition, as its log's name has it; "" where only one is followed
    data: bytes


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose log is wanted."""

    run: int | None
    target: str  # "": all of the run
    key: tuple[str, ...] | None  # None: of any partition

    def names(self, run: int) -> Callable[[str], bool]:
        """Tells the names of its logs in the folder of a run."""
        if not self.target:
            return lambda name: name.endswith(".log")
        if self.key is not None:
            stem = os.path.basename(log_file(run, self.target, self.key)).removesuffix(".log")
            return lambda name: name.startswith(stem) and _ENDING.fullmatch(name, len(stem)) is not None
        return lambda name: name.endswith(".log") and re.split("[@~.]", name)[0] == self.target


def log_path(settings: Settings, argument: str) -> str | None:
    """The newest log of a run (`RUN`), of a task in it (`RUN:X@K`) or of a partition (`X@K`); None if none is kept.

    Also of a task that is running. Raises UsageError for an unknown run or target.
    """
    with reading(settings) as state:
        sought = _sought(settings, state, argument)
        if not sought.target and sought.run is not None:
            return _newest(settings, sought, sought.run)
        runs = [sought.run] if sought.run is not None else _runs(settings, state)
        return next((path for run in runs if (path := _newest(settings, sought, run))), None)


def follow(settings: Settings, argument: str) -> Iterator[Piece]:
    """What is printed to the logs that the argument names, from their beginning, as it comes.

    Of a run, or of a target with several partitions, all logs until the run ends; of a partition its log until its task
    ends. Where nothing runs, the newest log that is kept. Raises UsageError as `log_path`.
    """
    with reading(settings) as state:
        sought = _sought(settings, state, argument)
    run = sought.run if sought.run is not None else _running(settings)
    with closing(Tails()) as tails:
        if run is None:
            path = log_path(settings, argument)
            for data in tails.drain(path) if path else ():
                yield Piece("", data)
            return
        is_over = False
        while not is_over:
            is_over = _is_over(settings, sought, run)
            for number in range(1 if is_over else _LOOKS):
                time.sleep(PAUSE if number else 0)
                for path in _logs(settings, sought, run):
                    label = "" if sought.key is not None else _ENDING.sub("", os.path.basename(path))
                    for data in tails.drain(path, None if is_over else _MOST):
                        yield Piece(label, data)


# -- whose -------------------------------------------------------------------------------------------------------------


def _sought(settings: Settings, state: State, argument: str) -> Sought:
    """What an argument names: `RUN`, `X[@K]` or `RUN:X[@K]`. Raises UsageError."""
    first, _, rest = argument.partition(":")
    is_run = first.isdecimal()
    run = int(first) if is_run else None
    if run is not None and all(run != found[0] for found in state.runs(1_000_000)):
        raise UsageError(f'there is no run "{first}"', hint="dbuild log shows the runs")
    text = rest if is_run else argument
    if not text:
        return Sought(run, "", None)
    selector = parse_selector(text)
    flow = load_flow(settings, state, _forget)
    step = flow.steps.get(selector.name)
    if step is None:
        if flow.project.dataset(selector.name) is not None:
            kind = "view" if selector.name in flow.views else "source"
            what = f'"{selector.name}" is a {kind}: it has no recipe that runs, and so no log'
            raise UsageError(what, hint="name a target that reads it")
        hint = nearest(selector.name, flow.steps) or "dbuild list shows what there is"
        raise UsageError(f'there is no target "{selector.name}"', hint=hint)
    if selector.keys is None:
        return Sought(run, selector.name, None if step.target.dimensions else ())
    return Sought(run, selector.name, key_of(flow.project, step.target, selector.keys, settings.moment))


# -- where -------------------------------------------------------------------------------------------------------------


def _logs(settings: Settings, sought: Sought, run: int) -> list[str]:
    """The logs that there are now, in the order in which they were written last."""
    is_wanted = sought.names(run)
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(_folder(settings, run)) as entries:
            for entry in entries:
                if is_wanted(entry.name):
                    found.append((entry.stat().st_mtime_ns, entry.path))
    except FileNotFoundError:  # there is none yet, or one is being replaced: the next look finds it
        pass
    return [path for _, path in sorted(found)]


def _newest(settings: Settings, sought: Sought, run: int) -> str | None:
    found = _logs(settings, sought, run)
    return found[-1] if found else None


def _folder(settings: Settings, run: int) -> str:
    return os.path.join(settings.root, FOLDER, "logs", str(run))


def _runs(settings: Settings, state: State) -> list[int]:
    """The runs of which logs are kept, newest first."""
    try:
        kept = set(os.listdir(os.path.join(settings.root, FOLDER, "logs")))
    except OSError:
        return []
    return [found[0] for found in state.runs(1_000_000) if str(found[0]) in kept]


# -- until when --------------------------------------------------------------------------------------------------------


def _running(settings: Settings) -> int | None:
    """The run that is under way; one that is being planned is waited for. None where nothing runs here."""
    while is_held(os.path.join(settings.root, FOLDER, "lock")):
        with reading(settings) as state:
            newest = state.runs(1)
            if newest and newest[0][4] is None:
                return newest[0][0]
            if state.generation() > (newest[0][0] if newest else 0):
                return None  # it is another Dataflowfile's build
        time.sleep(PAUSE)
    return None


def _is_over(settings: Settings, sought: Sought, run: int) -> bool:
    """Whether nothing more will be written to the logs that are sought."""
    if not is_held(os.path.join(settings.root, FOLDER, "lock")):
        return True
    with reading(settings) as state:
        if any(found[0] == run and found[4] is not None for found in state.runs(1_000_000)):
            return True
        if not sought.target:
            return False
        key = None if sought.key is None else joined_key(sought.key)
        rows = state.tasks(1_000_000 if key is None else 1, run=run, target=sought.target, key=key)
        return key is not None and bool(rows) and rows[0][1].status != "retried"
