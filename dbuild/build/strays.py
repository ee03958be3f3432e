"""Strays: rows of routed inputs that no partition gets, because they have no key or one out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.build.routes import Routed
from dbuild.core.routes import Stray, misplaced, shown_key

if TYPE_CHECKING:
    from dbuild.build.world import World


def stray_of(world: World, routed: Routed) -> Stray | None:
    """The rows of an input that its target doesn't get, of files whose routes are known; None where it gets all."""
    axes, bounds = routed.axes, world.domains.bounds
    keyless = dict.fromkeys((way.dimension for way in routed.ways), 0)
    outside = dict.fromkeys(keyless, 0)
    example = path = ""
    places: dict[str, str | None] = {}  # of each key, looked up once
    for partition, routes in routed.all_routes():
        for number, route in enumerate(routes):
            before = sum(keyless.values()) + sum(outside.values())
            for way, rows in zip(routed.ways, route.keyless, strict=True):
                keyless[way.dimension] += rows
            for key, share in route.shares.items():
                if key not in places:
                    places[key] = misplaced(axes, bounds, key)
                dimension = places[key]
                if dimension is not None:
                    outside[dimension] += share.rows
                    example = example or shown_key(axes, key)
            if not path and sum(keyless.values()) + sum(outside.values()) > before:
                path = routed.paths(partition)[number]
    if not path:
        return None
    some = [tuple((name, rows) for name, rows in counts.items() if rows) for counts in (keyless, outside)]
    return Stray(routed.given.dataset, routed.step.target.name, some[0], some[1], example, path)
