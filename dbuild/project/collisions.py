"""Outputs that could be the same file as something else: another output, a source, a file of the project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dbuild.core.overlap import Component
from dbuild.errors import Place, UserError
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Paths that somebody has."""

    kind: str  # "source", "target", or "file" for one of the project's own
    name: str
    text: str  # the path
    components: tuple[Component, ...]  # its shape, as core.overlap compares it
    place: Place  # of the path
    is_folder: bool = False  # of a target: whether it has all paths below as well


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
    taken = list(claims)
    known, folders = _Node(), _Node()
    for claim in taken:
        known.add(claim)
        if claim.is_folder:
            folders.add(claim)
    order = {id(claim): number for number, claim in enumerate(taken)}
    for claim in taken:
        if claim.kind != "target":
            yield from (_swallowed(claim, folder) for folder, _ in folders.meeting(claim.components))
            continue
        for other, is_same in known.meeting(claim.components):
            if other is claim or (is_same and other.kind == "target" and order[id(other)] > order[id(claim)]):
                continue
            problem = _problem(claim, other, is_same)
            if problem:
                yield problem


def _problem(claim: Claim, other: Claim, is_same: bool) -> UserError | None:
    """What is wrong with the path of a target that meets a claim, or goes through it; None for nothing."""
    mine = f'the output "{claim.text}" of target "{claim.name}"'
    theirs = f'"{other.text}" of {other.kind} "{other.name}" ({other.place})'
    if other.kind != "target":
        if not is_same or claim.is_folder:
            return None  # a source's file can't be a folder: it just isn't one of its files; folders are told apart
        if other.kind == "source":
            what = f"{mine} could be one of the files {theirs}: the flow would feed itself"
            return UserError(what, claim.place, "write outputs to a folder that no source reads")
        what = f'{mine} could overwrite "{other.name}", a file of the project ({other.place})'
        return UserError(what, claim.place, "write outputs to a folder of their own")
    if is_same:
        what = f"{mine} could be the same {'folder' if claim.is_folder and other.is_folder else 'file'} as {theirs}"
    else:
        what = f"{mine} would be inside of the {'folder' if other.is_folder else 'file'} {theirs}"
    return UserError(what, claim.place, _APART)


def _swallowed(claim: Claim, folder: Claim) -> UserError:
    """The mistake that an output folder is in which files of a source or of the project could be."""
    mine = f'the output folder "{folder.text}" of target "{folder.name}"'
    if claim.kind == "source":
        theirs = f'files "{claim.text}" of source "{claim.name}" ({claim.place})'
        return UserError(
            f"{mine} could hold {theirs}: the flow would feed itself",
            folder.place,
            "write outputs to a folder that no source reads",
        )
    what = f'{mine} could replace "{claim.name}", a file of the project ({claim.place})'
    return UserError(what, folder.place, "write outputs to a folder of their own")


_APART = 'give each target a folder of its own, as in "out/NAME/{day}.parquet"'
