"""Whether the answer "nothing to do" may be kept for the next time, and on what it rests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from dbuild.build.answer import Grounds, Kept, Period, Question, Rows, keep_answer
from dbuild.build.environments import rests_on_packages, withheld_of
from dbuild.build.places import places_text
from dbuild.build.reports import plain_rows
from dbuild.build.settings import Settings
from dbuild.core.overdue import overdue_after
from dbuild.core.plan import Plan
from dbuild.observe.importpath import package_folders
from dbuild.state.store import State

if TYPE_CHECKING:
    from dbuild.build.looks import Looked


def keep_quiet_answer(
    settings: Settings,
    state: State,
    arguments: Sequence[str],
    looked: Looked,
    planned: Plan,
    until: float | None,
) -> None:
    """Leaves the answer for the next time, where nothing but files and the clock (not before `until`) can change it.

    Notices are to be given again, so there is none where there are any; nor where it was asked for partitions by how
    they stand, which only a plan can tell.
    """
    survey, selection = looked.world.survey, looked.selection
    if not settings.is_usual or settings.assumed:
        return
    if survey.has_differences or planned.notices or selection.by_standing:
        return
    grounds = grounds_of(looked, planned, until)
    made = (part.fresh & part.provisional for part in planned.targets.values() if part.provisional)
    counts = {"fresh": planned.fresh, "waiting": planned.waiting, "awaited": planned.awaited}
    counts["provisional"] = sum(map(len, made))
    question = Question(tuple(arguments), settings.params)
    plain = plain_rows(looked, planned, arguments) if not grounds.programs else None  # who only reads runs no program
    rows = Rows(plain, _counts_until(looked)) if plain is not None else None
    kept = Kept(question, grounds, counts, rows, places_text(looked.flow.project, survey))
    keep_answer(settings.root, state, kept, looked.clock, survey.seen_singles())


def _counts_until(looked: Looked) -> float | None:
    """Until when the clock alone makes no more late of what nothing waits for."""
    world = looked.world
    moment = overdue_after(world.flow.project, world.reach.bounds, world.now)
    return moment.replace(tzinfo=UTC).timestamp() if moment is not None and moment.year < 9999 else None


def grounds_of(looked: Looked, planned: Plan, until: float | None) -> Grounds:
    """All that a look rests on, and that the next one will rest on if nothing changes before `until`."""
    steps = [planned.flow.steps[name] for name in planned.targets]
    programs = dict.fromkeys(part for step in steps for part in step.environment if part.kind == "program")
    return Grounds(
        looked.world.survey.singles(),
        looked.world.survey.trees(),
        tuple(dict.fromkeys(folder for step in steps for folder in step.analysis.folders)),
        planned.flow.project.globs,
        Period(looked.world.now.replace(tzinfo=UTC).timestamp(), until),
        package_folders(planned.flow.project.root) if any(map(rests_on_packages, steps)) else (),
        tuple((part.name, part.digest.hex()) for part in programs),
        withheld_of(planned.flow) if programs else (),
    )
