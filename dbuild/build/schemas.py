"""How the files of datasets are read as tables: as declared, as their recipes gave it, or as the first partition shows.

A CSV or JSON dataset has one schema for all its files. Unaware of what is stale.
"""

from __future__ import annotations

import json
import os

from dbuild.build.locations import Location
from dbuild.build.survey import Survey
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow, Step
from dbuild.core.model import Input, ShellRecipe, Source, SqlRecipe, Target
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.task import Column, format_of
from dbuild.core.trace import joined_key, unpack_outputs
from dbuild.errors import UserError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import is_unmoved
from dbuild.state.store import State
from dbuild.values import dataclass

_NONE: dict[Index, bytes] = {}


@dataclass(frozen=True, slots=True)
class Schema:
    """How the files of a dataset are read as tables."""

    columns: tuple[Column, ...] | None
    identity: bytes  # of the columns and the reader's options


class Schemas:
    """The schemas of a flow's datasets, with what this run has made."""

    def __init__(
        self, flow: Flow, survey: Survey, state: State, domains: Domains, present: dict[str, PartitionSet]
    ) -> None:
        self.fresh_digests: dict[tuple[str, str], dict[Index, bytes]] = {}  # of outputs made in this run
        self.fresh_outputs: dict[tuple[str, Index], str] = {}  # their packed OutputRecords
        self.new_memos: list[tuple[str, bytes, str]] = []  # that a build is to keep
        self._flow = flow
        self._survey = survey
        self._state = state
        self._domains = domains
        self._present = present
        self._learnt: dict[str, dict[str, Schema]] = {}  # dataset -> output
        self._located: dict[tuple[str, str], Location] = {}
        self._packed_outputs: dict[str, dict[str, str]] = {}

    def forget(self, target: str) -> None:
        """Drops what was found from outputs of a target that have since changed."""
        self._learnt.pop(target, None)

    def location(self, dataset: str, output: str) -> Location:
        """Where an output has its files."""
        found = self._located.get((dataset, output))
        if found is None:
            found = next(one for one in self._survey.locations[dataset] if one.output == output)
            self._located[dataset, output] = found
        return found

    def identity(self, given: Input, step: Step) -> bytes:
        """Identity of how an input's files are read, where its recipe reads tables; empty elsewhere."""
        if isinstance(step.target.recipe, ShellRecipe):
            return b""
        return self.of(given.dataset, given.output).identity

    def reading_identity(self, given: Input, step: Step, has_partitions: bool) -> bytes:
        """The same for one partition's trace.

        Of what SQL made, the digest of each partition tells the types that its recipe gave it: what the first
        partition looks like counts only where nothing is read.
        """
        dataset = self._flow.project.dataset(given.dataset)
        if given.dataset == step.target.name and not has_partitions and not isinstance(step.target.recipe, ShellRecipe):
            return _identity(step.target.schema, step.target.read)  # what it will have made doesn't come into it
        is_typed = isinstance(dataset, Target) and dataset.schema is None and isinstance(dataset.recipe, SqlRecipe)
        if not has_partitions or not is_typed or isinstance(step.target.recipe, ShellRecipe):
            return self.identity(given, step)
        assert dataset is not None
        return digest_bytes(json.dumps(dataset.read).encode()) if dataset.read else b""

    def of(self, dataset: str, output: str) -> Schema:
        """A dataset's one schema: declared, given by its recipe, or that of its first partition by key."""
        learnt = self._learnt.setdefault(dataset, {})
        if output not in learnt:
            found = self._flow.project.dataset(dataset)
            assert found is not None
            columns = found.schema
            if columns is None and not (isinstance(found, Target) and isinstance(found.recipe, SqlRecipe)):
                columns = self._first_schema(found, output)  # SQL gives each partition's types with its digest
            schema = Schema(columns, _identity(columns, found.read))
            if columns is None and isinstance(found, Target):
                return schema  # its first partition has yet to be built
            learnt[output] = schema
        return learnt[output]

    def _first_schema(self, dataset: Source | Target, output: str) -> tuple[Column, ...] | None:
        location = self.location(dataset.name, output)
        form = format_of(location.pattern.text)
        if form not in ("csv", "json"):
            return None
        if isinstance(dataset, Target):
            first = self._domains.of(dataset.name).first()
        else:
            first = (self._present[dataset.name] & self._domains.of(dataset.name)).first()
        if first is None:
            return None
        key = self._domains.of(dataset.name).key(first)
        if not isinstance(dataset, Target):
            paths = self._survey.paths(location, key)
            digest = self._survey.file_digest(paths[0], location.root) if paths else None
            return self._inferred(dataset, location, paths[0], form, digest) if digest else None
        given = self.output_schema(dataset.name, output, first)
        if given is not None:
            return given
        made = self._made_digest(dataset.name, output, first)
        return self._inferred(dataset, location, location.pattern.path(key), form, made) if made else None

    def note_fresh(self, target: str, output: str, index: Index, digest: bytes) -> None:
        """Takes note of the digest of an output that this run made."""
        fresh = self.fresh_digests.get((target, output))
        if fresh is None:
            fresh = self.fresh_digests[target, output] = {}
        fresh[index] = digest

    def _made_digest(self, target: str, output: str, index: Index) -> bytes | None:
        """The digest of an output as its recipe made it, whatever has become of the file; None where it never did."""
        fresh = self.fresh_digests.get((target, output), _NONE).get(index)
        if fresh is not None:
            return fresh
        packed = self._outputs_of(target, index)
        made = unpack_outputs(packed) if packed is not None else ()
        return next((record.digest for record in made if record.name == output), None)

    def _inferred(
        self, dataset: Source | Target, location: Location, file: str, form: str, digest: bytes
    ) -> tuple[Column, ...] | None:
        """The schema that a file of this content shows; found once for each content and kept.

        None where that isn't known and the file has another content: a damaged output is nobody's schema.
        """
        subject = digest_bytes(digest + repr((form, dataset.read, file[file.rfind(".") :])).encode())
        kept = self._state.memo("schema", subject)
        if kept is None:
            row = self._survey.row(file, location.root)
            if row is None or row.digest != digest:
                return None
            from dbuild.recipes.engine import Engine

            path = os.path.join(self._survey.root, file)
            engine = Engine([os.path.dirname(path)])
            try:
                kept = json.dumps(engine.infer_schema(path, form, dataset.read))
                if not is_unmoved(path, row.stat):
                    raise UserError(f"{file} changed meanwhile", hint="run dbuild again when it is written")
            except UserError as error:
                raise UserError(
                    f'the schema of "{dataset.name}" can\'t be found: {error.what}', dataset.place, error.hint
                ) from None
            finally:
                engine.close()
            self.new_memos.append(("schema", subject, kept))
        return tuple((name, kind) for name, kind in json.loads(kept))

    def needs_first(self, given: Input, step: Step) -> bool:
        """Whether a recipe reads a table whose columns only its dataset's first partition shows."""
        dataset = self._flow.project.dataset(given.dataset)
        if not isinstance(dataset, Target) or dataset.schema is not None or isinstance(step.target.recipe, ShellRecipe):
            return False
        form = format_of(self.location(given.dataset, given.output).pattern.text)
        return form in ("csv", "json") and not isinstance(dataset.recipe, SqlRecipe)

    def output_schema(self, target: str, output: str, index: Index) -> tuple[Column, ...] | None:
        """The columns that a target's recipe gave for one partition of one output."""
        if index in self.fresh_digests.get((target, output), _NONE) and (target, index) not in self.fresh_outputs:
            return None  # made in this run, and not as a table
        packed = self._outputs_of(target, index)
        if packed is None:
            return None
        return next((record.schema for record in unpack_outputs(packed) if record.name == output), None)

    def _outputs_of(self, target: str, index: Index) -> str | None:
        fresh = self.fresh_outputs.get((target, index))
        if fresh is not None:
            return fresh
        if target not in self._packed_outputs:
            self._packed_outputs[target] = self._state.outputs(target)
        return self._packed_outputs[target].get(joined_key(self._domains.of(target).key(index)))


def _identity(columns: tuple[Column, ...] | None, read: tuple[tuple[str, str | int | float | bool], ...]) -> bytes:
    if columns is None and not read:
        return b""
    return digest_bytes(json.dumps([columns, read]).encode())


def typed_digest(digest: bytes, schema: tuple[Column, ...] | None) -> bytes:
    """The identity of a file together with the types that its recipe gave its columns."""
    return digest if schema is None else digest_bytes(digest + json.dumps(schema).encode())
