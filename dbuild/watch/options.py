"""How to watch."""

from __future__ import annotations

from dbuild.core.vigil import Rules
from dbuild.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of the watch itself; what it says of builds is handed on to them."""

    rules: Rules = field(default_factory=Rules)
    poll: float | None = None  # seconds between two looks; None: changes are heard of where that is possible
    command: str | None = None  # run after a build that changed something or failed
    clock: str | None = None  # a file that has the moment (DBUILD_NOW=@FILE): a change of it is one of the clock
