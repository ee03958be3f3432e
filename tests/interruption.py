"""What DuckDB makes of a signal while it works."""

from __future__ import annotations

import signal
from typing import NoReturn


def interrupt_query(number: signal.Signals = signal.SIGINT, made: type[Exception] = RuntimeError) -> NoReturn:
    """Raises a signal, and in place of what its handler raises an error as DuckDB does."""
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        raise made("Query interrupted") from None
    raise AssertionError("the handler raised nothing")
