"""How many columns of a terminal a text takes: wide characters take two, marks that stand on others none."""

from __future__ import annotations

from functools import lru_cache
from unicodedata import category, east_asian_width

_ON_OTHERS = ("Mn", "Me", "Cf")


def width_of(text: str) -> int:
    """The columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, width: int, dots: str = "…") -> str:
    """The text, cut with dots where it is wider than `width` columns."""
    if width_of(text) <= width:
        return text
    return _beginning(text, width - len(dots)) + dots if width >= len(dots) else _beginning(text, width)


def cut_middle(text: str, width: int, dots: str = "…") -> str:
    """The same with the dots inside: of a partition's name the end is what tells it from others."""
    if width_of(text) <= width:
        return text
    if width <= len(dots) + 2:
        return _beginning(text, width)
    end = _beginning(text[::-1], (width - len(dots)) * 2 // 3)[::-1]
    return _beginning(text, width - len(dots) - width_of(end)) + dots + end


def filled(text: str, width: int, *, is_right: bool = False) -> str:
    """The text with blanks behind it, or before it, so that it takes `width` columns."""
    blanks = " " * (width - width_of(text))
    return blanks + text if is_right else text + blanks


def _beginning(text: str, width: int) -> str:
    """As much of the text as fits."""
    if text.isascii():
        return text[: max(0, width)]
    for end, character in enumerate(text):
        width -= _width(character)
        if width < 0:
            return text[:end]
    return text


@lru_cache(maxsize=4096)
def _width(character: str) -> int:
    if character.isascii():
        return 1
    if category(character) in _ON_OTHERS:
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
