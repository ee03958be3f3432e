"""A small project with every kind of recipe: Python over two modules, a view, SQL with macros, a command with files."""

from __future__ import annotations

from pathlib import Path

from dbuild.build import Settings, explain
from dbuild.core.report import Explanation
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
[project]
macros = ["sql/macros.sql"]
params = {{ floor = 1 }}
{DAYS}
[sources.raw]
path = "raw/{{day}}.csv"
[targets.clean]
path = "clean/{{day}}.csv"
python = "steps.clean:tidy"
inputs = ["raw"]
secrets = ["TOKEN"]
[targets.kept]
sql = "SELECT * FROM clean WHERE price > 1"
[targets.daily]
path = "daily/{{day}}.csv"
sql = "sql/daily.sql"
[targets.report]
path = "report.txt"
shell = "./count.sh {{daily}} > {{output}}"
uses = ["count.sh", "logo.bin"]
"""
FILES = {
    "steps/clean.py": """from pathlib import Path
from steps import calc

def tidy(raw: Path, output: Path):
    output.write_text(calc.scaled(raw.read_text()))
""",
    "steps/calc.py": """
# how much
RATE = 2

def scaled(text):
    return text.replace("1", str(RATE))

def unused():
    return 3
""",
    "sql/macros.sql": "CREATE MACRO net(x) AS\n  x - 1;\nCREATE MACRO other(x) AS x;\n",
    "sql/daily.sql": "-- of a day\nSELECT sum(net(price)) AS total\nFROM kept\nWHERE price >= $floor\n",
    "count.sh": "#!/bin/sh\ncat $@\n",
}
SECRET = "hunter2hunter2"  # of TOKEN


def make(root: Path) -> Workshop:
    """The project, not built yet; TOKEN has to be set."""
    shop = Workshop(root, FLOW, **FILES)
    shop.path("count.sh").chmod(0o755)
    shop.path("logo.bin").write_bytes(b"\0\1\2")
    shop.days("raw", "01-01", "01-02", "01-03", ending="csv", text="name,price\na,1\nb,7\n")
    return shop


def why(shop: Workshop, partition: str, **params: str) -> Explanation:
    """The explanation of one partition."""
    (found,) = explain(Settings(str(shop.root), params=tuple(params.items())), [partition])
    return found
