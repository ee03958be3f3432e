"""Why a task of a run has to run, once all that it reads is settled: what a plan said, and what none could know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from dbuild.build.world import World
from dbuild.core.plan import Plan
from dbuild.core.schedule import Node
from dbuild.core.staleness import Reason, is_of_input
from dbuild.errors import UserError


class Verdicts:
    """Those of one run."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.remade: set[str] = set()  # targets of which something came out otherwise
        self.undecided = plan.may_run  # tasks of which it isn't known yet whether they have to run
        self._world = world
        self._plan = plan
        self._reads: dict[str, frozenset[str]] = {}  # by target: what it reads, which is declared

    def reasons(self, node: Node) -> tuple[Reason, ...]:
        """Why a task runs; none: it doesn't have to.

        Raises UserError where that can't be found out: rows of an input can't be told apart.
        """
        planned = self._plan.targets[node[0]].will.get(node[1])
        if planned is not None:
            is_settled = self._reads_of(node[0]).isdisjoint(self.remade)
            return planned if is_settled else (*planned, *self._since(node, planned))
        self.undecided -= 1
        return self._world.judge(*node, {}).reasons

    def reopen(self, node: Node) -> None:
        """Takes note that it will be asked again why a task runs."""
        self.undecided += node[1] not in self._plan.targets[node[0]].will

    def _reads_of(self, target: str) -> frozenset[str]:
        found = self._reads.get(target)
        if found is None:
            found = frozenset(given.dataset for given in self._world.flow.steps[target].inputs)
            self._reads[target] = found
        return found

    def _since(self, node: Node, planned: Sequence[Reason]) -> Iterator[Reason]:
        """What of its inputs this run has made otherwise: no plan knew it, and people ask for it afterwards."""
        if any(reason.kind == "never built" for reason in planned):
            return
        said = {(reason.kind, reason.subject) for reason in planned}
        with suppress(UserError):  # what can't be found out is said when the task is prepared
            found = self._world.judge(*node, {}).reasons
            yield from (reason for reason in found if is_of_input(reason) and (reason.kind, reason.subject) not in said)
