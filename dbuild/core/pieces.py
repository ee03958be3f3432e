"""The syntax of path patterns: text, fields in braces, globs. Unaware of which dimensions there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from dbuild.core.overlap import ANY, Ranges, complement
from dbuild.errors import UserError
from dbuild.values import dataclass

_FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::([^{}]*))?")
_SPECIAL = re.compile(r"\{\{|\}\}|[{}*?\[]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f/\ud800-\udfff]")
_GLOBBED = r"[^/\ud800-\udfff]"  # surrogates stand for bytes of names that aren't valid UTF-8: nothing matches them


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """A dimension's value."""

    name: str
    format: str | None  # as written after the colon


@dataclass(frozen=True, slots=True)
class Glob:
    """`*`, `?` or a set of characters; never more than a part of one component."""

    text: str
    regex: str
    ranges: Ranges  # of one character


Piece = Literal | Field | Glob


def is_key(text: str) -> bool:
    """Whether a value that isn't a time can stand in a path: one file's name, printable, valid UTF-8."""
    return bool(text) and text not in (".", "..") and not _UNSAFE.search(text)


@lru_cache(1024)
def parse_pattern(text: str) -> tuple[Piece, ...]:
    """The pieces of a pattern. UserError (without a place) where it can't be read."""
    pieces: list[Piece] = []
    position = 0
    while found := _SPECIAL.search(text, position):
        pieces.append(Literal(text[position : found.start()]))
        piece, position = _special(text, found.start())
        pieces.append(piece)
    pieces.append(Literal(text[position:]))
    return _joined(pieces)


def fields_of(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The names of the fields, in the order of their first appearance."""
    return tuple(dict.fromkeys(piece.name for piece in pieces if isinstance(piece, Field)))


def _special(text: str, start: int) -> tuple[Piece, int]:
    """The piece that starts with a special character, and where it ends."""
    if text[start : start + 2] in ("{{", "}}"):
        return Literal(text[start]), start + 2
    match text[start]:
        case "{":
            return _field(text, start)
        case "}":
            raise UserError(f'a closing brace in "{text}" closes no placeholder', hint="write }} for a brace itself")
        case "*" if text.startswith("**", start):
            raise UserError(f'"**" in "{text}" is not supported', hint='"*" stands for a part of one name')
        case "*":
            return Glob("*", f"{_GLOBBED}*?", ANY), start + 1
        case "?":
            return Glob("?", _GLOBBED, ANY), start + 1
        case _:
            return _characters(text, start)


def _field(text: str, start: int) -> tuple[Piece, int]:
    end = text.find("}", start)
    found = _FIELD.fullmatch(text, start + 1, end) if end > 0 else None
    if not found:
        what = f'the brace in "{text[start:]}" opens no placeholder'
        raise UserError(what, hint="placeholders are {day} or {day:%Y/%m/%d}; write {{ for a brace itself")
    return Field(found[1], found[2]), end + 1


def _characters(text: str, start: int) -> tuple[Piece, int]:
    """A set of characters, as the shell writes it: [abc], [a-z], [!0-9], []] for a bracket."""
    is_negated = text.startswith("[!", start)
    first = start + 1 + is_negated
    end = text.find("]", first + 1)
    if end < 0 or "/" in text[first:end]:
        raise UserError(f'the bracket in "{text[start:]}" is not closed', hint="write [[] for a bracket itself")
    ranges = _ranges(text[first:end])
    if any(low > high for low, high in ranges):
        raise UserError(
            f'the range in "{text[start : end + 1]}" runs backwards', hint="write the smaller character first"
        )
    inside = "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)
    written = text[start : end + 1]
    if is_negated:
        return Glob(written, rf"[^/\ud800-\udfff{inside}]", complement((*ranges, (47, 47)))), end + 1
    return Glob(written, f"(?!/)[{inside}]", ranges), end + 1


def _ranges(body: str) -> Ranges:
    ranges = []
    while body:
        width = 3 if body[1:2] == "-" and len(body) > 2 else 1
        ranges.append((ord(body[0]), ord(body[width - 1])))
        body = body[width:]
    return tuple(ranges)


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The same pieces, neighbouring literals made one and empty ones left out."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Literal) and joined and isinstance(joined[-1], Literal):
            joined[-1] = Literal(joined[-1].text + piece.text)
        elif piece != Literal(""):
            joined.append(piece)
    return tuple(joined)
