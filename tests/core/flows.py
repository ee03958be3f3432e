"""Small projects made in memory, for tests of the core: no file is read to make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from dbuild.core.domain import Domains, axes_of, domains_of, mappings_of
from dbuild.core.grain import Grain
from dbuild.core.graph import Flow, link
from dbuild.core.model import (
    Analysis,
    Dimension,
    DiscoveredDimension,
    Input,
    ListDimension,
    MappingRule,
    Output,
    Project,
    PythonRecipe,
    QueriedDimension,
    Recipe,
    Reference,
    ShellRecipe,
    Source,
    SqlRecipe,
    Target,
    TimeDimension,
)
from dbuild.core.partitions import Key, PartitionSet
from dbuild.errors import Place

FILE = "Dataflowfile"
NOW = datetime(2013, 6, 15, 12, 30)
SQL = SqlRecipe("SELECT 1", Place(FILE, 90))
SHELL = ShellRecipe("true", "", Place(FILE, 91))
PYTHON = PythonRecipe("flights.train", "fit", Place(FILE, 92))


def time(name: str, start: str, end: str | None = None, unit: str = "") -> TimeDimension:
    """A time dimension; its unit is its name, unless given."""
    grain = Grain(unit or name)
    last = grain.bounded(end, is_end=True) if end else None
    return TimeDimension(name, grain, grain.bounded(start), last, Place(FILE, 2))


def values(name: str, *keys: str) -> ListDimension:
    return ListDimension(name, keys, Place(FILE, 3))


def discovered(name: str, source: str) -> DiscoveredDimension:
    return DiscoveredDimension(name, source, Place(FILE, 4))


def queried(name: str) -> QueriedDimension:
    """A dimension whose SQL is analysed apart, as `queries_of` names it."""
    return QueriedDimension(name, SQL, "UTC", Place(FILE, 5))


def source(name: str, *dimensions: str) -> Source:
    path = "/".join(["data", name, *(f"{{{dimension}}}" for dimension in dimensions)]) + ".csv"
    return Source(name, path, dimensions, (), None, "", (), Place(FILE, 10))


def reads(name: str, rules: Mapping[str, MappingRule] | None = None, *, called: str = "", line: int = 20) -> Input:
    """A declared input."""
    return Input(called or name, name, "", tuple((rules or {}).items()), Place(FILE, line))


def target(
    name: str,
    dimensions: Iterable[str] = (),
    inputs: Iterable[Input] = (),
    *,
    recipe: Recipe = SQL,
    outputs: Iterable[str] = ("",),
    line: int = 30,
) -> Target:
    own = tuple(dimensions)
    folder = "/".join([name, *(f"{{{dimension}}}" for dimension in own)])
    made = tuple(Output(output, f"out/{output}{folder}.parquet") for output in outputs)
    return Target(name, made, own, recipe, tuple(inputs), (), (), (), None, "UTC", "", (), Place(FILE, line))


def project(*parts: Dimension | Source | Target, default: Iterable[str] = ()) -> Project:
    """A project of these parts."""
    return Project(
        name="test",
        root="/project",
        file=FILE,
        files=(FILE,),
        globs=(),
        dimensions={p.name: p for p in parts if isinstance(p, Dimension)},
        sources={p.name: p for p in parts if isinstance(p, Source)},
        targets={p.name: p for p in parts if isinstance(p, Target)},
        params={},
        default=tuple(Reference(text, Place(FILE, 1)) for text in default),
        place=Place(FILE),
    )


def analysis(*names: str, line: int = 40) -> Analysis:
    """A recipe that names these datasets."""
    return Analysis(b"f" * 16, tuple(Reference(name, Place(FILE, line)) for name in names))


def flow_of(made: Project) -> Flow:
    """The flow of a project whose recipes read just what they declare."""
    analyses = {name: analysis(*(given.name for given in own.inputs)) for name, own in made.targets.items()}
    flow, problems = link(made, analyses)
    assert problems == []
    return flow


def domains(
    flow: Flow,
    present: Mapping[str, Iterable[Key]] | None = None,
    found: Mapping[str, tuple[str, ...]] | None = None,
    now: datetime = NOW,
) -> tuple[Domains, list[str]]:
    """The domains of a flow: `present` has the keys of sources that are there, `found` values that were discovered."""
    axes = axes_of(flow.project, found or {})
    mappings, problems = mappings_of(flow, axes)
    assert problems == []
    there = {
        name: PartitionSet.of_keys(tuple(axes[d] for d in flow.project.sources[name].dimensions), keys)
        for name, keys in (present or {}).items()
    }
    return domains_of(flow, axes, mappings, there, now)
