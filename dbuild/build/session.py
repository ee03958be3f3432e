"""A command's way through: open the state, load the flow, look, plan; and for a build: lock, recover, run, seal."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import FrameType

from dbuild.build.answer import Seen
from dbuild.build.discovery import Asking, kept_answers, keys_of, remade, settle_keys
from dbuild.build.doubt import Doubt
from dbuild.build.keeping import keep_quiet_answer
from dbuild.build.legacy import keep_shapes, legacy_of
from dbuild.build.loading import load_flow, read_project
from dbuild.build.presence import Presence
from dbuild.build.recovery import recover, sweep
from dbuild.build.seals import seal
from dbuild.build.settings import Settings
from dbuild.build.shortcut import journal_path
from dbuild.build.standings import Standings
from dbuild.build.survey import SINGLES, Survey, locations_of
from dbuild.build.world import World
from dbuild.core.budget import Budget
from dbuild.core.events import Event, Notice, Summary
from dbuild.core.graph import Flow
from dbuild.core.plan import Plan, make_plan
from dbuild.core.schedule import State as Outcome
from dbuild.core.selection import Selection, arguments_of, named_by, select
from dbuild.errors import StateError, UsageError, UserError
from dbuild.observe.digests import probe_clock
from dbuild.state.opening import is_damage, make_folder, open_state, set_aside
from dbuild.state.store import FOLDER, State

Emit = Callable[[Event], None]
_WORKERS = "workers"  # in the state folder: who holds its lock works for a build
_PATIENCE = 10.0  # seconds that the workers of a killed build have to end


@dataclass(frozen=True, slots=True)
class Looked:
    """A flow, the world as it is, and what was asked for."""

    flow: Flow
    world: World
    selection: Selection
    clock: int  # the file system's, from before anything was read; 0 for a reader

    def tell(self, doubt: Doubt) -> None:
        """Says what can't be known without a build."""
        for text in self.world.doubts:
            doubt(text)


def plan(settings: Settings, arguments: Sequence[str], *, force: bool = False) -> Plan:
    """What a build of these targets would do. Writes nothing, runs nothing of the project."""
    with reading(settings) as state:
        return make(look(settings, state, arguments, _forget, force=force))


def make(looked: Looked) -> Plan:
    """The plan for what was asked for."""
    made = make_plan(
        looked.flow,
        looked.world.domains,
        looked.selection.wanted,
        looked.selection.absent,
        looked.world,
        looked.world.notices,
    )
    idle = map(idle_text, looked.selection.empty)
    routing = looked.world.routing
    unrouted = tuple(routing.doubts(made.targets))
    strays = (str(stray) for stray in routing.strays() if stray.target in made.targets)
    notices = (*made.notices, *_held(looked, made), *idle, *unrouted, *strays)
    return replace(made, notices=notices, doubts=(*looked.world.doubts, *unrouted))


def idle_text(argument: str) -> str:
    """What is told of an argument such as `daily@failed` where nothing stands so."""
    return f"{argument} chooses nothing: no partition stands so"


def _held(looked: Looked, planned: Plan) -> Iterator[str]:
    """Notices of what would be built if nobody had frozen it."""
    for name, part in planned.targets.items():
        if part.held:
            said = "; ".join(dict.fromkeys(looked.world.why_frozen(name, index) for index in part.held))
            what = "1 partition is" if len(part.held) == 1 else f"{len(part.held)} partitions are"
            yield f"{name}: {what} frozen and not up to date ({said})"


@contextmanager
def reading(settings: Settings) -> Iterator[State]:
    """The state, for reading. Raises StateError where it is damaged."""
    state = open_state(settings.root, settings.flow, is_reader=True)
    try:
        yield state
    except sqlite3.DatabaseError as error:
        hint = "the next build sets it aside and looks at everything anew" if is_damage(error) else None
        raise StateError(f"the state can't be read: {error}", hint=hint) from None
    finally:
        state.close()


def _forget(kind: str, subject: bytes, value: str) -> None:
    """A reader keeps no memos."""


def look(
    settings: Settings,
    state: State,
    arguments: Sequence[str],
    keep: Callable[[str, bytes, str], None],
    *,
    force: bool = False,
    everything: bool = False,
    seen: Seen | None = None,
    asking: Asking | None = None,
) -> Looked:
    """The flow and the world as far as these targets need it. Raises UserError for what can't be taken.

    `asking` is what a build has: it lets keys be found by SQL.
    """
    folder = os.path.join(settings.root, FOLDER)
    clock = probe_clock(folder) if os.access(folder, os.W_OK) else 0
    flow = load_flow(settings, state, keep)
    legacy = legacy_of(flow, state)
    everything = everything or not legacy.is_settled
    names = _named(flow, arguments)
    used = flow.upstream(flow.steps if everything else names)
    needed = set(flow.project.sources) | used
    singles = [
        *flow.project.files,
        *(path for name in sorted(needed & flow.steps.keys()) for path in _code(flow, name)),
    ]
    survey = Survey(settings.root, state, locations_of(flow), needed, singles, seen or {})

    def see() -> World:
        return _world(settings, flow, survey, state, clock, used, asking)

    if legacy.is_settled:
        world = see()
        keep_shapes(legacy, state)
    else:
        from dbuild.build.inheritance import take_over

        world = take_over(legacy, state, see)
    if asking is not None and world.routing:
        world = _with_rows(world, used, asking)
    try:
        selection = select(flow, world.domains, arguments, world.now, standing=Standings(world, names))
    except UsageError as error:  # mostly a key that isn't known yet
        hints = filter(None, (error.hint, *world.doubts))
        raise UsageError(error.what, error.place, "; ".join(hints) or None) from None
    if force:
        world.forced = dict(selection.wanted)
    return Looked(flow, world, selection, clock)


def _world(
    settings: Settings,
    flow: Flow,
    survey: Survey,
    state: State,
    clock: int,
    used: Iterable[str],
    asking: Asking | None,
) -> World:
    presence = Presence(flow.project, survey, state, _moment(settings, clock), has_given_clock=settings.now is not None)
    kept = kept_answers(flow, state)
    world = World(
        *(flow, survey, state, presence, settings.moment, settings.clock, keys_of(kept)),
        is_patient=settings.is_patient,
        is_reopened=settings.is_reopened,
    )
    if not flow.queries:
        return world
    datasets = (flow.project.dataset(name) for name in used)
    dimensions = {dimension for dataset in datasets if dataset for dimension in dataset.dimensions}
    return settle_keys(world, kept, dimensions, asking)


def _with_rows(world: World, targets: Collection[str], asking: Asking) -> World:
    """The world, when it is known where the rows go that these targets may get: dimensions may reach further then."""
    from dbuild.observe.machine import cores

    before = world.routing.ends()
    world.routing.find_out(targets, asking.jobs or cores(), asking.emit)
    return remade(world, world.keys) if world.routing.ends() != before else world


def _moment(settings: Settings, clock: int) -> int:
    """The time in ns by which files are young: the one that was given, else the file system's, else the machine's."""
    return int(settings.now * 1e9) if settings.now is not None else clock or time.time_ns()


def _code(flow: Flow, name: str) -> tuple[str, ...]:
    step = flow.steps[name]
    return (*step.target.uses, *step.analysis.files)


def _named(flow: Flow, arguments: Sequence[str]) -> set[str]:
    """The datasets whose folders have to be looked at: those asked for, and for `x+` all that follows.

    Raises UsageError for names of nothing.
    """
    names: set[str] = set()
    for selector in arguments_of(flow, arguments):
        found = {dataset.name for dataset in named_by(flow, selector)}
        names |= flow.downstream(found) if selector.is_down else found
    return names


# -- building ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """How to build."""

    jobs: int | None = None  # how many tasks at once; None: one for each core
    keep_going: bool = False  # build what doesn't stand behind a failure
    fail_fast: bool = False  # end what runs when a task has failed
    force: bool = False  # build what is named, stale or not
    budget: Budget | None = None  # do no more than that; None: all that there is to do


def build(
    settings: Settings, arguments: Sequence[str], options: Options, emit: Emit, started: float, seen: Seen
) -> Summary:
    """Builds what is stale of these targets and of all that they need; the summary is also the last event.

    `seen` has listings that were made just now. Raises UserError (ProjectError, UsageError, StateError); failed
    recipes are events, not errors.
    """
    with ExitStack() as stack:
        if _lock(settings, stack, emit):
            seen = {}  # another build has been at work since
        state = _open(settings, emit)
        stack.callback(state.close)
        try:
            summary = _build(settings, state, arguments, options, emit, started, seen)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise StateError(f"the state can't be written: {error}", hint="is the disk full?") from None
            state.close()
            aside = os.path.relpath(set_aside(settings.root), settings.root)
            emit(Notice(f"the state was damaged; it is kept as {aside}, and everything is looked at anew"))
            state = open_state(settings.root, settings.flow)
            stack.callback(state.close)
            summary = _build(settings, state, arguments, options, emit, started, {})
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            raise StateError(
                f"the build can't go on: {error.strerror or error}{where}",
                hint="what it had recorded stands; the next build does the rest",
            ) from None
    emit(summary)
    return summary


def _open(settings: Settings, emit: Emit) -> State:
    folder = os.path.join(settings.root, FOLDER)
    before = set(os.listdir(folder))
    state = open_state(settings.root, settings.flow)
    for name in set(os.listdir(folder)) - before:
        if ".damaged-" in name and name.count("-wal") + name.count("-shm") == 0:
            emit(Notice(f"the state was damaged; it is kept as {FOLDER}/{name}, and everything is looked at anew"))
    return state


def _lock(settings: Settings, stack: ExitStack, emit: Emit) -> bool:
    """Takes the build lock, and waits for workers that a killed build has left; whether another build ran till now."""
    from dbuild.state.lock import BuildLock

    if not os.path.exists(os.path.join(settings.root, settings.flow)):
        read_project(settings)  # raises, and leaves no state folder where there is no project
    folder = os.path.join(settings.root, FOLDER)
    try:
        make_folder(folder)
        lock = BuildLock(os.path.join(folder, "lock"))
        has_waited = lock.acquire(
            lambda holder: emit(Notice(f"another build runs here ({holder}): waiting for it", "info"))
        )
    except OSError as error:
        raise StateError(
            f"the state folder {folder} can't be written: {error.strerror}", hint="dbuild needs to write there"
        ) from None
    stack.callback(lock.release)
    _outlast_workers(folder, emit)
    return has_waited


def _outlast_workers(folder: str, emit: Emit) -> None:
    """Waits until no worker of a killed build lives: what it still wrote would be left over by this one."""
    from dbuild.state.lock import outlast

    waiting = Notice("a build was cut off, and a process of it is still ending: waiting for it", "info")
    if not outlast(os.path.join(folder, _WORKERS), _PATIENCE, lambda: emit(waiting)):
        emit(Notice(f"a process of the build that was cut off still runs after {_PATIENCE:g} s: going on without it"))


def _build(
    settings: Settings,
    state: State,
    arguments: Sequence[str],
    options: Options,
    emit: Emit,
    started: float,
    seen: Seen,
) -> Summary:
    recover(settings, state, emit)
    asking = Asking(emit, options.jobs, options.force)
    looked = look(settings, state, arguments, state.put_memo, force=options.force, seen=seen, asking=asking)
    sweep(settings, state, looked.flow, looked.world.survey)
    planned = make(looked)
    for notice in planned.notices:
        emit(Notice(notice))
    if not planned.will_run and not planned.may_run:
        if not looked.world.survey.is_known or looked.world.routing.has_news:
            seal(looked.world, planned, None)
        keep_quiet_answer(settings, state, arguments, looked, planned)
        return _quiet_summary(planned, started)
    if options.budget is not None:
        from dbuild.build.budgeting import check_budget

        check_budget(looked.world, planned, options.budget, options.jobs)
    _claim_outputs(settings, state, planned)
    _check_secrets(planned)
    _check_folders(looked.world.survey, planned)
    return _run(settings, state, looked, planned, options, emit, started)


def _claim_outputs(settings: Settings, state: State, planned: Plan) -> None:
    """Two Dataflowfiles in one folder must not write the same files. Raises UserError."""
    owners = state.owners()
    for name in planned.targets:
        for output in planned.flow.steps[name].target.outputs:
            flow, target = owners.get(output.path, (settings.flow, name))
            if flow != settings.flow and os.path.exists(os.path.join(settings.root, flow)):
                raise UserError(
                    f'"{output.path}" is already an output of target "{target}" in {flow}',
                    planned.flow.steps[name].target.place,
                    "give one of them another path",
                )
            if (flow, target) != (settings.flow, name) or output.path not in owners:
                state.put_owner(output.path, name)


def _check_secrets(planned: Plan) -> None:
    """Secrets that aren't there are said before any recipe starts. Raises UserError."""
    for name, part in planned.targets.items():
        target = planned.flow.steps[name].target
        for secret in target.secrets if part.will or part.may else ():
            if not os.environ.get(secret):
                what = f'the secret {secret} of target "{name}" is not in the environment'
                raise UserError(what, target.place, f"set it where dbuild is called: {secret}=… dbuild")


def _check_folders(survey: Survey, planned: Plan) -> None:
    """Folders that can't be written are said before any recipe starts. Raises StateError."""
    for name, part in planned.targets.items():
        for location in survey.locations[name] if part.will or part.may else ():
            path = os.path.dirname(location.pattern.path(())) if location.root == SINGLES else location.root
            if location.pattern.is_folder and not location.pattern.dimensions:
                path = os.path.dirname(path)  # it is made beside the one that is there, and takes its place
            folder = os.path.join(survey.root, path)
            while not os.path.exists(folder) and folder != os.path.dirname(folder):
                folder = os.path.dirname(folder)
            if not os.path.isdir(folder) or not os.access(folder, os.W_OK | os.X_OK):
                what = f'the folder {path or "."} of target "{name}" can\'t be written'
                where = planned.flow.steps[name].target.place
                raise StateError(what, where, f"{os.path.relpath(folder, survey.root)} is read-only or no folder")


def _quiet_summary(planned: Plan, started: float) -> Summary:
    provisional = sum(len(part.fresh & part.provisional) for part in planned.targets.values() if part.provisional)
    return Summary("", 0, planned.fresh, 0, planned.waiting, 0, 0, provisional, time.monotonic() - started)


def _run(
    settings: Settings,
    state: State,
    looked: Looked,
    planned: Plan,
    options: Options,
    emit: Emit,
    started: float,
) -> Summary:
    from dbuild.build.allotments import Allotments
    from dbuild.build.gaps import gaps_of
    from dbuild.build.run import Failing, Run
    from dbuild.execute.pool import Pool
    from dbuild.execute.publish import Journal
    from dbuild.observe.machine import cores, memory
    from dbuild.state.lock import hold

    project = looked.flow.project
    number = state.begin_run(settings.clock(), shlex.join(sys.argv[1:]))
    allotments = Allotments(project, options.jobs or cores(), memory())
    for name in allotments.too_large():
        if name in planned.targets:
            emit(Notice(f'"{name}" needs more memory than there is: its tasks run alone'))
    logs = os.path.join(settings.root, FOLDER, "logs")
    withheld = {name for target in project.targets.values() for name in target.secrets}
    with hold(os.path.join(settings.root, FOLDER, _WORKERS)) as sign:
        pool = Pool(allotments.workers(), settings.root, logs, _directories(looked), withheld, sign)
        journal = Journal(journal_path(settings))
        failing = Failing(options.keep_going, options.fail_fast)
        run = Run(looked.world, planned, state, pool, journal, number, emit, allotments, failing)
        looked.world.routing.begin()
        try:
            with _signals(run.interrupt, pool.wake_descriptor.fileno()):
                run.execute()
        finally:
            pool.close()
            journal.close()
            looked.world.routing.close()
    seal(looked.world, planned, run)
    if looked.world.words:
        from dbuild.build.marking import drop_done

        drop_done(looked)
    for gap in gaps_of(planned, lambda name: planned.targets[name].fresh | run.settled(name)):
        emit(gap)
    summary = _summary(planned, run, str(number), time.monotonic() - started)
    outcome = "interrupted" if run.is_interrupted else ("failed" if summary.failed else "done")
    state.end_run(number, summary.seconds, outcome, summary.built, summary.failed)
    return summary


def _directories(looked: Looked) -> tuple[str, ...]:
    """The folders of all datasets that are needed: what SQL may touch at all."""
    root = looked.world.survey.root
    locations = (one for own in looked.world.survey.locations.values() for one in own)
    return tuple(dict.fromkeys(os.path.normpath(os.path.join(root, one.folder)) for one in locations))


@contextmanager
def _signals(interrupt: Callable[[], None], wake: int) -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end the run; they only wake the loop's wait, nothing is raised anywhere."""

    def handle(number: int, frame: FrameType | None) -> None:
        interrupt()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        before = {number: signal.signal(number, handle) for number in numbers}
    except ValueError:  # not the main thread: whoever started it owns the signals
        yield
        return
    woken = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(planned: Plan, run: object, number: str, seconds: float) -> Summary:
    from dbuild.build.run import Run

    assert isinstance(run, Run)
    counts = run.schedule.counts
    stopped = counts[Outcome.PENDING] + counts[Outcome.READY] + counts[Outcome.DELAYED]
    provisional = sum(
        len((part.fresh | run.settled(name)) & part.provisional)
        for name, part in planned.targets.items()
        if part.provisional
    )
    return Summary(
        number,
        counts[Outcome.BUILT],
        planned.fresh + counts[Outcome.FRESH],
        counts[Outcome.FAILED],
        planned.waiting,
        counts[Outcome.BLOCKED] + stopped,
        0,
        provisional,
        seconds,
        run.is_interrupted,
    )
