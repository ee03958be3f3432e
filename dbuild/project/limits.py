"""`retries`, `retry_on` and `timeout`: what happens to tasks that fail or hang."""

from __future__ import annotations

import re

from dbuild.core.model import Limits, Retries
from dbuild.project.document import Table
from dbuild.project.quantities import read_duration
from dbuild.values import dataclass

# An exception's class, or one of the causes "timeout", "memory" and "killed": all are names, some with dots.
CAUSE = r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one table says of its tasks' failures; None for what it doesn't say."""

    times: tuple[int, float] | None = None  # how often, and the seconds before the first
    causes: tuple[str, ...] | None = None
    limits: Limits | None = None

    def over(self, default: Policy) -> tuple[Retries, Limits]:
        """The retries and limits of a target, those of [defaults] where it doesn't say its own."""
        times = self.times or default.times
        causes = self.causes if self.causes is not None else default.causes
        limits = self.limits or default.limits or Limits()
        return (Retries(*times, causes or ()) if times else Retries()), limits


NO_POLICY = Policy()


def read_policy(table: Table, defaults: Table | None = None) -> Policy:
    """What a table says of its tasks' failures; mistakes are reported. `defaults`: for a target, [defaults]."""
    says_retries = table.is_tried("retries") or (defaults is not None and defaults.is_tried("retries"))
    if defaults is not None and "retry_on" in table and not says_retries:
        what = f'"retry_on" of {table.title} is for targets with "retries"'
        table.report(what, "retry_on", hint="add retries = 2, or remove it")
    return Policy(_read_times(table), _read_causes(table), _read_limits(table))


def _read_times(table: Table) -> tuple[int, float] | None:
    given = table.value("retries")
    if isinstance(given, int):
        return given, Retries().delay
    inner = table.inner("retries")
    if inner is None:
        return None
    times = inner.value("times")
    if not inner.is_tried("times"):
        inner.report(f"{inner.title} doesn't say how often", hint='as in { times = 3, delay = "5s" }')
    return times if isinstance(times, int) else 0, _duration(inner, "delay", Retries().delay)


def _read_causes(table: Table) -> tuple[str, ...] | None:
    given = table.value("retry_on")
    if not isinstance(given, list):
        return None
    if not given:
        table.report(f'"retry_on" of {table.title} is empty', "retry_on", hint="without it, any failure is tried again")
    causes = []
    for position, item in enumerate(given):
        if isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= 255:
            causes.append(f"exit {item}")
        elif isinstance(item, str) and re.fullmatch(CAUSE, item):
            causes.append(item)
        else:
            hint = 'exit statuses (1 to 255), names of exceptions, "timeout", "memory", "killed"'
            table.report(f"{item!r} of {table.title} is no cause of a failure", "retry_on", position, hint=hint)
    return tuple(dict.fromkeys(causes))


def _read_limits(table: Table) -> Limits | None:
    if "timeout" not in table:
        return None
    inner = table.inner("timeout")
    if inner is None:
        return Limits(_positive(table, "timeout"))
    if not inner.is_tried("after"):
        inner.report(f"{inner.title} doesn't say after how long", hint='as in { after = "10m", grace = "30s" }')
    return Limits(_positive(inner, "after"), _duration(inner, "grace", Limits().grace))


def _positive(table: Table, name: str) -> float | None:
    seconds = _duration(table, name, -1)
    if seconds == 0:
        table.report(f'"{name}" of {table.title} is no time at all', name, hint='as in "10m"')
    return seconds if seconds > 0 else None


def _duration(table: Table, name: str, fallback: float) -> float:
    text = table.string(name)
    return read_duration(text) if text else fallback
