"""Moments as people read them: how long ago, or where somebody wants to know exactly, by date and clock."""

from __future__ import annotations

import re
from datetime import datetime

from dbuild.ui.text import age
from dbuild.values import dataclass

_OFFSET = re.compile(r"(?<=\d\d:\d\d:\d\d)[+-]\d\d:\d\d\b")
_TO_SECONDS = 19  # characters of an ISO time


def clock(moment: str) -> str:
    """An ISO time by the clocks here as it stands in a sentence: without its offset from UTC."""
    return moment[:_TO_SECONDS]


def clocks(text: str) -> str:
    """A sentence with its ISO times by the clocks here."""
    return _OFFSET.sub("", text)


@dataclass(frozen=True, slots=True)
class When:
    """How the moments of a report are told."""

    now: float  # seconds since the epoch
    is_exact: bool = False

    def text(self, moment: str) -> str:
        """An ISO time with its offset, as it is told; one to come always by date and clock."""
        if not moment:
            return "-"
        since = self.now - datetime.fromisoformat(moment).timestamp()
        return moment if self.is_exact else age(since) if since > -1 else clock(moment)
