"""Which project a command is about."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
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
    is_resting: bool = False  # what failed isn't tried again at once, while nothing that it reads has changed
    tells_grounds: bool = False  # a build also says what it looked at
    tells_output: bool = False  # a build also says what recipes print, as it comes
    tells_phases: bool = False  # a build also says what it does itself, beside its tasks
    texts: Mapping[str, str] | None = None  # what the project's files hold, whatever is on the disk (`read_texts`)
    assumed: tuple[str, ...] = ()  # words for the datasets whose files aren't looked at: they are as they were

    @property
    def is_usual(self) -> bool:
        """Whether it is asked as people mostly ask: an answer to that is kept, and serves for the next time."""
        return not self.is_patient and not self.is_reopened and self.texts is None

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
