"""Moments as reports have them."""

from __future__ import annotations

from datetime import datetime


def local_time(moment: float) -> str:
    """A moment, in seconds since the epoch, in ISO form by the clocks here."""
    return datetime.fromtimestamp(moment).astimezone().isoformat(sep=" ", timespec="seconds")
