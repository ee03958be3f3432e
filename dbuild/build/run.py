"""One run: hands tasks to workers as they become ready, publishes what they make, records it in groups.

Decisions come from the core (`Schedule`, `judge`); this module observes and acts.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from dbuild import failpoints
from dbuild.build.tasks import Prepared, TaskMaker
from dbuild.build.world import World, typed_digest
from dbuild.core.events import Event, RunStarted, TaskEnded, TaskSkipped, TaskStarted
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, inputs_of
from dbuild.core.schedule import Node, Schedule, State
from dbuild.core.staleness import Reason
from dbuild.core.task import Result
from dbuild.core.trace import OutputRecord, Trace, joined_key, pack_inputs, pack_outputs
from dbuild.errors import StateError, UserError
from dbuild.execute.pool import GRACE, Pool
from dbuild.execute.publish import Flusher, Journal, discard, publish
from dbuild.observe.digests import is_racy
from dbuild.observe.listing import Stat, stat_file
from dbuild.state.store import Failure, FileRow, TaskRow
from dbuild.state.store import State as Store

_GROUP_SECONDS = 0.3  # how often a group is flushed and committed
_GROUP_SHARE = 4  # a flush may take at most one part in so many of the time
_TAIL_LINES = 20
_TAIL_BYTES = 16384


@dataclass(slots=True)
class Group:
    """What is committed together."""

    traces: list[tuple[str, str, Trace]] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    tasks: list[TaskRow] = field(default_factory=list)
    failures: list[tuple[str, str, Failure]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # absolute, to be flushed

    def __bool__(self) -> bool:
        return bool(self.traces or self.tasks)


class Run:
    """The state of one run."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        store: Store,
        pool: Pool,
        journal: Journal,
        number: int,
        emit: Callable[[Event], None],
        *,
        keep_going: bool,
    ) -> None:
        self.world = world
        self.plan = plan
        self.number = number
        self.made: dict[str, dict[str, Stat]] = {}  # root -> path -> stats of the outputs that this run renamed
        self.changed: dict[str, set[Index]] = {}  # target -> partitions whose outputs came out different
        self.is_interrupted = False
        self._store = store
        self._pool = pool
        self._journal = journal
        self._emit_to = emit
        self._keep_going = keep_going
        self._is_stopping = False
        self._signals = 0
        self._maker = TaskMaker(world, number)
        self._running: dict[int, tuple[Node, Prepared, float]] = {}
        self._task_number = 0
        self._rows_written = 0
        self._group = Group()
        self._flushing: Group | None = None
        self._flusher = Flusher()
        self._last_flush = time.monotonic()
        self._flush_cost = 0.0
        self._settled: dict[str, list[Index]] | None = None
        self.schedule: Schedule  # made when it is known how much may run at once

    def _make_schedule(self, jobs: int) -> Schedule:
        nodes = [
            (name, index) for name, part in self.plan.targets.items() for index in (part.will_set | part.may).indices()
        ]
        return Schedule(
            nodes,
            self._gates,
            seconds=lambda node: 1.0,
            needs=lambda target: {"cpus": 1},
            capacity={"cpus": jobs},
        )

    def _gates(self, node: Node) -> Iterable[tuple[Hashable, Iterable[Node]]]:
        target, index = node
        step = self.plan.flow.steps[target]
        for given, mapping in inputs_of(self.plan.flow, self.plan.domains, target):
            upstream = self.plan.targets.get(given.dataset)
            if upstream is None or not (upstream.will or upstream.may):
                continue
            domain = self.plan.domains.of(given.dataset)
            reads = mapping.of_index(index, domain)
            yield (given.dataset, reads.body), ((given.dataset, one) for one in reads.indices())
            first = domain.first()
            if first is not None and self.world.needs_first(given, step):
                yield (given.dataset, "first"), ((given.dataset, first),)

    # -- the loop --------------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Called for each signal: the first ends what runs, the second kills it."""
        self._signals += 1
        self.is_interrupted = self._is_stopping = True
        self._pool.terminate(at_once=self._signals > 1)

    def execute(self, jobs: int) -> None:
        """Runs until every task has ended, or until it is stopped and the running ones have. Raises StateError."""
        self.schedule = self._make_schedule(jobs)
        self._emit(
            RunStarted(str(self.number), self.plan.will_run, self.plan.may_run, jobs, self._expected_seconds(jobs))
        )
        killing_at: float | None = None
        while not self.schedule.is_over:
            self._start_ready()
            if not self._running:
                if self._is_stopping or self.schedule.is_over:
                    break
                raise RuntimeError("the schedule is stuck: nothing runs and nothing can start")
            for result in self._pool.poll(self._patience(killing_at)):
                self._finish(result)
            if self.is_interrupted and killing_at is None:
                killing_at = time.monotonic() + GRACE
            if killing_at is not None and time.monotonic() > killing_at:
                self._pool.terminate(at_once=True)
            self._turn_group()
        self._commit_all()

    def _patience(self, killing_at: float | None) -> float | None:
        if killing_at is not None:
            return max(0.0, killing_at - time.monotonic()) + 0.01
        return _GROUP_SECONDS if self._group or self._flushing else None

    def _expected_seconds(self, jobs: int) -> float | None:
        known = self._store.seconds_by_target()
        counts = {name: len(part.will) for name, part in self.plan.targets.items() if part.will}
        if not counts or any(name not in known for name in counts):
            return None
        return sum(count * known[name][1] for name, count in counts.items()) / jobs

    def _emit(self, event: Event) -> None:
        try:
            self._emit_to(event)
        except BrokenPipeError:
            if not self.is_interrupted:
                self.interrupt()

    def _start_ready(self) -> None:
        while self._pool.has_room and not self._is_stopping:
            node = self.schedule.take()
            if node is None:
                return
            reasons = self._reasons(node)
            if not reasons:
                self.schedule.move(node, State.FRESH)
                self._emit(TaskSkipped(node[0], self._key(node)))
                continue
            self._start(node, reasons)

    def _reasons(self, node: Node) -> tuple[Reason, ...]:
        """Why a task runs, now that all that it reads is settled; none: it doesn't have to."""
        planned = self.plan.targets[node[0]].will.get(node[1])
        return planned if planned is not None else self.world.judge(*node, {}).reasons

    def _start(self, node: Node, reasons: tuple[Reason, ...]) -> None:
        self._task_number += 1
        self.schedule.move(node, State.RUNNING)
        self._emit(TaskStarted(node[0], self._key(node), str(reasons[0])))
        try:
            prepared = self._maker.prepare(node[0], node[1], self._task_number, reasons)
        except (UserError, OSError) as error:
            self._fail(node, reasons, 0.0, _said(error), None)
            return
        self._running[self._task_number] = (node, prepared, time.monotonic())
        try:
            self._pool.submit(prepared.task)
        except OSError as error:
            del self._running[self._task_number]
            self._fail(node, reasons, 0.0, f"no process can be started: {_said(error)}", None)

    def _key(self, node: Node) -> tuple[tuple[str, str], ...]:
        domain = self.plan.domains.of(node[0])
        return tuple(zip((axis.name for axis in domain.axes), domain.key(node[1]), strict=True))

    # -- outcomes --------------------------------------------------------------------------------------------------

    def _finish(self, result: Result) -> None:
        node, prepared, _ = self._running.pop(result.number)
        log = prepared.task.log if result.has_output or os.path.exists(prepared.task.log) else None
        error = result.error
        if error is None:
            try:
                changed = self._publish(node, prepared, result)
            except (UserError, OSError) as problem:
                error = _said(problem)
        if error is not None:
            self._discard(prepared)
            self._fail(node, prepared.reasons, result.seconds, error, log)
            return
        self.schedule.move(node, State.BUILT)
        self._note(node, prepared.reasons, "built", changed, result.seconds, None, log)
        self._emit(TaskEnded(node[0], self._key(node), "built", changed, result.seconds))

    def _publish(self, node: Node, prepared: Prepared, result: Result) -> bool:
        """Gives the outputs their places and records them; whether any differs from before."""
        self._check_unmoved(prepared)
        target, index = node
        key = joined_key(self.plan.domains.of(target).key(index))
        made = {one.name: one for one in result.made}
        outputs = tuple(
            OutputRecord(out.name, prepared.paths[out.name], made[out.name].digest, made[out.name].schema)
            for out in prepared.task.outputs
        )
        trace = Trace(
            prepared.fingerprint,
            prepared.params_recorded(result.params_read),
            pack_inputs(prepared.records),
            outputs,
            self.number,
            time.time(),
            result.seconds,
        )
        before = self.world.trace(target, key)
        changed = before is None or [(o.name, o.digest, o.schema) for o in before.outputs] != [
            (o.name, o.digest, o.schema) for o in outputs
        ]
        if changed or not self._is_intact(prepared, outputs):
            self._move_in(target, key, prepared, trace)
        else:
            self._discard(prepared)  # the very same bytes are there: the file keeps its place and its stats
        self._learn(node, prepared, trace, changed)
        self._group.traces.append((target, key, trace))
        return changed

    def _check_unmoved(self, prepared: Prepared) -> None:
        """What changed while the recipe ran must not pass for what it read."""
        for path, stat in prepared.watched:
            if stat_file(path) != stat:
                raise UserError(
                    f"{os.path.relpath(path, self.world.survey.root)} changed while the recipe ran, "
                    "so its result is not kept",
                    hint="run dbuild again when it is written",
                )

    def _is_intact(self, prepared: Prepared, outputs: Iterable[OutputRecord]) -> bool:
        for output in outputs:
            root = prepared.roots[output.name]
            row = self.world.survey.row(output.path, root)
            path = os.path.join(self.world.survey.root, output.path)
            if row is None or row.digest != output.digest or row.is_racy or stat_file(path) != row.stat:
                return False
        return True

    def _move_in(self, target: str, key: str, prepared: Prepared, trace: Trace) -> None:
        survey = self.world.survey
        self._journal.write(survey.boot, target, key, trace)
        finals = [output.final for output in prepared.task.outputs]
        stats = publish([output.path for output in prepared.task.outputs], finals)
        for output, stat in zip(trace.outputs, stats, strict=True):
            row = FileRow(output.path, stat, output.digest, is_racy(stat, stat.ctime), survey.boot, stat.ctime)
            survey.learn(row)
            self._group.files.append(row)
            if not row.is_racy:
                self.made.setdefault(prepared.roots[output.name], {})[output.path] = stat
        self._group.paths.extend(finals)

    def _learn(self, node: Node, prepared: Prepared, trace: Trace, changed: bool) -> None:
        target, index = node
        for output in trace.outputs:
            self.world.fresh_digests[target, output.name, index] = typed_digest(output.digest, output.schema)
        if any(output.schema is not None for output in trace.outputs):
            self.world.fresh_outputs[target, index] = pack_outputs(trace.outputs)
        if changed:
            self.changed.setdefault(target, set()).add(index)
            self.world.forget(target)

    def _discard(self, prepared: Prepared) -> None:
        for output in prepared.task.outputs:
            discard(output.path)

    def _fail(self, node: Node, reasons: tuple[Reason, ...], seconds: float, error: str, log: str | None) -> None:
        self.schedule.move(node, State.FAILED)
        if self.is_interrupted:
            error = "interrupted"
        relative = os.path.relpath(log, self.world.survey.root) if log else None
        self._note(node, reasons, "failed", False, seconds, error, log)
        key = joined_key(self.plan.domains.of(node[0]).key(node[1]))
        if not self.is_interrupted:  # nobody's fault: what was there before stands as it was
            failure = Failure(self.number, error, relative, time.time(), _tail(log))
            self._group.failures.append((node[0], key, failure))
        self._emit(TaskEnded(node[0], self._key(node), "failed", False, seconds, error, _tail(log), relative))
        if not self._keep_going:
            self._is_stopping = True

    def _note(
        self,
        node: Node,
        reasons: tuple[Reason, ...],
        status: str,
        changed: bool,
        seconds: float,
        error: str | None,
        log: str | None,
    ) -> None:
        key = joined_key(self.plan.domains.of(node[0]).key(node[1]))
        texts = json.dumps([str(reason) for reason in reasons[:8]])
        relative = os.path.relpath(log, self.world.survey.root) if log else None
        self._rows_written += 1
        self._group.tasks.append(
            TaskRow(self._rows_written, node[0], key, status, changed, seconds, time.time(), texts, error, relative)
        )

    # -- groups ----------------------------------------------------------------------------------------------------

    def _turn_group(self) -> None:
        """Commits the group whose flush has ended, and begins the flush of the next when it is time."""
        if self._flushing is not None:
            if self._flusher.is_busy:
                return
            self._commit_flushed()
        pause = max(_GROUP_SECONDS, self._flush_cost * _GROUP_SHARE)
        if self._group and time.monotonic() - self._last_flush >= pause:
            self._begin_flush()

    def _begin_flush(self) -> None:
        self._flushing, self._group = self._group, Group()
        self._last_flush = time.monotonic()
        if self._flushing.paths:
            self._flusher.start(self._flushing.paths, self._pool.wake_descriptor)

    def _commit_flushed(self) -> None:
        group = self._flushing
        assert group is not None
        try:
            self._flusher.finish()
        except OSError as error:
            self._flushing = None
            what = f"outputs can't be made durable: {_said(error)}"
            raise StateError(what, hint="nothing of them is recorded") from None
        self._flush_cost = time.monotonic() - self._last_flush
        self._flushing = None
        failpoints.reach("commit")
        with self._store.transaction():
            self._store.put_files(group.files)
            self._store.put_traces(group.traces)
            for target, key, failure in group.failures:
                self._store.put_failure(target, key, failure)
            self._store.put_tasks(self.number, group.tasks)
        failpoints.reach("committed")
        if not self._group:
            self._journal.clear()

    def _commit_all(self) -> None:
        while self._flushing is not None or self._group:
            if self._flushing is None:
                self._begin_flush()
            self._commit_flushed()

    # -- what came of it -------------------------------------------------------------------------------------------

    def settled(self, target: str) -> PartitionSet:
        """The partitions of a target that this run made, or found to be fresh after all. Asked when it has ended."""
        if self._settled is None:
            self._settled = {}
            for (name, index), state in self.schedule.states.items():
                if state in (State.BUILT, State.FRESH):
                    self._settled.setdefault(name, []).append(index)
        return PartitionSet.of_indices(self.plan.domains.of(target).axes, self._settled.get(target, ()))


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, UserError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return str(error)


def _tail(log: str | None) -> tuple[str, ...]:
    """The last lines that a recipe printed."""
    if log is None:
        return ()
    try:
        with open(log, "rb") as printed:
            printed.seek(0, os.SEEK_END)
            printed.seek(max(0, printed.tell() - _TAIL_BYTES))
            text = printed.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-_TAIL_LINES:])
