"""The page on other tools: its numbers lead to sources, and its Dataflowfiles build, all to the same tables."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.build.workshop import Workshop
from tests.cli.pages import blocks, page

TEXT = page("docs/comparison.md")
TOOLS = ("make", "Snakemake", "DVC", "dbt", "SQLMesh", "Dagster")
SUM = """
BEGIN { FS = OFS = "," }
FNR == 1 { next }
$2 >= smallest { sums[$1] += $2 }
END { print "shop,amount"; print "north," sums["north"] ".0"; print "south," sums["south"] ".0" }
"""


def section(tool: str) -> str:
    """What is said of a tool under "How to come from each of them"."""
    found = re.search(rf"^### From {tool}\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def shop(root: Path, flow: str = "") -> Workshop:
    """A project with three days of sales."""
    made = Workshop(root, flow)
    made.write("sum.awk", SUM)
    for number, day in enumerate(("2024-01-01", "2024-01-02", "2024-01-03")):
        made.write(f"data/sales/{day}.csv", f"shop,amount\nnorth,{number}.0\nsouth,2.0\nnorth,1.0\n")
    return made


@pytest.mark.parametrize("tool", TOOLS)
def test_the_flow_beside_each_tool_builds(tmp_path: Path, tool: str) -> None:
    (flow,) = blocks("toml", section(tool))
    made = shop(tmp_path / "shop", flow)
    for module in blocks("python", section(tool)):
        if module.startswith("# assets.py"):
            made.write("assets.py", module)
    built = made.build(now="2024-01-04T05:00")
    assert built.counts == {"daily": 3, "monthly": 1}
    assert made.read("out/daily/2024-01-02.csv").replace('"', "") == "shop,amount\nnorth,2.0\nsouth,2.0\n"
    assert made.read("out/monthly/2024-01.csv").replace('"', "") == "shop,amount\nnorth,6.0\nsouth,6.0\n"


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_the_makefile_makes_the_same(tmp_path: Path) -> None:
    (text,) = blocks("makefile", section("make"))
    made = shop(tmp_path / "shop")
    made.write("Makefile", text)
    made.write("out/daily/.keep", "")
    made.write("out/monthly/.keep", "")
    subprocess.run(["make", "-s"], cwd=made.root, check=True)
    assert made.read("out/monthly/2024-01.csv") == "shop,amount\nnorth,6.0\nsouth,6.0\n"


def test_numbers_lead_to_sources_and_every_source_is_named() -> None:
    page, sources = TEXT.split("\n## Sources\n")
    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    named = {int(number) for number in re.findall(r"\[(\d+)\]", table)}
    listed = re.findall(r"^(\d+)\. .*?\[.*?\]\(https://", sources, re.MULTILINE | re.DOTALL)
    assert [int(number) for number in listed] == list(range(1, len(listed) + 1))
    assert named == set(map(int, listed))


def test_every_row_says_something_of_every_tool() -> None:
    rows = [line.strip("|").split("|") for line in TEXT.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {8}
    assert all(cell.strip() for row in rows[1:] for cell in row)
    for tool in TOOLS:
        assert section(tool).count("```toml") == 1


def test_what_is_said_of_dbuild_has_a_page_that_shows_it() -> None:
    cells = [line.strip("|").split("|")[-1].strip() for line in TEXT.splitlines() if line.startswith("| ")][1:]
    assert [cell for cell in cells if "](" not in cell] == ["local files", "nothing", "no", "no", "no"]
