"""People's words on partitions, and the traces that a word took the place of."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from dbuild.core.mark import Mark
from dbuild.core.trace import Trace, pack_outputs
from dbuild.state.store import dump_pairs, read_trace


class Marks:
    """The marks of one Dataflowfile's targets."""

    def __init__(self, db: sqlite3.Connection, flow: str, target_id: Callable[[str], int]) -> None:
        self._db = db
        self._flow = flow
        self._target_id = target_id

    def all(self) -> list[Mark]:
        """Every mark, newest first."""
        rows = self._db.execute(
            "SELECT mark.run, target.name, mark.keys, word, why, who, at, until FROM mark"
            " JOIN target ON target.id = mark.target WHERE target.flow = ? ORDER BY mark.run DESC",
            (self._flow,),
        )
        return [Mark(*row) for row in rows]

    def put(self, mark: Mark, replaced: Iterable[tuple[str, Trace | None]] = ()) -> None:
        """Keeps a mark, and what the traces of partitions were before it (None: there was none)."""
        self._db.execute(
            "INSERT INTO mark (run, target, keys, word, why, who, at, until) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (mark.run, self._target_id(mark.target), mark.keys, mark.word, mark.why, mark.who, mark.at, mark.until),
        )
        self._db.executemany(
            "INSERT INTO replaced (mark, key, run, at, seconds, fingerprint, params, outputs, inputs)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(mark.run, key, *_packed(trace)) for key, trace in replaced],
        )

    def replaced(self, run: int) -> dict[str, Trace | None]:
        """Key -> the trace that a mark took the place of; None where there was none."""
        rows = self._db.execute(
            "SELECT key, fingerprint, params, inputs, outputs, run, at, seconds FROM replaced WHERE mark = ?", (run,)
        )
        return {row[0]: _unpacked(row[1:]) for row in rows}

    def forget(self, run: int) -> None:
        """Drops a mark that stands for nothing any more."""
        self._db.execute("DELETE FROM mark WHERE run = ?", (run,))
        self._db.execute("DELETE FROM replaced WHERE mark = ?", (run,))


def _packed(trace: Trace | None) -> tuple[object, ...]:
    if trace is None:
        return (None,) * 7
    params, outputs = dump_pairs(trace.params), pack_outputs(trace.outputs)
    return (trace.run, trace.at, trace.seconds, trace.fingerprint, params, outputs, trace.inputs)


def _unpacked(row: tuple[object, ...]) -> Trace | None:
    return None if row[0] is None else read_trace(row)
