"""What dbuild made and still owns: whether an output that is to be cleaned goes, or why it stays."""

from __future__ import annotations

from collections.abc import Iterable

from dbuild.build.claims import Claims
from dbuild.build.inventory import Output, Partition
from dbuild.build.looks import Looked
from dbuild.build.removal import CHANGED, look_at, refusal
from dbuild.core.cleaning import Kept, Removable
from dbuild.core.events import Key
from dbuild.core.trace import OutputRecord
from dbuild.errors import UserError
from dbuild.state.files import FileRow
from dbuild.state.store import State


class Search:
    """Looks at what is there, and says of each output whether it goes."""

    def __init__(self, looked: Looked, state: State, claims: Claims, paths: Iterable[str]) -> None:
        """`paths` are those that will be looked at."""
        self.removed: list[Removable] = []
        self.kept: list[Kept] = []
        self.names: dict[str, tuple[str, ...]] = {}  # path that goes -> of a folder, the files in it
        self._looked = looked
        self._root = looked.world.survey.root
        self._claims = claims
        self._rows = _rows(state, paths)
        self._makers = _Makers(state)
        self._frozen = {name: looked.world.frozen(name) for name in looked.flow.steps}

    def look(self, partition: Partition) -> None:
        """Sorts the outputs of one partition into those that go and those that stay."""
        for output in partition.outputs:
            why = self._judge(partition, output)
            if why:
                self.kept.append(Kept(output.path, why))

    def _judge(self, partition: Partition, output: Output) -> str | None:
        """Why an output stays; None if it goes, or is gone already."""
        path, itself = output.path, (partition.target, partition.key)
        why = refusal(self._root, path)
        if why:
            return why
        why = self._claims.of_a_partition(path, itself if output.is_current else None)
        if why and not output.is_current:
            output.fate = "let go"
            return why if not partition.is_row else None
        why = why or self._claims.of_another_flow(path)
        if why:
            return why
        try:
            content = look_at(self._root, path, self._rows)
        except FileNotFoundError:
            return CHANGED
        except UserError as error:
            return error.what
        if content is None:
            output.fate = "let go"
            return None
        if content.digest != output.digest:
            return CHANGED
        why = self._claims.on_source(path, content.names) or self._declared(partition, output)
        if why:
            return why
        output.fate = "goes"
        if path not in self.names:  # else two orphans were made at the same path
            self.names[path] = content.names
            self.removed.append(Removable(partition.target, self._key(partition), path, content.bytes))
        return None

    def _declared(self, partition: Partition, output: Output) -> str | None:
        """What a person said that keeps an output."""
        name = partition.target
        if not self._makers.is_made(partition, output):
            return "dbuild didn't make it: it was accepted by a mark"
        if output.is_current and self._looked.world.keyed(name, {partition.key: None}) & self._frozen[name]:
            return "it is frozen"
        return None

    def _key(self, partition: Partition) -> Key:
        step = self._looked.flow.steps.get(partition.target)
        names = step.target.dimensions if step else ()
        values = tuple(partition.key.split("\x1f")) if partition.key else ()
        if len(names) != len(values):  # it was partitioned by something else
            names = tuple(str(number) for number in range(1, len(values) + 1))
        return tuple(zip(names, values, strict=True))


class _Makers:
    """Tells what builds made from what a mark accepted."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._marks = {mark.run: mark.target for mark in state.marks.all() if mark.word == "fresh"}
        self._replaced: dict[int, dict[str, tuple[int, tuple[OutputRecord, ...]] | None]] = {}

    def is_made(self, partition: Partition, output: Output) -> bool:
        """Whether a build made this content, also if a mark has accepted it since."""
        if partition.is_row:
            marks = [run for run, target in self._marks.items() if target == partition.target]
            return all(
                self._was_there(run, partition.key, output) for run in marks if partition.key in self._before(run)
            )
        run = partition.run
        while run in self._marks:
            if not self._was_there(run, partition.key, output):
                return False
            before = self._before(run)[partition.key]
            assert before is not None
            run = before[0]
        return True

    def _was_there(self, run: int, key: str, output: Output) -> bool:
        """Whether a trace from before a mark has the same content at the same path."""
        before = self._before(run).get(key)
        return before is not None and any((one.path, one.digest) == (output.path, output.digest) for one in before[1])

    def _before(self, run: int) -> dict[str, tuple[int, tuple[OutputRecord, ...]] | None]:
        if run not in self._replaced:
            found = self._state.marks.replaced(run)
            self._replaced[run] = {key: (was.run, was.outputs) if was else None for key, was in found.items()}
        return self._replaced[run]


def _rows(state: State, paths: Iterable[str]) -> dict[str, FileRow]:
    """The known digests of files, and of those in folders."""
    found: dict[str, FileRow] = {}
    files = []
    for path in paths:
        if path.endswith("/"):
            found.update(state.files_below(path))
        else:
            files.append(path)
    return found | state.files(files)
