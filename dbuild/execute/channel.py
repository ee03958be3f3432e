"""How a pool and its workers talk: whole values over a socket, and tasks without what each of a target has alike.

A task is sent as what differs from one partition to the next, beside the bytes of all else. Those are made once for a
target and read once by a worker, which costs a tenth of sending the whole value each time. A result is sent as bare
tuples: pickle looks the classes of other values up each time.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from itertools import starmap
from operator import attrgetter, is_, itemgetter
from typing import Any, Generic, TypeVar

from dbuild.core.task import Made, PartResult, Result, Task, TaskInput, TaskOutput

T = TypeVar("T")

_PIECE = 1 << 16  # bytes that are read at once
_HEAD = 8  # bytes that say how long a message is: one may have millions of paths
_MOST = 256  # targets of which a process keeps what their tasks have alike


class Channel:
    """One end of a stream socket. Its descriptor is closed by `close` alone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pieces: list[bytes] = []  # of a message that isn't whole yet
        self._missing = 0  # bytes of it at least
        self._messages: list[bytes] = []  # that are whole, the next one last

    def fileno(self) -> int:
        return self._descriptor

    def send(self, value: object) -> None:
        """Sends a value that can be pickled. Raises OSError where the other end is gone."""
        data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        whole = len(data).to_bytes(_HEAD, "little") + data
        count = os.write(self._descriptor, whole)
        if count < len(whole):  # more than the socket holds; what is left of it isn't copied for each piece
            left = memoryview(whole)
            while left := left[count:]:
                count = os.write(self._descriptor, left)

    def receive(self) -> Any:
        """The next value; waits for it. Raises EOFError where the other end is gone, or OSError."""
        while not self._messages:
            self._fill()
        return pickle.loads(self._messages.pop())  # noqa: S301 (both ends are dbuild's own processes)

    def take(self) -> list[Any]:
        """The values that have come in since, as far as they are whole, after one read. Raises as `receive`."""
        self._fill()
        messages, self._messages = self._messages[::-1], []
        return [pickle.loads(message) for message in messages]  # noqa: S301

    def close(self) -> None:
        os.close(self._descriptor)

    def _fill(self) -> None:
        data = os.read(self._descriptor, _PIECE)
        if not data:
            raise EOFError
        self._missing -= len(data)
        self._pieces.append(data)
        if self._missing > 0:
            return
        data = b"".join(self._pieces) if len(self._pieces) > 1 else data
        found, at, length = [], 0, len(data)
        self._missing = 0
        while at < length:
            end = at + _HEAD + int.from_bytes(data[at : at + _HEAD], "little")
            if at + _HEAD > length or end > length:
                self._missing = max(1, end - length)  # of the head, if that isn't whole either
                break
            found.append(data[at + _HEAD : end])
            at = end
        self._pieces = [data[at:]] if at < length else []
        self._messages = found[::-1] + self._messages


class _Form(Generic[T]):
    """A kind of value, of which some fields are its own and the others those of many."""

    def __init__(self, kind: type[T], *own: str) -> None:
        names: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
        alike = [name for name in names if name not in own]
        self.alike: Callable[[T], tuple[object, ...]] = attrgetter(*alike)
        self.own: Callable[[T], tuple[object, ...]] = attrgetter(*own)
        self._kind = kind
        self._ordered = itemgetter(*map([*alike, *own].index, names))

    def whole(self, alike: tuple[object, ...], own: tuple[object, ...]) -> T:
        return self._kind(*self._ordered(alike + own))


# A value that only one task may see isn't kept for others.
_TASK = _Form(Task, "inputs", "outputs", "number", "key", "log", "provisional", "secrets", "parts")
_INPUT = _Form(TaskInput, "keys", "paths", "where")
_OUTPUT = _Form(TaskOutput, "path", "final", "private")

_RESULT = _Form(Result, "made", "parts", "then")
_MADE: Callable[[Made], tuple[object, ...]] = attrgetter(*Made.__match_args__)


def shorten_result(result: Result, then: int) -> object:
    """What `whole_result` makes the result of, with the number of the task that its worker is at next."""
    parts = [(part.error, [*map(_MADE, part.made)]) for part in result.parts]
    return _RESULT.alike(result), [*map(_MADE, result.made)], parts, then


def whole_result(short: Any) -> Result:
    """The result that was made short."""
    alike, made, parts, then = short
    each = tuple([PartResult(error, tuple(starmap(Made, made))) for error, made in parts])
    return _RESULT.whole(alike, (tuple(starmap(Made, made)), each, then))


class Sender:
    """Makes tasks short for sending."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[object, ...], bytes]] = {}  # by target

    def shorten(self, task: Task) -> object:
        """What `Reader.whole` makes the task of."""
        inputs, outputs = task.inputs, task.outputs
        alike = _TASK.alike(task)
        for given in inputs:
            alike += _INPUT.alike(given)
        for output in outputs:
            alike += _OUTPUT.alike(output)
        kept = self._kept.get(task.target)
        if kept is None or len(kept[0]) != len(alike) or not all(map(is_, kept[0], alike)):
            parts = (_TASK.alike(task), [*map(_INPUT.alike, inputs)], [*map(_OUTPUT.alike, outputs)])
            kept = self._kept[task.target] = (alike, pickle.dumps(parts, pickle.HIGHEST_PROTOCOL))
        return kept[1], _TASK.own(task)[2:], [*map(_INPUT.own, inputs)], [*map(_OUTPUT.own, outputs)]


class Reader:
    """Makes tasks whole again."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Any] = {}

    def whole(self, short: Any) -> Task:
        """The task that was made short."""
        packed, own, inputs, outputs = short
        kept = self._kept.get(packed)
        if kept is None:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            kept = self._kept[packed] = pickle.loads(packed)  # noqa: S301
        alike, of_inputs, of_outputs = kept
        given, made = tuple(map(_INPUT.whole, of_inputs, inputs)), tuple(map(_OUTPUT.whole, of_outputs, outputs))
        return _TASK.whole(alike, (given, made, *own))
