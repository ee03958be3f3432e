"""One run: hands tasks to workers as they become ready, and sees to what came of each.

Decisions come from the core (`Schedule`, `judge`); this module observes and acts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from dbuild.build.alarms import Alarms
from dbuild.build.attempts import Attempt, Ending, Failing, ending_of, gist_of, said_of
from dbuild.build.batches import share_log
from dbuild.build.beats import Beats, Started
from dbuild.build.durations import Durations
from dbuild.build.entries import Entries, tail_of
from dbuild.build.gathering import Gathering
from dbuild.build.groups import SECONDS, Groups
from dbuild.build.labels import Keys
from dbuild.build.means import Means
from dbuild.build.order import schedule_of
from dbuild.build.publication import Publisher
from dbuild.build.queueing import Queueing
from dbuild.build.readahead import read_ahead
from dbuild.build.resting import Rest, counted, find_rest, rest_after
from dbuild.build.settlement import Settlement
from dbuild.build.starter import Starter
from dbuild.build.verdicts import Verdicts
from dbuild.build.world import World
from dbuild.core.backoff import delay_of, may_retry
from dbuild.core.events import (
    Event,
    Key,
    Notice,
    Resting,
    RunStarted,
    Spent,
    TaskEnded,
    TaskPrinted,
    TaskRegrouped,
    TaskRetried,
    TaskSkipped,
    TaskStopped,
)
from dbuild.core.model import ShellRecipe
from dbuild.core.plan import Plan
from dbuild.core.schedule import Node, State
from dbuild.core.task import Result
from dbuild.errors import UserError
from dbuild.execute.logs import append_lines
from dbuild.execute.pool import GRACE
from dbuild.state.store import Failure
from dbuild.values import replace


class Run:
    """The state of one run."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        number: int,
        means: Means,
        emit: Callable[[Event], None],
        failing: Failing,
        *,
        tells_output: bool = False,
    ) -> None:
        """`tells_output`: what recipes print is told as events, too."""
        self.world = world
        self.plan = plan
        self.number = number
        self.is_interrupted = False
        self.cut_off = 0  # tasks that ran when it was: they haven't failed
        self.rests: list[Rest] = []  # of what has failed
        self.seconds_saved = 0.0  # that the tasks took when they last ran that didn't have to run after all
        self._pool = means.pool
        self._phases = means.phases
        self._undeclared = means.undeclared
        self._emit_to = emit
        self._failing = failing
        self._is_stopping = False
        self._is_ending_all = False  # after a failure, what runs too
        self._has_read_ahead = False
        self._signals = 0
        self._ended: set[int] = set()  # the executions whose results are at hand
        self._key = Keys(plan.domains).of
        self._attempts: dict[Node, Attempt] = {}  # of those that failed before
        self._verdicts = Verdicts(world, plan)
        self._alarms = Alarms()
        self._groups = Groups(means.state, means.journal, number, means.pool.wake_descriptor, means.phases)
        self._entries = Entries(world, self._groups)
        self.published = Publisher(world, means.journal, self._groups, number)
        durations = Durations(world, plan)
        self.schedule = schedule_of(world, plan, durations, means.allotments)
        self.settlement = Settlement(self.schedule, plan.domains)
        self._gathering = Gathering(world.flow, self.schedule)
        self._starter = Starter(
            *(world, plan, self.schedule, means),
            number,
            emit=self._emit,
            key=self._key,
            expected=lambda node: self.schedule.expected(node) if node[0] in durations.known else None,
            failed=self._fail_start,
        )
        self._running = self._starter.running
        self._queueing = Queueing(world, means, self.schedule, self._starter, self._put_back)
        self._jobs = means.allotments.jobs
        self._beats = Beats(self.schedule, durations.known, means.board, self._emit, self._key)
        if tells_output:
            means.pool.hear = self._hear

    # -- the loop --------------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Called for each signal: the first ends what runs, the second kills it."""
        self._signals += 1
        self.is_interrupted = self._is_stopping = True
        self._pool.terminate(at_once=self._signals > 1)

    def execute(self) -> None:
        """Runs until every task has ended, or until it is stopped and the running ones have. Raises StateError."""
        self._emit(RunStarted(str(self.number), self.plan.will_run, self.plan.may_run, self._jobs))
        killing_at: float | None = None
        while not self.schedule.is_over:
            for node in self._alarms.retried():
                self.schedule.move(node, State.READY)
            self._start_ready()
            self._fill()
            self._beats.turn(self._began, is_ending=self._is_stopping, may_skip=self._verdicts.undecided > 0)
            if not self._running and (self._is_stopping or self.schedule.is_over):
                break
            if not self._running and not self._alarms.has_delayed:
                raise RuntimeError("the schedule is stuck: nothing runs and nothing can start")
            if not self._has_read_ahead and self._running:  # while workers start
                self._has_read_ahead = True
                read_ahead(self.world, self.plan)
            results = self._pool.poll(self._patience(killing_at))
            self._ended = {result.number for result in results}
            self._see_to(results)
            if self.is_interrupted and killing_at is None:
                killing_at = time.monotonic() + GRACE
            if killing_at is not None and time.monotonic() > killing_at:
                self._pool.terminate(at_once=True)
            self._keep_deadlines()
            if self._queueing.behind:
                self._queueing.turn(self._running, is_stopping=self._is_stopping)
            self._groups.turn()
        self._give_up()
        self._groups.commit_all()

    def _patience(self, killing_at: float | None) -> float | None:
        """How long nothing has to be done unless a task ends."""
        wait = SECONDS if self._groups.is_pending else None
        due = self._beats.due if self._running else None
        late = self._queueing.due(self._running) if self._queueing.behind else None
        for moment in (self._alarms.next, killing_at, due, late):
            if moment is not None:
                left = max(0.0, moment - time.monotonic()) + 0.01
                wait = left if wait is None or left < wait else wait
        return wait

    def _emit(self, event: Event) -> None:
        try:
            self._emit_to(event)
        except BrokenPipeError:
            if not self.is_interrupted:
                self.interrupt()

    def _began(self) -> list[Started]:
        """What runs together, with the moment when it was started."""
        return [([attempt.node for attempt in group], group[0].began) for group in self._running.values()]

    def _hear(self, number: int, data: bytes) -> None:
        if number not in self._running:  # its worker went on to it, which nobody has been told yet
            self._queueing.hear(number, data)
            return
        self._emit(self._printed(self._running[number][0], data))  # what several print together is told of the first

    def _printed(self, attempt: Attempt, data: bytes) -> Event:
        return TaskPrinted(attempt.node[0], self._key(attempt.node), data)

    def _start_before(self, result: Result, ended: list[Node]) -> list[Event]:
        """Starts the next execution before what came of one is settled, so that its worker doesn't wait for that.

        Gives what is to be told of it when that is settled: nobody is to see more run at once than may. `ended` are
        the nodes of those that aren't settled yet, to which this one's come.
        """
        attempts, emit, events = self._running[result.number], self._emit_to, list[Event]()
        ended += [attempt.node for attempt in attempts]
        if result.then:
            return self._go_on(attempts[0].node, result)
        has_made = result.error is None and not any(part.error for part in result.parts)
        if has_made and not attempts[0].ended_for and not self._is_stopping:
            self.schedule.release(attempts[0].node)
            self._emit_to = events.append
            try:
                self._start_ready(ended)
            finally:
                self._emit_to = emit
        return events

    def _start_ready(self, ended: Sequence[Node] = ()) -> None:
        """Starts what may start, also while tasks that have ended together aren't settled yet."""
        while self._pool.has_room and not self._is_stopping:
            node = self.schedule.take_before(ended) if ended else self.schedule.take()
            if node is None:
                return
            attempt = self._admitted(node)
            if attempt is not None:
                is_batched = self._gathering.is_batched(node)
                self._start(self._gathering.around(attempt, self._admitted) if is_batched else [attempt])
            elif ended:  # there may be thousands that needn't run, and what has ended is to be settled
                return

    def _go_on(self, node: Node, result: Result) -> list[Event]:
        """The worker of a task that has ended is at the next, which has waited for it: what is to be told of that."""
        number = result.then
        self.schedule.release(node)
        begun, started, printed = self._queueing.begin(number, result.number)
        if self._is_ending_all and number not in self._ended:
            self._end(number, [begun], "stopped")
        return [started, *(self._printed(begun, data) for data in printed)]

    def _put_back(self, attempt: Attempt) -> None:
        """What has waited for a worker in vain may start again."""
        self.schedule.move(attempt.node, State.READY)
        if attempt.number > 1:
            self._attempts[attempt.node] = attempt
        else:
            self._verdicts.reopen(attempt.node)

    def _admitted(self, node: Node) -> Attempt | None:
        """A task that has to run; None where it turned out otherwise, and is settled."""
        attempt = self._attempts.pop(node, None)
        if attempt is not None:
            return attempt
        try:
            reasons = self._verdicts.reasons(node)
        except UserError as error:
            self._fail(Attempt(node, 1, ()), 0.0, said_of(error), None)
            return None
        if not reasons:
            self.schedule.move(node, State.FRESH)
            self.seconds_saved += self.schedule.expected(node)
            self._emit(TaskSkipped(node[0], self._key(node)))
            return None
        rest = find_rest(self.world, *node, reasons) if self._failing.is_resting else None
        if rest is not None:
            self.schedule.move(node, State.FAILED)
            self.rests.append(rest)
            self._emit(Resting(node[0], self._key(node), rest.failures, rest.until))
            return None
        return Attempt(node, 1, reasons)

    def _start(self, attempts: list[Attempt]) -> None:
        number = self._starter.start(attempts)
        timeout = self.world.flow.steps[attempts[0].node[0]].target.limits.timeout
        if number is not None and timeout is not None:
            self._alarms.limit(number, timeout)

    def _fail_start(self, attempts: list[Attempt], words: str, is_whole: bool) -> None:
        if is_whole:
            self._conclude(self._end_all(attempts, Result(0, words)))
            return
        for attempt in attempts:
            self._fail(attempt, 0.0, words, None)

    # -- time ------------------------------------------------------------------------------------------------------

    def _keep_deadlines(self) -> None:
        """Asks tasks whose time is up to end, and ends those that had their grace."""
        for number, was_asked in self._alarms.overdue():
            attempts = self._running.get(number)
            if attempts is not None:
                self._end(number, attempts, attempts[0].ended_for or "timeout", at_once=was_asked)

    def _end(self, number: int, attempts: list[Attempt], why: str, *, at_once: bool = False) -> None:
        for attempt in attempts:
            attempt.ended_for = why
        self._pool.end(number, at_once=at_once)
        if not at_once:
            grace = self.world.flow.steps[attempts[0].node[0]].target.limits.grace
            self._alarms.limit(number, grace, was_asked=True)

    # -- outcomes --------------------------------------------------------------------------------------------------

    def _see_to(self, results: Sequence[Result]) -> None:
        """Settles what has come in; together what succeeded in workers themselves, as it may be many quick ones."""
        heard = time.time()
        together: list[Ending] = []
        ended: list[Node] = []  # of which `together` tells
        for result in results:
            is_alone = not self._is_plain(result)
            if is_alone:
                self._conclude(together)
                together, ended = [], []
            events = self._start_before(result, ended)
            endings = self._finish(result, heard)
            if endings:
                endings[-1].events = events
            together += endings
            if is_alone:
                self._conclude(together)
                together, ended = [], []
            if result.returned:
                self._queueing.take_back(result.returned, result.number)
        if together and not self._pool.has_room:  # else what starts next is for the worker that has nothing to do
            self._fill()  # so that all have something to do meanwhile
        self._conclude(together)

    def _fill(self) -> None:
        """Has quick tasks wait for workers that are still at others."""
        if not self._is_stopping:
            self._queueing.fill(self._running, self._admitted)

    def _is_plain(self, result: Result) -> bool:
        """Whether an execution has succeeded, and took so little, it may be, that seeing to it takes as long."""
        task = self._running[result.number][0].task
        return result.error is None and task is not None and not isinstance(task.recipe, ShellRecipe)

    def _finish(self, result: Result, heard: float) -> list[Ending]:
        """How its attempts ended, where that is to be settled; `heard`: when it came, in seconds since the epoch."""
        attempts = self._running.pop(result.number)
        self._queueing.note(attempts[0].node, result)
        task = attempts[0].task
        told = self._undeclared.take(task, result, heard) if self._undeclared and task else []
        if not self._gathering.is_batched(attempts[0].node):
            return [ending_of(attempts[0], result, result.made, result.error, told)]
        if result.error is not None or attempts[0].ended_for == "timeout":
            return self._end_all(attempts, result, told)
        if result.has_output:
            share_log([attempt.prepared for attempt in attempts if attempt.prepared is not None])
        share, parts = _share_of(result, len(attempts)), zip(attempts, result.parts, strict=True)
        endings = [ending_of(attempt, share, part.made, part.error) for attempt, part in parts]
        endings[0].told = told
        return endings

    def _end_all(self, attempts: list[Attempt], result: Result, told: Sequence[str] = ()) -> list[Ending]:
        """After an execution that failed as a whole: how its attempts ended; of several partitions each half is tried.

        Then there is nothing to settle.
        """
        if len(attempts) == 1 or self._is_stopping or attempts[0].ended_for == "stopped":
            share = _share_of(result, len(attempts))
            endings = [ending_of(attempt, share, share.made, share.error) for attempt in attempts]
            endings[0].told = told
            return endings
        for attempt in attempts:
            assert attempt.prepared is not None
            self.published.discard(attempt.prepared)
            self.schedule.move(attempt.node, State.READY)
            self._verdicts.reopen(attempt.node)
            spent = Spent(result.worker, result.cpu / len(attempts), result.peak)
            self._emit(TaskRegrouped(attempt.node[0], self._key(attempt.node), spent))
        self._gathering.halve([attempt.node for attempt in attempts])
        why = gist_of(result.error or "it ran longer than its timeout")
        what = f"{attempts[0].node[0]}: {len(attempts)} partitions in one call failed, so each half is tried: {why}"
        self._emit(Notice(what, "info"))
        return []

    def _conclude(self, endings: Sequence[Ending]) -> None:
        """Settles what became of attempts that ended together."""
        made = [ending for ending in endings if ending.has_succeeded] if endings else None
        if made:
            with self._phases("publish"):
                self.published.publish_all(made)
        for ending in endings:
            self._settle(ending)
            for event in ending.events:
                self._emit(event)

    def _settle(self, ending: Ending) -> None:
        attempt, result, prepared = ending.attempt, ending.result, ending.prepared
        attempt.spent = Spent(result.worker, result.cpu, result.peak)
        log = prepared.task.log if result.has_output or ending.told else None
        if ending.is_published:
            self._succeed(ending, log)
        else:
            self.published.discard(prepared)
            error = ending.error or ""
            if error and self._undeclared:
                error = self._undeclared.explained(prepared.task, error, tail_of(log))
            self._unsuccessful(attempt, result, error, log)
        if ending.told:
            append_lines(prepared.task.log, ending.told)  # after the recipe's own last lines were read

    def _succeed(self, ending: Ending, log: str | None) -> None:
        attempt, result, changed = ending.attempt, ending.result, ending.has_changed
        node = attempt.node
        self.schedule.move(node, State.BUILT)
        if changed:
            self._verdicts.remade.add(node[0])
        if self._gathering.is_batched(node):
            self.schedule.note(node, result.seconds)  # a share of its call, which tells of all around it
        else:
            self._beats.note(node, attempt.began, result)
        self._entries.add_built(ending, log)
        notes = self.published.notes.get(node)
        self._emit(
            TaskEnded(
                *(node[0], self._key(node), "built", changed, result.seconds),
                notes=(*result.notes, *notes) if notes else result.notes,
                attempts=attempt.number,
                provisional=ending.prepared.task.provisional,
                spent=attempt.spent,
            )
        )

    def _unsuccessful(self, attempt: Attempt, result: Result, error: str, log: str | None) -> None:
        target = self.world.flow.steps[attempt.node[0]].target
        causes = result.causes
        if attempt.ended_for == "stopped" and not self.is_interrupted:
            self.schedule.move(attempt.node, State.READY)
            self._emit(TaskStopped(target.name, self._key(attempt.node), attempt.spent))
            return
        if attempt.ended_for == "timeout":
            error, causes = f"it ran longer than its timeout of {target.limits.timeout:g} s", ("timeout",)
        if not self._is_stopping and may_retry(target.retries, attempt.number, causes):
            self._delay(attempt, result.seconds, error, log)
        else:
            self._fail(attempt, result.seconds, error, log)

    def _delay(self, attempt: Attempt, seconds: float, error: str, log: str | None) -> None:
        retries = self.world.flow.steps[attempt.node[0]].target.retries
        delay = delay_of(retries, attempt.number, random.random())  # noqa: S311 (it spreads moments)
        self.schedule.move(attempt.node, State.DELAYED)
        self._entries.add(attempt.node, attempt.reasons, "retried", seconds, error, log)
        event = TaskRetried(
            *(attempt.node[0], self._key(attempt.node), attempt.number, retries.times + 1),
            *(error, delay, seconds, self._entries.relative(log)),
            spent=attempt.spent,
        )
        self._attempts[attempt.node] = Attempt(
            attempt.node, attempt.number + 1, attempt.reasons, failure=(seconds, error, log)
        )
        self._alarms.retry(attempt.node, delay)
        self._emit(event)

    def _give_up(self) -> None:
        """A run that stops doesn't try again: what failed before has failed."""
        for node, attempt in sorted(self._attempts.items()):
            # READY: its time had come, but there was no place for it.
            if self.schedule.states[node] in (State.DELAYED, State.READY):
                seconds, error, log = attempt.failure
                attempt.number -= 1
                self._fail(attempt, seconds, error, log, has_ended=True)

    def _fail(self, attempt: Attempt, seconds: float, error: str, log: str | None, *, has_ended: bool = False) -> None:
        """`has_ended`: it had failed before anybody interrupted the run."""
        node, is_cut_off = attempt.node, self.is_interrupted and not has_ended
        self.schedule.move(node, State.FAILED)
        if is_cut_off:
            error = "interrupted"
        self._entries.add(node, attempt.reasons, "failed", seconds, error, log)
        tail, relative = tail_of(log), self._entries.relative(log)
        if not is_cut_off:  # else nobody's fault: what was there before stands as it was
            failure = Failure(self.number, error, relative, self.world.clock(), tail, attempt.number)
            if not self._starter.is_refused(node):  # else its recipe doesn't even run
                records = attempt.prepared.records if attempt.prepared is not None else None
                failure = counted(self.world, *node, failure, attempt.reasons, records)
                self.rests.append(rest_after(failure))
            self._entries.add_failure(node, failure)
            self._emit(
                TaskEnded(
                    *(node[0], self._key(node), "failed", False, seconds, error, tail, relative),
                    attempts=attempt.number,
                    spent=attempt.spent,
                )
            )
        else:
            self.cut_off += 1
            self._emit(TaskStopped(node[0], self._key(node), attempt.spent))
        if self._failing.keep_going:
            return
        self._is_stopping = True
        if self._failing.fail_fast and not self.is_interrupted:
            self._is_ending_all = True
            for number, others in self._running.items():
                if not others[0].ended_for and number not in self._ended:
                    self._end(number, others, "stopped")

    # -- what came of it -------------------------------------------------------------------------------------------

    def slowest(self) -> tuple[tuple[str, Key, float], ...]:
        """The few executions that took longest, these first: target, key, seconds."""
        return tuple((node[0], self._key(node), seconds) for node, seconds in self._entries.slowest())


def _share_of(result: Result, count: int) -> Result:
    """Of an execution of several partitions, what counts as that of each."""
    return replace(result, seconds=result.seconds / count, cpu=result.cpu / count, parts=()) if count > 1 else result
