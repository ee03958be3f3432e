"""Flows over late data that the random test draws: which files are expected, and what is done without them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

FIRST = date(2013, 1, 1)  # a Tuesday
DAYS = tuple(FIRST + timedelta(days=n) for n in range(9))
HOLIDAY = date(2013, 1, 3)
MAX_AGE = timedelta(days=2)  # of a stand-in
FREEZING = timedelta(days=3)  # after which `one` stays as it is
SETTLING = timedelta(seconds=30)
RECIPES = """
from pathlib import Path


def joined(groups, output, end=""):
    output.write_text("".join(path.read_text() for group in groups for path in group) + end)


def one(a: list[Path], b: list[Path], output: Path):
    joined([a, b], output)


def bare(b: list[Path], output: Path):
    joined([b], output)


def weekly(b: list[Path], output: Path):
    joined([b], output)


def window(one: list[Path], output: Path):
    joined([one], output)


def total(one: list[Path], output: Path):
    joined([one], output)


def told(window: list[Path], output: Path, provisional: bool):
    joined([window], output, f"{int(provisional)}\\n")


def sums(daily: list[Path], output: Path):
    joined([daily], output)
"""
SHELL = {"told": "; echo {provisional} >> {output}"}


@dataclass(frozen=True)
class Policy:
    """What is done without a partition that is expected."""

    missing: str = "wait"
    is_limited: bool = False  # max_age
    minimum: int = 0  # 0: none

    def __str__(self) -> str:
        aged = f', max_age = "{MAX_AGE.days}d"' if self.is_limited else ""
        least = f", min = {self.minimum}" if self.minimum else ""
        return f'missing = "{self.missing}"{aged}{least}'


OF_ONE = (Policy(), Policy("skip"), Policy("fail"), Policy("latest"), Policy("latest", is_limited=True))
OF_SEVERAL = (Policy(), Policy("skip"), Policy("fail"), Policy(minimum=2), Policy("fail", minimum=2))


@dataclass(frozen=True)
class Arriving:
    """How the files of a source come."""

    expects: str = ""  # "", "daily" or "business": when they are due, the next morning
    gate: str = ""  # "", "ready" or "settle": when one that is there may be read
    is_kept: bool = False  # gone = "keep"

    def __str__(self) -> str:
        on = f', on = "business days", holidays = [{HOLIDAY}]' if self.expects == "business" else ""
        lines = [f'expect = {{ at = "06:00", days = 1{on} }}'] if self.expects else []
        lines += {"ready": ['ready = "{path}.done"'], "settle": [f'settle = "{SETTLING.seconds}s"']}.get(self.gate, [])
        lines += ['gone = "keep"'] if self.is_kept else []
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Shape:
    """Which flow it is."""

    b: Arriving
    policies: dict[str, Policy]  # by target, for the input that it may have to do without
    freezes: bool  # `one` has a freeze_after
    is_shell: bool
    e: Arriving | None  # the source of rows that are routed, if there is one

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """Each target's inputs, in the order of building."""
        found: dict[str, tuple[str, ...]] = {
            "one": ("a", "b"),
            "bare": ("b",),
            "weekly": ("b",),
            "window": ("one",),
            "total": ("one",),
            "told": ("window",),
        }
        return found | ({"daily": ("e",), "sums": ("daily",)} if self.e is not None else {})

    def text(self) -> str:
        """The Dataflowfile."""
        parts = [_HEAD.format(start=FIRST, monday=FIRST - timedelta(days=FIRST.weekday()), b=self.b)]
        for name, inputs in self.targets.items():
            key = {"weekly": "week", "sums": "week", "total": ""}.get(name, "day")
            ending = "csv" if name == "daily" else "txt"
            lines = [f"[targets.{name}]", f'path = "out/{name}{f"/{{{key}}}" if key else ""}.{ending}"']
            rule = {"window": 'day = "-2d..0d", ', "daily": 'by = "d", '}.get(name, "")
            lines += self._recipe(name, inputs)
            lines += [f"inputs.{given} = {{ }}" for given in inputs[:-1]]
            lines += [f"inputs.{inputs[-1]} = {{ {rule}{self.policies[name]} }}"]
            if name == "one" and self.freezes:
                lines.append(f'freeze_after = "{FREEZING.days}d"')
            parts.append("\n".join(lines))
        if self.e is not None:
            parts.insert(1, _ROWS.format(start=FIRST, e=self.e))
        return "\n".join(parts) + "\n"

    def _recipe(self, name: str, inputs: tuple[str, ...]) -> list[str]:
        if name == "daily":
            return ['sql = "SELECT v FROM e ORDER BY v"']
        if not self.is_shell:
            return [f'python = "recipes:{name}"']
        words = " ".join(f"{{{given}}}" for given in inputs)
        return [f'shell = "cat {words} /dev/null > {{output}}{SHELL.get(name, "")}"']


_HEAD = """
[partitions.day]
every = "day"
start = {start}
[partitions.week]
every = "week"
start = {monday}
[sources.a]
path = "a/{{day}}.txt"
[sources.b]
path = "b/{{day}}.txt"
{b}"""
_ROWS = """
[partitions.drop]
every = "day"
start = {start}
[sources.e]
path = "e/{{drop}}.csv"
schema = {{ d = "DATE", v = "BIGINT" }}
{e}"""


def drawn_shape(random: Random) -> Shape:
    """Any flow."""
    policies = {name: random.choice(OF_ONE) for name in ("one", "bare", "told")}
    policies |= {name: random.choice(OF_SEVERAL) for name in ("weekly", "window", "total", "daily", "sums")}
    b = Arriving(
        random.choice(("", "daily", "business")),
        random.choice(("", "", "ready", "settle")),
        random.random() < 0.25,
    )
    e = Arriving(random.choice(("", "daily")), "", random.random() < 0.2) if random.random() < 0.5 else None
    return Shape(b, policies, random.random() < 0.25, random.random() < 0.15, e)
