"""What people's words mean for builds, and which of them can be taken: the model's side of `dbuild mark`."""

from __future__ import annotations

from dataclasses import dataclass

from tests.random.domains import Domain, partitions, references
from tests.random.flows import Node, Project, Target
from tests.random.identities import counted, identities, path_of, uncounted
from tests.random.meanings import Lookups, looked_up_now, meaning, params_read
from tests.random.memory import Identities, Mark, Memory, Record, There


class Refused(Exception):
    """A word that can't be taken."""


@dataclass(frozen=True, slots=True)
class Words:
    """Where words hold."""

    frozen: set[Node]
    stale: set[Node]  # also those whose acceptance has ended


def words_of(project: Project, memory: Memory, domain: Domain) -> Words:
    """The words that count for a build now."""
    frozen: set[Node] = set()
    stale: set[Node] = set()
    for target in project.built:
        for mark, nodes in holding(project, memory, target.name, domain):
            if mark.word == "frozen":
                frozen |= nodes
            elif mark.word == "stale":
                stale |= nodes
        for mark in memory.marks:
            if mark.target == target.name and mark.word == "fresh" and _is_over(mark, memory):
                stale |= _resolved(project, memory, mark, domain)
    return Words(frozen, stale - frozen)


def holding(project: Project, memory: Memory, name: str, domain: Domain) -> list[tuple[Mark, set[Node]]]:
    """The marks on a target, newest first, each with the partitions on which no later word stands."""
    found = []
    covered: set[Node] = set()
    for mark in reversed(memory.marks):
        if mark.target == name and not _is_over(mark, memory):
            nodes = _resolved(project, memory, mark, domain)
            left = nodes - covered
            covered |= nodes
            if left and mark.word != "clear":
                found.append((mark, left))
    return found


def _is_over(mark: Mark, memory: Memory) -> bool:
    return mark.until is not None and mark.until <= memory.hours


def _resolved(project: Project, memory: Memory, mark: Mark, domain: Domain) -> set[Node]:
    nodes = chosen_by(project, mark, domain)
    if mark.word == "stale":  # until it is built
        return {node for node in nodes if node in memory.records and memory.records[node].moment < mark.moment}
    if mark.word == "fresh":  # until it is built
        return {node for node in nodes if node in memory.records and memory.records[node].moment == mark.moment}
    return nodes


def chosen_by(project: Project, mark: Mark, domain: Domain) -> set[Node]:
    """The partitions that a mark names, of those that there are."""
    dimensions = project.dimensions_of(mark.target)
    found = set()
    for key in partitions(project, mark.target, domain):
        own = dict(zip(dimensions, key, strict=True))
        if all(own[dimension] == value for dimension, value in mark.sides):
            found.add((mark.target, key))
    return found


def say(project: Project, memory: Memory, mark: Mark, domain: Domain, there: There, *, inputs_too: bool) -> None:
    """Takes a word into the memory. Raises Refused, and changes nothing, where it can't be taken."""
    nodes = chosen_by(project, mark, domain)
    before = [(old, found & nodes) for old, found in holding(project, memory, mark.target, domain) if found & nodes]
    if mark.word == "clear" and not before:
        raise Refused("there is no mark")
    if mark.word == "fresh":
        accepted = _accepted(project, memory, mark, sorted(nodes), domain, there, inputs_too=inputs_too)
        memory.replaced[mark.moment] = {node: _original(memory, node) for node in accepted}
        memory.records |= accepted
        memory.failed -= accepted.keys()
    else:
        for old, found in before:
            _take_back(memory, old, found)
    memory.marks.append(mark)
    if mark.word == "clear" and mark.is_whole:
        for old in [one for one in memory.marks if one.target == mark.target]:
            _take_back(memory, old, nodes)
            memory.marks.remove(old)


def _original(memory: Memory, node: Node) -> Record | None:
    """What a partition was before any word accepted it."""
    record = memory.records.get(node)
    if record is not None and record.is_accepted and node in memory.replaced.get(record.moment, {}):
        return memory.replaced[record.moment][node]
    return record


def _take_back(memory: Memory, mark: Mark, nodes: set[Node]) -> None:
    for node, was in memory.replaced.get(mark.moment, {}).items():
        if node in nodes and node in memory.records and memory.records[node].moment == mark.moment:
            if was is None:
                del memory.records[node]
            else:
                memory.records[node] = was


def _accepted(
    project: Project,
    memory: Memory,
    mark: Mark,
    nodes: list[Node],
    domain: Domain,
    there: There,
    *,
    inputs_too: bool,
) -> dict[Node, Record]:
    """Today's outputs of these partitions as if today's recipe had made them of today's inputs."""
    target = project.targets[mark.target]
    recipe = meaning(project, target)
    found: dict[Node, Record] = {}
    for node in nodes:
        held = {output: there(node, output) for output in target.outputs}
        if None in held.values():
            continue
        if any(_is_absent(project, one, there) for one in references(project, target, node[1], domain)):
            raise Refused("an input isn't there")
        inputs = identities(project, target, node[1], domain, there)
        was = memory.records.get(node)
        if was is not None and not inputs_too:
            if counted(project, target, was.inputs) != counted(project, target, inputs):
                raise Refused("other inputs")
            inputs = _as_read(project, target, inputs, was.inputs)
        sure = {output: one for output, one in held.items() if isinstance(one, tuple)}
        assert len(sure) == len(held), "who says the word sees to it that it makes sense"
        paths = {output: path_of(project, target, node[1], output) for output in target.outputs}
        lookups = _lookups(project, target, was)
        found[node] = Record(recipe, lookups, inputs, (), sure, paths, {}, mark.moment, is_accepted=True)
    if not found:
        raise Refused("nothing is there")
    return found


def _as_read(project: Project, target: Target, inputs: Identities, before: Identities) -> Identities:
    """Of inputs that don't count what was read: they may come to count again."""
    kept = {each[:2]: each for each in before if each[0] in uncounted(project, target)}
    return tuple(kept.get(each[:2], each) for each in inputs)


def _is_absent(project: Project, reference: tuple[str, str, tuple[str, ...]], there: There) -> bool:
    name, output, key = reference
    if name in project.sources:
        return key not in project.sources[name].parts
    return there((name, key), output) is None


def _lookups(project: Project, target: Target, was: Record | None) -> Lookups:
    """The params that count from now on: those that the recipe shows, or was seen to look up; else all."""
    if target.kind != "python" or target.reads == "none":
        return params_read(project, target, ())[1]
    if was is not None:
        return looked_up_now(project, target, was.params)
    known = tuple(sorted(project.params.items()))
    return known if target.reads == "all" else (*known, ("*", tuple(sorted(project.params))))
