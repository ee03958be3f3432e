"""Small real projects that are built in this process, with what ran, and how often, told afterwards."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from dbuild.build import Settings, build, plan
from dbuild.core.events import Event, Notice, Resting, Summary, TaskEnded, TaskSkipped
from dbuild.core.plan import Plan
from tests.cli.sandbox import Sandbox

Found = TypeVar("Found")

DAYS = """
[partitions.day]
every = "day"
start = 2013-01-01
"""
# A target of a partition for each file; its recipe comes behind it.
EACH_FILE = """
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{name}.txt"
[targets.made]
path = "out/{name}.txt"
inputs = ["raw"]
"""


def each_file(root: Path, flow: str, recipes: str, texts: Mapping[str, str]) -> Workshop:
    """A project of EACH_FILE, or more, with a source of each name and text."""
    shop = Workshop(root, flow, **{"recipes.py": recipes})
    for name, text in texts.items():
        shop.write(f"in/{name}.txt", text)
    return shop


@dataclass(frozen=True)
class Built:
    """What one build did."""

    events: tuple[Event, ...]
    summary: Summary

    @property
    def ended(self) -> list[TaskEnded]:
        return [event for event in self.events if isinstance(event, TaskEnded)]

    @property
    def ran(self) -> list[str]:
        """The partitions whose recipes ran, sorted; one that ran twice stands there twice."""
        return sorted(_label(event.target, event.key) for event in self.ended)

    @property
    def counts(self) -> dict[str, int]:
        """How many partitions of each target ran."""
        return dict(Counter(event.target for event in self.ended))

    @property
    def skipped(self) -> list[str]:
        """What might have run and did not."""
        return sorted(_label(e.target, e.key) for e in self.events if isinstance(e, TaskSkipped))

    @property
    def rested(self) -> dict[str, int]:
        """What wasn't tried again, and how often it had failed."""
        return {_label(e.target, e.key): e.failures for e in self.events if isinstance(e, Resting)}

    @property
    def errors(self) -> dict[str, str]:
        """What each failed partition said."""
        return {_label(event.target, event.key): event.error or "" for event in self.ended if event.status == "failed"}

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]

    @property
    def standing(self) -> tuple[int, int, int, int, int]:
        """Built, fresh, failed, waiting and blocked partitions."""
        found = self.summary
        return (found.built, found.fresh, found.failed, found.waiting, found.blocked)


def _label(target: str, key: tuple[tuple[str, str], ...]) -> str:
    return f"{target}@{','.join(value for _, value in key)}" if key else target


class Workshop(Sandbox):
    """A project's directory, and dbuild called on it in this process."""

    def __init__(self, root: Path, flow: str = "", **files: str) -> None:
        super().__init__(root)
        root.mkdir(parents=True, exist_ok=True)
        if flow:
            self.write("Dataflowfile", flow)
        for path, text in files.items():
            self.write(path, text)

    def copy(self, root: Path) -> Workshop:
        """The same project, with its state and what it built, in another place."""
        shutil.copytree(self.root, root)
        return Workshop(root)

    def path(self, path: str) -> Path:
        return self.root / path

    def days(self, folder: str, *days: str, ending: str = "txt", text: str = "{day}\n") -> None:
        """A file a day, which holds the day unless another text is given."""
        for day in days:
            self.write(f"{folder}/2013-{day}.{ending}", text.format(day=day))

    def build(
        self,
        *targets: str,
        jobs: int = 2,
        keep_going: bool = False,
        fail_fast: bool = False,
        force: bool = False,
        file: str = "Dataflowfile",
        now: str | None = None,
        is_patient: bool = False,
        is_reopened: bool = False,
        is_resting: bool = False,
        tells_grounds: bool = False,
        is_traced: bool = False,
        is_confined: bool = False,
        assumed: tuple[str, ...] = (),
        hear: Callable[[Event], None] = lambda event: None,
        **params: str,
    ) -> Built:
        """One build, at the moment `now` (ISO, UTC); `hear` is told each event when it happens.

        Raises UserError as the command would report it.
        """
        events: list[Event] = []

        def emit(event: Event) -> None:
            events.append(event)
            hear(event)

        settings = Settings(
            *(str(self.root), file, tuple(params.items()), seconds_of(now)),
            *(is_patient, is_reopened, is_resting, tells_grounds),
            assumed=assumed,
        )
        summary = build(
            *(settings, targets),
            jobs=jobs,
            keep_going=keep_going,
            fail_fast=fail_fast,
            force=force,
            is_traced=is_traced,
            is_confined=is_confined,
            emit=emit,
        )
        return Built(tuple(events), summary)

    def plan(
        self,
        *targets: str,
        file: str = "Dataflowfile",
        now: str | None = None,
        is_reopened: bool = False,
        assumed: tuple[str, ...] = (),
    ) -> Plan:
        settings = Settings(str(self.root), file, now=seconds_of(now), is_reopened=is_reopened, assumed=assumed)
        return plan(settings, targets)

    def date(self, path: str, moment: str) -> None:
        """Sets the time (ISO, UTC) at which a file seems to have been written."""
        seconds = seconds_of(moment)
        assert seconds is not None
        os.utime(self.path(path), (seconds, seconds))

    def outputs(self, folder: str = "out") -> dict[str, bytes]:
        """Every file below a folder."""
        files = (path for path in sorted(self.path(folder).rglob("*")) if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}

    def clean_outputs(self, other: Path) -> dict[str, bytes]:
        """What a clean build of the same inputs and recipes makes, in another directory."""
        shutil.copytree(self.root, other, ignore=shutil.ignore_patterns("out", ".dbuild", "__pycache__"))
        made = Workshop(other)
        made.build(keep_going=True)
        return made.outputs()

    def swap(self, path: str, before: str, after: str) -> None:
        """Edits a file; what is to be replaced has to be there."""
        text = self.read(path)
        assert before in text
        self.write(path, text.replace(before, after))

    def temporaries(self) -> list[str]:
        """Unfinished outputs that were left behind."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob(".dbuild-tmp-*"))

    def command(self, *words: str) -> list[str]:
        """The command line of the real process."""
        return [sys.executable, "-m", "dbuild", *words]


def seconds_of(moment: str | None) -> float | None:
    """Seconds since the epoch of a moment in UTC, as Settings has it."""
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() if moment is not None else None


def await_that(found: Callable[[], Found], seconds: float = 30.0) -> Found:
    """The first true answer; AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        if sys.platform.startswith("linux"):
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return state not in "ZX"
