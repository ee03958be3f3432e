"""`dbuild [build]`: builds targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import build_options, common_options
from dbuild.core.events import Summary
from dbuild.errors import UsageError, UserError, nearest
from dbuild.ui.choice import sink
from dbuild.ui.sinks import Sink

if TYPE_CHECKING:
    from dbuild.build import Settings
    from dbuild.core.budget import Budget

HELP = """Build targets, and what they need, where they are stale.

KEYS choose partitions: 2013-01-05, 2013-01 (all of it), 2013-01-01..2013-01-31, 2013-06.., today, -7d..,
day=2013-01-05,origin=JFK+LGA; or stale, failed, missing. +x also builds all that x needs, x+ all that is made from it.
TARGET may be a pattern (daily_*) or a tag (tag:nightly). Without targets, the project's default.

\b
Examples:
  dbuild build daily@2013-01-05..2013-01-07  three days
  dbuild build -k -j 4                       go on after a failure, 4 at once
  dbuild build plan                          a target named like a command
  dbuild build weather+                      all that is made from the weather
  dbuild build --budget 500                  nothing, if it were more than 500
  dbuild build --timeline out.json           what took long, for Perfetto
  dbuild build --profile                     what dbuild took, what recipes
  dbuild build tag:nightly@-7d..             the last days of what has a tag
  dbuild build daily@failed report           what failed, and another target
  dbuild build -B --trace daily@2013-01-05   what it opens undeclared
"""


# Commands of other tools.
_ELSEWHERE = {
    **dict.fromkeys(("run", "make", "materialize", "repro", "backfill"), ""),
    **dict.fromkeys(("ls", "datasets"), " list"),
    **dict.fromkeys(("graph", "dag", "lineage", "viz"), " status --graph"),
    **dict.fromkeys(("explain", "debug"), " why"),
    **dict.fromkeys(("dryrun", "dry-run", "preview"), " plan"),
    **dict.fromkeys(("validate", "compile", "parse"), " lint"),
    **dict.fromkeys(("logs", "runs"), " log"),
    **dict.fromkeys(("rm", "gc", "prune"), " clean"),
    **dict.fromkeys(("docs", "man", "--man"), " help"),
    **dict.fromkeys(("freeze", "touch"), " mark"),
    "version": " --version",
    "new": " init",
}


@spec.command("build", HELP)
@spec.argument("targets", nargs=-1, metavar="[TARGET[@KEYS]]...")
@build_options
@common_options
def command(
    targets: Sequence[str],
    jobs: int | None,
    keep_going: bool,
    fail_fast: bool,
    dry_run: bool,
    force: bool,
    budget: str | None,
    timeline: str | None,
    is_profiled: bool,
    yes: bool,
    strict: bool,
    is_patient: bool,
    is_reopened: bool,
    assumed: tuple[str, ...],
    is_resting: bool,
    is_traced: bool,
    is_confined: bool,
    texts: str | None,
    events: int | None,
    common: Common,
) -> int:
    """Builds, or with `dry_run` shows the plan; the exit code."""
    settings = common.settings()._replace(
        is_patient=is_patient,
        is_reopened=is_reopened,
        is_resting=is_resting,
        tells_grounds=events is not None,
        tells_output=common.is_verbose and not common.is_quiet,
        tells_phases=is_profiled or timeline is not None,
        texts=_texts(texts) if texts is not None else None,
        assumed=assumed,
    )
    _refuse_pairs(keep_going, fail_fast, dry_run, timeline, is_profiled=is_profiled)
    allowed = _budget(budget) if budget is not None else None
    try:
        if dry_run:
            from dbuild.cli.plan import show_plan

            return show_plan(settings, targets, common, strict=strict, force=force)
        with _screen(settings, common, timeline, events, is_profiled=is_profiled) as emit:
            done = building.build(
                settings,
                targets,
                jobs=jobs,
                keep_going=keep_going,
                fail_fast=fail_fast,
                force=force,
                budget=None if yes else allowed,
                is_traced=is_traced,
                is_confined=is_confined,
                emit=emit,
            )
    except UsageError as error:
        raise _with_command(error, targets) from None
    except UserError as error:
        if common.is_json or events is not None:
            _tell_refusal(error, events)
        raise
    return exit_code(done, strict=strict)


def _refuse_pairs(keep_going: bool, fail_fast: bool, dry_run: bool, timeline: str | None, *, is_profiled: bool) -> None:
    """UsageError for options that don't go together."""
    if keep_going and fail_fast:
        raise UsageError("-k and --fail-fast exclude each other", hint="give one of them")
    if dry_run and timeline is not None:
        raise UsageError("-n runs nothing, so there is no timeline", hint="leave out one of -n and --timeline")
    if dry_run and is_profiled:
        raise UsageError("-n runs nothing, so there is nothing to profile", hint="leave out one of -n and --profile")


def _screen(settings: Settings, common: Common, timeline: str | None, events: int | None, *, is_profiled: bool) -> Sink:
    """Where the events of a build go. Raises UserError where a timeline can't be written."""
    screen = sink(common.is_json, common.is_quiet, common.is_verbose, events)
    if is_profiled:
        from dbuild.ui.profile import Profiler

        screen = Profiler(screen, is_json=common.is_json)
    if timeline is None:
        return screen
    from dbuild.ui.timeline import Timeline

    return Timeline(screen, os.path.join(settings.directory, timeline))


def exit_code(done: Summary, *, strict: bool) -> int:
    """130 for an interrupted run, 1 for a failure, 3 where --strict finds something held back or undeclared, else 0.

    What only waits for what isn't due yet is as it should be.
    """
    if done.was_interrupted:
        return 130
    if done.failed:
        return 1
    is_doubtful = done.waiting > done.awaited or done.blocked or done.provisional or done.undeclared
    return 3 if strict and is_doubtful else 0


def _texts(file: str) -> dict[str, str]:
    """The texts that a file holds: one JSON object, path -> text. Raises UsageError where it doesn't."""
    from json import load

    try:
        with open(file, encoding="utf-8") as stream:
            found = load(stream)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the texts of {file} can't be read: {error}", hint="--texts is for dbuild watch") from None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise UsageError(f"{file} is no JSON object of texts", hint="--texts is for dbuild watch")
    return found


def _budget(text: str) -> Budget:
    """The budget that is written so: a number of partitions, or a duration. Raises UsageError where it is neither."""
    from dbuild.core.budget import Budget

    if text.isdecimal():
        return Budget(text, partitions=int(text))
    from dbuild.project.quantities import read_duration

    try:
        return Budget(text, seconds=read_duration(text))
    except ValueError:
        raise UsageError(f'"{text}" is no budget', hint="as in --budget 500 (partitions) or --budget 2h") from None


def _tell_refusal(error: UserError, events: int | None) -> None:
    """What a budget refused, for a program or a watch."""
    from dbuild.core.budget import BudgetError

    if not isinstance(error, BudgetError):
        return
    from dbuild.ui.json import print_record, refusal_record

    record = refusal_record(error.excess)
    if events is None:
        print_record(record)
    else:
        from dbuild.ui.watched import write_record

        write_record(events, record)


def _with_command(error: UsageError, targets: Sequence[str]) -> UsageError:
    """The error with a hint at a command, where an unknown target looks like one."""
    from dbuild.cli.commands import COMMANDS

    for word in targets[:1]:
        if word in _ELSEWHERE and f'"{word}"' in error.what:
            return UsageError(error.what, error.place, f'here it is "dbuild{_ELSEWHERE[word]}"')
        near = nearest(word, COMMANDS)
        if near and f'"{word}"' in error.what and (error.hint is None or "did you mean" not in error.hint):
            return UsageError(error.what, error.place, near.replace("mean", "mean the command"))
    return error
