"""Why partitions are, or aren't, to be built, and why they were: for `dbuild why`. From the walk that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from dbuild.build.backgrounds import Backgrounds
from dbuild.build.behind import Paths, unrouted_files
from dbuild.build.doubt import Doubt, ignore
from dbuild.build.looks import Looked
from dbuild.build.plans import asked
from dbuild.build.reports import failure_record, mark_record, named
from dbuild.build.settings import Settings
from dbuild.build.world import World
from dbuild.core.aging import written_age
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, TargetPlan
from dbuild.core.reasons import unpack_reasons
from dbuild.core.report import Explanation, MarkRecord, Standing
from dbuild.core.trace import joined_key

_FILES = 100  # files of one partition that may have rows of it


def explain(
    settings: Settings,
    arguments: Sequence[str],
    doubt: Doubt = ignore,
    notice: Doubt = ignore,
    most: int | None = None,
) -> tuple[Explanation, ...]:
    """Why the partitions that the arguments name are to be built or not; from the walk that decides.

    `doubt` hears what can't be known, `notice` which arguments chose nothing. Of more than `most` partitions the rest
    is told with how it stands alone; what is fresh comes last.
    """
    with asked(settings, arguments, doubt, notice) as (looked, planned):
        chosen = looked.selection
        explaining = _Explaining(looked, planned)
        first, rest = parted(planned, chosen.wanted, most)
        told = [explaining.of(name, index) for name, index, _ in first]
        for name, absent in chosen.absent.items():
            told.extend(_bare(name, absent, index, "absent") for index in absent.indices())
        domains = looked.world.domains
        return (*told, *(_bare(name, domains.of(name), index, standing) for name, index, standing in rest))


def parted(
    planned: Plan, wanted: Mapping[str, PartitionSet], most: int | None
) -> tuple[list[tuple[str, Index, Standing]], list[tuple[str, Index, Standing]]]:
    """Partitions with how they stand: the first `most`, of those that aren't fresh before the others, and the rest."""
    asked = ((name, index) for name, some in wanted.items() for index in some.indices())
    found = [(name, index, standing_of(planned.targets[name], index)) for name, index in asked]
    if most is None:
        return found, []
    found.sort(key=lambda one: one[2] == "fresh")
    return found[:most], found[most:]


def standing_of(part: TargetPlan, index: Index) -> Standing:
    """How a partition stands in a plan."""
    if index in part.will:
        return "will run"
    if index in part.held:
        return "frozen"
    if index in part.waiting:
        return "waiting"
    return "may run" if index in part.may else "fresh"


class _Explaining:
    """The explanations of one plan."""

    def __init__(self, looked: Looked, planned: Plan) -> None:
        self._looked = looked
        self._planned = planned
        self._backgrounds = Backgrounds(looked.world)
        self._paths = Paths(looked.world, planned, self._backgrounds)

    def of(self, name: str, index: Index) -> Explanation:
        """Everything about one partition."""
        world, planned = self._looked.world, self._planned
        part, domain = planned.targets[name], world.domains.of(name)
        key = joined_key(domain.key(index))
        trace = world.trace(name, key)
        failure = world.failures(name).get(key)
        standing = standing_of(part, index)
        built = trace.at if trace else None
        uncounted = tuple(given.name for given in self._looked.flow.steps[name].inputs if not given.counts)
        ignored = world.judge(name, index, {}).ignored if uncounted else ()
        reasons = part.will.get(index) or part.held.get(index, ())
        ways = self._paths.planned(name, index) if standing == "may run" else ()
        last = world.state.tasks(1, run=trace.run, target=name, key=key) if trace else []
        told = unpack_reasons(last[0][1].reasons) if last else ()
        age = self._looked.flow.steps[name].target.freeze_after
        return Explanation(
            target=name,
            key=named(domain, index),
            standing=standing,
            causes=self._backgrounds.now(name, reasons, built),
            after=tuple(planned.after(name, index)) if standing in ("may run", "will run") else (),
            lacks=tuple(planned.lacks(name, index)) if standing == "waiting" else (),
            last=self._backgrounds.note(trace.run, trace.at) if trace else None,
            last_seconds=trace.seconds if trace else None,
            last_reasons=tuple(str(reason) for reason, _ in told),
            failure=failure_record(name, named(domain, index), failure) if failure else None,
            mark=_mark_on(world, name, index),
            uncounted=uncounted,
            ignored=self._backgrounds.now(name, ignored, built),
            unrouted=tuple(islice(unrouted_files(world, planned, name, index), _FILES)),
            frozen_after=written_age(age) if age is not None and index in world.holds.aged(name) else "",
            behind=(*ways, *self._paths.ran(name, [(reason, 0) for reason in reasons])),
            last_causes=self._backgrounds.then(name, told),
            last_behind=self._paths.ran(name, told, trace.run) if trace else (),
        )


def _mark_on(world: World, target: str, index: Index) -> MarkRecord | None:
    mark = world.words.on(target, index)
    return mark_record(mark, 1) if mark is not None else None


def _bare(name: str, domain: PartitionSet, index: Index, standing: Standing) -> Explanation:
    """How a partition stands, and no more."""
    return Explanation(name, named(domain, index), standing, (), (), (), None, None, (), None)
