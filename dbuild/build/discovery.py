"""Dimensions whose keys SQL finds: whether it has to be asked, the asking, and what is taken until then.

Only a build asks. An answer is kept with the identity of all that it came from (the SQL, the params that it reads, the
digests of the files), so that it holds as long as these do; whoever only reads takes the last one, and says so where
it may be outdated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property

from dbuild.build.bodies import dump_body, identity_of
from dbuild.build.interrupts import interruptible
from dbuild.build.locations import SINGLES
from dbuild.build.stillness import Watched, find_moved
from dbuild.build.world import World
from dbuild.core.events import Event, Notice
from dbuild.core.graph import Flow, Step
from dbuild.core.layout import layout_of
from dbuild.core.model import Input
from dbuild.core.partitions import PartitionSet
from dbuild.core.shape import shape_of
from dbuild.core.staleness import UNSETTLED
from dbuild.core.trace import InputRecord, joined_key, pack_inputs
from dbuild.errors import RecipeError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.machine import engine_version
from dbuild.state.store import State
from dbuild.values import dataclass

_KIND = "keys"  # of the memos
_NAMED = 5  # keys that a notice names


@dataclass(frozen=True, slots=True)
class Answer:
    """What a dimension's SQL gave when it was last asked."""

    keys: tuple[str, ...]
    identity: str  # of all that it came from, in hex
    witness: str = ""  # the same by whole listings instead of digests; "" where these weren't settled


@dataclass(frozen=True, slots=True)
class Asking:
    """How a build asks."""

    emit: Callable[[Event], None]
    jobs: int | None  # threads; None: one for each core
    is_forced: bool  # also where the last answer holds


def kept_answers(flow: Flow, state: State) -> dict[str, Answer]:
    """The last answers of the dimensions that have any."""
    found: dict[str, Answer] = {}
    for name in flow.queries:
        kept = state.memo(_KIND, _subject(state, name))
        if kept is not None:
            keys, identity, witness = json.loads(kept)
            found[name] = Answer(tuple(keys), identity, witness)
    return found


def keys_of(answers: Mapping[str, Answer]) -> dict[str, tuple[str, ...]]:
    """The keys of each dimension."""
    return {name: answer.keys for name, answer in answers.items()}


def _keep(state: State, name: str, answer: Answer) -> None:
    state.put_memo(_KIND, _subject(state, name), json.dumps([answer.keys, answer.identity, answer.witness]))


def _subject(state: State, name: str) -> bytes:
    return digest_bytes(f"{state.flow}\0{name}".encode("utf-8", "surrogateescape"))


def settle_keys(world: World, answers: Mapping[str, Answer], needed: Collection[str], asking: Asking | None) -> World:
    """The world with the keys that the dimensions `needed` have now, as far as that may be found out.

    `world` has the keys of the last `answers`. Without `asking` nothing is run: where an answer may be outdated it
    becomes a doubt of the world. Raises RecipeError where SQL fails, and then nothing is kept of it.
    """
    settled = dict(answers)
    doubts: list[str] = []
    for name in (name for name in world.flow.queries if name in needed):
        question = Question(world, name)
        known = answers.get(name)
        obstacle = question.obstacle()
        if obstacle is not None:
            rest = "; the last answer stands" if known else ""
            doubts.append(f'the keys of "{name}" can\'t be asked for: {obstacle}{rest}')
        elif asking is None:
            doubts += question.doubts(known)
        else:
            settled[name] = question.settle(known, asking)
    if keys_of(settled) != keys_of(answers):
        world = remade(world, keys_of(settled))
    world.unasked = frozenset(world.flow.queries.keys() - settled.keys())
    world.doubts = tuple(doubts)
    world.notices = (*world.notices, *doubts)
    return world


def remade(world: World, keys: Mapping[str, tuple[str, ...]]) -> World:
    """The same world with these keys, and with what has been found out of it since."""
    for memo in world.schemas.new_memos:  # what the first look found out needn't be found out again
        world.state.put_memo(*memo)
    world.presence.forget()
    found = World(
        *(world.flow, world.survey, world.state, world.presence, world.now, world.clock, keys),
        is_patient=world.is_patient,
        is_reopened=world.is_reopened,
    )
    found.unasked, found.doubts = world.unasked, world.doubts
    found.notices = (*found.notices, *world.doubts)
    return found


class Question:
    """One dimension's SQL, and all that its answer depends on."""

    def __init__(self, world: World, dimension: str) -> None:
        self._world = world
        self._dimension = dimension
        self._step: Step = world.flow.queries[dimension]
        self._inputs = tuple(
            (given, world.location(given.dataset, given.output), reads & world.present[given.dataset])
            for given, reads in self._wanted()
        )

    def _wanted(self) -> Iterator[tuple[Input, PartitionSet]]:
        """The partitions that it reads of each input, if they are there."""
        domains = self._world.domains
        mappings = domains.mappings[self._step.target.name]
        for given, mapping in zip(self._step.inputs, mappings, strict=True):
            yield given, mapping.of_index((), domains.of(given.dataset))

    def obstacle(self) -> str | None:
        """Why it can't be asked now. Partitions that are missing are no obstacle, but for the only one."""
        for given, wanted in self._wanted():
            if wanted & self._world.unsettled(given.dataset):
                return f'files of "{given.dataset}" were written just now'  # without them keys would go, and come back
        for given, location, reads in self._inputs:
            source = self._world.flow.project.sources[given.dataset]
            if not reads and not (source.dimensions and source.schema):
                return f'"{source.name}" has no file like {location.pattern.text}'
        return None

    def doubts(self, known: Answer | None) -> Iterator[str]:
        """What a reader has to know."""
        if known is None:
            yield f'the keys of "{self._dimension}" aren\'t known yet: a build asks for them'
        elif not self._holds(known):
            yield f'the keys of "{self._dimension}" may have changed: the next build asks anew'

    def settle(self, known: Answer | None, asking: Asking) -> Answer:
        """The answer that holds now: the last one, or else a new one, which is kept."""
        if known is not None and not asking.is_forced and self._holds(known):
            if self.witness in ("", known.witness):
                return known
            answer = Answer(known.keys, known.identity, self.witness)
        else:
            answer = Answer(self._ask(asking), self.identity, self.witness)
            _tell_changes(self._dimension, known, answer, asking)
        _keep(self._world.state, self._dimension, answer)
        return answer

    def _holds(self, known: Answer) -> bool:
        return bool(self.witness and self.witness == known.witness) or self.identity == known.identity

    # -- what it depends on --------------------------------------------------------------------------------------------

    @cached_property
    def _recipe(self) -> bytes:
        """Identity of the SQL, the views that it reads, the params with their values, and what the inputs mean."""
        world, step = self._world, self._step
        parts = [
            step.analysis.fingerprint.hex(),
            step.target.timezone,
            engine_version(),
            repr(sorted(world.declarations.params_of(step).items())),
            repr([(given.name, given.dataset) for given in step.inputs]),
            repr([(use.name, world.flow.views[use.view].analysis.fingerprint.hex()) for use in step.views]),
            repr(layout_of(step, shape_of(world.flow.project, step))),
        ]
        return digest_bytes("\0".join(parts).encode("utf-8", "surrogateescape"))

    @cached_property
    def records(self) -> list[InputRecord]:
        """What it reads now: all partitions that are there, with their digests."""
        survey, schemas = self._world.survey, self._world.schemas
        found = []
        for given, location, reads in self._inputs:
            keys = [reads.key(index) for index in reads.indices()]
            digests = [digest or UNSETTLED for digest in survey.partition_digests(location, keys)]
            schema = schemas.identity(given, self._step)
            joined = tuple(map(joined_key, keys))
            found.append(InputRecord(given.name, given.dataset, joined, b"".join(digests), schema))
        return found

    @cached_property
    def identity(self) -> str:
        """Identity of all that the answer comes from."""
        return digest_bytes(self._recipe + pack_inputs(self.records)).hex()

    @cached_property
    def witness(self) -> str:
        """The same at the cost of one comparison for each folder; "" where a folder isn't as it was kept.

        A kept listing vouches for the digests of its files: what it can't vouch for never looks as it was kept.
        """
        survey, schemas = self._world.survey, self._world.schemas
        parts = [self._recipe.hex(), survey.boot]
        for given, location, reads in self._inputs:
            view = survey.views[location.root]
            if location.root == SINGLES:
                digest = survey.partition_digest(location, ()) or UNSETTLED
            elif view.is_known:
                digest = view.digest
            else:
                return ""
            schema = schemas.identity(given, self._step)
            parts += [location.pattern.text, digest.hex(), schema.hex(), identity_of(reads.axes).hex()]
            parts.append(dump_body(reads.body))
        return digest_bytes("\0".join(parts).encode("utf-8", "surrogateescape")).hex()

    # -- asking --------------------------------------------------------------------------------------------------------

    def _ask(self, asking: Asking) -> tuple[str, ...]:
        from dbuild.build.allotments import Allotments
        from dbuild.build.likeness import views_of
        from dbuild.build.tasks import TaskMaker
        from dbuild.core.task import Task
        from dbuild.observe.machine import cores, memory
        from dbuild.recipes.discovery import find_keys
        from dbuild.recipes.engine import Engine

        world, target = self._world, self._step.target
        project, root = world.flow.project, world.survey.root
        maker = TaskMaker(world, 0, Allotments(project, cores(), memory()))
        engine = Engine(self._folders())
        try:
            inputs, watched = maker.read_all(self._step, self.records)
            params = tuple((name, project.params[name]) for name in world.declarations.params_of(self._step))
            task = Task(
                *(0, target.name, (), (), target.recipe, self._step.analysis.fingerprint, inputs, (), params),
                *(target.timezone, root),
                views=views_of(world.flow, self._step),
            )
            engine.set_resources(asking.jobs or cores(), project.memory)
            with interruptible():
                found = find_keys(task, self._dimension, engine)
        except RecipeError as error:
            hint = None if "memory" in error.causes else error.hint
            place = error.place or target.recipe.place
            what = f'the keys of "{self._dimension}" can\'t be found: {error.what}'
            raise RecipeError(what, place, hint, error.causes) from None
        finally:
            engine.close()
        self._check_unmoved(watched)
        if found.nulls:
            rows = "1 row" if found.nulls == 1 else f"{found.nulls} rows"
            asking.emit(Notice(f'the SQL of "{self._dimension}" gives {rows} without a key: left out'))
        return found.keys

    def _folders(self) -> tuple[str, ...]:
        root = self._world.survey.root
        folders = (os.path.normpath(os.path.join(root, location.folder)) for _, location, _ in self._inputs)
        return tuple(dict.fromkeys(folders))

    def _check_unmoved(self, watched: Watched) -> None:
        """What changed while it was read must not pass for what was read."""
        path = find_moved(watched, ())
        if path is not None:
            name = os.path.relpath(path, self._world.survey.root)
            what = f'{name} changed while the keys of "{self._dimension}" were asked for'
            raise RecipeError(what, self._step.target.place, "run dbuild again when it is written")


def _tell_changes(name: str, known: Answer | None, now: Answer, asking: Asking) -> None:
    before = set(known.keys) if known else set()
    come = [key for key in now.keys if key not in before]
    gone = sorted(before.difference(now.keys))
    changes = [f"{len(keys)} {word} ({_listed(keys)})" for keys, word in ((come, "new"), (gone, "gone")) if keys]
    if changes:
        asking.emit(Notice(f'keys of "{name}": {", ".join(changes)}', "info"))


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more
