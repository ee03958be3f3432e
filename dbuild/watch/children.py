"""Builds as processes of their own, and what they tell while they run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dbuild.core.vigil import Ended, Ending
from dbuild.execute.starting import words_to_start
from dbuild.values import dataclass, field

_MOST_TASKS = 1_000  # that are handed to whoever is told of a build
_LONGEST_LINE = 1 << 28
_PATIENCE = 1.0  # seconds for what a build wrote just before it ended
_CUT = (130, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
_PROJECT = ("dataflowfile", "recipe", "usage")

Record = dict[str, Any]


@dataclass(slots=True)
class Outcome:
    """What came of one build."""

    code: int = 0
    summary: Record | None = None
    error: Record | None = None
    was_refused: bool = False
    tasks: list[Record] = field(default_factory=list)
    more: int = 0  # tasks beyond those
    ran: set[tuple[str, str]] = field(default_factory=set)
    notes: list[Record] = field(default_factory=list)  # warnings, and what waits or is provisional
    grounds: Record | None = None  # what it looked at
    more_grounds: Record | None = None  # what a build before it looked at that couldn't read the project

    @property
    def ending(self) -> Ending:
        """How it ended."""
        if self.was_refused:
            return "refused"
        if self.summary is not None:
            return "cut" if self.summary["interrupted"] else "done"
        if self.code in _CUT:
            return "cut"
        return "project" if self.error is not None and self.error["kind"] in _PROJECT else "machine"

    @property
    def due(self) -> float | None:
        """The moment at which the clock alone changes what there is to do."""
        instant = self.summary["next"] if self.summary else None
        return datetime.fromisoformat(instant).timestamp() if instant else None

    @property
    def ended(self) -> Ended:
        """The same as the vigil has it."""
        return Ended(self.ending, frozenset(self.ran), self.due)

    @property
    def has_news(self) -> bool:
        """Whether an output changed, or a recipe failed."""
        return any(task["changed"] or task["status"] == "failed" for task in self.tasks)

    @property
    def report(self) -> Record:
        """What others are told of it."""
        return {
            "event": "build",
            "code": self.code,
            "summary": self.summary,
            "tasks": self.tasks,
            "more_tasks": self.more,
            "notes": self.notes,
            "error": self.error,
        }

    def take(self, record: Record) -> None:
        """Takes note of one record that a build wrote."""
        match record.get("event"):
            case "task":
                self.ran.add((record["target"], json.dumps(record["key"])))
                if len(self.tasks) < _MOST_TASKS:
                    self.tasks.append(record)
                else:
                    self.more += 1
            case "summary":
                self.summary = record
            case "grounds":
                self.grounds = record
            case "error":
                self.error = record
            case "refused":
                self.was_refused = True
                self.error = record
            case "waiting" | "provisional":
                self.notes.append(record)
            case "notice" if record["level"] != "info":
                self.notes.append(record)


class Builder:
    """Runs one build at a time."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._words = words
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._is_ended = False

    def end(self) -> None:
        """Asks the build that runs to end, or one that is just being started; asked again, it kills its recipes."""
        self._is_ended = True
        if self._process is not None and self._process.returncode is None:
            # Not SIGINT: of that, a Python that is still starting would print a traceback.
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    async def build(self, *words: str, heard: Callable[[Record], None] | None = None) -> Outcome:
        """Runs one build to its end, with more words on its command line. Raises OSError where it can't be started."""
        if self._is_ended:
            return Outcome(_CUT[0])
        reading, writing = os.pipe()
        try:
            try:
                # A group of its own: Ctrl-C is for the watch, which hands it on.
                self._process = await asyncio.create_subprocess_exec(
                    *words_to_start("dbuild.__main__"),
                    *("build", "--events", str(writing), *words, *self._words),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(writing,),
                    process_group=0,
                    env=self._environment,
                )
            finally:
                os.close(writing)
            if self._is_ended:  # while it was being started
                self.end()
            outcome = Outcome()
            reader = asyncio.StreamReader(limit=_LONGEST_LINE)
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0)
            )
        except BaseException:
            os.close(reading)
            raise
        taking = asyncio.ensure_future(_take(reader, outcome, heard))
        try:
            outcome.code = await self._process.wait()
            # What a recipe has left running may hold the pipe open: its end isn't waited for.
            await asyncio.wait([taking], timeout=_PATIENCE)
        finally:
            taking.cancel()
            transport.close()
        return outcome


async def _take(reader: asyncio.StreamReader, outcome: Outcome, heard: Callable[[Record], None] | None) -> None:
    while line := await reader.readline():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        outcome.take(record)
        if heard is not None:
            heard(record)
