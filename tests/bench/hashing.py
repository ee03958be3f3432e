"""The hash workload: one large file, and many small ones, beside xxhsum, b3sum and md5sum."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench.measuring import measure
from tests.bench.rounds import Cell

_BLOCK = bytes(range(256)) * 4096  # a megabyte
OURS = """\
import sys, os
from dbuild.observe.digests import hash_file
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        hash_file(os.path.join(folder, name))
"""
_OTHERS = (("xxhsum -H2", "xxhsum", "-H2"), ("b3sum", "b3sum"), ("md5sum", "md5sum"))


def make_large(folder: Path, megabytes: int) -> None:
    """One file."""
    folder.mkdir(parents=True)
    with open(folder / "large", "wb") as file:
        for _ in range(megabytes):
            file.write(_BLOCK)


def make_small(folder: Path, count: int) -> None:
    """Files of 4 KiB, each another one."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"f{number:06d}").write_bytes(number.to_bytes(8, "big") * 512)


def measure_hashing(folder: Path, phase: str, runs: int, limit: float, say: Callable[[str], None]) -> list[Cell]:
    """What each takes for all files of a folder, which are in the page cache by then; start-up included."""
    listed = "find . -type f -print0 | xargs -0 -n 1000 "
    commands = {"dbuild": (sys.executable, "-c", OURS, str(folder))}
    commands |= {name: ("sh", "-c", listed + " ".join(words)) for name, *words in _OTHERS if shutil.which(words[0])}
    commands["Python's start"] = (sys.executable, "-c", OURS, str(folder / "nothing"))
    cells = [Cell(name, phase) for name in commands]
    for turn in range(runs + 1):
        for cell, command in zip(cells, commands.values(), strict=True):
            found = measure(command, folder, limit)
            cell.outcome, cell.said = found.outcome, found.said
            if turn:  # the first one fills the cache
                cell.runs.append(found)
                say(f"hash {phase}: {cell.tool}: {found.wall:.2f} s, {found.outcome}")
    return cells
