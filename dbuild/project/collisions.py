"""Outputs that could be the same file as something else: another output, a source, a file of the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dbuild.core.overlap import Component
from dbuild.errors import Place, UserError


@dataclass(frozen=True, slots=True)
class Claim:
    """Paths that somebody has."""

    kind: str  # "source", "target", or "file" for one of the project's own
    name: str
    text: str  # the path
    components: tuple[Component, ...]  # its shape, as core.overlap compares it
    place: Place  # of the path


class _Node:
    """The claims below one folder, by the next component of their paths: most pairs are never compared."""

    __slots__ = ("claims", "fixed", "varying")

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.fixed: dict[str, _Node] = {}
        self.varying: list[tuple[Component, _Node]] = []

    def add(self, claim: Claim) -> None:
        """Puts a claim where its path leads to."""
        node = self
        for component in claim.components:
            below = _Node()
            if component.text is None:
                node.varying.append((component, below))
            else:
                below = node.fixed.setdefault(component.text, below)
            node = below
        node.claims.append(claim)

    def meeting(self, components: Sequence[Component]) -> Iterator[tuple[Claim, bool]]:
        """The claims that a path of these components could meet; whether as the same path, or as a folder above it."""
        for claim in self.claims:
            yield claim, not components
        if not components:
            return
        first, rest = components[0], components[1:]
        for below in self._below(first):
            yield from below.meeting(rest)

    def _below(self, component: Component) -> Iterator[_Node]:
        if component.text is None:
            yield from (node for text, node in self.fixed.items() if component.meets(Component([text])))
        elif component.text in self.fixed:
            yield self.fixed[component.text]
        yield from (node for shape, node in self.varying if component.meets(shape))


def find_collisions(claims: Iterable[Claim]) -> Iterator[UserError]:
    """The mistakes that claims on the same paths are, each with both places."""
    known = _Node()
    taken = list(claims)
    for claim in taken:
        known.add(claim)
    order = {id(claim): number for number, claim in enumerate(taken)}
    for claim in taken:
        if claim.kind != "target":
            continue
        for other, is_same in known.meeting(claim.components):
            if other is claim or (is_same and other.kind == "target" and order[id(other)] > order[id(claim)]):
                continue
            problem = _problem(claim, other, is_same)
            if problem:
                yield problem


def _problem(claim: Claim, other: Claim, is_same: bool) -> UserError | None:
    mine = f'the output "{claim.text}" of target "{claim.name}"'
    theirs = f'"{other.text}" of {other.kind} "{other.name}" ({other.place})'
    if not is_same:
        if other.kind != "target":
            return None  # a source's file can't be a folder: it just isn't one of its files
        return UserError(f"{mine} would be inside of the file {theirs}", claim.place, _APART)
    match other.kind:
        case "target":
            return UserError(f"{mine} could be the same file as {theirs}", claim.place, _APART)
        case "source":
            what = f"{mine} could be one of the files {theirs}: the flow would feed itself"
            return UserError(what, claim.place, "write outputs to a folder that no source reads")
        case _:
            what = f'{mine} could overwrite "{other.name}", a file of the project ({other.place})'
            return UserError(what, claim.place, "write outputs to a folder of their own")


_APART = 'give each target a folder of its own, as in "out/NAME/{day}.parquet"'
