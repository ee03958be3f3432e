"""How much a build may do without being told that it may: what it would do beyond that, and because of what."""

from __future__ import annotations

from collections import Counter

from dbuild.core.plan import Plan
from dbuild.core.staleness import Reason
from dbuild.core.upgrades import Upgrade
from dbuild.errors import UserError
from dbuild.values import dataclass

_CAUSES = 5  # that are told


@dataclass(frozen=True, slots=True)
class Budget:
    """How many partitions a build may run, or for how long; None: that doesn't matter."""

    text: str  # as it was written
    partitions: int | None = None
    seconds: float | None = None  # of a run, by what its tasks took before


@dataclass(frozen=True, slots=True)
class Excess:
    """What a build would do that its budget doesn't allow."""

    budget: Budget
    will: int
    may: int
    seconds: float  # of all of them, as expected
    targets: tuple[tuple[str, int, int], ...]  # name, how many will and how many may run; the most first
    causes: tuple[tuple[str, int], ...]  # the reasons that the most partitions have, and how many these are
    upgrades: tuple[Upgrade, ...] = ()  # those of the causes that are versions of what is installed


class BudgetError(UserError):
    """A build would do more than its budget allows; it has done nothing."""

    exit_code = 3

    def __init__(self, what: str, hint: str, excess: Excess) -> None:
        super().__init__(what, hint=hint)
        self.excess = excess

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.what, self.hint, self.excess))


def excess_of(plan: Plan, seconds: float, budget: Budget) -> Excess | None:
    """What a plan, which takes so many seconds, has beyond a budget; None where it keeps to it.

    What may run counts as if it did.
    """
    is_over = budget.partitions is not None and plan.will_run + plan.may_run > budget.partitions
    is_over = is_over or (budget.seconds is not None and seconds > budget.seconds)
    if not is_over:
        return None
    counts = [(name, len(part.will), len(part.may)) for name, part in plan.targets.items() if part.will or part.may]
    targets = tuple(sorted(counts, key=lambda one: -(one[1] + one[2])))
    return Excess(budget, plan.will_run, plan.may_run, seconds, targets, _causes(plan))


def spelled(seconds: float) -> str:
    """A duration as people say it: "40s", "12m", "2h05m"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{max(1, round(seconds))}s"
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def _causes(plan: Plan) -> tuple[tuple[str, int], ...]:
    """What the most partitions will run for: each by its first reason."""
    found = Counter(_cause(name, reasons[0]) for name, part in plan.targets.items() for reasons in part.will.values())
    return tuple(found.most_common(_CAUSES))


def _cause(target: str, reason: Reason) -> str:
    is_own = reason.kind in ("never built", "forced", "recipe changed", "output missing", "output edited")
    return f"{reason.kind} {target}" if is_own else f"{reason.kind} {reason.subject}".rstrip()
