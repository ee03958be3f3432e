"""What a command prints on a terminal as an image, and a project with a past that such images are made of."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from dbuild.ui.diagrams import svg_lines
from dbuild.ui.drawing.canvas import Piece
from tests.build.workshop import Workshop

_SGR = re.compile(r"\x1b\[([\d;]*)m")
_STYLES = {"1": "bold", "2": "faint", "31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta"}
_STYLES |= {"36": "cyan", "90": "faint", "94": "bright_blue"}


def rows_of(text: str) -> list[list[Piece]]:
    """Lines of text with the sequences that colour them, as pieces of one style."""
    style, rows = "", []
    for line in text.splitlines():
        row, position = [], 0
        for found in _SGR.finditer(line):
            row.append(Piece(line[position : found.start()], style))
            position = found.end()
            style = _style(found[1], style)
        row.append(Piece(line[position:], style))
        rows.append([piece for piece in row if piece.text])
    return rows


def _style(codes: str, before: str) -> str:
    """The style that a sequence sets. A colour goes before bold, as images have one or the other."""
    style = before
    for code in codes.split(";"):
        assert code in _STYLES or code in ("", "0", "22", "39"), f"an image knows no style {code}"
        style = _STYLES.get(code, "") if style in ("", "bold") or code not in _STYLES else style
    return style


def image(command: str, text: str, columns: int) -> str:
    """A picture of a terminal of so many columns in which a command was typed, and what it printed."""
    rows = (part for row in rows_of(text) for part in _broken(row, columns))
    shown = [[Piece("$ ", "faint"), Piece(command, "bold")], *rows]
    return "\n".join(svg_lines(shown, command)) + "\n"


def _broken(row: list[Piece], columns: int) -> Iterator[list[Piece]]:
    """The lines that a terminal makes of one."""
    line: list[Piece] = []
    room = columns
    for piece in row:
        text = piece.text
        while len(text) > room:
            yield [*line, Piece(text[:room], piece.style)]
            text, line, room = text[room:], [], columns
        line.append(Piece(text, piece.style))
        room -= len(text)
    yield line


# -- a project -----------------------------------------------------------------------------------------------------

FLOW = '''
[project]
name = "shops"
params = { smallest = 3 }
[partitions.day]
every = "day"
start = 2024-03-01
[partitions.month]
every = "month"
start = 2024-03-01
[partitions.shop]
values = ["north", "south", "east"]

[sources.orders]
path = "data/orders/{day}.csv"
schema = { shop = "VARCHAR", item = "VARCHAR", pieces = "BIGINT" }
[sources.prices]
path = "data/prices/{day}.csv"
schema = { item = "VARCHAR", price = "DECIMAL(8,2)" }
expect = { at = "06:00", days = 1 }

[targets.priced]
path = "out/priced/{day}.csv"
python = "recipes:priced"
inputs = { orders = "orders", prices = { from = "prices", missing = "latest", max_age = "7d" } }
batch = "all"
[targets.sales]
path = "out/sales/{day}/{shop}.csv"
sql = "SELECT day, shop, item, amount FROM priced ORDER BY ALL"
batch = "all"
[targets.trend]
path = "out/trend/{day}.csv"
sql = """
SELECT keys.day, shop, sum(amount) AS amount
FROM keys JOIN sales ON sales.day BETWEEN keys.day - 6 AND keys.day GROUP BY ALL ORDER BY ALL
"""
inputs.sales = { day = "-6d..0d" }
batch = "all"
[targets.monthly]
path = "out/monthly/{month}.csv"
sql = "SELECT shop, sum(amount) AS amount FROM sales GROUP BY ALL ORDER BY ALL"
[targets.forecast]
path = "out/forecast.csv"
shell = "test ! -e offline || {{ rm offline; echo no connection >&2; exit 1; }}; tail -q -n 1 {trend} > {output}"
retries = { times = 1, delay = "1ms" }
[targets.report]
path = "out/report.txt"
shell = "cat {monthly} {forecast} > {output}"
'''
RECIPES = """
from pathlib import Path


def priced(orders: dict[object, Path], prices: dict[object, Path], params, keys, output: dict[object, Path]):
    for key in keys:
        price = dict(line.split(",") for line in prices[key].read_text().splitlines())
        rows = [line.split(",") for line in orders[key].read_text().splitlines()[1:]]
        rows = [(shop, item, int(pieces)) for shop, item, pieces in rows if int(pieces) >= params["smallest"]]
        sold = [f"{shop},{item},{pieces * float(price[item]):.2f}" for shop, item, pieces in rows]
        output[key].write_text("\\n".join(["shop,item,amount", *sold, ""]))
"""

NOW = "2024-05-24T09:00"
_ITEMS = ("bread", "milk", "salt", "tea")
_SECONDS = {"priced": 2.4, "sales": 0.3, "trend": 1.3, "monthly": 6.5, "forecast": 95.0, "report": 2.1}


def shops(root: Path) -> Workshop:
    """Twelve weeks of a shop whose prices come late at times: built day by day, and corrected since."""
    made = Workshop(root, FLOW, **{"recipes.py": RECIPES})
    first = date(2024, 3, 1)
    days = [first + timedelta(number) for number in range(84)]
    for day in days[:80]:
        _arrive(made, day)
    made.build(jobs=1, now="2024-05-20T07:00")
    _arrive(made, days[80], has_prices=False)
    made.build(jobs=1, now="2024-05-21T07:00")
    _price(made, days[80], at="2024-05-21T13:20")
    made.build(jobs=1, now="2024-05-21T14:00")
    _arrive(made, days[81])
    made.write("offline", "")
    made.build(jobs=1, now="2024-05-22T07:00")
    _arrive(made, days[82], has_prices=False)
    made.build(jobs=1, now="2024-05-23T07:00")
    _price(made, days[82], at="2024-05-23T08:10")
    _price(made, date(2024, 4, 10), at="2024-05-23T08:30", price=2)
    made.build(jobs=1, now="2024-05-23T09:00")
    _arrive(made, days[83], has_prices=False)
    made.build(jobs=1, now="2024-05-24T07:00")
    _tell_the_same(made)
    return made


def correct(made: Workshop) -> None:
    """A day of April gets other orders; nothing is built since."""
    made.write("data/orders/2024-04-02.csv", _orders(7))
    made.date("data/orders/2024-04-02.csv", "2024-05-24T08:40")


def _arrive(made: Workshop, day: date, *, has_prices: bool = True) -> None:
    made.write(f"data/orders/{day}.csv", _orders(day.day % 5 + 3))
    made.date(f"data/orders/{day}.csv", f"{day + timedelta(1)}T05:00")
    if has_prices:
        _price(made, day, at=f"{day + timedelta(1)}T05:30")


def _orders(pieces: int) -> str:
    lines = (f"{shop},{item},{pieces + at}" for shop in ("north", "south", "east") for at, item in enumerate(_ITEMS))
    return "\n".join(["shop,item,pieces", *lines, ""])


def _price(made: Workshop, day: date, *, at: str, price: int = 0) -> None:
    lines = (f"{item},{number + 1 + price}.{day.day:02}" for number, item in enumerate(_ITEMS))
    made.write(f"data/prices/{day}.csv", "\n".join(["item,price", *lines, ""]))
    made.date(f"data/prices/{day}.csv", at)


def _tell_the_same(made: Workshop) -> None:
    """What differs with each run is written over: how long things took, in which order they ended, who ran them."""
    with closing(sqlite3.connect(made.root / ".dbuild/state.db")) as store, store:
        names = dict(store.execute("SELECT id, name FROM target"))
        order = {name: at for at, name in enumerate(_SECONDS)}
        store.execute("UPDATE task SET number = -number")
        tasks = store.execute("SELECT run, number, target, key, at FROM task").fetchall()
        tasks.sort(key=lambda task: (task[0], order[names[task[2]]], task[3], -task[1]))
        for number, (run, before, target, _, _) in enumerate(tasks, 1):
            seconds = _SECONDS[names[target]] * (1 + 0.11 * ((run * 7 + number * 3) % 5) + 0.04 * run)
            known = (number, seconds, run, before)
            store.execute("UPDATE task SET number = ?, seconds = ? WHERE run = ? AND number = ?", known)
        for target, name in names.items():
            store.execute("UPDATE trace SET seconds = ? * (1 + 0.04 * run) WHERE target = ?", (_SECONDS[name], target))
        store.execute(
            "UPDATE run SET seconds = (SELECT sum(seconds) / 2 FROM task WHERE run = id), saved = fresh * 2.5, "
            "who = 'ann@laptop', command = 'build'"
        )
