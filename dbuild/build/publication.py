"""From a recipe's unfinished outputs to outputs in their places, with the trace that is to vouch for them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from dbuild.build.groups import Groups
from dbuild.build.schemas import typed_digest
from dbuild.build.stillness import find_moved
from dbuild.build.strangers import Strangers
from dbuild.build.tasks import Prepared
from dbuild.build.world import World
from dbuild.core.partitions import Index
from dbuild.core.schedule import Node
from dbuild.core.task import Made, Result, format_of
from dbuild.core.trace import OutputRecord, Trace, joined_key, pack_inputs, pack_outputs
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

    def publish(self, node: Node, prepared: Prepared, result: Result) -> bool:
        """Gives the outputs their places and records them; whether any differs from before.

        Raises UserError where an input changed while the recipe ran, OSError where the outputs can't be put there.
        """
        self._check_unmoved(prepared)
        target = node[0]
        key = joined_key(prepared.task.key)
        made = {one.name: one for one in result.made}
        trace = Trace(
            prepared.noted.fingerprint,
            prepared.params_recorded(result.params_read),
            pack_inputs(prepared.records),
            tuple(
                [
                    OutputRecord(out.name, prepared.paths[out.name], made[out.name].digest, made[out.name].schema)
                    for out in prepared.task.outputs
                ]
            ),
            self._run,
            self._world.clock(),
            result.seconds,
        )
        before = self._world.trace(target, key)
        changed = before is None or _contents(before) != _contents(trace)
        if changed or not self._is_intact(prepared, trace, made):
            self._make_way(node, prepared, made, before)
            self._move_in(target, key, prepared, trace, made)
        else:
            self.discard(prepared)  # the very same bytes are there: the file keeps its place and its stats
        if before is not None and not self._world.words.is_accepted(before.run):
            self._groups.open.orphans += _orphans(target, key, before, trace)
        self._learn(node, key, trace, changed)
        self._groups.open.traces.append((target, key, trace))
        return changed

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

    def _is_intact(self, prepared: Prepared, trace: Trace, made: dict[str, Made]) -> bool:
        """Whether the outputs lie there already, as they were recorded."""
        for output in trace.outputs:
            root = prepared.noted.roots[output.name]
            files = list(_files(output, made[output.name]))
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

    def _make_way(self, node: Node, prepared: Prepared, made: dict[str, Made], before: Trace | None) -> None:
        old = before.outputs if before is not None else ()
        for name, path in prepared.paths.items():
            files = made[name].files  # of a folder; mostly there are none
            note = self._strangers.make_way(path, {file for file, _ in files} if files else (), old)
            if note is not None:
                self.notes[node] = (*self.notes.get(node, ()), note)

    def _move_in(self, target: str, key: str, prepared: Prepared, trace: Trace, made: dict[str, Made]) -> None:
        survey = self._world.survey
        self._journal.write(survey.boot, target, key, trace)
        before = {o.name: self._there(prepared, o) for o in trace.outputs if o.path.endswith("/")}
        outputs = prepared.task.outputs
        publish([out.path for out in outputs], [out.final for out in outputs])
        for output in outputs:
            if output.private:
                discard(output.private)
        for record in trace.outputs:
            root = prepared.noted.roots[record.name]
            if record.name not in before:
                self._take_note(record.path, record.digest, root)
                continue
            files = list(_files(record, made[record.name]))
            survey.learn_folder(record.path, [path for path, _ in files])
            gone = before[record.name] - {path for path, _ in files}
            survey.made.remove(gone, root)
            for path, digest in files:
                self._take_note(path, digest, root)

    def _take_note(self, path: str, digest: bytes, root: str) -> None:
        """A file that has just got its place: known by its stats from now on. Raises UserError where it went away."""
        survey, group = self._world.survey, self._groups.open
        whole = survey.absolute(path)
        stat = stat_file(whole)
        if stat is None:
            raise UserError(f"{path} went away while it was put there", hint="run dbuild again")
        row = FileRow(path, stat, digest, is_racy(stat, stat.ctime), survey.boot, stat.ctime)
        survey.learn(row, root)
        group.files.append(row)
        group.paths.append(whole)

    def _learn(self, node: Node, key: str, trace: Trace, changed: bool) -> None:
        target, index = node
        schemas, has_tables = self._world.schemas, False
        for output in trace.outputs:
            digest = output.digest
            if output.schema is not None:
                has_tables = True
                if format_of(output.path) in ("csv", "json"):  # others hold their types, so their digests tell
                    digest = typed_digest(digest, output.schema)
            schemas.note_fresh(target, output.name, index, digest)
        if has_tables:
            schemas.fresh_outputs[target, index] = pack_outputs(trace.outputs)
        if self._world.routing is not None:
            self._world.routing.forget(target, key)  # it may have been looked into as it was before
        if changed:
            self.changed.setdefault(target, set()).add(index)
            self._world.readings.forget(target)


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
