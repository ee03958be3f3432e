"""Rows of a view as a stream of Arrow batches, made while it is read.

Arrays are put together from their buffers: to be given lists, pyarrow imports pandas, which takes longer than the rest.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from dbuild.core.catalogue import MOMENT, REAL, TEXT, TEXTS, TRUTH, WHOLE, View

if TYPE_CHECKING:
    import pyarrow

    from dbuild.state.records import Rows

BATCH = 8192  # rows


class Stream:
    """A view as DuckDB scans it: each scan reads its rows anew, a batch at a time, on whatever thread asks for it."""

    def __init__(self, view: View, rows: Rows, lock: Lock) -> None:
        self.failure: Exception | None = None  # what ended a scan
        self._view = view
        self._rows = rows
        self._lock = lock  # the state is read by one thread at a time

    def __arrow_c_schema__(self) -> object:
        return self._schema().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow

        return pyarrow.RecordBatchReader.from_batches(self._schema(), self._batches()).__arrow_c_stream__()

    def _schema(self) -> pyarrow.Schema:
        import pyarrow

        return pyarrow.schema([(column.name, _arrow_type(column.type)) for column in self._view.columns])

    def _batches(self) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        schema = self._schema()
        kinds = [column.type for column in self._view.columns]
        rows = self._rows()
        try:
            while True:
                with self._lock:
                    some = list(islice(rows, BATCH))
                if not some:
                    return
                columns = zip(*some, strict=True)
                arrays = [array_of(column, kind) for column, kind in zip(columns, kinds, strict=True)]
                yield pyarrow.record_batch(arrays, schema=schema)
        except Exception as error:
            self.failure = error
            raise


def _arrow_type(kind: str) -> pyarrow.DataType:
    import pyarrow

    return {
        TEXT: pyarrow.string(),
        TEXTS: pyarrow.list_(pyarrow.string()),
        WHOLE: pyarrow.int64(),
        REAL: pyarrow.float64(),
        TRUTH: pyarrow.bool_(),
        MOMENT: pyarrow.timestamp("us", "UTC"),
    }[kind]


def array_of(values: Sequence[Any], kind: str) -> pyarrow.Array:
    """The values of a column of a type of the catalogue, None for NULL. Bytes that are no text are shown as `\\xff`."""
    import pyarrow

    found = _arrow_type(kind)
    if kind == TEXTS:
        inner = array_of([text for texts in values for text in texts or ()], TEXT)
        buffers = [_validity(values), _offsets(len(texts or ()) for texts in values)]
        return pyarrow.Array.from_buffers(found, len(values), buffers, children=[inner])
    if kind == TEXT:
        encoded = [_encoded(value) for value in values]
        buffers = [_validity(values), _offsets(map(len, encoded)), pyarrow.py_buffer(b"".join(encoded))]
    elif kind == TRUTH:
        buffers = [_validity(values), _bits([bool(value) for value in values])]
    else:
        code = "d" if kind == REAL else "q"
        numbers = array(code, [0 if value is None else value for value in values])
        buffers = [_validity(values), pyarrow.py_buffer(numbers)]
    return pyarrow.Array.from_buffers(found, len(values), buffers)


def _encoded(text: str | None) -> bytes:
    if text is None:
        return b""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").encode()


def _offsets(lengths: Iterable[int]) -> pyarrow.Buffer:
    import pyarrow

    return pyarrow.py_buffer(array("i", accumulate(lengths, initial=0)))


def _validity(values: Sequence[Any]) -> pyarrow.Buffer | None:
    return _bits([value is not None for value in values]) if None in values else None


def _bits(values: Sequence[bool]) -> pyarrow.Buffer:
    """One bit for each, the first in the lowest."""
    import pyarrow

    digits = "".join("1" if value else "0" for value in reversed(values)) or "0"
    return pyarrow.py_buffer(int(digits, 2).to_bytes((len(values) + 7) // 8, "little"))
