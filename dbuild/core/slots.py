"""The pieces of a path pattern that is being made: texts, places of dimensions, globs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from dbuild.core.stamps import Stamp

_NEEDED = {  # what has to stand in a path to tell periods of a unit from each other, in the order of preference
    "minute": ("YmdHM",),
    "hour": ("YmdH",),
    "day": ("Ymd", "Yj"),
    "week": ("GV", "Ymd", "Yj"),
    "month": ("Ym",),
    "quarter": ("Yq", "Ym"),
    "year": ("Y", "G"),
}
_WIDTHS = {"Y": 4, "G": 4, "j": 3, "q": 1}
_PLAIN = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "quarter": "%Y-Q%q", "year": "%Y"}
_PLAIN |= {"hour": "%Y-%m-%dT%H", "minute": "%Y-%m-%dT%H:%M"}
_TOKEN = re.compile(r"%([A-Za-z])|([^%]+)")


class Text(NamedTuple):
    """Text that stands for itself."""

    text: str

    def written(self, names: Sequence[str]) -> str:
        """As a pattern has it: braces are doubled, what would be a glob is a set of one character."""
        text = self.text.replace("{", "{{").replace("}", "}}")
        return re.sub(r"[*?\[]", r"[\g<0>]", text)


class Slot(NamedTuple):
    """A dimension's value."""

    axis: int
    format: str | None  # None: the key as it is
    is_time: bool = False

    def written(self, names: Sequence[str]) -> str:
        """The placeholder, where dimensions have these names."""
        return f"{{{names[self.axis]}:{self.format}}}" if self.format else f"{{{names[self.axis]}}}"


class Glob(NamedTuple):
    """What is found in names, and says nothing."""

    text: str

    def written(self, names: Sequence[str]) -> str:
        """As it is."""
        return self.text


class Echo(NamedTuple):
    """The time once more, or a part of it; `joined` makes something else of it."""

    format: str

    def written(self, names: Sequence[str]) -> str:
        """As globs."""
        return "".join(piece.written(names) for piece in globs_of(self.format))


Piece = Text | Slot | Glob | Echo


def globs_of(form: str) -> list[Piece]:
    """A time that says nothing: globs, with the folders and names that its format has."""
    pieces: list[Piece] = []
    for level, folder in enumerate(form.split("/")):
        head, sign, _ = folder.partition("=")
        pieces += [Text("/")] if level else []
        pieces += [Text(head + sign), Glob("*")] if sign else [Glob("*")]
    return pieces


def slot_pieces(stamp: Stamp, unit: str, axis: int, numbers: Sequence[Sequence[int]]) -> list[Piece] | None:
    """A stamp as the place of periods of a unit, with what stands around it; None where it can't tell them.

    Of `numbers` those that the unit has no need for are texts, or globs where they vary. A finer number that would
    stand among those that are needed makes it None too.
    """
    tokens = [(found[1] or "", found[2] or "") for found in _TOKEN.finditer(stamp.format)]
    letters = [letter for letter, _ in tokens if letter]
    needed = next((wanted for wanted in _NEEDED[unit] if set(wanted) <= set(letters)), None)
    if needed is None:
        return None
    inner = [place for place, (letter, _) in enumerate(tokens) if letter and letter in needed]
    first, last = inner[0], inner[-1] + 1
    columns = dict(zip(letters, zip(*numbers, strict=True), strict=True))
    if any(letter and letter not in needed for letter, _ in tokens[first:last]):
        return None
    form = "".join(f"%{letter}" if letter else text for letter, text in tokens[first:last])
    slot = Slot(axis, None if form == _PLAIN[unit] else form, is_time=True)
    return [*_around(tokens[:first], columns), slot, *_around(tokens[last:], columns)]


def _around(tokens: Sequence[tuple[str, str]], columns: dict[str, tuple[int, ...]]) -> list[Piece]:
    found: list[Piece] = []
    for letter, text in tokens:
        width = _WIDTHS.get(letter, 2)
        if not letter:
            found.append(Text(text))
        elif len(set(columns[letter])) == 1:
            found.append(Text(f"{columns[letter][0]:0{width}d}"))
        else:
            found.append(Glob("?" * width))
    return found


def ambiguous_values(stamp: Stamp, numbers: Sequence[Sequence[int]]) -> bool:
    """Whether days and months could as well be the other way round."""
    places = [place for place, letter in enumerate(stamp.directives) if letter in "dm"]
    return all(each[place] <= 12 for each in numbers for place in places)


def joined(pieces: Sequence[Piece], unit: str) -> tuple[Piece, ...]:
    """The same pieces, neighbouring texts and globs made one.

    An echo of periods of `unit` becomes a place of its own, a part of the place behind it, or globs.
    """
    plain = _without_echoes(list(pieces), unit)
    found: list[Piece] = []
    for piece in plain:
        last = found[-1] if found else None
        if isinstance(piece, Text) and isinstance(last, Text):
            found[-1] = Text(last.text + piece.text)
        elif piece != Text("") and not (piece == last == Glob("*")):
            found.append(piece)
    return tuple(found)


def _without_echoes(pieces: list[Piece], unit: str) -> list[Piece]:
    times = [piece for piece in pieces if isinstance(piece, Slot) and piece.is_time]
    for place in reversed(range(len(pieces))):
        echo = pieces[place]
        if not isinstance(echo, Echo):
            continue
        form = echo.format
        letters = {letter for letter, _ in _TOKEN.findall(form) if letter}
        if times and any(letters == set(wanted) for wanted in _NEEDED[unit]):
            pieces[place] = Slot(times[0].axis, None if form == _PLAIN[unit] else form, is_time=True)
            continue
        end = next((n for n in range(place + 1, len(pieces)) if not isinstance(pieces[n], Text)), None)
        slot = pieces[end] if end is not None else None
        between = "".join(piece.text for piece in pieces[place + 1 : end] if isinstance(piece, Text))
        if isinstance(slot, Slot) and slot in times and not re.search(r"[{}*?\[\]%]", between):
            whole = f"{form}{between}{slot.format or _PLAIN[unit]}"
            pieces[place : (end or 0) + 1] = [Slot(slot.axis, whole, is_time=True)]
            times.append(Slot(slot.axis, whole, is_time=True))
        else:
            pieces[place : place + 1] = globs_of(form)
    return pieces
