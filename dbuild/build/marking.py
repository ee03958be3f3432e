"""`dbuild mark`: a person's word on partitions is checked against what is there, and kept."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice

from dbuild.build.arrivals import corrections
from dbuild.build.locks import lock_folder, open_for_build
from dbuild.build.looks import Looked, datasets_of, forget, look, reading
from dbuild.build.makers import user
from dbuild.build.plans import idle_text
from dbuild.build.reports import mark_record, marks_of
from dbuild.build.settings import Settings
from dbuild.build.standings import Standings
from dbuild.build.wording import keep_recipes
from dbuild.core.events import Event
from dbuild.core.graph import Step
from dbuild.core.mark import Mark, Marked, Saying, Word
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.report import MarkRecord
from dbuild.core.selection import Meant, meanings
from dbuild.core.staleness import UNSETTLED, Declared, judge, partition_name
from dbuild.core.trace import InputRecord, OutputRecord, Trace, joined_key, pack_inputs, unpack_inputs
from dbuild.errors import UsageError, UserError
from dbuild.values import replace

Emit = Callable[[Event], None]
Accepted = tuple[str, Trace, Trace | None]  # key, new trace, old trace
_SHOWN = 5


def marks(settings: Settings) -> tuple[MarkRecord, ...]:
    """The words that hold, or will on partitions to come, by target in building order. Writes nothing."""
    with reading(settings) as state:
        looked = look(settings, state, (), forget, everything=True)
        found: list[MarkRecord] = []
        for name in looked.flow.steps:
            found += marks_of(looked.world, name)
            found += (mark_record(mark, 0) for mark in looked.world.words.idle(name) if mark.word == "frozen")
        return tuple(found)


def mark(settings: Settings, arguments: Sequence[str], saying: Saying, emit: Emit) -> tuple[MarkRecord, ...]:
    """Keeps a word on the partitions that selectors name; a record for each target tells on how many it holds.

    Waits for a build that is under way. Raises UserError, and changes nothing, where the word can't be taken.
    """
    with ExitStack() as stack:
        lock_folder(settings, stack, emit)
        state = open_for_build(settings, emit)
        stack.callback(state.close)
        looked = look(settings, state, [], state.put_memo, everything=True)
        if saying.word == "clear":
            return _clear(looked, arguments, saying, settings.clock())
        return _keep(looked, _meant(looked, arguments, saying.word), saying, settings.clock())


def _clear(looked: Looked, arguments: Sequence[str], saying: Saying, now: float) -> tuple[MarkRecord, ...]:
    """Takes words back, also those that hold on nothing that there is now, if they are named as they are listed."""
    state, words = looked.world.state, looked.world.words
    idle = [mark for name in looked.flow.steps for mark in words.idle(name)]
    named = {mark.run: mark for mark in idle if _label(mark) in arguments}
    left = [text for text in arguments if all(text != _label(mark) for mark in named.values())]
    meant = _meant(looked, left, "clear") if left else {}
    named |= {mark.run: mark for mark in idle if mark.target in meant and mark.keys == meant[mark.target].keys}
    meant = {name: one for name, one in meant.items() if _words_on(looked, name, one) or _old(looked, name, one)}
    if not meant and not named:
        raise UsageError("there is no mark on that", hint="dbuild mark lists the marks")
    with state.transaction():
        for mark in named.values():
            if mark.word == "fresh":
                _restore(looked, mark, None)
            state.marks.forget(mark.run)
    gone = (mark_record(replace(mark, word="clear"), 0) for mark in named.values())
    return (*gone, *(_keep(looked, meant, saying, now) if meant else ()))


def _label(mark: Mark) -> str:
    return f"{mark.target}@{mark.keys}" if mark.keys else mark.target


def _meant(looked: Looked, arguments: Sequence[str], word: Word) -> dict[str, Meant]:
    """The partitions that are meant, by target, with KEYS that mean them from now on."""
    flow, world = looked.flow, looked.world
    meant, empty = meanings(flow, world.domains, arguments, world.now, Standings(world, datasets_of(flow, arguments)))
    if not meant and empty:
        raise UsageError(idle_text(empty[0]), hint="dbuild status tells how they stand")
    if not any(one.partitions or not one.keys or word in ("frozen", "clear") for one in meant.values()):
        what = f'nothing of "{" ".join(arguments)}" is there that could be marked {word}'
        raise UsageError(what, hint="dbuild status shows what there is")
    return meant


def _keep(looked: Looked, meant: dict[str, Meant], saying: Saying, now: float) -> tuple[MarkRecord, ...]:
    """Takes the word for all that is meant, or, where it can't be taken for some of it, for nothing."""
    state = looked.world.state
    started = time.monotonic()
    runs = {name: state.begin_run(now, shlex.join(sys.argv[1:])) for name in meant}
    accepted: dict[str, list[Accepted]] = {}
    try:
        if saying.word == "fresh":
            accepted = _accepted(looked, meant, saying, runs)
    finally:
        for run in runs.values():
            outcome = "refused" if saying.word == "fresh" and not accepted else "marked"
            state.end_run(run, time.monotonic() - started, outcome, 0, 0)
    if saying.word == "fresh":
        meant = {name: one for name, one in meant.items() if accepted[name]}
    with state.transaction():
        state.arrivals.put(corrections(looked.world, min(runs.values())))
        state.put_files(looked.world.survey.hashed.values())
        if saying.word == "fresh":
            keep_recipes(looked.world, meant)
        said = (saying.why, user(), now, saying.until)
        words = {name: _word(looked, name, one, saying.word) for name, one in meant.items()}
        marks = {name: Mark(runs[name], name, one.keys, words[name], *said) for name, one in meant.items()}
        return tuple(_keep_one(looked, meant[name], made, accepted.get(name, [])) for name, made in marks.items())


def _words_on(looked: Looked, name: str, meant: Meant) -> list[Marked]:
    words = looked.world.words
    return [found for found in (*words.of(name), *words.expired(name)) if found[1] & meant.partitions]


def _old(looked: Looked, name: str, meant: Meant) -> PartitionSet:
    return looked.world.holds.aged(name) & meant.partitions


def _word(looked: Looked, name: str, meant: Meant, word: Word) -> Word:
    """The word as it is kept: taking back what freezes old partitions is a word of its own."""
    return "open" if word == "clear" and _old(looked, name, meant) else word


def _keep_one(looked: Looked, meant: Meant, made: Mark, accepted: list[Accepted]) -> MarkRecord:
    state, name, chosen = looked.world.state, made.target, meant.partitions
    before = _words_on(looked, name, meant)
    for old, partitions in before:
        if old.word == "fresh" and made.word != "fresh":
            _restore(looked, old, partitions & chosen)
    state.put_traces((name, key, trace) for key, trace, _ in accepted)
    state.marks.put(made, ((key, was) for key, _, was in accepted))
    if made.word in ("clear", "open") and not meant.keys:
        for old in [found for found in state.marks.all() if found.target == name]:
            if old.run != made.run or made.word == "clear":
                state.marks.forget(old.run)
    if made.word not in ("clear", "open"):
        return mark_record(made, len(accepted) if made.word == "fresh" else len(chosen))
    back = _old(looked, name, meant)
    for _, partitions in before:
        back |= partitions & chosen
    return mark_record(made, len(back))


def _restore(looked: Looked, mark: Mark, partitions: PartitionSet | None) -> None:
    """Puts back what a word of `fresh` took the place of, where nothing has been built since; None: wherever it was."""
    state, world = looked.world.state, looked.world
    state.put_seal(mark.target, b"", b"", "[]")  # it may vouch for what is taken back
    failures = state.failures(mark.target)
    for key in state.marks.replaced(mark.run):
        now = state.trace(mark.target, key)
        if now is None or now.run != mark.run:
            continue
        if partitions is not None and not world.keyed(mark.target, {key: None}) & partitions:
            continue
        was = _made(looked, mark.run, key)
        if was is None:
            state.leftovers.forget_partitions(mark.target, [key])
        else:
            state.put_traces([(mark.target, key, was)])
        if key in failures:  # what failed since has not succeeded by being taken back
            state.put_failure(mark.target, key, failures[key])


def _made(looked: Looked, run: int, key: str) -> Trace | None:
    """The trace that a build made before a word, or several one after the other, accepted something else."""
    marks = looked.world.state.marks
    was = marks.replaced(run).get(key)
    while was is not None and looked.world.words.is_accepted(was.run):
        was = marks.replaced(was.run).get(key)
    return was


# -- fresh -------------------------------------------------------------------------------------------------------------


def _accepted(
    looked: Looked, meant: dict[str, Meant], saying: Saying, runs: dict[str, int]
) -> dict[str, list[Accepted]]:
    """By target, what is accepted of each partition as it is. Raises UserError for a refusal."""
    found: dict[str, list[Accepted]] = {}
    refused: list[str] = []
    for name, one in meant.items():
        step = looked.flow.steps[name]
        taken = (_accept(looked, step, index, saying, runs[name], refused) for index in one.partitions.indices())
        found[name] = [each for each in taken if each is not None]
    if refused:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise UserError(
            f"not everything can be accepted: {'; '.join(refused[:_SHOWN])}{more}",
            hint="build it, or accept the inputs as they are now with --inputs-too",
        )
    if not any(found.values()):
        raise UserError(
            f'nothing of "{", ".join(meant)}" is there that could be accepted', hint="its outputs have to exist"
        )
    return found


def _accept(looked: Looked, step: Step, index: Index, saying: Saying, run: int, refused: list[str]) -> Accepted | None:
    """One partition with today's outputs under today's recipe; None where it has no output."""
    world = looked.world
    key = joined_key(world.domains.of(step.target.name).key(index))
    outputs = world.outputs_found(step, index)
    if any(digest is None for _, digest in outputs):
        return None
    was = world.trace(step.target.name, key)
    is_waiting = index in world.supply.waiting.get(step.target.name, ())
    records = list(world.readings.recorded(step, index, world.readings.of(step, index, {}, has_awaited=is_waiting)))
    label = partition_name(step.target.name, key)
    absent = [(r.dataset, k) for r in records for k, digest in r.items().items() if digest == UNSETTLED]
    absent = absent or list(islice(_absent(looked, step, index), 1))
    if absent:
        refused.append(_lack(looked, step, label, *absent[0]))
        return None
    if was is not None and not saying.inputs_too:
        uncounted, gone = world.declarations.uncounted(step), world.holds.missed(step.target.name, index)
        differences = judge(Declared(was.fingerprint, {}, (), records, uncounted=uncounted, gone=gone), was, ()).reasons
        if differences:
            refused.append(f"{label} was built from other inputs ({differences[0]})")
            return None
        records = _as_read(records, was, uncounted)
    return key, _accepted_trace(looked, step, outputs, records, was, run), was


def _absent(looked: Looked, step: Step, index: Index) -> Iterator[tuple[str, str]]:
    """Dataset and joined key of what a partition waits for and isn't there; of a target that waits itself, old is."""
    world, name = looked.world, step.target.name
    if index not in world.supply.waiting.get(name, ()):
        return
    for dataset, partitions in world.supply.lacks(looked.flow, name, index):
        is_made = dataset in looked.flow.steps
        lacking = (each for each in partitions.indices() if not is_made or not world.is_there(dataset, each))
        yield from ((dataset, joined_key(partitions.key(each))) for each in lacking)


def _lack(looked: Looked, step: Step, label: str, dataset: str, key: str) -> str:
    """What of an input isn't known, and why."""
    name, target = partition_name(dataset, key), step.target.name
    unrouted = looked.world.unrouted(target).get(dataset)
    if unrouted is None or not unrouted & looked.world.keyed(dataset, {key: None}):
        return f"{label} reads {name}, which is not there"
    how = f"dbuild {target} --budget 0 finds out, and builds nothing"
    return f"whether {label} gets rows of {name} isn't known yet ({how})"


def _as_read(records: list[InputRecord], was: Trace, uncounted: Collection[str]) -> list[InputRecord]:
    """The records, of inputs that don't count as they were read: they may come to count again."""
    before = {(record.name, record.dataset): record for record in unpack_inputs(was.inputs) if record.name in uncounted}
    return [before.get((record.name, record.dataset), record) for record in records]


def _accepted_trace(
    looked: Looked,
    step: Step,
    outputs: list[tuple[str, bytes | None]],
    records: list[InputRecord],
    was: Trace | None,
    run: int,
) -> Trace:
    world = looked.world
    params = world.declarations.params_of(step)
    read = world.declarations.params_read(step)
    names = read if read is not None else tuple(name for name, _ in was.params) if was else tuple(params)
    schemas = {output.path: output.schema for output in was.outputs} if was else {}
    made = tuple(
        OutputRecord(output.name, path, digest or b"", schemas.get(path))
        for output, (path, digest) in zip(step.target.outputs, outputs, strict=True)
    )
    return Trace(
        world.declarations.fingerprint(step.target.name),
        tuple((name, params.get(name, "")) for name in sorted(set(names))),
        pack_inputs(records),
        made,
        run,
        world.clock(),
        was.seconds if was else 0.0,
    )


# -- after a build -----------------------------------------------------------------------------------------------------


def drop_done(looked: Looked) -> None:
    """Forgets the words that have been followed: every partition that they named has been built since."""
    state, words = looked.world.state, looked.world.words
    for name in looked.flow.steps:
        for found, partitions in (*words.said(name, "stale"), *words.said(name, "open")):
            old = {key: None for key, run in state.runs_by_key(name).items() if run < found.run}
            is_left = bool(looked.world.keyed(name, old) & partitions) if found.keys else bool(old)
            if not is_left:  # of a whole target also what is out of its domain, and may come back
                state.marks.forget(found.run)
