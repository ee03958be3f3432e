"""What a run works with: processes, places to write to, shares of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbuild.build.allotments import Allotments
from dbuild.build.phases import Phases
from dbuild.build.running import Board
from dbuild.execute.pool import Pool
from dbuild.execute.publish import Journal
from dbuild.state.store import State
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.build.undeclared import Undeclared


@dataclass(frozen=True, slots=True)
class Means:
    """What one run is given."""

    state: State
    pool: Pool
    journal: Journal
    allotments: Allotments
    board: Board
    phases: Phases
    snapshot: str  # where its Python code is kept; "" where it has none
    undeclared: Undeclared | None  # looks at what recipes open; None: nobody asked
    is_traced: bool  # what it sees is told, and isn't only there to explain what was refused

    def close(self) -> None:
        """Ends the processes, and what shows what runs."""
        self.board.clear()
        self.pool.close()
        self.journal.close()
