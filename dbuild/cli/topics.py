"""What `dbuild help TOPIC` prints: pages of the documentation, or sections of them."""

from __future__ import annotations

import os
import re
from typing import NamedTuple


class Topic(NamedTuple):
    """A page, or a section of one."""

    title: str
    page: str  # its file in docs
    section: str = ""  # the heading of the section; "" for the page


TOPICS = {
    "tutorial": Topic("In a quarter of an hour: build, correct, ask why, write a flow", "tutorial.md"),
    "how-to": Topic("Every night, in CI, corrections, upgrades, failures, renames", "how-to.md"),
    "screens": Topic("What terminals show: a build, the flow, why, late, statistics", "terminal.md"),
    "partitions": Topic("Dimensions, and which partitions an input gives", "partitions.md"),
    "keys": Topic("How partitions are chosen: daily@2013-01, +x, tag:nightly", "reference.md", "Choosing partitions"),
    "dataflowfile": Topic("Every key of the Dataflowfile", "reference.md", "The Dataflowfile"),
    "late-data": Topic("What is expected and when, and what happens without it", "late-data.md"),
    "watching": Topic("Building by itself, at a terminal or as a service", "watch.md"),
    "fingerprints": Topic("What counts as a change of a recipe", "fingerprints.md"),
    "undeclared": Topic("What recipes open that nothing declares: --trace, --sandbox", "undeclared.md"),
    "meaning": Topic("What a build means: content, recipes, traces", "design.md", "What a build means"),
    "querying": Topic("The views of dbuild query, and what can be asked", "query.md"),
    "exit-codes": Topic("What commands end with", "reference.md", "Exit codes"),
    "json": Topic("What --json prints", "reference.md", "JSON"),
    "reference": Topic("All keys, commands, options and fields", "reference.md"),
    "design": Topic("The state on disk, crashes, known limits", "design.md"),
    "comparison": Topic("Beside make, Snakemake, DVC, dbt, SQLMesh and Dagster", "comparison.md"),
    "pages": Topic("All pages, by what you want to do", "README.md"),
    "performance": Topic("What things cost, and how that is measured", "performance.md"),
}


def topic_text(topic: Topic) -> str | None:
    """The Markdown of a topic; None where the pages aren't installed, or don't have it."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "docs"), os.path.join(os.path.dirname(package), "docs")):
        try:
            with open(os.path.join(folder, topic.page), encoding="utf-8") as stream:
                return section_of(stream.read(), topic.section)
        except OSError:
            continue
    return None


def section_of(text: str, heading: str) -> str | None:
    """The part of a page under a heading, to the next of the same level; all of it without one."""
    if not heading:
        return text
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    if found is None:
        return None
    rest = text[found.start() :]
    position = found.end() - found.start()
    is_code = False
    for line in re.finditer(r"^.*$", rest[position:], re.MULTILINE):
        is_code ^= line[0].startswith("```")
        level = re.match(r"(#+) ", line[0])
        if level and not is_code and len(level[1]) <= len(found[1]):
            return rest[: position + line.start()].rstrip() + "\n"
    return rest
