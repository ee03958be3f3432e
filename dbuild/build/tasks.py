"""From a partition to a task: which files it reads and writes, with which values; and what has to hold still."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf

from dbuild.build.allotments import Allotments
from dbuild.build.assumptions import check_assumed
from dbuild.build.likeness import Likenesses, Looking, Noted, Reading
from dbuild.build.locations import SINGLES, Location
from dbuild.build.stillness import Watched, WatchedFolder
from dbuild.build.world import World
from dbuild.core.graph import Step
from dbuild.core.model import Input, ShellRecipe, SqlRecipe
from dbuild.core.partitions import Index, Key, PartitionSet
from dbuild.core.staleness import Reason
from dbuild.core.task import Column, Task, TaskInput, TaskOutput, format_of
from dbuild.core.trace import InputRecord, joined_key, split_key, split_keys
from dbuild.errors import RecipeError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import TEMPORARY, Stat
from dbuild.recipes.readers import WRITTEN_CSV
from dbuild.state.store import FOLDER
from dbuild.values import dataclass, replace

Wanted = tuple[Index, int, tuple[Reason, ...], int]  # a partition, the task's number, why it is made, which attempt

_UNSAFE = re.compile(r"[^\w@.,=+-]", re.ASCII)
_MANY = 200  # partitions of an input from which their rows are read as a range
_LISTED = 3000  # files of a folder from which listing it once more takes less than a look at each of them


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task with all that is needed to record it."""

    task: Task
    key: str  # of its partition, joined
    reasons: tuple[Reason, ...]
    records: Sequence[InputRecord]  # what its trace will have of what it reads, with digests
    watched: Watched  # all that must not change while it runs
    folders: tuple[WatchedFolder, ...]  # and more of that
    paths: dict[str, str]  # output -> path relative to the project
    noted: Noted  # what else its trace is made from

    def params_recorded(self, read: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
        """The params that count for the trace: those that the recipe reads, or those that it looked up."""
        noted = self.noted
        names = noted.params_read if noted.params_read is not None else (tuple(noted.params) if read is None else read)
        if not names and not noted.view_params:
            return ()
        return tuple((name, noted.params.get(name, "")) for name in sorted({*names, *noted.view_params}))


def log_file(run: int, target: str, key: tuple[str, ...], attempt: int = 1) -> str:
    """Where the log of a partition goes, relative to the project: found by its name also while the recipe runs."""
    label = f"{target}@{','.join(key)}" if key else target
    name = _UNSAFE.sub("_", label)[:120]
    if name != label:
        name = f"{name}~{digest_bytes(label.encode('utf-8', 'surrogateescape')).hex()[:8]}"
    return f"{FOLDER}/logs/{run}/{name}~{attempt}.log" if attempt > 1 else f"{FOLDER}/logs/{run}/{name}.log"


def last_of(partitions: PartitionSet) -> Index | None:
    """The last partition of a set; None of an empty one."""
    found: Index = ()
    body = partitions.body
    for _ in partitions.axes:
        if body:
            _, high, body = body[-1]
            found = (*found, high - 1)
    return found if partitions else None


class TaskMaker:
    """Makes the tasks of one run."""

    def __init__(
        self, world: World, run: int, allotments: Allotments, snapshot: str = "", looking: Looking | None = None
    ) -> None:
        """`snapshot` is where the Python code of the run is kept, if it is."""
        self._world = world
        self._run = run
        self._snapshot = snapshot
        self._root = world.survey.root
        self._looking = looking
        self._likenesses = Likenesses(world, allotments, snapshot, looking)
        self._formats: dict[str, str | None] = {}
        self._folders: set[str] = set()
        self._code: dict[str, tuple[tuple[str, Stat], ...]] = {}

    def prepare(
        self, target: str, index: Index, number: int, reasons: tuple[Reason, ...], attempt: int = 1
    ) -> Prepared:
        """The task for one partition, tried for the `attempt`th time. Raises RecipeError where an input isn't there."""
        return self.prepare_all(target, [(index, number, reasons, attempt)])[0]

    def prepare_all(self, target: str, wanted: Sequence[Wanted]) -> list[Prepared]:
        """The tasks for some partitions of a target; raises as `prepare`, for any of them."""
        world = self._world
        step, domain = world.flow.steps[target], world.domains.of(target)
        indices = [index for index, _, _, _ in wanted]
        rows = world.readings.of_all(step, indices)
        alike, noted, code = self._likenesses.of(step), self._likenesses.noted(step), self._code_of(step)
        watched: list[list[tuple[str, Stat]]] = []
        folders: list[list[WatchedFolder]] = []
        for _ in indices:
            watched.append([*code])
            folders.append([])
        columns = []
        for place, reading in enumerate(alike.inputs):
            columns.append(self._column(step, place, reading, indices, rows, watched, folders))
        inputs = list(zip(*columns, strict=True)) if columns else [()] * len(indices)
        prepared = []
        for place, (index, number, reasons, attempt) in enumerate(wanted):
            key = domain.key(index)
            paths = {location.output: location.pattern.path(key) for location in alike.locations}
            prepared.append(
                Prepared(
                    self._task(step, index, key, number, inputs[place], paths, attempt),
                    joined_key(key),
                    reasons,
                    world.readings.recorded(step, index, rows[place]),
                    tuple(watched[place]),
                    tuple(folders[place]),
                    paths,
                    noted,
                )
            )
        return prepared

    def _task(
        self,
        step: Step,
        index: Index,
        key: Key,
        number: int,
        inputs: tuple[TaskInput, ...],
        paths: MappingOf[str, str],
        attempt: int,
    ) -> Task:
        """`paths`: of its outputs, relative to the project."""
        target = step.target
        alike = self._likenesses.of(step)
        return Task(
            number=number,
            target=target.name,
            dimensions=alike.dimensions,
            key=key,
            recipe=target.recipe,
            code=step.analysis.fingerprint,
            inputs=inputs,
            outputs=tuple([self._output(step, one, paths[one.output], number) for one in alike.locations]),
            params=alike.params,
            timezone=target.timezone,
            root=self._root,
            log=self._world.survey.absolute(log_file(self._run, target.name, key, attempt)),
            threads=alike.allotment.threads,
            views=alike.views,
            memory=alike.allotment.memory,
            share=alike.allotment.share,
            provisional=alike.provisional is not None and index in alike.provisional,
            env=alike.env,
            secrets=alike.secrets,
            snapshot=alike.snapshot,
            bounds=alike.bounds,
        )

    def _format_of(self, location: Location, path: str) -> str:
        """The format of a path, which mostly is that of its pattern's end."""
        text = location.pattern.text
        if text not in self._formats:
            end = text[max(text.rfind(mark) for mark in "}*?]") + 1 :]
            self._formats[text] = format_of(end) if "." in end and not end.endswith((".gz", ".zst")) else None
        form = self._formats[text]
        return format_of(path) if form is None else form

    def outline(self, target: str, index: Index) -> Task:
        """The task for one partition without what it would read."""
        step = self._world.flow.steps[target]
        key = self._world.domains.of(target).key(index)
        paths = {one.output: one.pattern.path(key) for one in self._world.survey.locations[target]}
        return self._task(step, index, key, 0, (), paths, 1)

    def newest_inputs(self, step: Step, view: str) -> Iterator[TaskInput]:
        """What a view reads, of each input the newest partition that is there, under a name for the view."""
        world = self._world
        for given in step.inputs:
            domain = world.domains.of(given.dataset)
            newest = last_of(self._there(given, domain))
            keys = (joined_key(domain.key(newest)),) if newest is not None else ()
            record = InputRecord(given.name, given.dataset, keys, b"", b"")
            read = self._read(step, self._likenesses.reading(given, is_single=False), record, [])
            yield replace(read, name=f"{view}/{given.name}")

    def read_all(self, step: Step, records: list[InputRecord]) -> tuple[tuple[TaskInput, ...], Watched]:
        """What a step without partitions of its own reads, and what must not change meanwhile.

        Raises RecipeError where it isn't there.
        """
        watched: list[tuple[str, Stat]] = []
        mappings = self._world.domains.mappings[step.target.name]
        inputs = tuple(
            self._read(step, self._likenesses.reading(given, is_single=mapping.is_single), record, watched)
            for given, mapping, record in zip(step.inputs, mappings, records, strict=True)
        )
        return inputs, tuple(watched)

    def _there(self, given: Input, domain: PartitionSet) -> PartitionSet:
        """The partitions of an input that are there, or were built."""
        world = self._world
        if given.dataset in world.present:
            return world.present[given.dataset] & domain
        return world.keyed(given.dataset, world.state.runs_by_key(given.dataset)) & domain

    def make_folders(self, task: Task) -> None:
        """The folders in which a task's outputs are made. Raises OSError where that fails."""
        for output in task.outputs:
            folder = (output.private or output.path).rpartition("/")[0]
            if folder not in self._folders:
                os.makedirs(folder, exist_ok=True)
                self._folders.add(folder)
            if output.private:
                os.mkdir(output.private)

    def _code_of(self, step: Step) -> tuple[tuple[str, Stat], ...]:
        """The recipe's own files, less what the snapshot has, with the stats that they had when they were hashed."""
        name = step.target.name
        if name not in self._code:
            loose = (path for path in step.analysis.files if not (self._snapshot and path.endswith(".py")))
            rows = [self._world.survey.row(path, SINGLES) for path in (*step.target.files, *loose)]
            self._code[name] = tuple((os.path.join(self._root, row.path), row.stat) for row in rows if row)
        return self._code[name]

    def _output(self, step: Step, location: Location, path: str, number: int) -> TaskOutput:
        final = self._world.survey.absolute(path.rstrip("/"))
        folder, _, name = final.rpartition("/")
        temporary = f"{folder}/{TEMPORARY}{self._run}-{number}-{name[-100:]}"
        is_confined = self._looking is not None and self._looking.is_enforced
        if is_confined and not location.pattern.is_folder and not isinstance(step.target.recipe, SqlRecipe):
            # What writes beside its output before it renames that may do so here, and nowhere else.
            private = os.path.join(folder, f"{TEMPORARY}{self._run}-{number}{location.output and '-'}{location.output}")
            return TaskOutput(location.output, os.path.join(private, name), final, format_of(path), private)
        return TaskOutput(location.output, temporary, final, self._format_of(location, path))

    def _routed(
        self,
        step: Step,
        place: int,
        reading: Reading,
        index: Index,
        record: InputRecord,
        watched: list[tuple[str, Stat]],
    ) -> TaskInput:
        """An input with the rows of one partition."""
        files: list[tuple[str, Stat]] = []
        read = self._read(step, reading._replace(is_single=False), record, files)
        assert self._world.routing is not None  # it has this input
        narrow, kept = self._world.routing.narrowed(step.target.name, place, index, read, files)
        watched += kept
        return narrow

    def read_one(self, step: Step, given: Input, partition: str) -> tuple[TaskInput, Watched]:
        """One partition of an input, by its joined key, and the files that must not change meanwhile.

        Raises RecipeError where it isn't there.
        """
        watched: list[tuple[str, Stat]] = []
        record = InputRecord(given.name, given.dataset, (partition,), b"", b"")
        reading = self._likenesses.reading(given, is_single=False)
        return self._read(step, reading, record, watched), tuple(watched)

    def _column(
        self,
        step: Step,
        place: int,
        reading: Reading,
        indices: Sequence[Index],
        rows: Sequence[Sequence[InputRecord]],
        watched: Sequence[list[tuple[str, Stat]]],
        folders: Sequence[list[WatchedFolder]],
    ) -> list[TaskInput]:
        """What partitions read of the input at this place."""
        survey, location, size = self._world.survey, reading.location, len(reading.dimensions)
        is_plain = not location.pattern.is_multiple and location.dataset not in survey.assumed.datasets
        inputs = []
        for index, row, own, some in zip(indices, rows, watched, folders, strict=True):
            record = row[place]
            if reading.given.by:
                inputs.append(self._routed(step, place, reading, index, record, own))
                continue
            if not is_plain or len(record.keys) != 1:
                inputs.append(self._read(step, reading, record, own, some))
                continue
            key = split_key(record.keys[0], size)
            name = location.pattern.path(key)
            found = survey.row(name, location.root)
            if found is None:
                raise _absent(name)
            path = survey.absolute(name)
            own.append((path, found.stat))
            inputs.append(self._input(step, reading, record, (key,), (path,)))
        return inputs

    def _input(
        self, step: Step, reading: Reading, record: InputRecord, keys: tuple[Key, ...], paths: tuple[str, ...]
    ) -> TaskInput:
        columns, is_ours = self._columns(step, reading, record)
        return TaskInput(
            reading.given.name,
            reading.dimensions,
            keys,
            paths,
            reading.is_single,
            reading.format,
            (*WRITTEN_CSV, *reading.options) if is_ours and reading.format == "csv" else reading.options,
            columns,
            dataset=reading.dataset,
        )

    def _read(
        self,
        step: Step,
        reading: Reading,
        record: InputRecord,
        watched: list[tuple[str, Stat]],
        folders: list[WatchedFolder] | None = None,
    ) -> TaskInput:
        """What is read of an input; what must not change meanwhile goes to `watched`, or to `folders` if given."""
        location, survey = reading.location, self._world.survey
        split = split_keys(record.keys, len(reading.dimensions))
        is_many = len(split) >= _MANY and not location.pattern.is_multiple and location.root != SINGLES
        read: list[tuple[str, Stat]] = []
        if folders is not None and is_many and survey.is_worth_listing(location.root, len(split), _LISTED):
            keys, paths = self._whole(location, split, read, folders)
        else:
            keys, paths = (self._many if is_many else self._few)(location, split, read)
        if location.dataset in survey.assumed.datasets:
            check_assumed(location.dataset, read, paths if location.pattern.is_folder else ())
        watched += read
        return self._input(step, reading, record, tuple(keys), tuple(paths))

    def _few(
        self, location: Location, split: Sequence[Key], read: list[tuple[str, Stat]]
    ) -> tuple[Sequence[Key], list[str]]:
        """The keys and absolute paths of all files of these partitions, or of their folders."""
        survey, pattern = self._world.survey, location.pattern
        keys: list[Key] = []
        paths: list[str] = []
        for key in split:
            for path in survey.paths(location, key):
                row = survey.row(path, location.root)
                if row is None:
                    raise _absent(path)
                read.append((survey.absolute(path), row.stat))
                if not pattern.is_folder:
                    keys.append(key)
                    paths.append(read[-1][0])
            if pattern.is_folder:
                keys.append(key)
                paths.append(os.path.join(self._root, pattern.path(key).rstrip("/")))
        return keys, paths

    def _many(
        self, location: Location, split: Sequence[Key], read: list[tuple[str, Stat]]
    ) -> tuple[Sequence[Key], list[str]]:
        """The same of partitions of one file each."""
        names = location.pattern.paths(split)
        found = self._world.survey.stats(location.root, names)
        stats = [stat for stat in found if stat is not None]
        if len(stats) < len(found):
            raise _absent(names[found.index(None)])
        paths = self._absolute(location, names)
        read += zip(paths, stats, strict=True)
        return split, paths

    def _whole(
        self, location: Location, split: Sequence[Key], read: list[tuple[str, Stat]], folders: list[WatchedFolder]
    ) -> tuple[Sequence[Key], list[str]]:
        """The same of so many that their folder is watched; `read` gets those that its listing doesn't tell of."""
        survey, root = self._world.survey, location.root
        names = location.pattern.paths(split)
        for path, row in survey.rows_apart(root, names):
            if row is None:
                raise _absent(path)
            read.append((survey.absolute(path), row.stat))
        apart = {path for path, _ in read}
        paths = self._absolute(location, names)
        kept = [name for name, path in zip(names, paths, strict=True) if path not in apart] if apart else names
        folders.append(WatchedFolder(root, survey.tree(root), survey.views[root].content, kept))
        return split, paths

    def _absolute(self, location: Location, names: list[str]) -> list[str]:
        start = os.path.join(self._root, "") if not location.pattern.text.startswith("/") else ""
        return [start + name for name in names]

    def _columns(self, step: Step, reading: Reading, record: InputRecord) -> tuple[tuple[Column, ...] | None, bool]:
        """How an input's files are to be read, and whether dbuild itself wrote them as tables.

        As declared; else as the recipes that made them say; else by what the dataset's first partition shows.
        """
        if isinstance(step.target.recipe, ShellRecipe):
            return None, False
        world, given = self._world, reading.given
        if given.dataset == step.target.name and not record.keys:
            return step.target.schema, False
        if given.dataset not in world.flow.steps or reading.format not in ("csv", "json"):
            return world.schemas.of(given.dataset, given.output).columns, False
        axes = world.domains.of(given.dataset).axes
        found: dict[str, tuple[Column, ...]] = {}
        for joined in record.keys:
            index = tuple(axis.index(value) for axis, value in zip(axes, split_key(joined, len(axes)), strict=True))
            schema = world.schemas.output_schema(given.dataset, given.output, index)
            if schema is not None:
                found.setdefault(json.dumps(schema), schema)
        if len(found) > 1 and world.flow.steps[given.dataset].target.schema is None:
            raise RecipeError(
                f'the partitions of "{given.dataset}" have different columns: {" / ".join(found)}',
                hint=f"declare `schema` for {given.dataset}, or cast its columns in its recipe",
            )
        declared = world.schemas.of(given.dataset, given.output).columns
        if found and world.flow.steps[given.dataset].target.schema is None:
            declared = next(iter(found.values()))
        return declared, bool(found)


def _absent(path: str) -> RecipeError:
    return RecipeError(f"its input {path} is not there", hint="run dbuild again")
