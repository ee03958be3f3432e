"""A pool of workers that outlives a build, so that thousands of small builds don't start a process each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from dbuild.execute import pool
from dbuild.execute.pool import Pool


class WarmPool(Pool):
    """Its workers stay when a build ends. They hold no sign, so that the next one doesn't wait for them."""

    def close(self) -> None:
        """Nothing runs any more; all stays as it is."""
        assert not self._busy


@contextmanager
def warm_workers() -> Iterator[None]:
    """Within it, builds in this process share their workers as long as they are in one place."""
    kept: dict[tuple[object, ...], WarmPool] = {}

    def given(size: int, root: str, logs: str, directories: tuple[str, ...], *rest: Any) -> Pool:
        os.makedirs(logs, mode=0o700, exist_ok=True)
        place = (size, root, directories)
        if place not in kept:
            kept[place] = WarmPool(*place[:2], logs, directories)
        return kept[place]

    try:
        with patch.object(pool, "Pool", given):
            yield
    finally:
        for each in kept.values():
            Pool.close(each)
