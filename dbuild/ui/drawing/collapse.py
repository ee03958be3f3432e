"""A large graph made small enough to be read: chains become one node, and so do the datasets of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dbuild.values import dataclass

_HIGHEST = 4  # levels of folders


@dataclass(frozen=True, slots=True)
class Group:
    """Several datasets that are drawn as one."""

    kind: str  # "chain" or "folder"
    name: str  # first and last of a chain, or the folder
    members: tuple[str, ...]  # what is read first


@dataclass(frozen=True, slots=True)
class Collapsed:
    """A graph of datasets and groups."""

    reads: dict[str, list[str]]
    groups: dict[str, Group]  # by the names that they have in `reads`


def collapsed(reads: Mapping[str, Sequence[str]], folder_of: Callable[[str], str], most: int) -> Collapsed:
    """The graph with at most `most` nodes, if chains and folders, the largest first, are enough for that."""
    order = _ordered(reads)
    found = Collapsed({name: list(reads[name]) for name in order}, {})
    if len(order) > most:
        found = _merged(found, [Group("chain", _ends(chain), tuple(chain)) for chain in _chains(reads, order)])
    for level in range(_HIGHEST):
        folders: dict[str, list[str]] = {}
        for name in order:
            folders.setdefault(_above(folder_of(name), level), []).append(name)
        for folder, members in sorted(folders.items(), key=lambda item: -len(item[1])):
            if len(found.reads) <= most:
                return found
            if folder and len(members) > 1:
                found = _merged_folder(found, folder, members, reads)
    return found


def _above(folder: str, level: int) -> str:
    """The folder that lies so many levels above."""
    parts = folder.split("/")
    return "/".join(parts[: len(parts) - level])


def _merged_folder(
    graph: Collapsed, folder: str, members: Sequence[str], reads: Mapping[str, Sequence[str]]
) -> Collapsed:
    """The graph with a folder as one node; as several where what lies in it is made through others."""
    whole = _merged(graph, [Group("folder", f"{folder}/", tuple(members))])
    if whole is not graph:
        return whole
    parts = [Group("folder", f"{folder}/", tuple(part)) for part in _apart(reads, members) if len(part) > 1]
    return _merged(graph, parts)


def _ends(chain: Sequence[str]) -> str:
    return f"{chain[0]} … {chain[-1]}"


def _ordered(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """The names, what is read first."""
    done: dict[str, None] = {}
    for first in reads:
        stack = [first]
        while stack:
            name = stack[-1]
            waiting = [one for one in reads[name] if one not in done]
            if name in done or not waiting:
                done[name] = None
                stack.pop()
            else:
                stack.extend(reversed(waiting))
    return list(done)


def _chains(reads: Mapping[str, Sequence[str]], order: Sequence[str]) -> list[list[str]]:
    """Paths on which each is all that the next one reads, and is read by nobody else; of three or more."""
    readers: dict[str, list[str]] = {}
    for reader, names in reads.items():
        for name in names:
            readers.setdefault(name, []).append(reader)
    links = {
        name: readers[name][0]
        for name in order
        if len(readers.get(name, ())) == 1 and len(reads[readers[name][0]]) == 1
    }
    chains = []
    for name in order:
        if name in links and name not in links.values():
            chain = [name]
            while chain[-1] in links:
                chain.append(links[chain[-1]])
            chains.append(chain)
    return [chain for chain in chains if len(chain) > 2]


def _merged(graph: Collapsed, groups: Sequence[Group]) -> Collapsed:
    """The graph with each group as one node; a group that would lead back to itself is left as it is."""
    for group in groups:
        known = _holders(graph)
        inside = {known[name] for name in group.members}
        members = tuple(name for name in _members(graph, inside) if name)
        name = _unused(group.name, graph.reads.keys() - inside)
        reads: dict[str, list[str]] = {}
        for node, names in graph.reads.items():
            own = name if node in inside else node
            its = reads.setdefault(own, [])
            for one in (name if one in inside else one for one in names):
                if one != own and one not in its:
                    its.append(one)
        if _is_acyclic(reads):
            kept = {label: other for label, other in graph.groups.items() if label not in inside}
            graph = Collapsed(reads, {**kept, name: Group(group.kind, group.name, members)})
    return graph


def _holders(graph: Collapsed) -> dict[str, str]:
    """The node in which each dataset is."""
    held = {member: label for label, group in graph.groups.items() for member in group.members}
    return held | {name: name for name in graph.reads if name not in graph.groups}


def _members(graph: Collapsed, nodes: set[str]) -> list[str]:
    return [
        member
        for node in graph.reads
        if node in nodes
        for member in (graph.groups[node].members if node in graph.groups else (node,))
    ]


def _unused(name: str, others: set[str]) -> str:
    number, found = 1, name
    while found in others:
        number += 1
        found = f"{name} ({number})"
    return found


def _apart(reads: Mapping[str, Sequence[str]], members: Sequence[str]) -> list[list[str]]:
    """Datasets in parts by how many steps lie before them, so that none of a part is made from another of it."""
    depth: dict[str, int] = {}
    for name in _ordered(reads):
        depth[name] = 1 + max((depth[one] for one in reads[name]), default=-1)
    parts: dict[int, list[str]] = {}
    for name in members:
        parts.setdefault(depth[name], []).append(name)
    return list(parts.values())


def _is_acyclic(reads: Mapping[str, Sequence[str]]) -> bool:
    left = {name: len(set(names)) for name, names in reads.items()}
    readers: dict[str, list[str]] = {}
    for reader, names in reads.items():
        for name in set(names):
            readers.setdefault(name, []).append(reader)
    free = [name for name, count in left.items() if not count]
    done = 0
    while free:
        done += 1
        for reader in readers.get(free.pop(), ()):
            left[reader] -= 1
            if not left[reader]:
                free.append(reader)
    return done == len(reads)
