"""Why dbuild has classes of values of its own: what they take to define, and what commands take that start with them.

    python -m tests.bench.classes [N]

Defines N classes (200) of four fields each, frozen and with slots, by the standard library's `dataclasses` and by
`dbuild.values`; then a first value of each, since that is when methods are written here. After that `dbuild plan` in a
small project that has changed, so that it looks at everything, with either of them in the place of `dbuild.values`.
All of it is processor time of whole processes, the best of seven; of definitions less that of the import alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import measure
from tests.cli.sandbox import FLOW

MODULES = ("dataclasses", "dbuild.values")
_ROUNDS = 7
_DEFINE = """
from {module} import dataclass, field
for number in range({count}):
    @dataclass(frozen=True, slots=True)
    class One:
        name: str
        size: int
        parts: tuple[str, ...] = ()
        notes: dict[str, str] = field(default_factory=dict)
    {then}
"""
_PLAN = """
import sys, {module}
sys.modules["dbuild.values"] = sys.modules["{module}"]
from dbuild.cli.main import main
sys.exit(main(["plan"]))
"""


def spent(code: str, folder: Path) -> float:
    """Milliseconds of the processor for a program, at best."""
    found = [measure([sys.executable, "-c", code], folder) for _ in range(_ROUNDS)]
    wrong = [one.said for one in found if one.outcome != "ok"]
    if wrong:
        raise SystemExit(wrong[0])
    return min(one.cpu for one in found) * 1000


def make(folder: Path) -> None:
    """A project that was never built."""
    (folder / "data").mkdir()
    (folder / "Dataflowfile").write_text(FLOW)
    for day in range(1, 10):
        (folder / "data" / f"2013-01-0{day}.txt").write_text("1\n")


def main(count: int) -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root)
        rows = {
            f"{count} classes are defined": (_DEFINE, "pass"),
            "and one value made of each": (_DEFINE, 'One("a", 1)'),
            "dbuild plan, from start to end": (_PLAN, ""),
        }
        print(f"{'milliseconds of the processor':34}{''.join(f'{name:>16}' for name in MODULES)}")
        for label, (code, then) in rows.items():
            found = []
            for module in MODULES:
                empty = f"import {module}" if code is _DEFINE else "pass"
                given = code.format(module=module, count=count, then=then)
                found.append(spent(given, root) - (spent(empty, root) if code is _DEFINE else 0.0))
            print(f"{label:34}{''.join(f'{each:16.1f}' for each in found)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
