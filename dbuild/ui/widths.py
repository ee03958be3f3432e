"""How many columns of a terminal a text takes: wide characters take two, marks that stand on others none."""

from __future__ import annotations

from unicodedata import category, east_asian_width

_ON_OTHERS = ("Mn", "Me", "Cf")


def width_of(text: str) -> int:
    """The columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, width: int) -> str:
    """The text, cut with `…` where it is wider than `width` columns."""
    if width_of(text) <= width:
        return text
    room = width - 1
    kept = []
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + "…" if width > 0 else ""


def filled(text: str, width: int, *, is_right: bool = False) -> str:
    """The text with blanks behind it, or before it, so that it takes `width` columns."""
    blanks = " " * (width - width_of(text))
    return blanks + text if is_right else text + blanks


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if category(character) in _ON_OTHERS:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
