"""The edits as a table for people, beside what would be built again if whole modules counted.

`python -m tests.build.edit_table` writes it anew into `docs/fingerprints.md`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from dbuild.build import Settings, lint
from dbuild.core.graph import Flow
from tests.build.edits import EDITS, Edit
from tests.build.installed import Site
from tests.build.shop import FILES, PARTITIONS, Shop, install, make_shop

PAGE = Path(__file__).parents[2] / "docs/fingerprints.md"
MARKS = ("<!-- edits: begin -->\n", "<!-- edits: end -->\n")


def by_modules(edit: Edit, shop: Shop, before: Flow) -> tuple[str, ...]:
    """What an edited shop would build again if whole modules counted, which a recipe's module imports, and no more.

    What comes out the same stops there under this rule too: so it is what is built again, and besides all partitions of
    targets whose modules changed.
    """
    if all(shop.path(path).exists() and shop.read(path) == text for path, text in FILES.items() if path[-3:] == ".py"):
        return edit.partitions  # of modules that come, somebody has to import one
    after = lint(Settings(str(shop.root)))
    changed = {
        name
        for name, step in after.steps.items()
        if name in before.steps and step.analysis.former != before.steps[name].analysis.former
    }
    return tuple(sorted({*edit.partitions, *(label for name in changed for label in PARTITIONS[name])}))


def rows() -> Iterator[tuple[Edit, tuple[str, ...]]]:
    """Each edit, with what would be built again if whole modules counted."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        site = Site(Path(folder))
        install(site)
        site.use(patch)
        original = make_shop(Path(folder) / "shop", site)
        before = lint(Settings(str(original.root)))
        for number, edit in enumerate(EDITS):
            shop = original.cloned(Path(folder) / str(number), site)
            edit.change(shop)
            yield edit, by_modules(edit, shop, before)


def _told(partitions: Iterable[str]) -> str:
    """Partitions in a cell: whole targets by their names, with how many partitions these are."""
    left = list(partitions)
    words = []
    for name, own in PARTITIONS.items():
        if set(own) <= set(left):
            words.append(name)
            left = [label for label in left if label not in own]
    return ", ".join([*words, *left]) or "–"


def table() -> str:
    """The table of all edits, as Markdown."""
    lines: list[str] = []
    group = ""
    totals = [0, 0, 0]
    for edit, modules in rows():
        if edit.group != group:
            group = edit.group
            lines += ["", f"### {group}", "", "| edit | built again | with whole modules |", "|---|---|---|"]
        own = edit.partitions
        lines.append(f"| {edit.what} | {_told(own)} | {'the same' if modules == own else _told(modules)} |")
        totals = [totals[0] + 1, totals[1] + len(own), totals[2] + len(modules)]
    count, own_count, module_count = totals
    first = f"{count} edits build {own_count} partitions again; with whole modules it would be {module_count}."
    return "\n".join([first, *lines]) + "\n"


def page() -> str:
    """The page with the table made anew."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    return f"{head}{MARKS[0]}{table()}{MARKS[1]}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
