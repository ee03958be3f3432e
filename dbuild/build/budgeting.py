"""Whether a build keeps to its budget, asked before anything runs."""

from __future__ import annotations

from dbuild.build.durations import Durations
from dbuild.build.upgrades import find_upgrades, text_of
from dbuild.build.world import World
from dbuild.core.budget import Budget, BudgetError, Excess, excess_of, spelled
from dbuild.core.plan import Plan
from dbuild.observe.machine import cores
from dbuild.values import replace

_TARGETS = 5  # that are named
_UPGRADES = 3


def check_budget(world: World, plan: Plan, budget: Budget, jobs: int | None) -> None:
    """Raises BudgetError where a plan, `jobs` tasks at once, would do more than the budget allows."""
    excess = excess_of(plan, Durations(world, plan).whole(jobs or cores()), budget)
    if excess is None:
        return
    excess = replace(excess, upgrades=find_upgrades(world, plan))
    hint = "--yes builds it all the same; or name fewer partitions (dbuild plan shows them all)"
    if excess.upgrades:
        hint = f'{hint}; environment = "ignore" takes no notice of versions'
    raise BudgetError("\n".join(_lines(excess)), hint, excess)


def _lines(excess: Excess) -> list[str]:
    may = f" and {excess.may:,} may" if excess.may else ""
    count = f"{excess.will:,} partition{'' if excess.will == 1 else 's'} would run{may}"
    takes = f", about {spelled(excess.seconds)}" if excess.budget.seconds is not None else ""
    more = len(excess.targets) - _TARGETS
    targets = [f"{will + may:,} of {name}" for name, will, may in excess.targets[:_TARGETS]]
    targets += [f"and {more:,} more targets"] if more > 0 else []
    causes = [f"{cause} ({number:,})" for cause, number in excess.causes]
    return [
        f"{count}{takes}: the budget is {excess.budget.text}; nothing was run",
        ", ".join(targets),
        *([f"because: {', '.join(causes)}"] if causes else []),
        *(text_of(upgrade) for upgrade in excess.upgrades[:_UPGRADES]),
    ]
