"""`dbuild watch`: builds whenever something has changed, until it is stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from dbuild import watch as watching
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options, provisional_option
from dbuild.core.vigil import Hours, Rules
from dbuild.errors import UsageError
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_report
from dbuild.ui.watch import status_lines, teller

HELP = """Keep targets fresh: build, then build again whenever a file or the time asks for it, until stopped.

Each build is an ordinary one (-k): what fails is tried again as soon as something that it reads changes, and else after
a minute, two, four, up to an hour. While a Dataflowfile is wrong, builds take it as it was. Ctrl-C or SIGTERM ends it:
0, or 130 where a build was cut off. SIGHUP makes it look at everything anew.

\b
Examples:
  dbuild watch                               all that is built by default
  dbuild watch report -j 4                   one target, and what it needs
  dbuild watch --once-per 10m --not-between 08:00-09:00
  dbuild watch --exec ./notify.sh            gets what happened as JSON
  dbuild watch --poll 30                     files on a network: every 30 s
  dbuild watch --status                      how the one that runs stands
"""


@spec.command("watch", HELP)
@spec.argument("targets", nargs=-1, metavar="[TARGET[@KEYS]]...")
@spec.option("--status", is_flag=True, help="Show how the watch that runs stands; exit with 3 if there is none.")
@spec.option("--strict", is_flag=True, help="With --status: 3 also if its last build failed.")
@spec.option("--exec", "command_line", metavar="CMD", help="Run CMD after a build that changed something or failed.")
@spec.option("--not-between", multiple=True, metavar="HH:MM-HH:MM", help="Begin no build in these hours (local time).")
@spec.option("--once-per", metavar="TIME", help="Build something at most once in this time (10m).")
@spec.option("--poll", metavar="TIME", help="Look at everything this often (2s); don't wait for the system to tell.")
@spec.option("--budget", metavar="N|TIME", help="Run nothing in a build that were more partitions, or longer (2h).")
@provisional_option
@spec.option("-j", "--jobs", type=spec.whole_from(1), metavar="N", help="Run N tasks at once (the cores).")
@common_options
def command(
    targets: Sequence[str],
    status: bool,
    strict: bool,
    command_line: str | None,
    not_between: Sequence[str],
    once_per: str | None,
    poll: str | None,
    budget: str | None,
    is_patient: bool,
    jobs: int | None,
    common: Common,
) -> int:
    """Watches until it is stopped, or shows how a watch stands; the exit code."""
    settings = common.settings()
    if status:
        return _show(watching.report(settings), common, strict=strict)
    rules = Rules(
        _seconds(once_per, "--once-per") if once_per is not None else 0.0, tuple(_hours(text) for text in not_between)
    )
    clock = os.environ.get("DBUILD_NOW", "")
    options = watching.Options(
        rules,
        _seconds(poll, "--poll") if poll is not None else None,
        command_line,
        os.path.abspath(clock[1:]) if clock.startswith("@") else None,
    )
    words = [
        *("-k", "--rest", "-C", settings.directory, "-f", common.file),
        *(word for name, value in common.params for word in ("--param", f"{name}={value}")),
        *(("-j", str(jobs)) if jobs is not None else ()),
        *(("--budget", budget) if budget is not None else ()),
        *(["--no-provisional"] if is_patient else []),
        *(["--json"] if common.is_json else []),
        *(["-q"] if common.is_quiet else []),
        *(["-v"] if common.is_verbose else []),
    ]
    return watching.watch(settings, targets, words, options, teller(json=common.is_json, quiet=common.is_quiet))


def _show(found: dict[str, Any] | None, common: Common, *, strict: bool) -> int:
    """Shows how a watch stands: 0, or 3 where there is none, it is stuck, or (strict) its last build failed."""
    if common.is_json:
        print_record({"event": "watch", "runs": found is not None, **(found or {})})
    elif not common.is_quiet:
        print_report(*(status_lines(found, time.time()) if found is not None else ["no watch runs here"]))
    if found is None or found["is_stuck"]:
        return 3
    return 3 if strict and found["last"] is not None and found["last"]["code"] != 0 else 0


def _seconds(text: str, option: str) -> float:
    """A duration, or a plain number of seconds. Raises UsageError where it is none, or nothing."""
    from dbuild.project.quantities import read_duration

    try:
        found = read_duration(f"{text}s" if text.replace(".", "", 1).isdigit() else text)
    except ValueError:
        raise UsageError(f'"{text}" is no duration', hint=f"as in {option} 30s, {option} 10m") from None
    if found <= 0:
        raise UsageError(f"{option} has to be longer than nothing", hint=f"as in {option} 30s, {option} 10m")
    return found


def _hours(text: str) -> Hours:
    """Hours of the day, as in 08:00-09:30. Raises UsageError where it is none."""
    from dbuild.project.quantities import read_time

    start, dash, end = text.partition("-")
    try:
        if not dash or start == end:
            raise ValueError(text)
        return Hours(read_time(start) * 60.0, read_time(end) * 60.0)
    except ValueError:
        raise UsageError(f'"{text}" is no part of a day', hint="as in --not-between 08:00-09:00") from None
