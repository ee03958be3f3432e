"""Which project a command is about."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import NamedTuple


class Settings(NamedTuple):
    """Which project, and with which params."""

    directory: str = "."
    file: str = "Dataflowfile"
    params: tuple[tuple[str, str], ...] = ()
    now: float | None = None  # seconds since the epoch at which everything seems to happen; None: when it does
    is_patient: bool = False  # nothing is made provisionally: what lacks something waits
    is_reopened: bool = False  # also what is older than its target lets change is built

    def clock(self) -> float:
        """The moment, in seconds since the epoch."""
        return time.time() if self.now is None else self.now

    @property
    def moment(self) -> datetime:
        """The same as the core has it: UTC, without a zone."""
        return datetime.fromtimestamp(self.clock(), UTC).replace(tzinfo=None)

    @property
    def root(self) -> str:
        """The absolute directory of the Dataflowfile, to which all paths of the project are relative."""
        return os.path.dirname(os.path.abspath(os.path.join(self.directory, self.file)))

    @property
    def flow(self) -> str:
        """The name under which the state keeps this Dataflowfile."""
        return os.path.basename(self.file)
