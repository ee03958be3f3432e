"""A small project with a bit of everything: the ground on which the edits of `edits.py` are tried."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.build.installed import Site
from tests.build.workshop import Workshop

FLOW = """\
[project]
name = "shop"
params = { rate = 2, smallest = 1, title = "Sales", spare = 0 }
macros = ["sql/macros.sql"]

[pools]
db = 2

[partitions.day]
every = "day"
start = 2013-01-01
end = 2013-01-02

[partitions.place]
values = ["EWR", "JFK"]

[sources.sales]
path = "data/{day}/{place}.csv"

[targets.tidy]
path = "out/tidy/{day}/{place}.csv"
python = "shop.tidy:tidy"
inputs = ["sales"]

[targets.priced]
path = "out/priced/{day}/{place}.csv"
python = "shop.price:price"
inputs = ["tidy"]
environment = "ignore"

[targets.clean]
sql = "SELECT place, n FROM priced WHERE n > 0"

[targets.daily]
path = "out/daily/{day}.csv"
sql = "sql/daily.sql"

[targets.summary]
path = "out/summary.csv"
sql = "SELECT day, sum(total) AS total FROM daily GROUP BY day ORDER BY day"

[targets.model]
path = "out/model.txt"
python = "shop.model:fit"
inputs = ["summary"]

[targets.loose]
path = "out/loose.txt"
python = "shop.loose:pick"

[targets.report]
path = "out/report/{place}.txt"
shell = "sh report.sh {priced} > {output}"
uses = ["report.sh", "lib/*.sh"]
params = ["title"]
env = { STYLE = "plain", INDENT = "2" }
environment = { cmd = "cat tool.version" }

[targets.export]
path = "out/export/{day}.csv"
shell = "cp {daily} {output}"
environment = ["app.lock"]
"""

FILES = {
    "shop/__init__.py": "",
    "shop/rows.py": '''\
"""Reading and writing of rows."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATOR = ","
HEADER = ["place", "n"]
LIMIT = 100


def read(path):
    """The rows of a file."""
    with open(path) as file:  # a header first
        lines = file.read().split("\\n")[1:]
    return [line.split(SEPARATOR) for line in lines if line]


def write(rows):
    lines = [SEPARATOR.join(map(str, row)) for row in [HEADER, *rows]]
    return "\\n".join(lines) + "\\n"


def median(values):
    return sorted(values)[len(values) // 2]


def folder():
    return os.getcwd()
''',
    "shop/checks.py": """\
PLACES = {"EWR", "JFK"}
NOTES = []


def known(row):
    assert row[0] in PLACES, row
    return row


def is_large(row):
    return int(row[1]) > 50
""",
    "shop/tidy.py": """\
from shop import checks
from shop.rows import read, write


def tidy(sales):
    return write([checks.known(row) for row in read(sales)])


def stray(sales):
    return sales
""",
    "shop/rules.py": """\
RULES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


@rule
def plain(n):
    return n


@rule
def doubled(n):
    return n * 2


def tripled(n):
    return n * 3
""",
    "shop/price.py": """\
from dataclasses import dataclass

import shop.rows as rows
import tax_pkg
from shop.rules import RULES


class Amount:
    def rounded(self, n):
        return int(n)


@dataclass
class Price(Amount):
    factor: int = 1

    def of(self, n):
        return self.rounded(n * self.factor)

    def shown(self):
        return f"* {self.factor}"


def price(tidy, params):
    made = Price(params["rate"])
    found = [(place, RULES["plain"](made.of(int(n)))) for place, n in rows.read(tidy)]
    return rows.write(found)
""",
    "shop/model.py": """\
import math_pkg
from shop import rows


def fit(summary):
    return f"{math_pkg.VERSION} {len(rows.read(summary))}\\n"


def plot():
    import plot_pkg

    return plot_pkg.VERSION
""",
    "shop/loose.py": """\
from shop import checks


def pick():
    return getattr(checks, "".join(["kno", "wn"])).__name__
""",
    "sql/macros.sql": """\
-- Amounts.
CREATE MACRO net(n) AS n - fee(n);
CREATE MACRO fee(n) AS n // 10;
CREATE MACRO gross(n) AS n * 2;
""",
    "sql/daily.sql": """\
-- What a day brought.
SELECT place, CAST(net(sum(n)) AS BIGINT) AS total
FROM clean
WHERE n >= $smallest AND place <> 'LGA'
GROUP BY place
ORDER BY place
""",
    "report.sh": '. lib/common.sh\ntitle "$DBUILD_PARAM_TITLE ($STYLE)"\ncat "$@"\n',
    "lib/common.sh": 'title() { echo "== $1 =="; }\n',
    "tool.version": "tool 1.0\n",
    "app.lock": "alpha==1.0\n",
    "data/2013-01-01/EWR.csv": "place,n\nEWR,10\n",
    "data/2013-01-01/JFK.csv": "place,n\nJFK,20\n",
    "data/2013-01-02/EWR.csv": "place,n\nEWR,30\n",
    "data/2013-01-02/JFK.csv": "place,n\nJFK,40\n",
}
_DAYS = ("2013-01-01", "2013-01-02")
_PLACES = ("EWR", "JFK")
_BOTH = tuple(f"{day},{place}" for day in _DAYS for place in _PLACES)
_KEYS = {"tidy": _BOTH, "priced": _BOTH, "daily": _DAYS, "export": _DAYS, "report": _PLACES}
PARTITIONS = {
    name: tuple(f"{name}@{key}" for key in _KEYS[name]) if name in _KEYS else (name,)
    for name in ("tidy", "priced", "daily", "summary", "model", "loose", "report", "export")
}


class Shop(Workshop):
    """The project, with the packages that seem to be installed."""

    def __init__(self, root: Path, site: Site) -> None:
        super().__init__(root)
        self.site = site

    def cloned(self, root: Path, site: Site) -> Shop:
        """The same project, with its state and what it built, in another place."""
        shutil.copytree(self.root, root)
        return Shop(root, site)

    def replace(self, name: str, *texts: str) -> None:
        """Edits a file of the project: of two texts the first becomes the second, and so on."""
        for before, after in zip(texts[::2], texts[1::2], strict=True):
            self.swap(name, before, after)


def install(site: Site) -> None:
    """Installs what the project imports, and some more."""
    site.install("math-pkg", "1.0", "base-pkg")
    for name in ("base-pkg", "plot-pkg", "tax-pkg", "idle-pkg"):
        site.install(name, "1.0")


def make_shop(folder: Path, site: Site) -> Shop:
    """The project in a folder, not built yet."""
    made = Shop(folder, site)
    made.write("Dataflowfile", FLOW)
    for path, text in FILES.items():
        made.write(path, text)
    return made
