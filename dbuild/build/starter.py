"""Starting executions: of one partition, or of several of a batched target together."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import takewhile

from dbuild.build.attempts import Attempt, said_of
from dbuild.build.batches import task_of
from dbuild.build.means import Means
from dbuild.build.tasks import Prepared, TaskMaker
from dbuild.build.world import World
from dbuild.core.events import Event, Key, TaskStarted
from dbuild.core.plan import Plan
from dbuild.core.schedule import Node, Schedule, State
from dbuild.errors import UserError

_REASONS = 8  # of a task that are told where all are
Failed = Callable[[list[Attempt], str, bool], None]  # attempts, words, whether it is the execution that failed


class Starter:
    """What starts the executions of one run."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        schedule: Schedule,
        means: Means,
        run: int,
        *,
        emit: Callable[[Event], None],
        key: Callable[[Node], Key],
        expected: Callable[[Node], float | None],
        failed: Failed,
    ) -> None:
        self.running: dict[int, list[Attempt]] = {}  # by the number of the execution
        self._world = world
        self._plan = plan
        self._schedule = schedule
        looking = means.undeclared.looking if means.undeclared else None
        self._maker = TaskMaker(world, run, means.allotments, means.snapshot, looking)
        self._pool = means.pool
        self._emit = emit
        self._key = key
        self._expected = expected
        self._failed = failed
        self._tells_reasons = means.phases.is_told
        self._number = 0

    def start(self, attempts: list[Attempt]) -> int | None:
        """Starts one execution, and gives its number; of several, those that can't be prepared fail for themselves."""
        ready = self._prepare([attempt for attempt in attempts if self._announce(attempt)])
        prepared = [attempt.prepared for attempt in ready if attempt.prepared is not None]
        if not prepared:
            return None
        task = prepared[0].task
        for attempt in ready:
            self._schedule.move(attempt.node, State.RUNNING, rides=attempt is not ready[0])
        self.running[task.number] = ready
        try:
            is_batched = self._world.flow.steps[task.target].target.batch is not None
            whole = task_of(self._world, prepared) if is_batched else task
            for attempt in ready:
                attempt.task = whole
            self._pool.submit(whole)
        except UserError as error:
            del self.running[task.number]
            self._failed(ready, said_of(error), True)
            return None
        except OSError as error:
            del self.running[task.number]
            self._failed(ready, f"no process can be started: {said_of(error)}", False)
            return None
        return task.number

    def queue_up(self, chosen: Sequence[tuple[Attempt, int]]) -> int:
        """Has tasks of one target wait for the workers of running executions; how many of the first of them do.

        Nothing is told of one before it runs. What goes wrong goes wrong again when it is started without waiting.
        """
        refused = self._plan.targets[chosen[0][0].node[0]].refused
        ready = list(takewhile(lambda one: one[0].node[1] not in refused, chosen)) if refused else chosen
        try:
            made = self._make([attempt for attempt, _ in ready])
        except (UserError, OSError):
            if len(ready) > 1:  # one of them, but which? Those before it can wait
                return next((at for at, one in enumerate(ready) if not self.queue_up([one])), len(ready))
            return 0
        for sent, ((attempt, behind), prepared) in enumerate(zip(ready, made, strict=True)):
            attempt.prepared, attempt.task = prepared, prepared.task
            try:
                self._maker.make_folders(prepared.task)
                if not self._pool.queue_up(prepared.task, behind):
                    return sent
            except OSError:
                return sent
        return len(ready)

    def begin_queued(self, attempt: Attempt) -> TaskStarted:
        """Takes note that a task runs that has waited for its worker, and gives what is to be told of it."""
        assert attempt.task is not None
        attempt.began = time.monotonic()
        self._schedule.move(attempt.node, State.RUNNING)
        self.running[attempt.task.number] = [attempt]
        return self._started(attempt)

    def _started(self, attempt: Attempt) -> TaskStarted:
        node = attempt.node
        others = tuple(map(str, attempt.reasons[1:_REASONS])) if self._tells_reasons else ()
        return TaskStarted(node[0], self._key(node), str(attempt.reasons[0]), self._expected(node), others)

    def _announce(self, attempt: Attempt) -> bool:
        """Tells that a partition is made; False where it must not be, and fails."""
        attempt.began = time.monotonic()
        self._emit(self._started(attempt))
        if not self.is_refused(attempt.node):
            return True
        missing = ", ".join(reason.subject for reason in attempt.reasons)
        self._failed([attempt], f'missing, and it must not be (missing = "fail"): {missing}', False)
        return False

    def _prepare(self, attempts: list[Attempt]) -> list[Attempt]:
        """Makes the tasks of partitions of one target; gives those for which that went well, the others have failed."""
        try:
            made = self._make(attempts)
        except (UserError, OSError) as error:
            if len(attempts) > 1:
                return [attempt for one in attempts for attempt in self._prepare([one])]
            self._failed(attempts, said_of(error), False)
            return []
        return [one for one, prepared in zip(attempts, made, strict=True) if self._furnish(one, prepared)]

    def _make(self, attempts: Sequence[Attempt]) -> list[Prepared]:
        """The tasks of partitions of one target. Raises UserError, OSError."""
        if not attempts:
            return []
        wanted = [(one.node[1], self._number + at, one.reasons, one.number) for at, one in enumerate(attempts, 1)]
        self._number += len(attempts)
        return self._maker.prepare_all(attempts[0].node[0], wanted)

    def _furnish(self, attempt: Attempt, prepared: Prepared) -> bool:
        """Makes the folders in which a task makes its outputs; False where that fails, and with it the partition."""
        try:
            self._maker.make_folders(prepared.task)
        except OSError as error:
            self._failed([attempt], said_of(error), False)
            return False
        attempt.prepared = prepared
        return True

    def is_refused(self, node: Node) -> bool:
        """Whether a partition fails for a missing input, without being run."""
        refused = self._plan.targets[node[0]].refused
        return refused is not None and node[1] in refused
