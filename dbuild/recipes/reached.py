"""What was found to be reached: the code of one function, as data, and its identity."""

from __future__ import annotations

import xxhash

from dbuild.core.part import Part
from dbuild.errors import Place
from dbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Widening:
    """A place where more than what is named had to be taken."""

    file: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Reached:
    """One unit that counts."""

    module: str
    name: str  # the names that it binds; "" for a statement that binds none
    form: bytes
    place: Place | None = field(default=None, compare=False)  # where it is written
    lines: int = field(default=0, compare=False)  # how many it takes

    @property
    def full_name(self) -> str:
        """The name as people know it; of a statement that binds none, its module's."""
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(frozen=True, slots=True)
class Reach:
    """All that counts as the code of one function."""

    free: tuple[Reached, ...]  # the order of which can't matter, sorted
    ordered: tuple[Reached, ...]  # in the order in which they run
    modules: tuple[str, ...]  # that were read
    files: tuple[str, ...]  # of these, as people know them
    widened: tuple[Widening, ...]
    imports: tuple[str, ...]  # top-level modules of installed packages that are used

    def fingerprint(self, entry: str) -> bytes:
        """16 bytes: the identity of the code; `entry` is the function's full name."""
        digest = xxhash.xxh3_128(entry.encode())
        for mark, units in ((b"\0free", self.free), (b"\0ordered", self.ordered)):
            digest.update(mark)
            for unit in units:
                digest.update(f"\0{unit.module}\0{unit.name}\0{len(unit.form)}\0".encode())
                digest.update(unit.form)
        return digest.digest()

    def parts(self, entry: str) -> tuple[Part, ...]:
        """The same as parts, the function itself first."""
        function = Part("setting", "function", xxhash.xxh3_128_digest(entry.encode()), entry)
        units = [_part(unit) for unit in (*self.free, *self.ordered)]
        return (function, *units, *_order(self.ordered))


def _part(unit: Reached) -> Part:
    return Part("code", unit.full_name, xxhash.xxh3_128_digest(unit.form), "", unit.place, unit.lines)


def _order(ordered: tuple[Reached, ...]) -> tuple[Part, ...]:
    """What runs in which order, where that can matter."""
    if len(ordered) < 2:
        return ()
    digest = xxhash.xxh3_128()
    for unit in ordered:
        digest.update(f"\0{unit.module}\0{unit.name}\0{len(unit.form)}\0".encode())
        digest.update(unit.form)
    names = "\n".join(unit.full_name for unit in ordered)
    return (Part("order", "", digest.digest(), names),)
