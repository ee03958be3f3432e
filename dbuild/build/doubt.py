"""What can't be known without running something of the project: who only reads says it, and runs nothing."""

from __future__ import annotations

from collections.abc import Callable

Doubt = Callable[[str], None]  # hears one


def ignore(text: str) -> None:
    """Hears nothing."""
