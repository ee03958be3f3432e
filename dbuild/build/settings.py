"""Which project a command is about."""

from __future__ import annotations

import os
from typing import NamedTuple


class Settings(NamedTuple):
    """Which project, and with which params."""

    directory: str = "."
    file: str = "Dataflowfile"
    params: tuple[tuple[str, str], ...] = ()

    @property
    def root(self) -> str:
        """The absolute directory of the Dataflowfile, to which all paths of the project are relative."""
        return os.path.dirname(os.path.abspath(os.path.join(self.directory, self.file)))

    @property
    def flow(self) -> str:
        """The name under which the state keeps this Dataflowfile."""
        return os.path.basename(self.file)
