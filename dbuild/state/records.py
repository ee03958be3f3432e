"""The rows of the views that questions are asked about, as `core.catalogue` describes them; all of one moment.

A row is made when it is asked for, so that there may be more of them than there is memory. Unaware of Arrow and DuckDB.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

from dbuild.core.keytext import ALL, NONE, STANDINGS, typed_key
from dbuild.core.reasons import texts_of
from dbuild.core.trace import unpack_inputs, unpack_outputs
from dbuild.state.store import load_pairs

Row = tuple[object, ...]
Rows = Callable[[], Iterator[Row]]

_SEPARATOR = "\x1f"
_PLAIN = re.compile(r"[\w\-]+(?:[.: ][\w\-]+)*(?:\x1f[\w\-]+(?:[.: ][\w\-]+)*)*", re.ASCII)
_WORDS = frozenset((*STANDINGS, ALL, NONE))
_FAILED = "EXISTS (SELECT 1 FROM failure WHERE failure.target = trace.target AND failure.key = trace.key)"


class _Kept(NamedTuple):
    """What is known of files."""

    files: int
    size: int | None  # bytes; None: not of all of them


class Records:
    """The rows of one Dataflowfile's ledger."""

    def __init__(self, db: sqlite3.Connection, flow: str) -> None:
        self._db = db
        self._flow = flow

    def views(self) -> dict[str, Rows]:
        """What gives the rows of each view, of `partitions` those of targets."""
        return {
            "runs": self._runs,
            "tasks": self._tasks,
            "partitions": self._partitions,
            "outputs": self._outputs,
            "inputs": self._inputs,
            "params": self._params,
            "failures": self._failures,
            "marks": self._marks,
            "arrivals": self._arrivals,
        }

    def _select(self, statement: str) -> sqlite3.Cursor:
        return self._db.execute(statement, (self._flow,))

    def _runs(self) -> Iterator[Row]:
        rows = self._select(
            "SELECT id, started, seconds, outcome, command, built, failed, fresh, spared, saved, who, code, is_dirty"
            " FROM run WHERE flow = ? ORDER BY id"
        )
        for run, started, *more, who, code, is_dirty in rows:
            yield (run, _micros(started), *more, who or None, code or None, _truth(is_dirty))

    def _tasks(self) -> Iterator[Row]:
        rows = self._select(
            "SELECT run, number, name, key, status, changed, seconds, at, reasons, error, log, size, is_mended"
            " FROM task JOIN target ON target.id = task.target WHERE flow = ? ORDER BY run, number"
        )
        for run, number, name, joined, status, changed, seconds, at, reasons, error, log, size, is_mended in rows:
            key = key_text(joined)
            texts = texts_of(reasons)
            yield (
                *(run, number, name, key, named(name, key), status, bool(changed), seconds, _micros(at)),
                *(texts[0] if texts else None, texts, error, log, size, bool(is_mended)),
            )

    def _partitions(self) -> Iterator[Row]:
        rows = self._select(
            f"SELECT name, key, at, run, seconds, outputs, inputs, fingerprint, {_FAILED} FROM trace"
            " JOIN target ON target.id = trace.target WHERE flow = ? ORDER BY name, key"
        )
        for name, joined, at, run, seconds, packed, inputs, fingerprint, has_failed in rows:
            key, outputs = key_text(joined), unpack_outputs(packed)
            kept = [self._kept(output.path) for output in outputs]
            sizes = [one.size for one in kept if one.size is not None]
            is_provisional = any(record.absent or record.stand_ins for record in unpack_inputs(inputs))
            yield (
                *(
                    name,
                    "target",
                    key,
                    named(name, key),
                    "failed" if has_failed else "built",
                    _micros(at),
                    run,
                    seconds,
                ),
                *(sum(one.files for one in kept), sum(sizes) if sizes and len(sizes) == len(kept) else None),
                *(outputs[0].digest.hex() if len(outputs) == 1 else None, is_provisional, fingerprint.hex()),
            )
        yield from self._never_built()

    def _never_built(self) -> Iterator[Row]:
        """Partitions that failed before they were ever built."""
        rows = self._select(
            "SELECT name, failure.key, failure.run FROM failure JOIN target ON target.id = failure.target"
            " LEFT JOIN trace ON trace.target = failure.target AND trace.key = failure.key"
            " WHERE flow = ? AND trace.key IS NULL ORDER BY name, failure.key"
        )
        for name, joined, run in rows:
            key = key_text(joined)
            yield (name, "target", key, named(name, key), "failed", None, run, None, 0, None, None, None, None)

    def _outputs(self) -> Iterator[Row]:
        for name, key, (packed,) in self._traces("outputs"):
            for output in unpack_outputs(str(packed)):
                kept = self._kept(output.path)
                yield (
                    *(name, key, named(name, key), output.name, output.path),
                    *(kept.files, kept.size, output.digest.hex()),
                )

    def _kept(self, path: str) -> _Kept:
        """What is known of an output's files, from when they were hashed last."""
        if path.endswith("/"):
            row = self._db.execute(
                "SELECT count(*), sum(size) FROM file WHERE path >= ? AND path < ?", (path, path[:-1] + "0")
            ).fetchone()
            return _Kept(row[0], row[1] or 0)
        row = self._db.execute("SELECT size FROM file WHERE path = ?", (path,)).fetchone()
        return _Kept(1, row[0] if row else None)

    def _inputs(self) -> Iterator[Row]:
        for name, key, (packed,) in self._traces("inputs"):
            label = named(name, key)
            for record in unpack_inputs(packed):  # type: ignore[arg-type]
                dataset, _, output = record.dataset.partition(".")
                standing = dict(record.stand_ins)
                read = [(one, digest.hex()) for one, digest in record.items().items()]
                absent = [(one, None) for one in dict.fromkeys((*record.absent, *standing))]
                for joined, digest in [*read, *absent]:
                    other = key_text(joined)
                    used = standing.get(joined) if digest is None else None
                    yield (
                        *(name, key, label, record.name, dataset, output, other, named(dataset, other), digest),
                        *(digest is None, key_text(used) if used is not None else None),
                    )

    def _params(self) -> Iterator[Row]:
        for name, key, (packed,) in self._traces("params"):
            for param, value in load_pairs(str(packed)):
                yield (name, key, named(name, key), param, value or None)

    def _traces(self, *columns: str) -> Iterator[tuple[str, str, Row]]:
        """Name and key of every trace, with these columns of it."""
        rows = self._select(
            f"SELECT name, key, {', '.join(columns)} FROM trace JOIN target ON target.id = trace.target"
            " WHERE flow = ? ORDER BY name, key"
        )
        for name, joined, *found in rows:
            yield name, key_text(joined), tuple(found)

    def _failures(self) -> Iterator[Row]:
        rows = self._select(
            "SELECT name, key, run, at, error, tail, attempts, failures, log FROM failure"
            " JOIN target ON target.id = failure.target WHERE flow = ? ORDER BY name, key"
        )
        for name, joined, run, at, *more in rows:
            key = key_text(joined)
            yield (name, key, named(name, key), run, _micros(at) if at else None, *more)

    def _marks(self) -> Iterator[Row]:
        rows = self._select(
            "SELECT run, name, keys, word, why, who, at, until FROM mark JOIN target ON target.id = mark.target"
            " WHERE flow = ? ORDER BY run"
        )
        for *more, at, until in rows:
            yield (*more, _micros(at), _micros(until))

    def _arrivals(self) -> Iterator[Row]:
        rows = self._select("SELECT dataset, key, kind, at, seen, due, run FROM arrival WHERE flow = ? ORDER BY id")
        for name, joined, kind, at, seen, due, run in rows:
            key = key_text(joined)
            late_by = at - due if due is not None else None
            yield (name, key, named(name, key), kind, _micros(at), _micros(seen), _micros(due), late_by, run)


def key_text(joined: str) -> str:
    """A joined key as people type it."""
    if _PLAIN.fullmatch(joined) and joined not in _WORDS:
        text = joined.replace(_SEPARATOR, ",")
        if _SEPARATOR not in joined or _WORDS.isdisjoint(text.split(",")):
            return text
    return ",".join(map(typed_key, joined.split(_SEPARATOR))) if joined else ""


def named(dataset: str, key: str) -> str:
    """A partition by its typed key, as commands take it."""
    return f"{dataset}@{key}" if key else dataset


def _micros(moment: float | None) -> int | None:
    """Seconds since the epoch in whole microseconds."""
    return round(moment * 1_000_000) if moment is not None else None


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)
