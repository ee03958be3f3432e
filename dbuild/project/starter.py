"""A small flow with data, for a folder that has none."""

from __future__ import annotations

_FLOW = """\
# A small flow to begin with: sales of two shops, a file a day. Change something, and see what is built again.
#
#   dbuild                     builds what is stale
#   dbuild status --graph      how everything stands
#   dbuild why report          why it is, or isn't, to be built

[project]
name = "shops"
params = { smallest = 3 }                  # --param smallest=10 overrides; only what reads it is built again

[partitions.day]
every = "day"
start = 2024-01-01                         # no `end`: to the newest day that there is a file of

[sources.sales]                            # observed, never written
path = "data/sales/{day}.csv"

# SQL, run by DuckDB. What it reads FROM is its input: for each day, that day's file.
[targets.daily]
path = "out/daily/{day}.parquet"
sql = \"\"\"
SELECT shop, count(*) AS sales, sum(amount) AS amount
FROM sales
WHERE amount >= $smallest
GROUP BY ALL ORDER BY ALL
\"\"\"

# The day and the two before it.
[targets.trend]
path = "out/trend/{day}.csv"
sql = "SELECT shop, round(avg(amount), 2) AS amount FROM daily GROUP BY ALL ORDER BY ALL"
inputs.daily = { day = "-2d..0d" }

# Python: a function. Its arguments are inputs; what it returns is written.
[targets.best]
path = "out/best.csv"
python = "recipes:best_days"

# Shell: {placeholders} are paths of inputs and of the output.
[targets.report]
path = "out/report.txt"
shell = \"\"\"
{{ echo "The best days:"; cat {best}; echo; echo "Files of the trend:"; ls {trend} | wc -l; }} > {output}
\"\"\"
"""

_RECIPES = '''\
"""Recipes in Python."""

import pyarrow


def best_days(daily: pyarrow.Table) -> pyarrow.Table:
    """The three largest sums of a shop and a day."""
    return daily.select(["day", "shop", "amount"]).sort_by([("amount", "descending")]).slice(0, 3)
'''

_SALES = {
    "2024-01-01": ("north,4.50", "south,12.00", "north,2.20", "south,7.80"),
    "2024-01-02": ("north,9.90", "north,3.40", "south,1.10"),
    "2024-01-03": ("south,15.00", "north,6.30", "south,4.20", "north,8.00"),
    "2024-01-04": ("north,2.90", "south,5.50", "south,3.70"),
    "2024-01-05": ("north,11.20", "south,6.60", "north,4.40", "south,9.30"),
    "2024-01-06": ("north,14.00", "south,18.50", "north,7.70"),
    "2024-01-07": ("south,3.30", "north,5.10", "south,2.60"),
}

# All that is written, by path.
STARTER: dict[str, str] = {
    "Dataflowfile": _FLOW,
    "recipes.py": _RECIPES,
    **{f"data/sales/{day}.csv": "\n".join(("shop,amount", *rows)) + "\n" for day, rows in _SALES.items()},
}
