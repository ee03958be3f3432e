"""Random projects: what a flow is made of here.

Every partition of every dataset is a list of whole numbers, in whatever format, so that each recipe means the same in
SQL, Python and shell, and a few lines of Python can say what has to come out. Unaware of files and of dbuild.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from tests.random.calendars import Grain, Line, line_of

Key = tuple[str, ...]
Node = tuple[str, Key]  # a target and one of its partitions
Rows = tuple[int, ...]
Held = tuple[tuple[str, Rows], ...]  # what an output is: names of files, each with its rows; "" where it is one file
Kind = Literal["sql", "python", "shell"]
Makes = Literal["file", "several", "folder", "view", "action"]
Reading = Literal["none", "always", "odd", "absent", "all"]
Causes = Literal["any", "guard", "other"]  # what is tried again: all, what a guard does, what never happens here

POISON = -999  # a number that every recipe that reads it straight fails on
KINDS = ["p", "q"]
OPERATIONS: dict[Kind, tuple[str, ...]] = {
    "sql": ("count", "sum", "least", "distinct"),  # of a view: "shift"
    "python": ("spread", "fold", "tally"),
    "shell": ("merge", "first", "total", "joined"),
}
ORDERED = ("fold", "joined")  # what comes out depends on the order of the files
Rule = str | tuple[str, ...]  # as a Dataflowfile has it


@dataclass(slots=True)
class Time:
    """A dimension of time as it is declared."""

    name: str
    unit: str
    count: int
    zone: str
    start: str  # a date, or a minute: `2013-01-05T13:15`
    end: str | None  # a key, "now", or None

    @property
    def every(self) -> str:
        """How its length is written."""
        return self.unit if self.count == 1 else f"{self.count} {self.unit}s"

    @property
    def grain(self) -> Grain:
        """Its periods."""
        return Grain(self.unit, self.count, self.zone, date.fromisoformat(self.start[:10]))


@dataclass(slots=True)
class Source:
    """Files that others write: CSV with one column."""

    name: str
    dimensions: tuple[str, ...]
    folder: str
    is_globbed: bool  # a partition may have several files
    has_schema: bool
    is_dated: bool  # its path has formats such as {day:%Y/%m/%d}
    parts: dict[Key, dict[str, Rows]]  # key -> name of a file -> its rows; named "" where a partition is one file


@dataclass(slots=True)
class Given:
    """An input: the dataset and its rules by dimension."""

    dataset: str
    rules: dict[str, Rule]
    output: str = ""  # which of several
    alias: str = ""  # what recipes call it, where that isn't the dataset's name
    counts: bool = True  # not with impact = "none"

    @property
    def name(self) -> str:
        """What recipes call it."""
        if self.alias:
            return self.alias
        return f"{self.dataset}_{self.output}" if self.output else self.dataset

    @property
    def reference(self) -> str:
        """What a Dataflowfile calls it."""
        return f"{self.dataset}.{self.output}" if self.output else self.dataset


@dataclass(slots=True)
class Target:
    """A dataset with its recipe, as what the recipe means; `style` only changes how it is written."""

    name: str
    dimensions: tuple[str, ...]  # of a view none
    folder: str
    kind: Kind
    makes: Makes
    form: str  # csv, parquet or json; folder where it makes one, "" where it makes nothing
    operation: str
    constant: int
    factor: int
    inputs: list[Given]
    reads: Reading  # which params, and when
    uses: str  # a file with a number that the recipe adds; "" for none
    is_shared: bool  # Python: adds the number of a module of the project
    is_guarded: bool  # counts its attempts, and fails where a certain file says so
    is_tabular: bool  # Python: takes tables, not paths
    is_dated: bool  # its path has formats such as {day:%Y/%m/%d}
    is_declared: bool  # its columns are declared, wherever they can be
    style: int = 0
    times: int = 0  # how often a failed task is tried again
    retry_on: Causes = "any"
    remarks: tuple[str, ...] = ()  # keys that mean nothing for what is built
    batch: str = ""  # how many are made in one call, where its recipe can; "" for one by one

    @property
    def is_together(self) -> bool:
        """Whether its recipe takes several partitions: what a call looks up, or tries, counts for all of them."""
        is_plain = self.kind == "python" and not (self.is_guarded or self.is_tabular or self.reads == "odd")
        is_chain = any(given.dataset == self.name for given in self.inputs)
        return bool(self.batch and self.outputs and self.dimensions) and is_plain and not is_chain

    @property
    def has_keys(self) -> bool:
        """Whether its rows have its dimensions as columns: SQL whose partitions may be made together."""
        is_plain = self.kind == "sql" and self.form == "json" and not self.is_declared
        return bool(self.batch and self.dimensions) and is_plain

    @property
    def has_schema(self) -> bool:
        """Whether its columns are declared: always, or where the format and the recipe don't say them."""
        if self.is_declared:
            return self.makes == "file"
        return self.form == "csv" and self.kind != "sql" and bool(self.dimensions) and self.makes != "several"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of its outputs."""
        return {"several": ("main", "gist"), "view": (), "action": ()}.get(self.makes, ("",))

    @property
    def is_view(self) -> bool:
        """Whether it is read through."""
        return self.makes == "view"


@dataclass(slots=True)
class Project:
    """A project as its author has it in mind."""

    sources: dict[str, Source]
    targets: dict[str, Target]  # each after what it reads
    times: dict[str, Time]
    places: list[str]
    now: datetime  # UTC
    reach: tuple[datetime, datetime]  # everything here lies between these instants
    params: dict[str, int]
    uses: dict[str, int]  # file -> the number in it
    shared: int
    style: int = 0  # of the shared module
    pool: int = 1  # how many there are of the pool db
    failing: dict[Node, int] = field(default_factory=dict)  # how many attempts of guarded tasks are yet to fail

    @property
    def built(self) -> list[Target]:
        """The targets of which something is built: all but views."""
        return [target for target in self.targets.values() if not target.is_view]

    def dimensions_of(self, dataset: str) -> tuple[str, ...]:
        """The dimensions of a source or target; of a view those of what is behind it."""
        found = self.sources.get(dataset) or self.targets[dataset]
        if isinstance(found, Target) and found.is_view:
            return tuple(dict.fromkeys(dim for given in found.inputs for dim in self.dimensions_of(given.dataset)))
        return found.dimensions

    def line(self, dimension: str) -> Line:
        """All periods of a dimension of time, also those that it doesn't reach."""
        return line_of(self.times[dimension].grain, *self.reach)

    def time_among(self, dimensions: tuple[str, ...]) -> str | None:
        """The dimension of time among these; no dataset has two, but views may."""
        return next((dimension for dimension in dimensions if dimension in self.times), None)

    def time_of(self, dataset: str) -> str | None:
        """The dimension of time that a dataset has."""
        return self.time_among(self.dimensions_of(dataset))

    def reads_itself(self, target: Target) -> bool:
        """Whether a target reads itself."""
        return any(given.dataset == target.name for given in target.inputs)

    def is_together(self, target: Target) -> bool:
        """Whether a call of its recipe takes several partitions; of SQL if a join with the keys says who reads what."""
        if target.kind != "sql":
            return target.is_together
        times = {self.time_among(target.dimensions)} - {None}
        return target.has_keys and all(
            given.dataset != target.name
            and not given.rules
            and self.form_of(given.dataset) != "view"
            and (not times or {self.time_of(given.dataset)} <= {None, *times})
            for given in target.inputs
        )

    def form_of(self, dataset: str) -> str:
        """The format of a dataset's files; "view" of one that has none but can be read."""
        if dataset not in self.targets:
            return "csv"
        return "view" if self.targets[dataset].is_view else self.targets[dataset].form

    @property
    def discoverer(self) -> str | None:
        """The source whose paths tell the items."""
        return next((source.name for source in self.sources.values() if "item" in source.dimensions), None)
