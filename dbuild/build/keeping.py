"""Whether the answer "nothing to do" may be kept for the next time, and on what it rests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING

from dbuild.build.answer import Grounds, Period, Question, keep_answer
from dbuild.build.loading import module_folders
from dbuild.build.settings import Settings
from dbuild.core.domain import changes_after
from dbuild.core.model import PythonRecipe
from dbuild.core.plan import Plan
from dbuild.state.store import State

if TYPE_CHECKING:
    from dbuild.build.session import Looked


def keep_quiet_answer(
    settings: Settings, state: State, arguments: Sequence[str], looked: Looked, planned: Plan
) -> None:
    """Leaves the answer for the next time, where nothing but files and the clock can change it.

    Notices are to be given again, so there is none where there are any; nor where it was asked for partitions by how
    they stand, which only a plan can tell.
    """
    survey, world, selection = looked.world.survey, looked.world, looked.selection
    if survey.has_differences or planned.notices or world.words.can_expire or selection.by_standing:
        return
    steps = [planned.flow.steps[name] for name in planned.targets]
    modules = [f for step in steps if isinstance(step.target.recipe, PythonRecipe) for f in step.analysis.files]
    grounds = Grounds(
        survey.singles(), survey.trees(), module_folders(tuple(modules)), planned.flow.project.globs, _period(looked)
    )
    counts = {"fresh": planned.fresh, "waiting": planned.waiting}
    keep_answer(settings.root, state, Question(tuple(arguments), settings.params), grounds, counts, looked.clock)


def _period(looked: Looked) -> Period:
    now = looked.world.now
    ends = (looked.selection.until, changes_after(looked.flow.project, now))
    until = min((end for end in ends if end is not None), default=None)
    since = now.replace(tzinfo=UTC).timestamp()
    return Period(since, until.replace(tzinfo=UTC).timestamp() if until is not None else None)
