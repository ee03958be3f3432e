"""One execution of a recipe as a value that can be sent to another process, and what came of it.

Everything a recipe needs is in its `Task`; nothing of the graph or the state is. Paths are absolute.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from dbuild.core.grain import Grain
from dbuild.core.model import Recipe, Scalar, SqlRecipe
from dbuild.core.sending import sendable
from dbuild.values import dataclass, field, replace

Column = tuple[str, str]  # name, DuckDB type
Schemas = tuple[tuple[str, tuple[Column, ...] | None], ...]  # of outputs, by their names


@sendable
@dataclass(frozen=True, slots=True)
class TaskDimension:
    """A dimension as a recipe sees it: its name, and for time its grain."""

    name: str
    grain: Grain | None


@sendable
@dataclass(frozen=True, slots=True)
class TaskInput:
    """The partitions of one input, in the order of their keys."""

    name: str  # what the recipe calls it; through a view, the view's name before it: "clean/raw"
    dimensions: tuple[TaskDimension, ...]
    keys: tuple[tuple[str, ...], ...]  # one a path, a text for each dimension
    paths: tuple[str, ...]  # absolute; a partition of several files has several entries of the same key
    is_single: bool  # the mapping can give one partition only (and that has one file)
    format: str  # "parquet", "csv", "json", "arrow", "folder", or "" for anything else
    read: tuple[tuple[str, str | int | float | bool], ...]  # reader options
    schema: tuple[Column, ...] | None  # the dataset's columns: required for csv and json in SQL, absent elsewhere
    is_routed: bool = False  # whether only some of the files' rows are the input
    where: str = ""  # which they are, as a condition in SQL
    dataset: str = ""  # whose partitions they are, where the recipe calls them otherwise


@sendable
@dataclass(frozen=True, slots=True)
class TaskView:
    """A view that the recipe, or another of its views, reads. What it reads itself has its name and "/" before it."""

    name: str  # what the recipe calls it: "clean"; through another view "outer/inner"
    recipe: SqlRecipe  # one SELECT


@sendable
@dataclass(frozen=True, slots=True)
class TaskOutput:
    """Where an output is to be written, and what it will be."""

    name: str  # "" where the target has one
    path: str  # absolute, temporary, in the directory of its final place, its ending kept; a folder has no slash
    final: str  # absolute: its final place (for messages, and for the path a shell recipe may print)
    format: str  # as in TaskInput; a "folder" is there, and empty, when the recipe starts
    private: str = ""  # absolute: a folder that is there for this output alone, `path` in it; "" for none


@sendable
@dataclass(frozen=True, slots=True)
class Bounds:
    """What a task may touch beside its inputs and outputs. All paths are absolute."""

    areas: tuple[str, ...]  # folders of which it may read nothing else: the project, and those of datasets outside it
    code: tuple[str, ...]  # files that count as its recipe
    is_enforced: bool  # whether all else is refused, or only told


@sendable
@dataclass(frozen=True, slots=True)
class TaskPart:
    """One of the partitions that a task makes together."""

    key: tuple[str, ...]
    inputs: tuple[TaskInput, ...]  # its own, for a recipe that is told them apart; else none
    outputs: tuple[TaskOutput, ...]


@sendable
@dataclass(frozen=True, slots=True)
class Task:
    """One partition to be made, or several together."""

    number: int  # unique in a run
    target: str
    dimensions: tuple[TaskDimension, ...]
    key: tuple[str, ...]
    recipe: Recipe
    code: bytes  # the fingerprint that the recipe is expected to have
    inputs: tuple[TaskInput, ...]
    outputs: tuple[TaskOutput, ...]
    params: tuple[tuple[str, Scalar], ...]  # those that it may read
    timezone: str
    root: str  # the project's directory: working directory and import path
    log: str = ""  # absolute path for what it prints; made only if it prints something
    threads: int = 1  # that it may use at once
    views: tuple[TaskView, ...] = ()  # those that are read by others before these
    memory: int | None = None  # bytes that it may use; None: no limit
    share: int | None = None  # bytes that an engine which can limit itself keeps to; None: as it likes
    provisional: bool = False  # whether something expected is missing, here or further up the flow
    env: tuple[tuple[str, str], ...] = ()  # variables for the recipe
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # the same, with values nobody may see
    snapshot: str = ""  # absolute path of the Python code of its run; "": the project's files have it
    bounds: Bounds | None = None  # None: nobody looks at what it opens
    parts: tuple[TaskPart, ...] | None = None  # of a batch: its partitions; it has no key and no outputs of its own

    @property
    def is_confined(self) -> bool:
        """Whether all that it doesn't declare is refused."""
        return self.bounds is not None and self.bounds.is_enforced

    @property
    def label(self) -> str:
        """The partition's name as people type it: `target@key`."""
        return f"{self.target}@{','.join(self.key)}" if self.key else self.target

    @property
    def all_inputs(self) -> tuple[TaskInput, ...]:
        """What it reads, with what its parts are told apart."""
        return (*self.inputs, *(given for part in self.parts or () for given in part.inputs))

    @property
    def all_outputs(self) -> tuple[TaskOutput, ...]:
        """What it makes, in whatever part."""
        if self.parts is None:
            return self.outputs
        return (*self.outputs, *(output for part in self.parts for output in part.outputs))

    def of_part(self, part: TaskPart) -> Task:
        """The task that would make this partition alone."""
        return replace(self, key=part.key, inputs=part.inputs, outputs=part.outputs, parts=None)


@dataclass(frozen=True, slots=True)
class Produced:
    """What a recipe that ran says of its outputs and of what it looked up."""

    schemas: Schemas  # an output's name -> its columns, None for no table
    params_read: tuple[str, ...] | None  # names looked up, also absent ones; "*": the set of names was seen; None: all
    notes: tuple[str, ...] = ()  # what a person should know although it succeeded
    parts: tuple[tuple[str | None, Schemas], ...] = ()  # of a batch: of each partition what went wrong, and its schemas


@dataclass(frozen=True, slots=True)
class Made:
    """One output that a recipe wrote."""

    name: str
    digest: bytes
    size: int
    schema: tuple[Column, ...] | None  # of a csv, json or arrow output made by SQL or from a table
    files: tuple[tuple[str, bytes], ...] = ()  # of a folder: the files in it by their paths below it, with digests


class Sight(NamedTuple):
    """Something that a recipe did to a file or folder."""

    kind: Literal["read", "write", "change", "remove", "list"]  # change: opened for both, so perhaps only read
    path: str  # absolute


@dataclass(frozen=True, slots=True)
class PartResult:
    """How one partition of a batch ended whose recipe ran."""

    error: str | None  # None: it is made
    made: tuple[Made, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How a task ended, as the process that ran it saw it."""

    number: int
    error: str | None  # None: it succeeded; else the recipe's own words, the last line first in importance
    made: tuple[Made, ...] = ()
    params_read: tuple[str, ...] | None = None  # Python: the params looked up, None where not tracked
    has_output: bool = False  # whether it printed something (kept in its log)
    seconds: float = 0.0
    causes: tuple[str, ...] = ()  # "exit 75"; an exception's classes ("TimeoutError"); timeout, memory, killed
    notes: tuple[str, ...] = ()  # what a person should know although it succeeded
    peak: int = 0  # bytes of memory at its highest, where it was watched; else 0
    worker: int = 0  # the process that ran it
    cpu: float = 0.0  # seconds of it, of all its processes
    sights: frozenset[Sight] = frozenset()  # what it opened, where that is looked at; see `Bounds.areas`
    is_all_seen: bool = False  # whether nothing that it opened is left out there
    parts: tuple[PartResult, ...] = ()  # of a batch that succeeded: how each of its partitions ended, in its order
    then: int = 0  # the number of the task that its worker runs now; 0: none
    returned: tuple[int, ...] = ()  # the numbers of those that waited for the worker, and that it won't run


@lru_cache(maxsize=4096)
def format_of(path: str) -> str:
    """The data format that a path's ending names: parquet, csv, json, arrow, folder (a slash), or "" for none.

    A trailing `.gz` (and `.zst` for CSV and JSON) is looked through.
    """
    if path.endswith("/"):
        return "folder"
    name = path.lower()
    for suffix in (".gz", ".zst"):
        if name.endswith(suffix):
            inner = format_of(name[: -len(suffix)])
            return inner if inner in ("csv", "json") else ""
    for ending, kind in _ENDINGS:
        if name.endswith(ending):
            return kind
    return ""


_ENDINGS = (
    (".parquet", "parquet"),
    (".csv", "csv"),
    (".tsv", "csv"),
    (".json", "json"),
    (".jsonl", "json"),
    (".ndjson", "json"),
    (".arrow", "arrow"),
    (".feather", "arrow"),
)
