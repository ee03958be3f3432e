"""What the page of short recipes shows is what a terminal shows, section after section."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.pages import Clone, normal, page, tour

TEXT = page("docs/how-to.md")


def test_each_command_shows_what_the_page_says(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    for command in ("dbuild init shop", "cd shop", "dbuild"):
        clone.type(command)
    for step in tour(TEXT):
        code = 1 if any(line.startswith("1 failed") for line in step.output) else 0
        shown = clone.type(f"({step.command}); exit {code}" if code else step.command, code)
        assert normal(shown) == normal(step.output), f"$ {step.command}"


def test_every_section_is_in_the_list_at_its_top() -> None:
    sections = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    top = TEXT.partition("\n## ")[0]
    assert [name.capitalize() for name in re.findall(r"\[([^]]+)\]\(#", top)] == [
        re.sub(r"\bCI\b", "ci", name) for name in sections
    ]
