"""How long the tasks of a run are expected to take: by the past, else by the size of what they read."""

from __future__ import annotations

from collections.abc import Collection

from dbuild.build.locations import SINGLES
from dbuild.build.world import World
from dbuild.core.duration import estimate
from dbuild.core.plan import Plan, inputs_of
from dbuild.core.schedule import Node
from dbuild.core.trace import joined_key
from dbuild.observe.listing import sizes_of

_MANY = 200  # planned partitions of a target from which all its past durations are read at once


class Durations:
    """Expected seconds of one plan's tasks."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world = world
        self._plan = plan
        self._known = {name: mean for name, (_, mean) in world.seconds_by_target().items()}
        self._by_key: dict[str, dict[str, float]] = {}
        self._guesses: dict[str, float] = {}  # seconds of one task, by targets that never ran
        self._sizes: dict[str, float] = {}  # dataset -> bytes of one partition, measured or guessed

    def of(self, node: Node) -> float:
        """The seconds that a task is expected to run."""
        target, index = node
        mean = self._known.get(target)
        if mean is None:
            return self._guess(target)
        return estimate(self._past(target, joined_key(self._plan.domains.of(target).key(index))), mean, 0)

    @property
    def known(self) -> Collection[str]:
        """The targets that ran before."""
        return self._known.keys()

    def whole(self, jobs: int) -> float:
        """The seconds that all that will or may run takes, `jobs` at once, guessed by size where nothing ever ran."""
        total = longest = 0.0
        for name, part in self._plan.targets.items():
            count = len(part.will) + len(part.may)
            if count:
                each = self._known[name] if name in self._known else self._guess(name)
                total += count * each
                longest = max(longest, each)
        return max(total / jobs, longest)

    def _guess(self, target: str) -> float:
        if target not in self._guesses:
            self._guesses[target] = estimate(None, None, int(self._input_size(target)))
        return self._guesses[target]

    def _past(self, target: str, key: str) -> float | None:
        part = self._plan.targets[target]
        if len(part.will) + len(part.may) < _MANY:
            trace = self._world.trace(target, key)
            return trace.seconds if trace else None
        if target not in self._by_key:
            self._by_key[target] = self._world.state.seconds(target)
        return self._by_key[target].get(key)

    def _input_size(self, target: str) -> float:
        """The bytes that one partition reads; what is yet to be made is taken to be as large as its inputs."""
        if target not in self._sizes:
            for name in self._plan.targets:  # in building order: no recursion, however long the chain
                self._sizes[name] = self._read_by(name)
        return self._sizes[target]

    def _read_by(self, target: str) -> float:
        domains = self._plan.domains
        first = domains.of(target).first()
        if first is None:
            return 0.0
        return sum(
            len(mapping.of_index(first, domains.of(given.dataset))) * self._size(given.dataset)
            for given, mapping in inputs_of(self._plan.flow, domains, target)
            if given.dataset != target  # the first partition of a chain reads none of it
        )

    def _size(self, dataset: str) -> float:
        if dataset not in self._sizes:
            self._sizes[dataset] = self._measured(dataset)
        return self._sizes[dataset]

    def _measured(self, source: str) -> float:
        """The mean bytes of a source's partitions, by the listing of its folder."""
        survey = self._world.survey
        location = survey.locations[source][0]
        sizes = sizes_of(survey.views[location.root].content)
        if location.root == SINGLES:
            return float(sizes.get(location.pattern.path(()), 0))
        return sum(sizes.values()) / max(1, len(self._world.present[source]))
