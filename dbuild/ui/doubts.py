"""What a report can't know without running something, said beside it."""

from __future__ import annotations

from dbuild.ui.stream import print_notes
from dbuild.ui.text import clean


class Doubts:
    """Takes doubts, or other warnings, and says them on standard error, unless quiet; true once there was one."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._has_any = False

    def __call__(self, text: str) -> None:
        self._has_any = True
        if not self._is_quiet:
            print_notes(f"warning: {clean(text)}")

    def forget(self) -> None:
        """As if there had been none: what follows is a new look."""
        self._has_any = False

    def __bool__(self) -> bool:
        return self._has_any
