"""A build, from the lock to the seal: recover, look, plan, run, keep."""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from dbuild.build.discovery import Asking
from dbuild.build.horizon import changes_at
from dbuild.build.interrupts import signals_ending
from dbuild.build.keeping import grounds_of, keep_quiet_answer
from dbuild.build.loading import files_declaring
from dbuild.build.locks import WORKERS, Emit, lock_folder, open_for_build
from dbuild.build.looks import Looked, look
from dbuild.build.phases import Phases
from dbuild.build.plans import make
from dbuild.build.preconditions import check_folders, check_secrets, claim_outputs
from dbuild.build.recovery import recover, sweep
from dbuild.build.seals import is_declared_anew, seal
from dbuild.build.settings import Settings
from dbuild.build.shortcut import journal_path
from dbuild.build.sight import Sight
from dbuild.build.snapshots import snapshot_of
from dbuild.build.upgrades import upgrade_notices
from dbuild.build.world import World
from dbuild.core.budget import Budget
from dbuild.core.events import Notice, Summary
from dbuild.core.plan import Plan
from dbuild.core.schedule import State as Outcome
from dbuild.errors import DiskError, UserError
from dbuild.state.opening import is_damage, open_state, set_aside, unwritable
from dbuild.state.store import FOLDER, State
from dbuild.values import dataclass, replace

if TYPE_CHECKING:
    from dbuild.build.means import Means
    from dbuild.build.run import Run
    from dbuild.build.undeclared import Undeclared
    from dbuild.execute.witness import Tracing


@dataclass(frozen=True, slots=True)
class Options:
    """How to build."""

    jobs: int | None = None  # how many tasks at once; None: one for each core
    keep_going: bool = False  # build what doesn't stand behind a failure
    fail_fast: bool = False  # end what runs when a task has failed
    force: bool = False  # build what is named, stale or not
    budget: Budget | None = None  # do no more than that; None: all that there is to do
    is_traced: bool = False  # see what recipes open
    is_confined: bool = False  # let them open nothing but what is declared


def build(
    settings: Settings, arguments: Sequence[str], options: Options, emit: Emit, started: float, sight: Sight
) -> Summary:
    """Builds what is stale of these targets and of all that they need; the summary is also the last event.

    What `sight` has seen isn't looked at again. Raises UserError (ProjectError, UsageError, StateError); failed
    recipes are events, not errors.
    """
    phases = Phases(emit, is_told=settings.tells_phases)
    with ExitStack() as stack:
        with phases("lock"):
            if lock_folder(settings, stack, emit):
                sight = Sight(settings.root)  # another build has been at work since
            state = open_for_build(settings, emit)
        stack.callback(state.close)
        try:
            summary = _build(settings, state, arguments, options, emit, started, sight, phases)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise unwritable(error) from None
            state.close()
            aside = os.path.relpath(set_aside(settings.root), settings.root)
            emit(Notice(f"the state was damaged; it is kept as {aside}, and everything is looked at anew"))
            state = open_state(settings.root, settings.flow)
            stack.callback(state.close)
            summary = _build(settings, state, arguments, options, emit, started, Sight(settings.root), phases)
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise DiskError(
                f"the build can't go on: {error.strerror or error}{where}",
                hint="what it had recorded stands; the next build does the rest",
            ) from None
    emit(summary)
    return summary


def _build(
    settings: Settings,
    state: State,
    arguments: Sequence[str],
    options: Options,
    emit: Emit,
    started: float,
    sight: Sight,
    phases: Phases,
) -> Summary:
    with phases("recover"):
        recover(settings, state, emit)
    asking = Asking(emit, options.jobs, options.force)
    try:
        looked = look(settings, state, arguments, state.put_memo, force=options.force, sight=sight, asking=asking)
    except UserError as error:
        if settings.tells_grounds:
            emit(files_declaring(settings, error))
        raise
    with phases("recover"):
        sweep(settings, state, looked.flow, looked.world.survey)
    with phases("plan"):
        planned = make(looked)
    if settings.tells_grounds:
        emit(grounds_of(looked, planned, None).told())
    for notice in planned.notices:
        emit(Notice(notice))
    if not planned.will_run and not planned.may_run:
        with phases("record"):
            if not looked.world.survey.is_known or _has_news(looked.world, planned):
                seal(looked.world, planned, None)
            until = changes_at(looked, planned)
            keep_quiet_answer(settings, state, arguments, looked, planned, until)
        return replace(_quiet_summary(planned, started), changes_at=until)
    if options.budget is not None:
        from dbuild.build.budgeting import check_budget

        check_budget(looked.world, planned, options.budget, options.jobs)
    for text in upgrade_notices(looked.world, planned):
        emit(Notice(text))
    claim_outputs(settings, state, planned)
    check_secrets(planned)
    check_folders(looked.world.survey, planned)
    return _run(settings, state, looked, planned, options, emit, started, phases)


def _has_news(world: World, planned: Plan) -> bool:
    """Whether there is more to keep than listings: where rows go, or what is fresh under other declarations."""
    has_routes = world.routing is not None and world.routing.has_news
    return has_routes or any(is_declared_anew(world, name) for name in planned.targets)


def _quiet_summary(planned: Plan, started: float) -> Summary:
    provisional = sum(len(part.fresh & part.provisional) for part in planned.targets.values() if part.provisional)
    seconds = time.monotonic() - started
    counts = ("", 0, planned.fresh, 0, planned.waiting, 0, 0, provisional)
    return Summary(*counts, seconds, awaited=planned.awaited, assumed=planned.assumed)


def _run(
    settings: Settings,
    state: State,
    looked: Looked,
    planned: Plan,
    options: Options,
    emit: Emit,
    started: float,
    phases: Phases,
) -> Summary:
    """Runs the tasks of a plan, and keeps what came of it."""
    with phases("execute"):
        from dbuild.build.savings import seconds_fresh

        with phases("record"):
            number = _begin(settings, state, looked, planned)
        fresh = seconds_fresh(looked.world, planned)
        with _means(settings, state, looked, planned, options, emit, phases, number) as means:
            run = _execute(settings, looked, planned, options, emit, number, means)
    with phases("record"):
        seal(looked.world, planned, run)
        if looked.world.words:
            from dbuild.build.marking import drop_done

            drop_done(looked)
        told = _told(settings, looked, planned, run, means, emit)
        summary = replace(told, seconds=time.monotonic() - started, saved_seconds=fresh + run.seconds_saved)
        _end(state, run, summary)
    return summary


def _begin(settings: Settings, state: State, looked: Looked, planned: Plan) -> int:
    """The number of a new run, that the ledger knows with who stands behind it and what its recipes are."""
    from dbuild.build.makers import find_maker
    from dbuild.build.wording import keep_recipes

    number = state.begin_run(settings.clock(), shlex.join(sys.argv[1:]))
    with state.transaction():
        state.put_maker(number, find_maker(looked.flow))
        keep_recipes(looked.world, [name for name, part in planned.targets.items() if part.will or part.may])
    return number


@contextmanager
def _means(
    settings: Settings,
    state: State,
    looked: Looked,
    planned: Plan,
    options: Options,
    emit: Emit,
    phases: Phases,
    number: int,
) -> Iterator[Means]:
    """What a run works with, while it does; processes have ended and files are closed afterwards."""
    from dbuild.build.allotments import Allotments
    from dbuild.build.means import Means
    from dbuild.build.running import Board
    from dbuild.execute.pool import Pool
    from dbuild.execute.publish import Journal
    from dbuild.observe.machine import cores, memory
    from dbuild.state.lock import hold

    project = looked.flow.project
    allotments = Allotments(project, options.jobs or cores(), memory())
    for name in allotments.too_large():
        if name in planned.targets:
            emit(Notice(f'"{name}" needs more memory than there is: its tasks run alone'))
    logs = os.path.join(settings.root, FOLDER, "logs")
    withheld = {name for target in project.targets.values() for name in target.secrets}
    with hold(os.path.join(settings.root, FOLDER, WORKERS)) as sign, snapshot_of(looked, planned, number) as snapshot:
        undeclared, tracing = _looking(looked.world, options, emit)
        pool = Pool(allotments.workers(), settings.root, logs, looked.folders(), withheld, sign, tracing)
        journal = Journal(journal_path(settings))
        is_traced = tracing is not None
        means = Means(state, pool, journal, allotments, Board(settings), phases, snapshot, undeclared, is_traced)
        routing = looked.world.routing
        if routing is not None:
            routing.begin()
        try:
            if planned.will_run and undeclared is None:  # one that is confined, or looked at, begins with its task
                pool.warm_up()
            yield means
        finally:
            means.close()
            if routing is not None:
                routing.close()


def _execute(
    settings: Settings, looked: Looked, planned: Plan, options: Options, emit: Emit, number: int, means: Means
) -> Run:
    """The run, when all of its tasks have ended."""
    from dbuild.build.attempts import Failing
    from dbuild.build.run import Run

    failing = Failing(options.keep_going, options.fail_fast, settings.is_resting)
    run = Run(looked.world, planned, number, means, emit, failing, tells_output=settings.tells_output)
    with signals_ending(run.interrupt, means.pool.wake_descriptor.fileno()):
        run.execute()
    return run


def _told(settings: Settings, looked: Looked, planned: Plan, run: Run, means: Means, emit: Emit) -> Summary:
    """The summary of a run, but for its seconds, after all else that is to be told of it."""
    from dbuild.build.gaps import gaps_of

    traced = means.undeclared.told() if means.undeclared is not None and means.is_traced else None
    if traced is not None:
        emit(traced)
    for gap in gaps_of(planned, lambda name: planned.targets[name].fresh | run.settlement.of(name)):
        emit(gap)
    rests = [rest.until for rest in run.rests] if settings.is_resting else []
    return replace(
        _summary(planned, run),
        changes_at=changes_at(looked, planned, run.settlement.of, rests),
        undeclared=traced.undeclared if traced is not None else 0,
    )


def _end(state: State, run: Run, summary: Summary) -> None:
    """Notes in the ledger how a run ended."""
    from dbuild.state.ledger import Savings

    outcome = "interrupted" if run.is_interrupted else ("failed" if summary.failed else "done")
    with state.transaction():
        state.end_run(run.number, summary.seconds, outcome, summary.built, summary.failed)
        state.put_savings(run.number, Savings(summary.fresh, summary.spared, summary.saved_seconds or 0.0))


def _looking(world: World, options: Options, emit: Emit) -> tuple[Undeclared | None, Tracing | None]:
    """Who looks at what recipes open, or holds them to what is declared, and how that is seen."""
    if not options.is_traced and not options.is_confined:
        return None, None
    from dbuild.build.likeness import Looking
    from dbuild.build.undeclared import Undeclared, areas_in

    areas = areas_in(world)
    if not options.is_traced:
        return Undeclared(world, Looking(areas, is_enforced=True, sees_programs=False)), None
    from dbuild.execute import strace
    from dbuild.execute.witness import Tracing
    from dbuild.observe.surroundings import scratch_folders

    found, why = strace.find()
    if found is None:
        emit(Notice(f"{why}: shell recipes aren't traced, and of Python recipes only what Python itself opens is seen"))
    looking = Looking(areas, options.is_confined, sees_programs=found is not None)
    return Undeclared(world, looking), Tracing(areas, scratch_folders(), found)


def _summary(planned: Plan, run: Run) -> Summary:
    """What came of a run; how long it took isn't known yet."""
    counts = run.schedule.counts
    stopped = counts[Outcome.PENDING] + counts[Outcome.READY] + counts[Outcome.DELAYED]
    provisional = sum(
        len((part.fresh | run.settlement.of(name)) & part.provisional)
        for name, part in planned.targets.items()
        if part.provisional
    )
    return Summary(
        str(run.number),
        counts[Outcome.BUILT],
        planned.fresh + counts[Outcome.FRESH],
        counts[Outcome.FAILED] - run.cut_off,
        planned.waiting,
        counts[Outcome.BLOCKED] + stopped + run.cut_off,
        0,
        provisional,
        0.0,
        run.is_interrupted,
        planned.awaited,
        spared=counts[Outcome.FRESH],
        slowest=run.slowest(),
        assumed=planned.assumed,
    )
