"""What is read from the state while the first tasks run, as those that wait for them will ask for it."""

from __future__ import annotations

from dbuild.build.world import World
from dbuild.core.mapping import Mapping
from dbuild.core.partitions import Index
from dbuild.core.plan import Plan, TargetPlan, inputs_of

MANY = 3000  # partitions that one task reads of an input, from which that is felt
_FEW = 0.1  # the part of them that a run may make: the more it does, the less what is kept tells


def read_ahead(world: World, plan: Plan) -> None:
    """Has the survey read what is kept of inputs that a task reads by the thousands, and that change little."""
    for name, part in plan.targets.items():
        first = _first_to_run(part)
        if first is None:
            continue
        for given, mapping in inputs_of(plan.flow, plan.domains, name):
            if given.by or not isinstance(mapping, Mapping):
                continue
            made, domain = plan.targets.get(given.dataset), plan.domains.of(given.dataset)
            number = len(made.will) + len(made.may) if made is not None else 0
            # Who waits for nothing of it has asked already.
            if 0 < number <= _FEW * len(domain) and len(mapping.of_index(first, domain)) >= MANY:
                world.survey.read_ahead(world.location(given.dataset, given.output))


def _first_to_run(part: TargetPlan) -> Index | None:
    return next(iter(part.will), None) if part.will else next(iter(part.may.indices()), None)
