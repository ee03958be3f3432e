"""Names by which a person means several datasets: `daily_*`, `tag:x`, `owner:x`. Unaware of flows; imports little."""

from __future__ import annotations

import re
from collections.abc import Iterable

TAG, OWNER = "tag:", "owner:"
_SIGNS = re.compile(r"[*?]")


def is_glob(name: str) -> bool:
    """Whether a name has signs that stand for others."""
    return _SIGNS.search(name) is not None


def matches(pattern: str, name: str) -> bool:
    """As a shell does: `*` is any text, `?` one character."""
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def is_meant(word: str, name: str, tags: Iterable[str], owner: str) -> bool:
    """Whether a word means a dataset of this name, with these tags and this owner."""
    if word.startswith(TAG):
        return any(matches(word.removeprefix(TAG), tag) for tag in tags)
    if word.startswith(OWNER):
        return bool(owner) and matches(word.removeprefix(OWNER), owner)
    return matches(word, name)
