"""Sets of partitions as the state keeps them: their bodies as text, and what the numbers in these mean."""

from __future__ import annotations

import json
from typing import Any

from dbuild.core.partitions import UNIT, Axis, Body
from dbuild.observe.digests import digest_bytes


def identity_of(axes: tuple[Axis, ...]) -> bytes:
    """What the numbers of a set over these axes mean."""
    return digest_bytes(
        "\0".join(f"{axis.name}\x1f{axis.identity}" for axis in axes).encode("utf-8", "surrogateescape")
    )


def dump_body(body: Body) -> str:
    """A set's body as JSON; the rest of a run of the last axis is left out."""
    return json.dumps(_bare(body), separators=(",", ":"))


def _bare(body: Body) -> list[list[object]]:
    return [[low, high] if rest == UNIT else [low, high, _bare(rest)] for low, high, rest in body]


def load_body(text: str) -> Body:
    """What `dump_body` wrote."""
    return _full(json.loads(text))


def _full(body: list[list[Any]]) -> Body:
    return tuple((run[0], run[1], _full(run[2]) if len(run) > 2 else UNIT) for run in body)
