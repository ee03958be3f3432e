"""Where the logs of tasks are, those of running tasks too, and following them until what writes them has ended."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from dbuild.build.looks import datasets_of, forget, look, reading
from dbuild.build.settings import Settings
from dbuild.build.standings import Standings
from dbuild.build.tails import Tails
from dbuild.build.tasks import log_file
from dbuild.core.choice import key_of
from dbuild.core.graph import Flow
from dbuild.core.selection import meanings, parse_selector
from dbuild.core.trace import joined_key
from dbuild.errors import UsageError
from dbuild.state.lock import is_held
from dbuild.state.store import FOLDER, State
from dbuild.values import dataclass

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
    """Whose logs are wanted."""

    run: int | None
    partitions: dict[str, frozenset[tuple[str, ...]] | None] | None  # target -> keys, or None for any; None: the run

    @property
    def is_single(self) -> bool:
        """Whether it is one log: of one partition, or the newest of a target."""
        wanted = list(self.partitions.values()) if self.partitions is not None else []
        return len(wanted) == 1 and (wanted[0] is None or len(wanted[0]) == 1)

    def labels(self, run: int) -> Callable[[str], str]:
        """Tells of the name of a file in the folder of a run whose log it is, of those that are wanted; "" for none.

        A partition by its log's name; a target of which the newest is wanted, by its own.
        """
        if self.partitions is None:
            return lambda name: _ENDING.sub("", name) if name.endswith(".log") else ""
        stems: dict[str, str] = {}
        whole = {name for name, keys in self.partitions.items() if keys is None}
        for target, keys in self.partitions.items():
            for key in keys or ():
                stem = os.path.basename(log_file(run, target, key)).removesuffix(".log")
                stems[stem] = stem
        return lambda name: _label(name, stems, whole)


def _label(name: str, stems: dict[str, str], whole: set[str]) -> str:
    if not name.endswith(".log"):
        return ""
    target = re.split("[@~.]", name)[0]
    if target in whole:
        return target
    return stems.get(name.removesuffix(".log"), "") or stems.get(_ENDING.sub("", name), "")


def log_paths(settings: Settings, words: Sequence[str]) -> dict[str, str]:
    """The newest log of a run (`RUN`), of tasks in it (`RUN:X@K`) or of partitions (`X@K`), by what it is of.

    Of a target without KEYS, the newest log of its partitions. Also of tasks that are running; what has no log is
    left out. Raises UsageError for unknown runs and targets.
    """
    with reading(settings) as state:
        sought = _sought(settings, state, words)
        found: dict[str, str] = {}
        for run in [sought.run] if sought.run is not None else _runs(settings, state):
            logs = _logs(settings, sought, run)
            if sought.partitions is None:
                return dict(logs[-1:])
            found = {**dict(logs), **found}
            if sought.is_single and found:
                break
    return found


def follow(settings: Settings, words: Sequence[str]) -> Iterator[Piece]:
    """What is printed to the logs that are named, from their beginning, as it comes.

    Of a run, or of a target with several partitions, all logs until the run ends; of partitions their logs until their
    tasks have ended. Where nothing runs, the newest logs that are kept. Raises UsageError as `log_paths`.
    """
    with reading(settings) as state:
        sought = _sought(settings, state, words)
    run = sought.run if sought.run is not None else _running(settings)
    with closing(Tails()) as tails:
        if run is None:
            found = log_paths(settings, words)
            for label, path in found.items():
                for data in tails.drain(path):
                    yield Piece(label if len(found) > 1 else "", data)
            return
        is_over = False
        while not is_over:
            is_over = _is_over(settings, sought, run)
            for number in range(1 if is_over else _LOOKS):
                time.sleep(PAUSE if number else 0)
                for _, path in _logs(settings, sought, run):
                    label = _ENDING.sub("", os.path.basename(path)) if _is_labelled(sought) else ""
                    for data in tails.drain(path, None if is_over else _MOST):
                        yield Piece(label, data)


def _is_labelled(sought: Sought) -> bool:
    """Whether what is followed may be of several partitions."""
    return not sought.is_single or sought.partitions is None or None in sought.partitions.values()


# -- whose -------------------------------------------------------------------------------------------------------------


def _sought(settings: Settings, state: State, words: Sequence[str]) -> Sought:
    """What words name: `RUN`, `X[@K]` or `RUN:X[@K]`. Raises UsageError."""
    run, arguments = split_words(state, words)
    return Sought(run, partitions_named(settings, state, arguments) if arguments else None)


def split_words(state: State, words: Sequence[str]) -> tuple[int | None, list[str]]:
    """The run that words name, and the selectors among them. Raises UsageError for more than one, or an unknown run."""
    runs: dict[str, None] = {}
    arguments: list[str] = []
    for word in words:
        first, _, rest = word.partition(":")
        runs.update({first: None} if first.isdecimal() else {})
        text = rest if first.isdecimal() else word
        arguments += [text] if text or not first.isdecimal() else []
    if len(runs) > 1:
        raise UsageError(f"{' and '.join(runs)} are different runs", hint="name one of them")
    for run in runs:
        if all(int(run) != found[0] for found in state.runs(1_000_000)):
            raise UsageError(f'there is no run "{run}"', hint="dbuild log shows the runs")
        return int(run), arguments
    return None, arguments


def partitions_named(
    settings: Settings, state: State, arguments: Sequence[str]
) -> dict[str, frozenset[tuple[str, ...]] | None]:
    """Target -> the keys that arguments name of it; None where they name the target as a whole. Raises UsageError."""
    looked = look(settings, state, [], forget, everything=True)
    flow, world = looked.flow, looked.world
    standing = Standings(world, datasets_of(flow, arguments))
    found: dict[str, frozenset[tuple[str, ...]] | None] = {}
    for text in arguments:
        try:
            meant, _ = meanings(flow, world.domains, [text], world.now, standing)
        except UsageError:
            gone = _gone(flow, state, text, settings.moment)
            if gone is None:
                raise
            meant, found[gone[0]] = {}, (found.get(gone[0]) or frozenset()) | {gone[1]}
        for name, one in meant.items():
            is_whole = not one.keys and bool(flow.steps[name].target.dimensions)
            before = found.get(name, frozenset())
            found[name] = None if is_whole or before is None else before | frozenset(one.partitions.keys())
    return found


def _gone(flow: Flow, state: State, text: str, now: datetime) -> tuple[str, tuple[str, ...]] | None:
    """A partition that ran once and is named by its key, though it is outside of its dimensions now."""
    selector = parse_selector(text)
    step = flow.steps.get(selector.name)
    if step is None or selector.keys is None:
        return None
    try:
        key = key_of(flow.project, step.target, selector.keys, now)
    except UsageError:
        return None
    return (selector.name, key) if state.tasks(1, target=selector.name, key=joined_key(key)) else None


# -- where -------------------------------------------------------------------------------------------------------------


def _logs(settings: Settings, sought: Sought, run: int) -> list[tuple[str, str]]:
    """The logs that there are now, each with what it is of, in the order in which they were written last."""
    label_of = sought.labels(run)
    found: list[tuple[int, str, str]] = []
    try:
        with os.scandir(_folder(settings, run)) as entries:
            for entry in entries:
                label = label_of(entry.name)
                if label:
                    found.append((entry.stat().st_mtime_ns, entry.path, label))
    except FileNotFoundError:  # there is none yet, or one is being replaced: the next look finds it
        pass
    return [(label, path) for _, path, label in sorted(found)]


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
        if sought.partitions is None or None in sought.partitions.values():
            return False
        return all(_has_ended(state, run, name, key) for name, keys in sought.partitions.items() for key in keys or ())


def _has_ended(state: State, run: int, target: str, key: tuple[str, ...]) -> bool:
    rows = state.tasks(1, run=run, target=target, key=joined_key(key))
    return bool(rows) and rows[0][1].status != "retried"
