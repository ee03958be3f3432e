"""The environment of the process that recipes run in, as bytes: decoding it all for each task would be for nothing."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any


def variables() -> dict[bytes, bytes]:
    """A copy of the environment as it is now."""
    kept = getattr(os.environb, "_data", None)  # how Python itself keeps it; its own `copy` goes through it in Python
    return dict(kept) if type(kept) is dict else os.environb.copy()


def inherited(ours: tuple[bytes, ...], withheld: Collection[bytes]) -> dict[bytes, bytes]:
    """What of it commands get: not what begins like `ours`, nor the variables that are withheld."""
    own = variables()
    if not _last or [own, withheld, ours] != _last[:3]:
        found = {name: value for name, value in own.items() if not name.startswith(ours) and name not in withheld}
        _last[:] = own, withheld, ours, found
    return dict(_last[3])


_last: list[Any] = []  # what was asked for last, and the answer: mostly that of the task before
