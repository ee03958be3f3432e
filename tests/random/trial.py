"""One random project on disk: written, built, and held against the model after every build."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import duckdb

from dbuild.build import Settings, build, plan
from dbuild.build.world import World
from dbuild.core.events import Event, Summary, TaskEnded, TaskStarted
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan
from tests.random.flows import Key, Project, Rows
from tests.random.model import (
    Domain,
    Expected,
    Memory,
    Node,
    clean_rows,
    domain_of,
    downstream,
    expect,
    partitions,
    path_of,
)
from tests.random.writing import csv_text, files_of, source_path


class Mismatch(AssertionError):
    """What dbuild did isn't what the model says."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of build."""

    arguments: tuple[str, ...]
    wanted: tuple[Node, ...]
    jobs: int
    keep_going: bool
    force: bool

    def __str__(self) -> str:
        options = f"-j {self.jobs}{' -k' if self.keep_going else ''}{' -B' if self.force else ''}"
        return f"dbuild {' '.join(self.arguments)} {options}"


class Trial:
    """A project on disk, with what is remembered of its builds."""

    def __init__(self, project: Project, root: Path) -> None:
        self.project = project
        self.root = root
        self.memory = Memory()
        self.diary: list[str] = []
        self.builds = 0
        self.tasks = 0
        self._settings = Settings(str(root))
        for source in project.sources.values():
            for key in source.parts:
                for name in source.parts[key]:
                    self.write_part(source.name, key, name)
        self.write_project()

    # -- the disk ------------------------------------------------------------------------------------------------

    def write(self, path: str, text: str) -> None:
        """Writes a file where its content differs."""
        place = self.root / path
        if not place.exists() or place.read_text() != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def write_project(self) -> None:
        """Writes the Dataflowfile and the recipes as they now are."""
        for path, text in files_of(self.project).items():
            self.write(path, text)

    def write_part(self, name: str, key: tuple[str, ...], file: str) -> Path:
        """Writes one file of a source as the project has it."""
        source = self.project.sources[name]
        place = self.root / source_path(source, key, file)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(csv_text(source.parts[key][file]))
        return place

    def content(self, path: str) -> bytes | None:
        """What is in a file; None where there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def made_files(self) -> list[Node]:
        """The partitions whose output, as it was made, is there."""
        return [node for node, record in sorted(self.memory.records.items()) if (self.root / record.path).exists()]

    def domain(self) -> Domain:
        """The keys of every dimension, as the project now stands."""
        return domain_of(self.project)

    def source_keys(self, name: str) -> list[Key]:
        """All partitions that a source should have."""
        return partitions(self.project, name, self.domain())

    def wanted(self, name: str | None = None) -> tuple[Node, ...]:
        """All partitions of one target, or of all."""
        domain = domain_of(self.project)
        names = [name] if name else list(self.project.targets)
        return tuple((one, key) for one in names for key in partitions(self.project, one, domain))

    # -- building and judging --------------------------------------------------------------------------------------

    def everything(self, *, jobs: int = 1, keep_going: bool = True, force: bool = False) -> Request:
        """A bare `dbuild`."""
        return Request((), self.wanted(), jobs, keep_going, force)

    def draw_request(self, rng: random.Random) -> Request:
        """A random call of build: of everything, of a target, of a partition, of all that follows a target."""
        jobs, keep_going, force = rng.choice((1, 2)), rng.random() < 0.7, rng.random() < 0.06
        name = rng.choice(list(self.project.targets))
        draw = rng.random()
        nodes = self.wanted(name)
        if draw < 0.65:
            return self.everything(jobs=jobs, keep_going=keep_going, force=force)
        if draw < 0.85 and self.project.targets[name].dimensions and nodes:
            node = rng.choice(nodes)
            return Request((f"{name}@{','.join(node[1])}",), (node,), jobs, keep_going, force)
        if draw < 0.92:
            following = tuple(downstream(self.project, name, domain_of(self.project)))
            return Request((f"{name}+",), following, jobs, keep_going, force)
        return Request((name,), nodes, jobs, keep_going, force)

    def build(self, request: Request) -> Expected:
        """Plans and builds; everything that can be seen of both has to be as the model says. Raises Mismatch."""
        self.diary.append(str(request))
        forced = set(request.wanted) if request.force else set()
        expected = expect(self.project, self.memory, request.wanted, forced, self.content)
        planned = self._plan(request, expected)
        events: list[Event] = []
        summary = build(
            self._settings,
            request.arguments,
            jobs=request.jobs,
            keep_going=request.keep_going,
            force=request.force,
            emit=events.append,
        )
        ended = [event for event in events if isinstance(event, TaskEnded)]
        self.builds += 1
        self.tasks += len(ended)
        try:
            self._check_events(expected, ended, request)
        except Mismatch as error:
            reasons = {
                f"{event.target}@{event.key}": event.reason for event in events if isinstance(event, TaskStarted)
            }
            raise Mismatch(f"{error}, for {reasons}") from None
        self._check_plan(planned, ended, expected)
        self._remember(expected, ended)
        if request.keep_going or not expected.failed:
            self._check_summary(expected, summary)
            self._check_values(expected)
        self._check_leftovers()
        return expected

    def check_quiet(self, request: Request) -> None:
        """Nothing is left to do: the plan is empty, and another build runs nothing."""
        planned = plan(self._settings, request.arguments)
        self._require((planned.will_run, planned.may_run) == (0, 0), f"after a build the plan is {_said(planned)}")
        quiet = Request(request.arguments, request.wanted, request.jobs, request.keep_going, False)
        expected = self.build(quiet)
        self._require(not expected.runs, f"the model runs {sorted(expected.runs)} again")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise Mismatch(what)

    def _plan(self, request: Request, expected: Expected) -> Plan:
        """The plan, which has to be the same without the seals, when everything is looked at anew."""
        planned = plan(self._settings, request.arguments, force=request.force)
        with patch.object(World, "sealed", lambda world, target: PartitionSet.empty(world.domains.of(target).axes)):
            anew = plan(self._settings, request.arguments, force=request.force)
        self._require(_said(planned) == _said(anew), f"the plan is {_told(planned)}, without seals {_told(anew)}")
        waiting = {node for node, standing in _said(planned).items() if standing == "waiting"}
        self._require(waiting == expected.waiting, f"waiting: {_unlike(waiting, expected.waiting)}")
        return planned

    def _check_plan(self, planned: Plan, ended: Sequence[TaskEnded], expected: Expected) -> None:
        said = _said(planned)
        will = {node for node, standing in said.items() if standing == "will"}
        may = {node for node, standing in said.items() if standing == "may"}
        ran = {_node(event) for event in ended}
        self._require(ran <= will | may, f"ran without being planned: {sorted(ran - will - may)}")
        needless = will - expected.runs - expected.blocked
        self._require(not needless, f"planned for certain and not needed: {sorted(needless)}")
        for node in may:
            settled = not any(one in will | may for one in expected.reads[node])
            self._require(not settled, f"{node} may run, though all that it reads is settled")

    def _check_events(self, expected: Expected, ended: Sequence[TaskEnded], request: Request) -> None:
        counts = Counter(_node(event) for event in ended)
        twice = [node for node, count in counts.items() if count > 1]
        self._require(not twice, f"ran twice: {twice}")
        built = {_node(event) for event in ended if event.status == "built"}
        errors = {_node(event): event.error for event in ended if event.status == "failed"}
        if request.keep_going or not expected.failed:
            self._require(built == expected.built.keys(), f"built: {_unlike(built, expected.built.keys())} {errors}")
            self._require(
                errors.keys() == expected.failed, f"failed: {_unlike(errors.keys(), expected.failed)} {errors}"
            )
        else:
            self._require(built <= expected.built.keys(), f"built: {_unlike(built, expected.built.keys())}")
            self._require(
                errors.keys() <= expected.failed, f"failed: {_unlike(errors.keys(), expected.failed)} {errors}"
            )
            self._require(0 < len(errors) <= request.jobs, f"{len(errors)} failed, and it should have stopped")
        for event in ended:
            record = self.memory.records.get(_node(event))
            if event.status == "built" and record is not None and event.changed:
                made = expected.built[_node(event)]
                same = (made.rows, made.path) == (record.rows, record.path)
                self._require(not same, f"{_node(event)} is said to have changed, and made the same")

    def _remember(self, expected: Expected, ended: Sequence[TaskEnded]) -> None:
        for event in ended:
            node = _node(event)
            if event.status == "failed":
                self.memory.failed.add(node)
                continue
            made = expected.built[node]
            content = self.content(made.path)
            self._require(content is not None, f"{made.path} isn't there after it was built")
            assert content is not None
            rows = parse(content, self.root / made.path)
            self._require(rows == made.rows, f"{node} holds {rows}, right is {made.rows}")
            record = type(made)(made.recipe, made.params, made.inputs, made.rows, made.path, content)
            self.memory.records[node] = record
            self.memory.failed.discard(node)

    def _check_summary(self, expected: Expected, summary: Summary) -> None:
        said = (summary.built, summary.fresh, summary.failed, summary.waiting, summary.blocked)
        sets = (expected.built, expected.fresh, expected.failed, expected.waiting, expected.blocked)
        right = tuple(len(one) for one in sets)
        self._require(
            said == right, f"the summary says {said} (built, fresh, failed, waiting, blocked), right is {right}"
        )

    def _check_values(self, expected: Expected) -> None:
        """Every partition that is fresh now holds what a clean build would make."""
        nodes = [*expected.built, *expected.fresh]
        for node, rows in clean_rows(self.project, nodes, domain_of(self.project)).items():
            path = path_of(self.project.targets[node[0]], node[1])
            content = self.content(path)
            self._require(content is not None, f"{path} is said to be fresh, and isn't there")
            assert content is not None
            is_kept = content == self.memory.records[node].content
            found = self.memory.records[node].rows if is_kept else parse(content, self.root / path)
            self._require(found == rows, f"{node} holds {found}, a clean build makes {rows}")

    def _check_leftovers(self) -> None:
        left = [name for _, _, names in os.walk(self.root / "out") for name in names if name.startswith(".dbuild")]
        self._require(not left, f"temporary files are left: {left}")


def parse(content: bytes, path: Path) -> Rows:
    """The rows in an output."""
    match path.suffix:
        case ".json":
            return tuple(row["v"] for row in json.loads(content))
        case ".parquet":
            found = duckdb.execute("SELECT v FROM read_parquet(?)", [str(path)]).fetchall()
            return tuple(row[0] for row in found)
        case _:
            head, *rows = content.decode().splitlines()
            return tuple(int(row) for row in rows) if head == "v" else (-1,)


def _node(event: TaskEnded) -> Node:
    return event.target, tuple(value for _, value in event.key)


def _said(planned: Plan) -> dict[Node, str]:
    """How each needed partition stands in a plan, those that are fresh left out."""
    said: dict[Node, str] = {}
    for name, part in planned.targets.items():
        domain = planned.domains.of(name)
        said |= {(name, domain.key(index)): "will" for index in part.will}
        said |= {(name, key): "may" for key in part.may.keys()}  # noqa: SIM118
        said |= {(name, key): "waiting" for key in part.waiting.keys()}  # noqa: SIM118
    return said


def _told(planned: Plan) -> dict[str, str]:
    """The same for people, with reasons."""
    told = {f"{name}@{','.join(key)}": standing for (name, key), standing in _said(planned).items()}
    for name, part in planned.targets.items():
        for index, reasons in part.will.items():
            told[f"{name}@{','.join(planned.domains.of(name).key(index))}"] = "; ".join(map(str, reasons))
    return told


def _unlike(found: object, right: object) -> str:
    one, other = set(found), set(right)  # type: ignore[call-overload]
    return f"{sorted(one - other)} too much, {sorted(other - one)} too few"
