"""What other versions of what is installed make stale, and nothing else does. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from dbuild.core.changes import PartChange
from dbuild.core.part import ENVIRONMENT
from dbuild.values import dataclass

MANY = 100  # partitions from which on an upgrade is told before they are built
_NAMED = 3  # changes that are named


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Versions that are other ones, and the partitions that this alone makes stale."""

    changes: tuple[PartChange, ...]  # packages and engines, what commands print, files that list versions
    targets: tuple[tuple[str, int], ...]  # name, and how many partitions; the most first
    seconds: float  # that these took when they were last built, one after the other

    @property
    def partitions(self) -> int:
        """How many partitions it makes stale."""
        return sum(count for _, count in self.targets)

    @property
    def cause(self) -> str:
        """What is another version, in words: "numpy 2.1.0 -> 2.2.0"."""
        named = ", ".join(map(_words, self.changes[:_NAMED]))
        more = len(self.changes) - _NAMED
        return f"{named} and {more} more" if more > 0 else named


def is_upgrade(changes: Iterable[PartChange]) -> bool:
    """Whether a recipe differs in what is installed, and in nothing else."""
    kinds = {change.kind for change in changes}
    return bool(kinds) and kinds <= ENVIRONMENT


def upgrades_of(stale: Iterable[tuple[str, tuple[PartChange, ...], int, float]]) -> tuple[Upgrade, ...]:
    """Upgrades, those that make the most stale first.

    `stale` has targets with the changes of their recipes, how many partitions these make stale, and the seconds that
    these took. Targets for which the same has changed are told together.
    """
    groups: dict[tuple[tuple[str, ...], ...], list[tuple[str, tuple[PartChange, ...], int, float]]] = {}
    for one in stale:
        key = tuple(sorted((c.kind, c.name, c.before or "", c.after or "") for c in one[1]))
        groups.setdefault(key, []).append(one)
    found = []
    for group in groups.values():
        targets: dict[str, int] = {}
        for name, _, count, _ in group:
            targets[name] = targets.get(name, 0) + count
        most_first = sorted(targets.items(), key=lambda target: -target[1])
        found.append(Upgrade(group[0][1], tuple(most_first), sum(seconds for *_, seconds in group)))
    return tuple(sorted(found, key=lambda upgrade: -upgrade.partitions))


def _words(change: PartChange) -> str:
    before, after = change.before or "", change.after or ""
    match change.kind:
        case "lock":
            return change.name
        case "program" if "\n" in before + after or not before or not after:
            return f'what "{change.name}" prints'
        case "program":
            return f'what "{change.name}" prints ({before} -> {after})'
    return f"{change.name} {before or 'nothing'} -> {after or 'nothing'}"
