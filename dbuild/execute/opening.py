"""How files are opened: for reading, for writing, or for both."""

from __future__ import annotations

from typing import Literal

Kind = Literal["read", "write", "change", "list"]


def kind_of(flags: str) -> Kind | None:
    """What a file is opened for, by the names of flags in a text; None where neither is looked at."""
    if "O_PATH" in flags or "O_TMPFILE" in flags:
        return None
    if "O_WRONLY" in flags or "O_TRUNC" in flags:
        return "write"
    if "O_RDWR" in flags:
        return "write" if "O_EXCL" in flags else "change"
    return "list" if "O_DIRECTORY" in flags else "read"
