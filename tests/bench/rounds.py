"""The rounds of a workload: each tool goes through the phases in a folder of its own, by turns with the others."""

from __future__ import annotations

import os
import statistics
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.bench.measuring import Measure, apart, measure, told
from tests.bench.tools import Tool
from tests.bench.workloads import Edit, Workload

PHASES = (
    "cold",
    "no-op",
    "one changed",
    "one touched",
    "white space",
    "one recipe changed",
    "plan",
    "status",
    "start-up",
)
# What not every tool notices comes last, as its result is wrong from then on.
# Plan and status are asked where nothing is to be done, beside the build of which that is true.
_ORDER = ("no-op", "plan", "status", "one touched", "white space", "one recipe changed", "one changed", "start-up")
_CHECKED = ("cold", "one changed", "one recipe changed")  # after these the last output has to be another one
_FLOORS = {"plain loop": ("cold",), "scandir and stat": ("no-op",)}  # what the bare work is set beside


@dataclass(slots=True)
class Cell:
    """One tool in one phase."""

    tool: str
    phase: str
    runs: list[Measure] = field(default_factory=list)
    outcome: str = "ok"  # or "limit", "failed", "unnoticed", or "none": the tool has nothing of the kind
    said: str = ""

    def median(self, what: str) -> float | None:
        """The median of wall, cpu or peak over the runs; None where there is none."""
        return statistics.median(getattr(run, what) for run in self.runs) if self.runs else None

    def as_json(self) -> dict[str, object]:
        """All that was measured."""
        medians = {what: self.median(what) for what in ("wall", "cpu", "peak")}
        return {
            "tool": self.tool,
            "phase": self.phase,
            "outcome": self.outcome,
            "said": self.said,
            **medians,
            "runs": [{name: value for name, value in asdict(run).items() if name != "said"} for run in self.runs],
        }


@dataclass(slots=True)
class Standing:
    """How far one tool has come with one workload."""

    tool: Tool
    folder: Path
    edit: Edit = field(default_factory=Edit)
    turn: int = 0
    is_out: bool = False  # its cold build failed or took too long


class Rounds:
    """One workload, measured."""

    def __init__(
        self,
        workload: Workload,
        tools: Sequence[Tool],
        base: Path,
        *,
        folders: str,
        limit: float,
    ) -> None:
        """`folders` is where programs are looked for; each run of a command may take `limit` seconds."""
        self._workload = workload
        self._base = base
        self._folders = folders
        self._limit = limit
        self._standings = [Standing(tool, base) for tool in tools if tool.fits(workload)]
        self.cells = {(one.tool.name, phase): Cell(one.tool.name, phase) for one in self._standings for phase in PHASES}

    def measure(self, phases: Sequence[str], runs: int, cold_runs: int, slow: Collection[str] = ()) -> list[Cell]:
        """All phases asked for. Tools that are known to be `slow` aren't tried."""
        for one in self._standings:
            one.is_out = one.tool.name in slow
            self.cells[one.tool.name, "cold"].outcome = "limit" if one.is_out else "ok"
        self._build_cold(cold_runs)
        for phase in _ORDER:
            if phase in phases:
                self._phase(phase, runs)
        return [cell for cell in self.cells.values() if cell.phase in phases]

    def slower_than(self, seconds: float) -> set[str]:
        """The tools whose first build took longer than that, or wasn't through in time."""
        cold = {name: cell for (name, phase), cell in self.cells.items() if phase == "cold"}
        return {
            name for name, cell in cold.items() if cell.outcome == "limit" or (cell.median("wall") or 0.0) > seconds
        }

    def _build_cold(self, runs: int) -> None:
        """Each in a fresh folder; the last one is kept for what comes after."""
        for number in range(runs):
            for one in self._standings:
                if one.is_out or not self._takes_part(one.tool, "cold"):
                    continue
                one.folder = self._base / f"{self._workload.name}-{number}-{one.tool.name.replace(' ', '-')}"
                self._write(one, is_new=True)
                self._run(one, "cold")
                one.is_out = self.cells[one.tool.name, "cold"].outcome != "ok"
        for one in self._standings:  # what is young is looked at again: that is no no-op yet
            if one.folder == self._base:  # a floor: it reads what dbuild has left
                one.folder = self._standings[0].folder
                self._write(one)
            elif not one.is_out and not one.tool.is_floor:
                for _ in range(2):
                    measure(self._command(one, "no-op"), one.folder, self._limit, one.tool.environment)

    def _phase(self, phase: str, runs: int) -> None:
        for _ in range(runs):
            for one in self._standings:
                cell = self.cells[one.tool.name, phase]
                if one.is_out or not self._command(one, phase) or not self._takes_part(one.tool, phase):
                    cell.outcome = "none"
                elif cell.outcome in ("ok", "unnoticed"):
                    self._prepare(one, phase)
                    self._run(one, phase)

    def _takes_part(self, tool: Tool, phase: str) -> bool:
        return not tool.is_floor or phase in _FLOORS[tool.name]

    def _prepare(self, one: Standing, phase: str) -> None:
        """What happens before a build of this phase."""
        one.turn += 1
        if phase == "one changed":
            apart(lambda: self._workload.changed(one.folder, one.turn))
        elif phase == "one touched":
            os.utime(one.folder / self._workload.touched)
        elif phase == "white space":
            one.edit = Edit(one.edit.blanks + 1, one.edit.version)
            self._write(one)
        elif phase == "one recipe changed":
            one.edit = Edit(one.edit.blanks, one.edit.version + 1)
            self._write(one)

    def _write(self, one: Standing, *, is_new: bool = False) -> None:
        """The tool's project as the edit has it; its sources too where the folder is new."""

        def write() -> None:
            if is_new:
                self._workload.make_sources(one.folder)
            one.tool.write(one.folder, self._workload, one.edit)

        apart(write)

    def _command(self, one: Standing, phase: str) -> tuple[str, ...]:
        return one.tool.command(phase, self._workload.last, self._folders)

    def _run(self, one: Standing, phase: str) -> None:
        cell = self.cells[one.tool.name, phase]
        found = measure(self._command(one, phase), one.folder, self._limit, one.tool.environment)
        cell.runs.append(found)
        if found.outcome != "ok":
            cell.outcome, cell.said = found.outcome, found.said
        elif phase in _CHECKED and not self._is_right(one):
            cell.outcome = "failed" if phase == "cold" else "unnoticed"
        told(
            f"{self._workload.name} {self._workload.size}: {one.tool.name}: {phase}: {found.wall:.2f} s, {cell.outcome}"
        )
        if cell.outcome == "failed":
            told(cell.said)

    def _is_right(self, one: Standing) -> bool:
        try:
            return apart(lambda: self._workload.is_right(one.folder, one.edit))
        except RuntimeError:
            return False
