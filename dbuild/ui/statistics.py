"""Statistics of runs and recipes, as lines with plots and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from dbuild.core.keytext import typed_key
from dbuild.core.statistics import BINS, Flaky, Growth, Statistics, TargetStats
from dbuild.ui.bars import bar, sparkline
from dbuild.ui.json import instant
from dbuild.ui.moments import When
from dbuild.ui.stream import paint
from dbuild.ui.tables import Cell, Column, Curve, Painted, headed, table
from dbuild.ui.text import brief, clean, counted, duration, size_text

_BESIDE = 19  # characters beside the curve of what was built
_SHARE = 12  # characters of the longest bar
_TO_MINUTES = 16  # characters of an ISO time
_LITTLE = 0.1  # a trend that isn't worth telling


def statistics_lines(found: Statistics, limit: int, when: When, width: int | None) -> list[str]:
    """The report, with `limit` targets of each kind; of what there is nothing to say, nothing is said."""
    if not found.targets and not found.runs.runs:
        return [f"nothing has run since {_since(found, when)}" if found.since else "nothing has run yet"]
    inner = None if width is None else width - 2
    parts = [
        list(_head(found, when, width)),
        _part("what takes longest", _target_lines(found, limit, inner)),
        _part("work that was saved", _saved_lines(found)),
        _part("failed by chance", _flaky_lines(found.flaky[:limit], when, inner)),
        _part("what is stored", _growth_lines(found.growth, limit, inner)),
    ]
    return [line for part in parts if part for line in ("", *part)][1:]


def _part(title: str, lines: Iterator[str]) -> list[str]:
    shown = [f"  {line}" for line in lines]
    return [paint(title, "", sys.stdout, bold=True), *shown] if shown else []


def _since(found: Statistics, when: When) -> str:
    """From when on, by the clock: since three minutes ago is no English."""
    moment = datetime.fromtimestamp(found.since, UTC).astimezone().isoformat(sep=" ", timespec="seconds")
    return moment if when.is_exact else moment[:_TO_MINUTES]


def _head(found: Statistics, when: When, width: int | None) -> Iterator[str]:
    runs, ran = found.runs, found.recipe_seconds
    built = sum(one.built for one in found.targets)
    failed = sum(one.failed for one in found.targets)
    parts = [counted(runs.runs, "run"), f"{built:,} built", *([f"{failed:,} failed"] if failed else [])]
    yield f"since {_since(found, when)}: {', '.join(parts)}"
    if runs.seconds:
        at_once = ran / runs.seconds
        yield f"recipes ran {duration(ran)} in {duration(runs.seconds)} of runs, {at_once:.1f} at once"
    if any(found.built):
        hours = (found.until - found.since) / BINS / 3600
        most = f"at most {max(found.built):,} in {_hours(hours)}"
        curve = sparkline(found.built, BINS if width is None else max(4, min(BINS, width - len(most) - _BESIDE)))
        yield f"built over time  {paint(curve, 'cyan', sys.stdout)}  {most}"


def _hours(hours: float) -> str:
    if hours < 1:
        return brief(hours * 3600)
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"


def _target_lines(found: Statistics, limit: int, width: int | None) -> Iterator[str]:
    ran = [one for one in found.targets if one.built or one.failed]
    most = max((one.seconds for one in ran), default=0.0)
    heads = [
        Column("target"),
        Column("built"),
        Column("same", 6),
        Column("failed", 3),
        Column("total", 1, is_right=True),
        Column("", 5),
        Column("mean", 2, is_right=True),
        Column("95 %", 4, is_right=True),
        Column("over time", 7, 8),
        Column("trend", 6, is_right=True),
    ]
    rows = [_target_row(one, most) for one in ran[:limit]]
    if rows:
        yield from headed(table(heads, rows, width))
    if len(ran) > limit:
        yield f"and {counted(len(ran) - limit, 'more target')}"


def _target_row(one: TargetStats, most: float) -> list[Cell]:
    share = Painted(bar(one.seconds, most, _SHARE), "cyan")
    slower = one.trend is not None and one.trend > _LITTLE
    told = f"{one.trend:+.0%}" if one.trend is not None and abs(one.trend) > _LITTLE else ""
    return [
        *(clean(one.target), one.built, one.same, one.failed, duration(one.seconds), share),
        *(duration(one.mean), duration(one.most), Curve(one.curve, "cyan")),
        Painted(told, "yellow") if slower else told,
    ]


def _saved_lines(found: Statistics) -> Iterator[str]:
    runs = found.runs
    if runs.fresh:
        yield f"{counted(runs.fresh, 'partition')} stayed fresh: about {duration(runs.saved)} of recipes"
    if runs.spared:
        yield f"{runs.spared:,} of them because all that they read came out the same"
    built = sum(one.built for one in found.targets)
    same = sum(one.same for one in found.targets)
    if same:
        yield f"{same:,} of {built:,} built came out the same"


def _flaky_lines(flaky: Sequence[Flaky], when: When, width: int | None) -> Iterator[str]:
    rows: list[list[Cell]] = [
        [
            clean(one.target),
            one.times,
            one.partitions,
            when.text(datetime.fromtimestamp(one.at, UTC).isoformat(sep=" ")),
            clean(partition_text(one.target, one.key)),
        ]
        for one in flaky
    ]
    heads = [
        Column("target", 3),
        Column("times"),
        Column("partitions", 4),
        Column("last", 2),
        Column("which it was"),
    ]
    if rows:
        yield from headed(table(heads, rows, width))


def partition_text(target: str, joined: str) -> str:
    """A partition as people type it, by its joined key."""
    return f"{target}@{','.join(map(typed_key, joined.split(chr(31))))}" if joined else target


def _growth_lines(growth: Sequence[Growth], limit: int, width: int | None) -> Iterator[str]:
    stored = [one for one in growth if one.size]
    rows: list[list[Cell]] = [
        [clean(one.target), size_text(one.size), _change(one.grown), Curve(one.curve, "cyan")] for one in stored[:limit]
    ]
    heads = [
        Column("target"),
        Column("now", is_right=True),
        Column("grown", 1, is_right=True),
        Column("over time", 2, 8),
    ]
    if rows:
        yield from headed(table(heads, rows, width))
    if len(stored) > 1:
        total, grown = sum(one.size for one in stored), sum(one.grown for one in stored)
        yield f"in all {size_text(total)}, {_change(grown)}"


def _change(size: int) -> str:
    return f"{'-' if size < 0 else '+'}{size_text(abs(size))}"


# -- JSON --------------------------------------------------------------------------------------------------------------


def statistics_record(found: Statistics) -> dict[str, object]:
    """All of it; lengths of time are seconds, sizes bytes, curves have a value for each 24th of the time."""
    runs = found.runs
    return {
        "since": instant(found.since),
        "until": instant(found.until),
        "runs": runs.runs,
        "run_seconds": round(runs.seconds, 3),
        "recipe_seconds": round(found.recipe_seconds, 3),
        "built": list(found.built),
        "saved": {"fresh": runs.fresh, "spared": runs.spared, "seconds": round(runs.saved, 3)},
        "targets": [_target_record(one) for one in found.targets],
        "flaky": [
            {
                "target": one.target,
                "times": one.times,
                "partitions": one.partitions,
                "last": partition_text(one.target, one.key),
                "at": instant(one.at),
            }
            for one in found.flaky
        ],
        "stored": [
            {"target": one.target, "size": one.size, "grown": one.grown, "curve": list(one.curve)}
            for one in found.growth
        ],
    }


def _target_record(one: TargetStats) -> dict[str, object]:
    return {
        "target": one.target,
        "built": one.built,
        "same": one.same,
        "failed": one.failed,
        "retried": one.retried,
        "seconds": round(one.seconds, 6),
        "mean": round(one.mean, 6),
        "p95": round(one.most, 6),
        "trend": round(one.trend, 4) if one.trend is not None else None,
        "curve": [None if value is None else round(value, 6) for value in one.curve],
    }
