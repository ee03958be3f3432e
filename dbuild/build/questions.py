"""Questions about the ledger: SQL that DuckDB answers from the views of `core.catalogue`, as they are in one moment.

Rows come from the state when DuckDB asks for them, so that only the views that a statement reads are ever read, and
none is in memory as a whole. The session reads nothing else and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from threading import Lock
from typing import TYPE_CHECKING

from dbuild.build.interrupts import interruptible
from dbuild.build.looks import reading
from dbuild.build.settings import Settings
from dbuild.build.streams import BATCH, Stream
from dbuild.core.catalogue import VIEWS
from dbuild.errors import UsageError, nearest
from dbuild.values import dataclass

if TYPE_CHECKING:
    import duckdb
    import pyarrow
_LINE = re.compile(r"^LINE (\d+): ", re.MULTILINE)
_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_NO_COLUMN = re.compile(r'olumn (?:named )?"([^"]+)"(?: not found| does not exist|$)')
_ALIKE = 0.8  # how like a column has to be to be meant: all of them are told anyway
_UNLIKE_ARROW = ("INTERVAL", "BIT", "TIME WITH TIME ZONE", "TIMESTAMP_NS")  # Python has nothing that could hold them


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gives; it can be read once, while the session is open."""

    columns: tuple[tuple[str, str], ...]  # name and DuckDB's type; several may have one name
    batches: pyarrow.RecordBatchReader


@contextmanager
def ask(settings: Settings, statement: str, doubt: Callable[[str], None]) -> Iterator[Answer]:
    """The answer to one statement. `doubt` hears what can't be known.

    Raises UsageError for what is no question, also while the answer is read; StateError.
    """
    import duckdb

    with reading(settings) as state, state.one_moment() as records:
        views = records.views()
        targets = views["partitions"]

        def partitions() -> Iterator[tuple[object, ...]]:
            from dbuild.build.sightings import sightings

            yield from sightings(settings, state, doubt)
            yield from targets()

        views["partitions"] = partitions
        lock = Lock()
        streams = {view.name: Stream(view, views[view.name], lock) for view in VIEWS}
        # Nothing of the project is a table by its name, and what doesn't fit into memory isn't put anywhere else.
        session = duckdb.connect(":memory:", config={"python_enable_replacements": False, "temp_directory": ""})
        try:
            for name, stream in streams.items():
                session.register(name, stream)
            session.execute("SET enable_external_access = false")
            # DuckDB draws one on standard output, where Python runs no file: it takes that for a notebook.
            session.execute("SET enable_progress_bar = false")
            session.execute("SET lock_configuration = true")
            with interruptible(session.interrupt):
                yield _answer(session, statement, streams)
        except (duckdb.Error, OSError) as error:
            failed = next((stream.failure for stream in streams.values() if stream.failure), None)
            raise failed or _mistake(error, statement) from None
        finally:
            session.close()


def _answer(session: duckdb.DuckDBPyConnection, statement: str, streams: dict[str, Stream]) -> Answer:
    relation = _bound(session, _only_question(session, statement))
    columns = tuple(zip(relation.columns, map(str, relation.types), strict=True))
    if any(kind in _UNLIKE_ARROW for _, kind in columns):
        places = [f"c{number}" for number in range(len(columns))]
        shown = ", ".join(
            f"CAST({place} AS VARCHAR)" if kind in _UNLIKE_ARROW else place
            for place, (_, kind) in zip(places, columns, strict=True)
        )
        relation = _given(relation.query("answer", f"SELECT {shown} FROM answer AS answer({', '.join(places)})"))
    return Answer(columns, relation.to_arrow_reader(BATCH))


def _bound(session: duckdb.DuckDBPyConnection, question: str) -> duckdb.DuckDBPyRelation:
    """The rows that a question gives, of which none is read yet."""
    import duckdb

    try:
        return _given(session.sql(question))
    except (duckdb.BinderException, duckdb.CatalogException):
        session.execute(question)  # it fails in the same way, and says where
        raise


def _given(relation: duckdb.DuckDBPyRelation | None) -> duckdb.DuckDBPyRelation:
    if relation is None:
        raise UsageError("this statement gives no rows", hint="ask with SELECT or FROM")
    return relation


def _only_question(session: duckdb.DuckDBPyConnection, statement: str) -> str:
    """The one statement that a text holds. Raises UsageError where there is none, another, or one that isn't read."""
    found = session.extract_statements(statement)
    if len(found) != 1:
        what = f"there are {len(found)} statements" if found else "there is no statement"
        raise UsageError(what, hint='one is asked at a time: dbuild query "FROM runs"')
    if found[0].type.name not in ("SELECT", "MULTI"):
        raise UsageError(
            f"{found[0].type.name} is no question: the ledger is only read",
            hint="ask with SELECT, FROM, WITH, PIVOT, DESCRIBE or SUMMARIZE",
        )
    return str(found[0].query)


# -- mistakes ----------------------------------------------------------------------------------------------------------


def _mistake(error: Exception, statement: str) -> UsageError:
    """What DuckDB says of a statement, with the line that it points at and what was probably meant."""
    text = str(error)
    head = _LINE.split(text)[0].strip()
    kind, colon, said = head.partition(" Error: ")
    lines = (said if colon and kind.replace(" ", "").isalpha() else head).splitlines()
    what = [line for line in lines if line and not line.startswith(("Did you mean", "Candidate bindings"))]
    return UsageError("\n".join([*what, *_excerpt(text, statement)]), hint=_hint(head, statement))


def _excerpt(text: str, statement: str) -> list[str]:
    """The line of the statement that an error points at, with a caret under the place."""
    found = _LINE.search(text)
    if found is None:
        return []
    shown, _, caret = text[found.start() :].partition("\n")
    margin = len(found[0])
    number = f"line {found[1]}: " if "\n" in statement.strip() else ""
    return [f"{number}{shown[margin:]}", " " * len(number) + caret[margin:].rstrip()]


def _hint(head: str, statement: str) -> str | None:
    missing = _NO_TABLE.search(head)
    if missing:
        names = [view.name for view in VIEWS]
        return nearest(missing[1], names) or f"the views are {', '.join(names)}"
    unknown = _NO_COLUMN.search(head)
    words = set(re.findall(r"\w+", statement.lower()))
    named = [view for view in VIEWS if view.name in words]
    if unknown and named:
        columns = [f"{view.name} has {', '.join(column.name for column in view.columns)}" for view in named]
        meant = get_close_matches(unknown[1], [column.name for view in named for column in view.columns], 1, _ALIKE)
        return "\n".join([*(f'did you mean "{name}"?' for name in meant), *columns])
    if "disabled by configuration" in head:
        return "a question reads the ledger and nothing else; dbuild query lists its views"
    return next((line for line in head.splitlines() if line.startswith("Did you mean")), None)
