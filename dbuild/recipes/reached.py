"""What was found to be reached: the code of one function, as data, and its identity."""

from __future__ import annotations

from dataclasses import dataclass

import xxhash


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


@dataclass(frozen=True, slots=True)
class Reach:
    """All that counts as the code of one function."""

    free: tuple[Reached, ...]  # the order of which can't matter, sorted
    ordered: tuple[Reached, ...]  # in the order in which they run
    files: tuple[str, ...]  # that were read, relative to the root
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
