"""From a recipe's unfinished outputs to outputs in their places, with the trace that is to vouch for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from dbuild.build.attempts import Ending, said_of
from dbuild.build.groups import Groups
from dbuild.build.schemas import typed_digest
from dbuild.build.stillness import find_moved
from dbuild.build.strangers import Strangers
from dbuild.build.tasks import Prepared
from dbuild.build.world import World
from dbuild.core.partitions import Index
from dbuild.core.schedule import Node
from dbuild.core.task import Made, TaskOutput, format_of
from dbuild.core.trace import OutputRecord, Trace, pack_inputs, pack_outputs
from dbuild.errors import UserError
from dbuild.execute.publish import Journal, discard, publish
from dbuild.observe.digests import is_racy
from dbuild.observe.listing import stat_file
from dbuild.state.files import FileRow
from dbuild.state.leftovers import Orphan


class Publisher:
    """Publishes what the tasks of one run make."""

    def __init__(self, world: World, journal: Journal, groups: Groups, run: int) -> None:
        self.changed: dict[str, set[Index]] = {}  # target -> partitions whose outputs came out different
        self.notes: dict[Node, tuple[str, ...]] = {}  # what was found where outputs went
        self._world = world
        self._journal = journal
        self._groups = groups
        self._run = run
        self._strangers = Strangers(world.survey.root, world.state, run)

    def publish_all(self, ended: Sequence[Ending]) -> None:
        """Gives the outputs of recipes that have succeeded their places and records them, together as they have ended.

        Each is told what came of that: whether any output differs from before; or what is wrong, where an input changed
        while the recipe ran or outputs can't be put in their places.
        """
        at = self._world.clock()
        moved: list[_Making] = []
        for ending in ended:
            try:
                making = self._making(ending, at)
                if making.is_changed or not self._is_intact(making):
                    self._make_way_early(making)
                    moved.append(making)
                else:
                    self.discard(making.prepared)  # the very same bytes are there: the file keeps its place and stats
                    self._record(making)
            except (UserError, OSError) as problem:
                ending.error = said_of(problem)
        if moved:
            self._move_all(moved)

    def _making(self, ending: Ending, at: float) -> _Making:
        """What is to be recorded of an execution. Raises UserError where an input changed meanwhile."""
        prepared, made = ending.prepared, ending.made
        self._check_unmoved(prepared)
        if len(made) > 1:
            made = _ordered(made, prepared.task.outputs)
        records = []
        for out, one in zip(prepared.task.outputs, made, strict=True):
            records.append(OutputRecord(out.name, prepared.paths[out.name], one.digest, one.schema))
        trace = Trace(
            prepared.noted.fingerprint,
            prepared.params_recorded(ending.result.params_read),
            pack_inputs(prepared.records),
            tuple(records),
            self._run,
            at,
            ending.result.seconds,
        )
        return _Making(ending, prepared, made, trace, self._world.trace(prepared.task.target, prepared.key))

    def _move_all(self, moved: Sequence[_Making]) -> None:
        """Gives outputs their places. All intents are in the journal before the first of them moves."""
        try:
            intents = [(making.prepared.task.target, making.prepared.key, making.trace) for making in moved]
            self._journal.write(self._world.survey.boot, intents)
        except OSError as problem:
            for making in moved:
                making.ending.error = said_of(problem)
            return
        for making in moved:
            try:
                self._move_in(making)
                self._record(making)
            except (UserError, OSError) as problem:
                making.ending.error = said_of(problem)

    def _record(self, making: _Making) -> None:
        """Has it committed with its group."""
        target, key = making.prepared.task.target, making.prepared.key
        if making.before is not None and not self._world.words.is_accepted(making.before.run):
            self._groups.open.orphans += _orphans(target, key, making.before, making.trace)
        self._learn(making)
        self._groups.open.traces.append((target, key, making.trace))
        making.ending.is_published, making.ending.has_changed = True, making.is_changed

    def discard(self, prepared: Prepared) -> None:
        """Removes what a task left unfinished."""
        for output in prepared.task.outputs:
            discard(output.private or output.path)

    def _check_unmoved(self, prepared: Prepared) -> None:
        """What changed while the recipe ran must not pass for what it read."""
        path = find_moved(prepared.watched, prepared.folders)
        if path is not None:
            name = os.path.relpath(path, self._world.survey.root)
            what = f"{name} changed while the recipe ran, so its result is not kept"
            raise UserError(what, hint="run dbuild again when it is written")

    def _is_intact(self, making: _Making) -> bool:
        """Whether the outputs lie there already, as they were recorded."""
        prepared = making.prepared
        for output, made in zip(making.trace.outputs, making.made, strict=True):
            root = prepared.noted.roots[output.name]
            files = list(_files(output, made))
            if output.path.endswith("/") and self._there(prepared, output) != {path for path, _ in files}:
                return False
            for path, digest in files:
                row = self._world.survey.row(path, root)
                is_same = row is not None and row.digest == digest and not row.is_racy
                if row is None or not is_same or stat_file(os.path.join(self._world.survey.root, path)) != row.stat:
                    return False
        return True

    def _there(self, prepared: Prepared, output: OutputRecord) -> set[str]:
        location = self._world.location(prepared.task.target, output.name)
        return set(self._world.survey.paths(location, prepared.task.key))

    def _make_way_early(self, making: _Making) -> None:
        """For outputs of which none is to have its place when another one can't: a single file finds out by itself."""
        if not making.is_one_file:
            for output, made in zip(making.trace.outputs, making.made, strict=True):
                self._make_way(making, output.path, made)

    def _make_way(self, making: _Making, path: str, made: Made) -> None:
        old = making.before.outputs if making.before is not None else ()
        files = made.files  # of a folder; mostly there are none
        note = self._strangers.make_way(path, {file for file, _ in files} if files else (), old)
        if note is not None:
            self.notes[making.ending.attempt.node] = (*self.notes.get(making.ending.attempt.node, ()), note)

    def _move_in(self, making: _Making) -> None:
        """Gives outputs their places. Raises OSError, and UserError where one went away."""
        survey, prepared = self._world.survey, making.prepared
        outputs, records = prepared.task.outputs, making.trace.outputs
        before: dict[str, set[str]] = {}  # of folders: the files that are there
        if not making.is_one_file:
            before = {one.name: self._there(prepared, one) for one in records if one.path.endswith("/")}
        for output, record, made in zip(outputs, records, making.made, strict=True):
            try:
                publish(output.path, output.final)
            except IsADirectoryError:
                self._make_way(making, record.path, made)
                publish(output.path, output.final)
        for output, record, made in zip(outputs, records, making.made, strict=True):
            if output.private:
                discard(output.private)
            root = prepared.noted.roots[record.name]
            if record.name not in before:
                self._take_note(record.path, output.final, record.digest, root)
                continue
            files = list(_files(record, made))
            survey.learn_folder(record.path, [path for path, _ in files])
            gone = before[record.name] - {path for path, _ in files}
            survey.made.remove(gone, root)
            for path, digest in files:
                self._take_note(path, survey.absolute(path), digest, root)

    def _take_note(self, path: str, whole: str, digest: bytes, root: str) -> None:
        """A file that has just got its place: known by its stats from now on. Raises UserError where it went away."""
        survey, group = self._world.survey, self._groups.open
        stat = stat_file(whole)
        if stat is None:
            raise UserError(f"{path} went away while it was put there", hint="run dbuild again")
        row = FileRow(path, stat, digest, is_racy(stat, stat.ctime), survey.boot, stat.ctime)
        survey.learn(row, root)
        group.files.append(row)
        group.paths.append(whole)

    def _learn(self, making: _Making) -> None:
        target, index = making.ending.attempt.node
        schemas, has_tables = self._world.schemas, False
        for output in making.trace.outputs:
            digest = output.digest
            if output.schema is not None:
                has_tables = True
                if format_of(output.path) in ("csv", "json"):  # others hold their types, so their digests tell
                    digest = typed_digest(digest, output.schema)
            schemas.note_fresh(target, output.name, index, digest)
        if has_tables:
            schemas.fresh_outputs[target, index] = pack_outputs(making.trace.outputs)
        if self._world.routing is not None:
            self._world.routing.forget(target, making.prepared.key)  # it may have been looked into as it was before
        if making.is_changed:
            self.changed.setdefault(target, set()).add(index)
            self._world.readings.forget(target)


class _Making:
    """What an execution made, on its way to its place."""

    __slots__ = ("before", "ending", "is_changed", "is_one_file", "made", "prepared", "trace")

    def __init__(
        self, ending: Ending, prepared: Prepared, made: Sequence[Made], trace: Trace, before: Trace | None
    ) -> None:
        """`made` in the order of the task's outputs; `before` is what was recorded of the partition so far."""
        self.ending = ending
        self.prepared = prepared
        self.made = made
        self.trace = trace
        self.before = before
        self.is_changed = before is None or _contents(before) != _contents(trace)
        self.is_one_file = len(trace.outputs) == 1 and not trace.outputs[0].path.endswith("/")  # as mostly


def _ordered(made: Sequence[Made], outputs: Sequence[TaskOutput]) -> Sequence[Made]:
    """What was made, in the order of the outputs."""
    named = {one.name: one for one in made}
    return [named[output.name] for output in outputs]


def _contents(trace: Trace) -> list[tuple[str, bytes, object]]:
    return [(output.name, output.digest, output.schema) for output in trace.outputs]


def _files(output: OutputRecord, made: Made) -> Iterator[tuple[str, bytes]]:
    """The files of an output, relative to the project, with their digests."""
    if output.path.endswith("/"):
        yield from ((f"{output.path}{name}", digest) for name, digest in made.files)
    else:
        yield output.path, output.digest


def _orphans(target: str, key: str, before: Trace, now: Trace) -> Iterable[Orphan]:
    """The outputs of a partition that is made elsewhere now."""
    taken = {output.path.rstrip("/") for output in now.outputs}  # a file may have taken a folder's place
    left = [old for old in before.outputs if old.path.rstrip("/") not in taken]
    return [Orphan(old.path, target, key, old.digest) for old in left]
