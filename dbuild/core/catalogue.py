"""The views that questions are asked about: their columns, with DuckDB's types and what they mean.

Names and types are kept stable; columns may be added at the end. The state gives the rows in this order.
"""

from __future__ import annotations

from dbuild.values import dataclass

TEXT, TEXTS, WHOLE, REAL, TRUTH = "VARCHAR", "VARCHAR[]", "BIGINT", "DOUBLE", "BOOLEAN"
MOMENT = "TIMESTAMP WITH TIME ZONE"  # rows give it as microseconds since the epoch


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a view."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class View:
    """One view."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


_RUN = Column("run", WHOLE, "number of the run, as `dbuild log` takes it")
_TARGET = Column("target", TEXT, "name of the target")
_KEY = Column("key", TEXT, "key as it is typed after `@`; '' where there are no dimensions")
_PARTITION = Column("partition", TEXT, "name with key, as every command takes it")

VIEWS = (
    View(
        "runs",
        "what was run, cleaned or marked, one row for each time",
        (
            _RUN,
            Column("started", MOMENT, "when it began"),
            Column("seconds", REAL, "how long it took; NULL while it runs, and where it was cut off"),
            Column("outcome", TEXT, "done, failed, interrupted, marked, refused, cleaned, cut off; NULL while it runs"),
            Column("command", TEXT, "the command line after `dbuild`"),
            Column("built", WHOLE, "partitions that were built"),
            Column("failed", WHOLE, "partitions that failed"),
            Column("fresh", WHOLE, "partitions that it needed and that didn't have to run; NULL where nobody noted it"),
            Column("spared", WHOLE, "of these, those that didn't run because all that they read came out the same"),
            Column("saved_seconds", REAL, "that these would have taken: as long as each took when it was last built"),
            Column("who", TEXT, "author of the commit that was built, else user and machine; NULL if unknown"),
            Column("code", TEXT, "id of that commit; NULL without one"),
            Column("is_dirty", TRUTH, "whether the project's files differed from it; NULL if unknown"),
        ),
    ),
    View(
        "tasks",
        "every execution of a recipe",
        (
            _RUN,
            Column("number", WHOLE, "in the order in which they ended, from 1"),
            _TARGET,
            _KEY,
            _PARTITION,
            Column("status", TEXT, "built, failed, or retried: it failed, and was tried again in the same run"),
            Column("changed", TRUTH, "whether something else came out than before"),
            Column("seconds", REAL, "how long the recipe ran"),
            Column("ended", MOMENT, "when it ended"),
            Column("reason", TEXT, "why it ran: the first reason"),
            Column("reasons", TEXTS, "the first reasons of all"),
            Column("error", TEXT, "what it failed of; NULL where it didn't"),
            Column("log", TEXT, "path of what it printed; NULL where it printed nothing"),
            Column("size", WHOLE, "bytes that it made; NULL where it made none, or nobody noted it"),
            Column("is_mended", TRUTH, "whether it had failed in an earlier run, and read the same then"),
        ),
    ),
    View(
        "partitions",
        "the partitions of sources and targets, as the last build saw or made them",
        (
            Column("dataset", TEXT, "name of the source or target"),
            Column("kind", TEXT, "source or target"),
            _KEY,
            _PARTITION,
            Column("status", TEXT, "there, of a source; built, or failed: when it was last tried"),
            Column("made", MOMENT, "when it was built; of a source, when its newest file was written"),
            Column("run", WHOLE, "that built it, or the mark that took it for fresh; NULL of a source"),
            Column("seconds", REAL, "how long that took; NULL of a source"),
            Column("files", WHOLE, "number of its files"),
            Column("size", WHOLE, "bytes of all its files; NULL where nobody knows"),
            Column("digest", TEXT, "of its content; NULL where there are several outputs, or nobody read it yet"),
            Column("provisional", TRUTH, "whether it was built without something that was expected; NULL of a source"),
            Column("fingerprint", TEXT, "of the recipe that made it; NULL of a source"),
        ),
    ),
    View(
        "outputs",
        "the files and folders of targets, as they were built last",
        (
            _TARGET,
            _KEY,
            _PARTITION,
            Column("name", TEXT, "of the output; '' where there is one"),
            Column("path", TEXT, "relative to the project; a folder's ends with a slash"),
            Column("files", WHOLE, "number of files"),
            Column("size", WHOLE, "bytes; NULL where nobody knows"),
            Column("digest", TEXT, "of its content"),
        ),
    ),
    View(
        "inputs",
        "which partition of a target was built from which partitions of its inputs",
        (
            _TARGET,
            _KEY,
            _PARTITION,
            Column("name", TEXT, "what the recipe calls the input"),
            Column("dataset", TEXT, "that was read"),
            Column("output", TEXT, "which of its outputs; '' where there is one"),
            Column("input_key", TEXT, "key of the partition that was read"),
            Column("input_partition", TEXT, "its name with its key"),
            Column("digest", TEXT, "what it was then; NULL where it was absent"),
            Column("absent", TRUTH, "whether it was expected and not there"),
            Column("stand_in", TEXT, "key of the partition that was read in its place; NULL where none was"),
        ),
    ),
    View(
        "params",
        "the params that recipes read when they were built last",
        (
            _TARGET,
            _KEY,
            _PARTITION,
            Column("name", TEXT, "of the param"),
            Column("value", TEXT, "as JSON; NULL where there was none"),
        ),
    ),
    View(
        "failures",
        "the partitions that failed when they were last tried",
        (
            _TARGET,
            _KEY,
            _PARTITION,
            _RUN,
            Column("ended", MOMENT, "when it failed; NULL if unknown"),
            Column("error", TEXT, "what it failed of"),
            Column("tail", TEXT, "the last lines that it printed"),
            Column("attempts", WHOLE, "how often that run tried it"),
            Column("failures", WHOLE, "how many runs in a row it failed in, reading the same"),
            Column("log", TEXT, "path of what it printed; NULL where it printed nothing"),
        ),
    ),
    View(
        "marks",
        "what people said of partitions (`dbuild mark`), also what later words took the place of",
        (
            Column("mark", WHOLE, "its number, among those of runs"),
            _TARGET,
            Column("keys", TEXT, "as they were written; '' for the whole target"),
            Column("word", TEXT, "stale, fresh, frozen; open or clear: taken back"),
            Column("why", TEXT, "the reason that was given"),
            Column("who", TEXT, "who said it"),
            Column("said", MOMENT, "when"),
            Column("until", MOMENT, "when it ends; NULL for never"),
        ),
    ),
    View(
        "arrivals",
        "what happened to partitions of sources, as builds saw it",
        (
            Column("source", TEXT, "name of the source"),
            _KEY,
            _PARTITION,
            Column("kind", TEXT, "arrived, corrected or withdrawn"),
            Column("happened", MOMENT, "when, as well as that can be told"),
            Column("seen", MOMENT, "when a build saw it"),
            Column("due", MOMENT, "its deadline; NULL without one"),
            Column("late_by", REAL, "seconds after the deadline, negative before it; NULL without one"),
            Column("run", WHOLE, "the first run that could act on it"),
        ),
    ),
)


def view_named(name: str) -> View:
    """The view of that name; KeyError where there is none."""
    return {view.name: view for view in VIEWS}[name]
