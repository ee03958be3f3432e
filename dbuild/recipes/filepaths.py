"""The `Path`s of many files: an aggregate gets one for each file that it reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_MANY = 100  # paths from which their folder is taken apart once


def paths_of(texts: Sequence[str]) -> list[Path]:
    """`Path(text)` of each of the texts.

    Up to Python 3.11 a Path takes apart its text when it is made, 5 µs for each; so files of one folder, one after
    another, have it taken apart once.
    """
    make: Callable[..., Path] | None = getattr(type(Path()), "_from_parsed_parts", None)
    if sys.version_info >= (3, 12) or len(texts) < _MANY or make is None:
        return [Path(text) for text in texts]
    made = []
    known: str | None = None
    folder: Any = None
    for text in texts:
        name = text[text.rfind("/") + 1 :]
        above = text[: len(text) - len(name)]  # with its slash: "a" is below the current folder, "/a" below the root
        if above != known:
            known, folder = above, Path(above)
        if name in ("", "."):  # the folder itself
            made.append(Path(text))
        else:
            made.append(make(folder._drv, folder._root, [*folder._parts, name]))
    return made
