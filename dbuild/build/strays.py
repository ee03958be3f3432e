"""Strays: rows of routed inputs that no partition gets, because they have no key or one out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.build.routes import Routes
from dbuild.core.routes import NOWHERE, Stray, misplaced, shown_key

if TYPE_CHECKING:
    from dbuild.build.world import World


def stray_of(world: World, routes: Routes) -> Stray | None:
    """The rows of an input that its target doesn't get, of files whose routes are known; None where it gets all."""
    routed, tally = routes.routed, routes.tally()
    axes, bounds = routed.axes, world.domains.bounds
    outside: dict[str, int] = {}
    example = ""  # the first of the keys out of reach
    for key, rows in tally.rows.items():
        dimension = misplaced(axes, bounds, key)
        if dimension is not None:
            outside[dimension] = outside.get(dimension, 0) + rows
            example = key if not example else min(example, key, key=lambda one: shown_key(axes, one))
    counts = zip((way.dimension for way in routed.ways), tally.keyless, strict=False)
    keyless = tuple((dimension, rows) for dimension, rows in counts if rows)
    if not keyless and not outside:
        return None
    some = tuple((axis.name, outside[axis.name]) for axis in axes if axis.name in outside)
    path = routes.place_of(example if outside else NOWHERE)
    shown = shown_key(axes, example) if outside else ""
    return Stray(routed.given.dataset, routed.step.target.name, keyless, some, shown, path)
