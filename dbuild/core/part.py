"""The parts of a recipe's identity: everything that counts of it, one by one, so that a change can be named.

Equal lists of parts are equal fingerprints, and the other way round. Where a part is written doesn't count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Literal

from dbuild.errors import Place
from dbuild.values import dataclass, field, replace

PartKind = Literal[
    "code",  # a function, class or value of Python, or the statements at the top of a module: "prices.clean.tidy"
    "order",  # what of that runs in which order when it is imported
    "sql",  # the statements of a recipe
    "macro",  # of a file of macros: "net", of a view's "clean/net"
    "view",  # the statement of a view that is read through
    "shell",  # a command
    "file",  # one that `uses` names
    "setting",  # what the Dataflowfile says: "timezone", "output", "input raw", "env LEVEL"
    "package",  # an installed distribution: "numpy"
    "engine",  # what runs the recipe: "duckdb", "python"
    "program",  # what the command of `environment` printed
    "lock",  # a file that `environment` names
]
ENVIRONMENT = frozenset({"package", "engine", "program", "lock"})  # the kinds of what is installed


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that counts of a recipe. Several parts may have one kind and name."""

    kind: PartKind
    name: str  # "" where a recipe has one of its kind
    digest: bytes  # 16 bytes: of all that counts of it; empty where it isn't there (a file that is gone)
    value: str = field(default="", compare=False)  # it in words, where it is short: "UTC", "2.1.0"
    place: Place | None = field(default=None, compare=False)  # its first line, where it is a text
    lines: int = field(default=0, compare=False)  # of that text; 0: all from there on

    def inside(self, view: str) -> Part:
        """The same part, of a view that is read through."""
        if self.kind == "sql":
            return replace(self, kind="view", name=view)
        return replace(self, name=f"{view}/{self.name}")


@dataclass(frozen=True, slots=True)
class Wording:
    """A part with its text; None where it has none, or none is kept."""

    part: Part
    text: str | None


def is_narrowed(before: Iterable[Part], now: Iterable[Part]) -> bool:
    """Whether parts are what they were, but for some of what is installed that don't count any more."""
    had, have = set(before), set(now)
    return have < had and all(part.kind in ENVIRONMENT for part in had - have)


def packed_parts(parts: Iterable[Part]) -> bytes:
    """What a fingerprint is the digest of: the parts without their order, and without what doesn't count."""
    return json.dumps(sorted((part.kind, part.name, part.digest.hex()) for part in parts)).encode()
