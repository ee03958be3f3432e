"""`dbuild mark`: a person's word on partitions is checked against what is there, and kept."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace

from dbuild.build.arrivals import corrections
from dbuild.build.reports import mark_record, marks_of
from dbuild.build.session import Looked, _forget, _lock, _open, look, reading
from dbuild.build.settings import Settings
from dbuild.build.standings import Standings
from dbuild.core.choice import Chooser
from dbuild.core.events import Event
from dbuild.core.graph import Step
from dbuild.core.mark import Mark, Saying
from dbuild.core.naming import is_pattern
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.report import MarkRecord
from dbuild.core.selection import Selector, parse_selector
from dbuild.core.staleness import UNSETTLED, Declared, judge, partition_name
from dbuild.core.trace import InputRecord, OutputRecord, Trace, joined_key, pack_inputs, unpack_inputs
from dbuild.errors import UsageError, UserError, nearest

Emit = Callable[[Event], None]
_SHOWN = 5


def marks(settings: Settings) -> tuple[MarkRecord, ...]:
    """The words that hold, by target in building order. Writes nothing."""
    with reading(settings) as state:
        looked = look(settings, state, (), _forget, everything=True)
        return tuple(record for name in looked.flow.steps for record in marks_of(looked.world, name))


def mark(settings: Settings, argument: str, saying: Saying, emit: Emit) -> MarkRecord:
    """Keeps a word on the partitions that `X[@K]` names; the record tells on how many it holds.

    Waits for a build that is under way. Raises UserError, and changes nothing, where the word can't be taken.
    """
    selector = parse_selector(argument)
    if selector.is_up or selector.is_down or is_pattern(selector.name):
        raise UsageError(f'"{argument}" names more than one target', hint="mark them one by one")
    with ExitStack() as stack:
        _lock(settings, stack, emit)
        state = _open(settings, emit)
        stack.callback(state.close)
        looked = look(settings, state, [], state.put_memo, everything=True)
        settled, chosen = _chosen(looked, selector)
        return _keep(looked, settled, chosen, saying)


def _chosen(looked: Looked, selector: Selector) -> tuple[Selector, PartitionSet]:
    """The partitions that are meant, and the selector in words that mean them from now on."""
    flow, world = looked.flow, looked.world
    if selector.name not in flow.steps:
        if flow.project.dataset(selector.name) is not None:
            kind = "a view" if selector.name in flow.views else "a source"
            raise UsageError(f'"{selector.name}" is {kind}: nothing of it is built', hint="mark what reads it")
        hint = nearest(selector.name, flow.steps) or "dbuild list shows what there is"
        raise UsageError(f'there is no target "{selector.name}"', hint=hint)
    target = flow.steps[selector.name].target
    chooser = Chooser(flow, world.domains, world.now, Standings(world, (target.name,)))
    chosen = chooser.choose(target, selector.keys, selector.text).inside
    if not chosen and chooser.by_standing:
        raise UsageError(
            f'"{selector.text}" chooses nothing: no partition stands so', hint=f"dbuild status {target.name}"
        )
    if selector.keys is None:
        return selector, chosen
    return replace(selector, keys=chooser.settled(target, selector.keys, selector.text)), chosen


def _keep(looked: Looked, selector: Selector, chosen: PartitionSet, saying: Saying) -> MarkRecord:
    world, state, name = looked.world, looked.world.state, selector.name
    before = [found for found in (*world.words.of(name), *world.words.expired(name)) if found[1] & chosen]
    if saying.word == "clear" and not before:
        raise UsageError(f'there is no mark on "{selector.text}"', hint="dbuild mark lists the marks")
    started = time.time()
    run = state.begin_run(started, shlex.join(sys.argv[1:]))
    accepted: list[tuple[str, Trace, Trace | None]] = []
    try:
        if saying.word == "fresh":
            accepted = list(_accepted(looked, selector, chosen, saying, run))
    finally:
        outcome = "marked" if accepted or saying.word != "fresh" else "refused"
        state.end_run(run, time.time() - started, outcome, 0, 0)
    made = Mark(run, name, selector.keys or "", saying.word, saying.why, _who(), started, saying.until)
    with state.transaction():
        for old, partitions in before:
            if old.word == "fresh" and saying.word != "fresh":
                _restore(looked, old, partitions & chosen)
        state.put_traces((name, key, trace) for key, trace, _ in accepted)
        state.arrivals.put(corrections(world, run))
        state.put_files(world.survey.hashed.values())
        state.marks.put(made, ((key, was) for key, _, was in accepted))
        if saying.word == "clear" and selector.keys is None:
            for old in (*(found for found in state.marks.all() if found.target == name),):
                state.marks.forget(old.run)
    count = len(accepted) if saying.word == "fresh" else sum(len(found[1] & chosen) for found in before)
    return mark_record(made, count if saying.word in ("fresh", "clear") else len(chosen))


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return f"user {os.getuid()}"


def _restore(looked: Looked, mark: Mark, partitions: PartitionSet) -> None:
    """Puts back what a word of `fresh` took the place of, where nothing has been built since."""
    state, world = looked.world.state, looked.world
    state.put_seal(mark.target, b"", b"", "[]")  # it may vouch for what is taken back
    failures = state.failures(mark.target)
    for key in state.marks.replaced(mark.run):
        now = state.trace(mark.target, key)
        if now is None or now.run != mark.run or not (world.keyed(mark.target, {key: None}) & partitions):
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
    looked: Looked, selector: Selector, chosen: PartitionSet, saying: Saying, run: int
) -> Iterator[tuple[str, Trace, Trace | None]]:
    """Key, new trace and old trace of each partition that is accepted as it is. Raises UserError for a refusal."""
    step = looked.flow.steps[selector.name]
    found: list[tuple[str, Trace, Trace | None]] = []
    refused: list[str] = []
    for index in chosen.indices():
        taken = _accept(looked, step, index, saying, run, refused)
        if taken is not None:
            found.append(taken)
    if refused:
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise UserError(
            f"{selector.text} can't be accepted: {'; '.join(refused[:_SHOWN])}{more}",
            hint="build it, or accept the inputs as they are now with --inputs-too",
        )
    if not found:
        raise UserError(
            f'nothing of "{selector.text}" is there that could be accepted', hint="its outputs have to exist"
        )
    yield from found


def _accept(
    looked: Looked, step: Step, index: Index, saying: Saying, run: int, refused: list[str]
) -> tuple[str, Trace, Trace | None] | None:
    """One partition with today's outputs under today's recipe; None where it has no output."""
    world = looked.world
    key = joined_key(world.domains.of(step.target.name).key(index))
    outputs = world.outputs_found(step, index)
    if any(digest is None for _, digest in outputs):
        return None
    was = world.trace(step.target.name, key)
    records = world.records(step, index, {})
    label = partition_name(step.target.name, key)
    absent = [partition_name(r.dataset, k) for r in records for k, digest in r.items().items() if digest == UNSETTLED]
    if absent:
        refused.append(f"{label} reads {absent[0]}, which is not there")
        return None
    if was is not None and not saying.inputs_too:
        uncounted = frozenset(given.name for given in step.inputs if not given.counts)
        differences = judge(Declared(was.fingerprint, {}, (), records, uncounted=uncounted), was, ()).reasons
        if differences:
            refused.append(f"{label} was built from other inputs ({differences[0]})")
            return None
        records = _as_read(records, was, uncounted)
    return key, _accepted_trace(looked, step, outputs, records, was, run), was


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
    params = world.params_of(step)
    read = world.params_read(step)
    names = read if read is not None else tuple(name for name, _ in was.params) if was else tuple(params)
    schemas = {output.path: output.schema for output in was.outputs} if was else {}
    made = tuple(
        OutputRecord(output.name, path, digest or b"", schemas.get(path))
        for output, (path, digest) in zip(step.target.outputs, outputs, strict=True)
    )
    return Trace(
        world.fingerprint(step.target.name),
        tuple((name, params.get(name, "")) for name in sorted(set(names))),
        pack_inputs(records),
        made,
        run,
        time.time(),
        was.seconds if was else 0.0,
    )


# -- after a build -----------------------------------------------------------------------------------------------------


def drop_done(looked: Looked) -> None:
    """Forgets the words `stale` that have been followed: every partition that they named has been built since."""
    state = looked.world.state
    for name in looked.flow.steps:
        for found, partitions in looked.world.words.said(name, "stale"):
            old = {key: None for key, run in state.runs_by_key(name).items() if run < found.run}
            is_left = bool(looked.world.keyed(name, old) & partitions) if found.keys else bool(old)
            if not is_left:  # of a whole target also what is out of its domain, and may come back
                state.marks.forget(found.run)
