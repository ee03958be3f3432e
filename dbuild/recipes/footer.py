"""The schema in a Parquet file's footer, read without an engine: what decides the names and types of its columns.

The footer is a Thrift struct in the compact protocol (parquet-format's FileMetaData, whose second field is the list
of SchemaElement; https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Binding the file
in DuckDB to learn the same costs about ten times as much.
"""

from __future__ import annotations

import os

from dbuild.values import dataclass

_TAIL = 1 << 15  # bytes: holds most footers of small files
_NAME, _CHILDREN = 4, 5  # fields of SchemaElement
_STRUCT, _LIST, _BINARY = 12, 9, 8


@dataclass(frozen=True, slots=True)
class ParquetSchema:
    """A file's columns."""

    identity: bytes  # equal where names and types of all columns are
    names: tuple[str, ...]  # of the columns at the top


def read_schema(path: str) -> ParquetSchema | None:
    """A Parquet file's schema; None where it can't be told so, and DuckDB has to be asked (or will complain)."""
    try:
        footer = _footer(path)
        if footer is None or b"geo" in footer:  # geometry gets its type from the metadata after the schema
            return None
        return _Reader(footer).schema()
    except (OSError, IndexError, ValueError, RecursionError):
        return None


def _footer(path: str) -> bytes | None:
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        tail = os.pread(stream.fileno(), _TAIL, max(0, size - _TAIL))
        if tail[-4:] != b"PAR1":
            return None
        length = int.from_bytes(tail[-8:-4], "little")
        if length + 8 > len(tail):
            tail = os.pread(stream.fileno(), length + 8, max(0, size - length - 8))
    return tail[-8 - length : -8]


class _Reader:
    """A reader of Thrift's compact protocol that knows as much as is needed here."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def schema(self) -> ParquetSchema | None:
        field = 0
        while head := self._byte():
            field = self._field(head, field)
            start = self._at
            if field == 2 and head & 15 == _LIST:
                elements = [self._element() for _ in range(self._list_head()[0])]
                return ParquetSchema(self._data[start : self._at], _top(elements))
            self._skip(head & 15)
        return None

    def _element(self) -> tuple[str, int]:
        """One SchemaElement: its name and the number of its children."""
        name, children, field = "", 0, 0
        while head := self._byte():
            field = self._field(head, field)
            kind = head & 15
            if field == _NAME and kind == _BINARY:
                length = self._varint()
                name = self._data[self._at : self._at + length].decode()
                self._at += length
            elif field == _CHILDREN:
                children = self._zigzag()
            else:
                self._skip(kind)
        return name, children

    def _field(self, head: int, last: int) -> int:
        return last + (head >> 4) if head >> 4 else self._zigzag()

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        return (self._varint() if head >> 4 == 15 else head >> 4), head & 15

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, kind: int) -> None:
        if kind in (1, 2):  # a boolean field is its own value
            return
        if kind in (4, 5, 6):
            self._varint()
        elif kind in (3, 7):
            self._at += 1 if kind == 3 else 8
        elif kind == _BINARY:
            self._at += self._varint()
        elif kind in (_LIST, 10):
            count, inner = self._list_head()
            for _ in range(count):
                self._skip_item(inner)
        elif kind == _STRUCT:
            while head := self._byte():
                self._field(head, 0)
                self._skip(head & 15)
        else:
            raise ValueError(f"unknown kind of field: {kind}")

    def _skip_item(self, kind: int) -> None:
        if kind in (1, 2):
            self._at += 1
        else:
            self._skip(kind)


def _top(elements: list[tuple[str, int]]) -> tuple[str, ...]:
    """The names of the root's children in the flattened tree."""
    names: list[str] = []
    at = 1
    for _ in range(elements[0][1]):
        names.append(elements[at][0])
        at = _after(elements, at)
    return tuple(names)


def _after(elements: list[tuple[str, int]], at: int) -> int:
    following = at + 1
    for _ in range(elements[at][1]):
        following = _after(elements, following)
    return following
