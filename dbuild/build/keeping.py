"""Whether the answer "nothing to do" may be kept for the next time, and on what it rests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dbuild.build.answer import Grounds, Period, Question, keep_answer
from dbuild.build.loading import module_folders
from dbuild.build.settings import Settings
from dbuild.core.aging import ages_at
from dbuild.core.domain import changes_after
from dbuild.core.expectation import next_deadline
from dbuild.core.model import PythonRecipe
from dbuild.core.plan import Plan
from dbuild.state.store import State

if TYPE_CHECKING:
    from dbuild.build.looks import Looked


def keep_quiet_answer(
    settings: Settings, state: State, arguments: Sequence[str], looked: Looked, planned: Plan
) -> None:
    """Leaves the answer for the next time, where nothing but files and the clock can change it.

    Notices are to be given again, so there is none where there are any; nor where it was asked for partitions by how
    they stand, which only a plan can tell.
    """
    survey, world, selection = looked.world.survey, looked.world, looked.selection
    if not settings.is_usual:
        return
    if survey.has_differences or planned.notices or world.words.can_expire or selection.by_standing:
        return
    steps = [planned.flow.steps[name] for name in planned.targets]
    modules = [f for step in steps if isinstance(step.target.recipe, PythonRecipe) for f in step.analysis.files]
    grounds = Grounds(
        survey.singles(),
        survey.trees(),
        module_folders(tuple(modules)),
        planned.flow.project.globs,
        _period(looked, planned),
    )
    made = (part.fresh & part.provisional for part in planned.targets.values() if part.provisional)
    counts = {"fresh": planned.fresh, "waiting": planned.waiting, "awaited": planned.awaited}
    counts["provisional"] = sum(map(len, made))
    keep_answer(settings.root, state, Question(tuple(arguments), settings.params), grounds, counts, looked.clock)


def _deadlines(looked: Looked, planned: Plan) -> Iterator[datetime | None]:
    """When something that was asked for and isn't there becomes late, and when what waits is too old to."""
    project, world = looked.flow.project, looked.world
    if world.routing is not None:
        yield world.routing.changes_after()
    for name in looked.flow.upstream(planned.targets) & project.sources.keys() & world.absences.keys():
        yield next_deadline(project.sources[name], world.absences[name], project.dimensions)
    for name, part in planned.targets.items():
        if part.waiting:  # what stays as it is doesn't wait
            yield ages_at(looked.flow.steps[name].target, project.dimensions, world.now)


def _period(looked: Looked, planned: Plan) -> Period:
    now = looked.world.now
    ends = (looked.selection.until, changes_after(looked.flow.project, now), *_deadlines(looked, planned))
    until = min((end for end in ends if end is not None), default=None)
    since = now.replace(tzinfo=UTC).timestamp()
    return Period(since, until.replace(tzinfo=UTC).timestamp() if until is not None else None)
