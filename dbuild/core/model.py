"""What a Dataflowfile declares, as frozen values. Every thing that a person wrote keeps its place.

The project room makes these; everything below reads them. They hold no observation and no decision.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from dbuild.core.grain import Grain
from dbuild.core.part import Part
from dbuild.core.sending import sendable
from dbuild.errors import Place, UserError
from dbuild.values import dataclass, field

Scalar = str | int | float | bool  # what a param may be (a TOML date is kept as its ISO text)


@dataclass(frozen=True, slots=True)
class TimeDimension:
    """Periods of a calendar, from `start` on."""

    name: str
    grain: Grain
    start: int  # the first period's number
    end: int | None  # the last period's number, inclusive; None: to the newest that a source has
    place: Place
    is_current: bool = False  # `end = "now"`: the last period is the one that holds this moment


@dataclass(frozen=True, slots=True)
class ListDimension:
    """A fixed list of values, in the order given."""

    name: str
    values: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class DiscoveredDimension:
    """The values that a source's paths have."""

    name: str
    source: str  # the source whose paths are looked at
    place: Place


@dataclass(frozen=True, slots=True)
class QueriedDimension:
    """The values that SQL over sources gives. Only a build asks it; whoever reads takes the last answer."""

    name: str
    recipe: SqlRecipe
    timezone: str  # the SQL session's zone
    place: Place


Dimension = TimeDimension | ListDimension | DiscoveredDimension | QueriedDimension


# How a target's partition finds its input's partitions on one dimension of the input.
@dataclass(frozen=True, slots=True)
class Overlap:
    """The same value; of another grain, the periods that intersect; all where the target has no such dimension."""


@dataclass(frozen=True, slots=True)
class Window:
    """The target's own period, moved by `low` units at its start and by `high` units at its end."""

    low: int
    high: int
    unit: str  # a unit of the calendar, as in core.grain.UNITS


@dataclass(frozen=True, slots=True)
class Since:
    """From the start of the calendar's period in which the target's own begins, to the end of the target's own."""

    unit: str  # "week", "month", "quarter" or "year"


@dataclass(frozen=True, slots=True)
class Previous:
    """The one period before that in which the target's own begins."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last of the input's partitions that are there, up to the end of the target's own period."""

    count: int


@dataclass(frozen=True, slots=True)
class All:
    """Every partition along this dimension."""


@dataclass(frozen=True, slots=True)
class Values:
    """These values."""

    values: tuple[str, ...]


MappingRule = Overlap | Window | Since | Previous | Last | All | Values


@dataclass(frozen=True, slots=True)
class Expectation:
    """When a source's partition is due, counted from the last day of its period, by the clocks of its time zone."""

    place: Place
    at: int | None = None  # the time of day in minutes; None: the end of that day
    days: int | None = None  # so many days after the period's last one
    business_days: int | None = None  # the same, counting those only on which people work
    seconds: float | None = None  # instead of all these: so long after the period's end
    weekdays: frozenset[int] = frozenset(range(7))  # 0 is Monday; a period without such a day is never due
    holidays: frozenset[date] = frozenset()  # days on which nobody works, and on which nothing is due
    is_business: bool = False  # `on = "business days"`: neither weekends nor holidays


Missing = Literal["wait", "fail", "skip", "latest"]  # what is done without an input that is missing


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that a target reads."""

    name: str  # what the recipe calls it; read through a view, the view's name before it: "clean/raw"
    dataset: str  # the source or target that it is
    output: str  # which of the target's named outputs; "" where it has one
    rules: tuple[tuple[str, MappingRule], ...]  # given rules by the input's dimension; overlap where none is given
    place: Place
    counts: bool = True  # whether its changes make the target stale (not with `impact = "none"`)
    missing: Missing = "wait"
    says_missing: bool = False  # whether that is written: the word of a view's reader comes before the view's
    max_age: float | None = None  # seconds; of `missing = "latest"`: how much older may be what stands in
    minimum: int | None = None  # of several partitions so many are enough, or all that are expected
    by: tuple[tuple[str, str], ...] = ()  # the target's dimension -> the SQL of a row's value on it


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset that is observed and never written."""

    name: str
    path: str  # the path pattern, relative to the project
    dimensions: tuple[str, ...]  # in the order of the path
    read: tuple[tuple[str, str | int | float | bool], ...]  # reader options, DuckDB's names
    schema: tuple[tuple[str, str], ...] | None  # column -> DuckDB type, if declared
    description: str
    tags: tuple[str, ...]
    place: Place
    owner: str = ""  # who to ask
    expect: Expectation | None = None  # None: everywhere in its range, without a deadline
    keeps_gone: bool = False  # `gone = "keep"`: what was built from partitions that are gone stays as it is
    settle: float = 0.0  # seconds for which a file has to have been left alone
    ready: str = ""  # the path pattern of a marker without which a partition isn't there; "" for none


@dataclass(frozen=True, slots=True)
class Output:
    """One file, or one folder with all that is in it, (for each partition) that a target's recipe makes."""

    name: str  # "" where the target has one
    path: str  # the path pattern, relative to the project; a folder's ends with a slash

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")


@sendable
@dataclass(frozen=True, slots=True)
class MacroFile:
    """CREATE MACRO statements that SQL recipes may use."""

    text: str
    place: Place  # of the first line of `text`


@sendable
@dataclass(frozen=True, slots=True)
class SqlRecipe:
    """Statements for DuckDB; the last SELECT is the result."""

    text: str
    place: Place  # of the first line of `text`
    macros: tuple[MacroFile, ...] = ()  # of the project, then of the target


@sendable
@dataclass(frozen=True, slots=True)
class PythonRecipe:
    """A function of a module of the project."""

    module: str  # dotted
    function: str
    place: Place


@sendable
@dataclass(frozen=True, slots=True)
class ShellRecipe:
    """A command with placeholders."""

    text: str  # as TOML gives it
    interpreter: str  # "" for bash -euo pipefail
    place: Place


Recipe = SqlRecipe | PythonRecipe | ShellRecipe


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task takes of the machine and of the project's pools while it runs."""

    cpus: float = 1.0  # of the -j that there are
    memory: int | None = None  # bytes; None: no limit of its own
    pools: tuple[tuple[str, int], ...] = ()  # how many of each pool


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failed task is tried again, and when."""

    times: int = 0
    delay: float = 1.0  # seconds before the first; doubled for each further one
    on: tuple[str, ...] = ()  # causes as `core.task.Result` names them; none: any


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a task may run."""

    timeout: float | None = None  # seconds
    grace: float = 5.0  # seconds between asking it to end and ending it


@dataclass(frozen=True, slots=True)
class Environment:
    """What counts of all that is installed, where a Dataflowfile says it; with nothing of these, nothing does."""

    place: Place
    files: tuple[str, ...] = ()  # whose contents count
    names: tuple[Reference, ...] = ()  # distributions of Python whose versions count
    command: str = ""  # whose output counts


@dataclass(frozen=True, slots=True)
class Target:
    """A dataset that a recipe makes."""

    name: str
    outputs: tuple[Output, ...]  # none: a view (SQL) or an action; all have the same dimensions
    dimensions: tuple[str, ...]  # in the order of the first output's path; of an action as declared; of a view none
    recipe: Recipe
    inputs: tuple[Input, ...]  # declared in the Dataflowfile; those that the recipe names are added by core.graph.link
    uses: tuple[str, ...]  # code and configuration files that count as the recipe
    params: tuple[str, ...]  # params that a shell recipe is given
    read: tuple[tuple[str, str | int | float | bool], ...]  # how its readers read it, DuckDB's names
    schema: tuple[tuple[str, str], ...] | None
    timezone: str  # the SQL session's zone
    description: str
    tags: tuple[str, ...]
    place: Place
    owner: str = ""  # who to ask
    needs: Needs = Needs()
    retries: Retries = Retries()
    limits: Limits = Limits()
    env: tuple[tuple[str, str], ...] = ()  # variables of its recipe
    secrets: tuple[str, ...] = ()  # names of variables that it takes from dbuild's own environment
    freeze_after: float | None = None  # seconds after a period's end from which on what was built stays as it is
    was: tuple[str, ...] = ()  # names that it had before, under which the state may know it
    batch: int | None = None  # so many partitions are made in one execution; 0: as many as may start; None: each alone
    environment: Environment | None = None  # None: what its recipe imports, or the engine that runs it

    @property
    def files(self) -> tuple[str, ...]:
        """All files whose contents count beside its recipe's: of `uses`, then of its environment."""
        return (*self.uses, *(self.environment.files if self.environment else ()))

    @property
    def is_view(self) -> bool:
        """Whether nothing is stored: its readers read through it."""
        return not self.outputs and isinstance(self.recipe, SqlRecipe)

    @property
    def is_action(self) -> bool:
        """Whether it is run for what it does, and makes nothing."""
        return not self.outputs and not isinstance(self.recipe, SqlRecipe)


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that the project's files declare, before recipes are looked into."""

    name: str
    root: str  # absolute directory of the Dataflowfile
    file: str  # name of the Dataflowfile, relative to root
    files: tuple[str, ...]  # all files that were read to make this, relative to root
    dimensions: dict[str, Dimension]
    sources: dict[str, Source]
    targets: dict[str, Target]
    params: dict[str, Scalar]
    default: tuple[Reference, ...]  # what a bare `dbuild` builds, as selectors; empty: all targets
    globs: tuple[str, ...]  # patterns of `include` and `uses`: which files they match counts too
    place: Place
    pools: dict[str, int] = field(default_factory=dict)  # pool -> how many of it there are
    memory: int | None = None  # bytes that all tasks may take together; None: the machine's

    def datasets(self) -> list[Source | Target]:
        """All sources, then all targets."""
        return [*self.sources.values(), *self.targets.values()]

    def dataset(self, name: str) -> Source | Target | None:
        """The source or target of that name."""
        return self.sources.get(name) or self.targets.get(name)


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a recipe's text uses for one of its inputs, or a selector of the project's default."""

    name: str
    place: Place
    is_optional: bool = False  # no error if it is no dataset (a shell placeholder such as {output})


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a recipe says of itself without being run."""

    fingerprint: bytes  # 16 bytes: identity of the code alone (no params, no inputs)
    reads: tuple[Reference, ...] = ()  # the datasets that it names
    params: tuple[str, ...] | None = ()  # the params whose values count; None: known only from the run (Python)
    files: tuple[str, ...] = ()  # project files that the fingerprint was made of, relative to the root
    calls: frozenset[str] = frozenset()  # extras that the recipe asks for: output, key, params, provisional
    problems: tuple[UserError, ...] = field(default=())  # mistakes found, with place and hint
    is_single: bool = True  # SQL: whether it is one SELECT, which a view has to be
    former: bytes = b""  # the identity that earlier versions gave the same code; empty: the same one
    notes: tuple[UserError, ...] = ()  # no mistakes, but good to know: with place and hint
    parts: tuple[Part, ...] = ()  # what the code consists of
    imports: tuple[str, ...] = ()  # top-level modules that it uses and that are none of the project's
    folders: tuple[str, ...] = ()  # in which a new Python module could change what an import means, as `files`
