"""What a plan builds again only because something that is installed has another version now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dbuild.build.world import World
from dbuild.core.budget import spelled
from dbuild.core.changes import PartChange, compare
from dbuild.core.part import Wording
from dbuild.core.plan import Plan, TargetPlan
from dbuild.core.upgrades import MANY, Upgrade, is_upgrade, upgrades_of


def find_upgrades(world: World, plan: Plan) -> tuple[Upgrade, ...]:
    """The upgrades of a plan, those that make the most stale first."""
    stale = [one for part in plan.targets.values() for one in _stale(world, part)]
    if not stale:
        return ()
    means = {name: mean for name, (_, mean) in world.seconds_by_target().items()}
    return upgrades_of((name, changes, count, count * means.get(name, 0.0)) for name, changes, count in stale)


def upgrade_notices(world: World, plan: Plan) -> Iterator[str]:
    """What is told before it is built: upgrades that make many partitions stale."""
    return (text_of(upgrade) for upgrade in find_upgrades(world, plan) if upgrade.partitions >= MANY)


def text_of(upgrade: Upgrade) -> str:
    """An upgrade in one line."""
    count = f"{upgrade.partitions:,} partition{'' if upgrade.partitions == 1 else 's'}"
    targets = upgrade.targets[0][0] if len(upgrade.targets) == 1 else f"{len(upgrade.targets)} targets"
    return f"{upgrade.cause} makes {count} of {targets} stale (about {spelled(upgrade.seconds)} of past durations)"


def _stale(world: World, part: TargetPlan) -> Iterator[tuple[str, tuple[PartChange, ...], int]]:
    """The fingerprints under which partitions of a target were made that nothing else makes stale."""
    counts = Counter(
        reasons[0].before for reasons in part.will.values() if [reason.kind for reason in reasons] == ["recipe changed"]
    )
    now = [Wording(one, None) for one in world.fingerprints.parts(part.target)] if counts else []
    for fingerprint, count in counts.items():
        before = world.state.recipes.of(part.target, fingerprint)
        changes = compare([Wording(one.part, None) for one in before], now) if before is not None else ()
        if is_upgrade(changes):
            yield part.target, changes, count
