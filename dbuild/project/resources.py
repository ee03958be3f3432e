"""[pools] and `needs`: what there is, and what a task takes of it."""

from __future__ import annotations

from dbuild.core.model import Needs
from dbuild.errors import nearest
from dbuild.project.document import Table
from dbuild.project.names import check_name
from dbuild.project.quantities import read_size
from dbuild.values import dataclass

_OF_ALL = ("cpus", "memory")  # what every task may need, in any project


@dataclass(frozen=True, slots=True)
class Pools:
    """What tasks share."""

    sizes: dict[str, int]
    memory: int | None  # bytes; None: the machine's


def read_pools(table: Table) -> Pools:
    """The pools of a project; mistakes are reported."""
    sizes: dict[str, int] = {}
    for name in table.names():
        if name == "cpus":
            table.report('"cpus" is no pool: -j says how many tasks run at once', name, hint="remove it")
        elif name != "memory" and check_name(table, "pool", name, name):
            sizes[name] = _whole(table, name)
    return Pools(sizes, _size(table, "memory"))


@dataclass(frozen=True, slots=True)
class SaidNeeds:
    """What one table says that tasks need; None for what it doesn't say."""

    cpus: float | None = None
    memory: int | None = None
    pools: tuple[tuple[str, int], ...] = ()

    def over(self, default: SaidNeeds) -> Needs:
        """The needs of a target, key by key those of [defaults] where it doesn't say its own."""
        cpus = self.cpus or default.cpus or Needs().cpus
        memory = self.memory if self.memory is not None else default.memory
        return Needs(cpus, memory, tuple((dict(default.pools) | dict(self.pools)).items()))


def read_needs(table: Table, pools: Pools) -> SaidNeeds:
    """What a table says that its tasks need; mistakes are reported."""
    given = table.inner("needs")
    if given is None:
        return SaidNeeds()
    cpus = given.value("cpus")
    memory = _size(given, "memory")
    if memory is not None and pools.memory is not None and memory > pools.memory:
        what = f'{given.title} has more memory than all tasks may take together: "{given.string("memory")}"'
        given.report(what, "memory", hint="take less, or raise the memory of [pools]")
    taken = {name: _whole(given, name) for name in given.names() if name not in _OF_ALL}
    for name, amount in taken.items():
        if name not in pools.sizes:
            hint = nearest(name, (*pools.sizes, *_OF_ALL)) or f"declare it below [pools], as in {name} = 4"
            given.report(f'"{name}" of {given.title} is no pool', name, hint=hint)
        elif amount > pools.sizes[name]:
            what = f'{given.title} takes {amount} of the pool "{name}", which has {pools.sizes[name]}'
            given.report(what, name, hint="take less, or make the pool larger")
    fitting = tuple((name, amount) for name, amount in taken.items() if amount <= pools.sizes.get(name, 0))
    return SaidNeeds(float(cpus) if isinstance(cpus, int | float) else None, memory, fitting)


def _whole(table: Table, name: str) -> int:
    value = table.value(name)
    return value if isinstance(value, int) else 0


def _size(table: Table, name: str) -> int | None:
    text = table.string(name)
    return read_size(text) if text else None
