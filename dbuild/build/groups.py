"""What a run has done, made durable and recorded in groups, a few times a second.

A group's outputs are flushed in the background; when they are on disk, its traces are committed in one transaction.
"""

from __future__ import annotations

import time

from dbuild import failpoints
from dbuild.build.phases import Phases
from dbuild.core.trace import Trace
from dbuild.errors import DiskError
from dbuild.execute.publish import Flusher, Journal
from dbuild.state.files import FileRow
from dbuild.state.ledger import TaskRow
from dbuild.state.leftovers import Orphan
from dbuild.state.store import Failure, State
from dbuild.values import dataclass, field

SECONDS = 0.3  # how often a group is flushed and committed
_SHARE = 4  # a flush may take at most one part in so many of the time


@dataclass(slots=True)
class Group:
    """What is committed together."""

    traces: list[tuple[str, str, Trace]] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    tasks: list[TaskRow] = field(default_factory=list)
    failures: list[tuple[str, str, Failure]] = field(default_factory=list)
    orphans: list[Orphan] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # absolute, to be flushed

    def __bool__(self) -> bool:
        return bool(self.traces or self.tasks)


class Groups:
    """The groups of one run."""

    def __init__(self, store: State, journal: Journal, run: int, wake: object, phases: Phases) -> None:
        """`wake` (a socket) gets a byte when a flush has ended."""
        self.open = Group()  # takes what happens now
        self._store = store
        self._journal = journal
        self._run = run
        self._wake = wake
        self._phases = phases
        self._flushing: Group | None = None
        self._flusher = Flusher()
        self._last_flush = time.monotonic()
        self._flush_cost = 0.0

    @property
    def is_pending(self) -> bool:
        """Whether anything is still to be recorded."""
        return self._flushing is not None or bool(self.open)

    def turn(self) -> None:
        """Commits the group whose flush has ended, and begins the flush of the next when it is time."""
        if self._flushing is not None:
            if self._flusher.is_busy:
                return
            self._commit_flushed()
        pause = max(SECONDS, self._flush_cost * _SHARE)
        if self.open and time.monotonic() - self._last_flush >= pause:
            self._begin_flush()

    def commit_all(self) -> None:
        """Records all that is left. Raises StateError."""
        while self.is_pending:
            if self._flushing is None:
                self._begin_flush()
            self._commit_flushed()

    def _begin_flush(self) -> None:
        self._flushing, self.open = self.open, Group()
        self._last_flush = time.monotonic()
        if self._flushing.paths:
            self._flusher.start(self._flushing.paths, self._wake)

    def _commit_flushed(self) -> None:
        with self._phases("record"):
            self._commit()

    def _commit(self) -> None:
        group = self._flushing
        assert group is not None
        try:
            self._flusher.finish()
        except OSError as error:
            self._flushing = None
            where = f": {error.filename}" if error.filename else ""
            what = f"outputs can't be made durable: {error.strerror or error}{where}"
            raise DiskError(what, hint="nothing of them is recorded") from None
        self._flush_cost = time.monotonic() - self._last_flush
        self._flushing = None
        failpoints.reach("commit")
        self._write(group)
        failpoints.reach("committed")
        if not self.open:
            self._journal.clear()

    def _write(self, group: Group) -> None:
        with self._store.transaction():
            self._store.put_files(group.files)
            self._store.put_traces(group.traces)
            for target, key, failure in group.failures:
                self._store.put_failure(target, key, failure)
            self._store.put_tasks(self._run, group.tasks)
            if group.orphans:
                self._store.leftovers.put_orphans(group.orphans)
