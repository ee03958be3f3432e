"""What dbuild does for a command: observe, plan, execute, record, report. The one place where core and shell meet.

Everything is imported when it is called: a build that has nothing to do needs next to none of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from dbuild.build.doubt import Doubt, ignore
from dbuild.build.settings import Settings

if TYPE_CHECKING:
    from dbuild.build.logs import Piece
    from dbuild.build.proposing import Look, Proposal
    from dbuild.build.questions import Answer
    from dbuild.build.running import RunningTask
    from dbuild.core.budget import Budget
    from dbuild.core.cleaning import Cleaning, Wanted
    from dbuild.core.events import Event, Summary
    from dbuild.core.graph import Flow
    from dbuild.core.history import History
    from dbuild.core.lateness import Lateness
    from dbuild.core.mark import Saying
    from dbuild.core.plan import Plan
    from dbuild.core.report import DatasetStatus, Explanation, MarkRecord, RunRecord, Shown, TaskRecord
    from dbuild.core.statistics import Statistics
    from dbuild.core.whynot import WhyNot
    from dbuild.errors import UserError

__all__ = [
    "Settings",
    "ask",
    "build",
    "check_free",
    "clean",
    "explain",
    "find_cleaning",
    "follow_log",
    "fresh",
    "history",
    "late",
    "ledger",
    "lint",
    "lint_notes",
    "log_paths",
    "look_into",
    "mark",
    "marks",
    "open_shell",
    "overview",
    "plan",
    "propose",
    "running_tasks",
    "runs",
    "show",
    "stats",
    "status",
    "why_not",
    "write_proposal",
]


def build(
    settings: Settings,
    arguments: Sequence[str],
    *,
    jobs: int | None = None,
    keep_going: bool = False,
    fail_fast: bool = False,
    force: bool = False,
    budget: Budget | None = None,
    is_traced: bool = False,
    is_confined: bool = False,
    emit: Callable[[Event], None],
) -> Summary:
    """Builds what is stale of these targets and of all that they need; the summary is also the last event.

    With `is_traced` it tells what recipes open that isn't declared; with `is_confined` they can't. Raises UserError
    (ProjectError, UsageError, StateError, BudgetError); failed recipes are events, not errors.
    """
    started = time.monotonic()
    if is_confined:
        from dbuild.execute import landlock

        landlock.version()
    phases = _phases(settings, emit)
    with phases("answer"):
        from dbuild.build.sight import Sight

        sight, known = Sight(settings.root), None
        if not force:
            from dbuild.build.shortcut import answer

            known = answer(settings, arguments, started, sight, emit)
    if known is not None:
        emit(known)
        return known
    with phases("import"):
        from dbuild.build import session

    options = session.Options(jobs, keep_going, fail_fast, force, budget, is_traced, is_confined)
    return session.build(settings, arguments, options, emit, started, sight)


def _phases(settings: Settings, emit: Callable[[Event], None]) -> Callable[[str], AbstractContextManager[None]]:
    """Who tells of what a build does itself: nobody, where nobody asked."""
    if not settings.tells_phases:
        return lambda name: nullcontext()
    from dbuild.build.phases import Phases

    return Phases(emit, is_told=True)


def plan(settings: Settings, arguments: Sequence[str], *, force: bool = False) -> Plan:
    """What a build of these targets would do. Writes nothing, runs nothing of the project."""
    from dbuild.build import plans

    return plans.plan(settings, arguments, force=force)


def fresh(settings: Settings, arguments: Sequence[str]) -> tuple[int, tuple[str, ...]] | None:
    """How many partitions a plan for these targets has, where nothing is to run and nothing waits.

    Behind it the datasets whose files nobody looked at, as they were assumed to be unchanged. None where something is
    to run or waits, or where only a plan can tell.
    """
    from dbuild.build.shortcut import standing

    known = standing(settings, arguments)
    if known is None or known[0].counts["waiting"]:
        return None
    return known[0].counts["fresh"], known[0].assumed


def lint(settings: Settings) -> Flow:
    """The flow, if nothing is wrong with it. Raises ProjectError with all mistakes."""
    from dbuild.build import reports

    return reports.lint(settings)


def lint_notes(settings: Settings, flow: Flow) -> tuple[UserError, ...]:
    """What is no mistake of a flow but good to know, each with its place."""
    from dbuild.build import reports

    return reports.lint_notes(settings, flow)


def status(
    settings: Settings,
    arguments: Sequence[str],
    doubt: Doubt = ignore,
    notice: Doubt = ignore,
    *,
    is_detailed: bool = False,
) -> tuple[DatasetStatus, ...]:
    """How the partitions of these targets, and of all that they need, stand; with details for pictures if asked for.

    `doubt` hears what can't be known, `notice` which arguments chose nothing.
    """
    if not is_detailed:
        from dbuild.build.shortcut import standing

        known = standing(settings, arguments)
        if known is not None:
            from dbuild.core.report import status_of

            assumed = known[0].assumed
            return tuple(status_of(row | {"is_assumed": row["name"] in assumed}) for row in known[1])
    from dbuild.build import reports

    return reports.status(settings, arguments, doubt, notice, is_detailed=is_detailed)


def overview(settings: Settings, arguments: Sequence[str] = (), doubt: Doubt = ignore) -> tuple[DatasetStatus, ...]:
    """The declared datasets, or those that are named, with their keys; how they stand isn't looked into."""
    from dbuild.build import reports

    return reports.overview(settings, arguments, doubt)


def explain(
    settings: Settings,
    arguments: Sequence[str],
    doubt: Doubt = ignore,
    notice: Doubt = ignore,
    most: int | None = None,
) -> tuple[Explanation, ...]:
    """Why the partitions that the arguments name are to be built or not; from the walk that decides.

    `doubt` and `notice` as for `status`. Of those after the first `most` it is told how they stand.
    """
    from dbuild.build import explaining

    return explaining.explain(settings, arguments, doubt, notice, most)


def why_not(
    settings: Settings,
    arguments: Sequence[str],
    doubt: Doubt = ignore,
    notice: Doubt = ignore,
    most: int | None = None,
) -> tuple[WhyNot, ...]:
    """Why the partitions that the arguments name don't run, or that they do; the rest as for `explain`."""
    from dbuild.build import whynot

    return whynot.why_not(settings, arguments, doubt, notice, most)


def late(settings: Settings, arguments: Sequence[str], shown: int, arrivals: int, doubt: Doubt = ignore) -> Lateness:
    """What is late of these sources and targets, of what was built without it, and how late things come.

    `shown` partitions are given one by one of each kind, and the newest `arrivals`. Raises UsageError for wrong names.
    """
    from dbuild.build import lateness

    return lateness.lateness(settings, arguments, shown, arrivals, doubt)


def runs(settings: Settings, limit: int) -> tuple[RunRecord, ...]:
    """The newest runs, newest first."""
    from dbuild.build import past

    return past.runs(settings, limit)


def running_tasks(settings: Settings) -> tuple[RunningTask, ...]:
    """What the build that is under way runs, the longest first; what has just begun isn't named."""
    from dbuild.build.running import running_of

    return running_of(settings)


def mark(
    settings: Settings, arguments: Sequence[str], saying: Saying, emit: Callable[[Event], None]
) -> tuple[MarkRecord, ...]:
    """Keeps a person's word on partitions. Raises UserError, and changes nothing, where it can't be taken."""
    from dbuild.build import marking

    return marking.mark(settings, arguments, saying, emit)


def marks(settings: Settings) -> tuple[MarkRecord, ...]:
    """The words that hold, by target in building order."""
    from dbuild.build import marking

    return marking.marks(settings)


def show(settings: Settings, arguments: Sequence[str], rows: int, doubt: Doubt = ignore) -> tuple[Shown, ...]:
    """The recipes of what is named as they would run, of each target for one partition, with the first rows of it."""
    from dbuild.build import showing

    return showing.show(settings, arguments, rows, doubt)


def open_shell(settings: Settings, argument: str) -> int:
    """A shell in the environment of the shell recipe of `X[@K]`; its exit status. Raises UserError."""
    from dbuild.build import showing

    return showing.open_shell(settings, argument)


def ledger(settings: Settings, words: Sequence[str], limit: int) -> tuple[TaskRecord, ...]:
    """The newest executions in a run (`RUN`) and of partitions (`X[@K]`), newest first. Raises UsageError."""
    from dbuild.build import past

    return past.ledger(settings, words, limit)


def log_paths(settings: Settings, words: Sequence[str]) -> dict[str, str]:
    """The newest log of a run (`RUN`), of tasks in it (`RUN:X@K`) or of partitions (`X@K`), by what it is of."""
    from dbuild.build import logs

    return logs.log_paths(settings, words)


def follow_log(settings: Settings, words: Sequence[str]) -> Iterator[Piece]:
    """What is printed to the logs that are named, as it comes, until what prints it has ended."""
    from dbuild.build import logs

    return logs.follow(settings, words)


def history(settings: Settings, arguments: Sequence[str], limit: int) -> tuple[History, ...]:
    """What happened last to each source and target that is named, at most `limit` things of each. Raises UsageError."""
    from dbuild.build import histories

    return histories.histories(settings, arguments, limit)


def stats(settings: Settings, arguments: Sequence[str], seconds: float | None) -> Statistics:
    """What recipes took, saved, stored in the last `seconds` (None: ever). Raises UsageError for wrong names."""
    from dbuild.build import statistics

    return statistics.statistics(settings, arguments, seconds)


@contextmanager
def ask(settings: Settings, statement: str, doubt: Doubt = ignore) -> Iterator[Answer]:
    """The answer to SQL over the ledger, to be read once. Raises UsageError, also while it is read; StateError."""
    from dbuild.build import questions

    with questions.ask(settings, statement, doubt) as answer:
        yield answer


def find_cleaning(settings: Settings, wanted: Wanted) -> Cleaning:
    """What `clean` would remove, and what it would keep and why. Writes nothing; UsageError for unknown names."""
    from dbuild.build import cleaning

    return cleaning.find(settings, wanted)


def clean(
    settings: Settings, wanted: Wanted, approved: Collection[str] | None, *, emit: Callable[[Event], None]
) -> Cleaning:
    """Removes what this Dataflowfile's builds made and still own, of that the `approved` paths (None: all).

    Waits for a build that is under way. Raises UsageError for unknown names, StateError.
    """
    from dbuild.build import cleaning

    return cleaning.clean(settings, wanted, approved, emit)


def look_into(directory: str) -> Look:
    """What data files a folder has; it may not be there yet. Raises UsageError where it can't be read."""
    from dbuild.build import proposing

    return proposing.look(directory)


def propose(settings: Settings, found: Look, names: Mapping[str, str] | None = None, due: str = "") -> Proposal:
    """The Dataflowfile for what was found: `names` for dimensions that have no sure one, `due` as in 06:00."""
    from dbuild.build import proposing

    return proposing.propose(found, settings.file, settings.moment, names or {}, due)


def check_free(directory: str, files: Mapping[str, str]) -> None:
    """UsageError where a file is there that would be written."""
    from dbuild.build import proposing

    proposing.check_free(directory, files)


def write_proposal(directory: str, files: Mapping[str, str]) -> None:
    """Writes the files of a proposal, none over another. Raises UsageError, DiskError."""
    from dbuild.build import proposing

    proposing.write(directory, files)
