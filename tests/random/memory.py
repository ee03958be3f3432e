"""What earlier builds and people left behind, as the model remembers it; and how a build has to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.random.flows import Held, Node, Rows
from tests.random.meanings import Lookups

Identities = tuple[tuple[str, str, object], ...]  # for each input what recipes call it, what it is, what is read
Content = bytes | tuple[tuple[str, bytes], ...]  # of a file; of a folder's files by name
Found = Held | bytes | None  # what is in an output now: rows; bytes that make no sense; nothing
There = Callable[[Node, str], Found]  # what is in one output of a partition now


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be remembered of a successful task."""

    recipe: object  # what the recipe meant
    params: Lookups
    inputs: Identities  # what it read: keys in order, with contents
    made: Rows
    held: dict[str, Held]  # its outputs
    paths: dict[str, str]
    contents: dict[str, Content] = field(default_factory=dict)  # as they were right after the build
    moment: int = 0  # of the build, or of the word that accepted it
    is_accepted: bool = False  # by a person's word: nobody knows how it was made


@dataclass(frozen=True, slots=True)
class Mark:
    """A person's word."""

    moment: int
    target: str
    sides: tuple[tuple[str, str], ...]  # the chosen values by dimension; none: the whole target
    is_whole: bool
    word: str
    until: float | None  # hours since the trial began


@dataclass(slots=True)
class Memory:
    """What earlier builds left behind."""

    records: dict[Node, Record] = field(default_factory=dict)
    failed: set[Node] = field(default_factory=set)
    marks: list[Mark] = field(default_factory=list)  # the newest last
    replaced: dict[int, dict[Node, Record | None]] = field(default_factory=dict)  # what a mark took the place of
    moment: int = 0  # counts builds and words
    hours: float = 0.0  # by the clock, since the trial began

    def tick(self) -> int:
        """The next moment."""
        self.moment += 1
        return self.moment

    def forget(self) -> None:
        """What is left when the state is lost."""
        self.records.clear()
        self.failed.clear()
        self.marks.clear()
        self.replaced.clear()


@dataclass(slots=True)
class Expected:
    """How each needed task has to end, if everything that can be built is."""

    built: dict[Node, Record] = field(default_factory=dict)
    failed: set[Node] = field(default_factory=set)
    attempts: dict[Node, int] = field(default_factory=dict)  # of those that run
    fresh: set[Node] = field(default_factory=set)
    frozen: set[Node] = field(default_factory=set)  # of the fresh: as they are, by a person's word
    waiting: set[Node] = field(default_factory=set)
    blocked: set[Node] = field(default_factory=set)
    reads: dict[Node, list[Node]] = field(default_factory=dict)  # straight, targets only
    follows: dict[Node, list[Node]] = field(default_factory=dict)  # of these those whose changes count

    @property
    def runs(self) -> set[Node]:
        """The tasks that have to run."""
        return self.built.keys() | self.failed
