"""Who reads what: the inputs of targets with their mappings, and the chains of those that read themselves."""

from __future__ import annotations

from dbuild.core.chain import Chain, dimension_of
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.mapping import Mapping
from dbuild.core.model import Input
from dbuild.core.supplied import Supplied


def inputs_of(flow: Flow, domains: Domains, target: str) -> list[tuple[Input, Mapping | Supplied]]:
    """The inputs of a target, each with its mapping."""
    return list(zip(flow.steps[target].inputs, domains.mappings[target], strict=True))


def chain_of(flow: Flow, domains: Domains, target: str) -> Chain | None:
    """How the partitions of a target hang together that reads its own earlier ones; None of any other."""
    own = [
        (given, mapping)
        for given, mapping in inputs_of(flow, domains, target)
        if given.dataset == target and isinstance(mapping, Mapping)  # what it makes itself is never stood in for
    ]
    if not own:
        return None
    dimension = dimension_of(flow.project.dimensions, [given for given, _ in own])
    assert dimension is not None  # else the linker had refused it
    position = flow.steps[target].target.dimensions.index(dimension)
    return Chain(domains.of(target), tuple(mapping for _, mapping in own), position)
