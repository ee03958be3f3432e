"""One random project on disk: written, built, and held against the model after every build."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from pathlib import Path
from unittest.mock import patch

from dbuild.build import Settings, build, plan
from dbuild.build.world import World
from dbuild.core.events import Event, Summary, TaskEnded, TaskRetried, TaskStarted, TaskStopped
from dbuild.core.partitions import PartitionSet
from dbuild.core.plan import Plan
from tests.random.contents import content_of, held_in, sense_of
from tests.random.domains import Domain, around_view, domain_of, downstream, partitions
from tests.random.flows import Held, Key, Node, Project, Rows
from tests.random.identities import path_of, uncounted
from tests.random.memory import Content, Expected, Found, Memory
from tests.random.model import Prospect, clean
from tests.random.texts import ATTEMPTS, DEEDS, GUARDS, label
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
    fail_fast: bool = False

    def __str__(self) -> str:
        options = f"-j {self.jobs}{' -k' if self.keep_going else ''}{' -B' if self.force else ''}"
        return f"dbuild {' '.join(self.arguments)} {options}{' --fail-fast' if self.fail_fast else ''}"


@dataclass(frozen=True, slots=True)
class Told:
    """What a build said of its tasks."""

    ended: list[TaskEnded]
    retried: Counter[Node]
    stopped: set[Node]
    reasons: dict[str, str]


class Trial:
    """A project on disk, with what is remembered of its builds."""

    def __init__(self, project: Project, root: Path) -> None:
        self.project = project
        self.root = root
        self.memory = Memory()
        self.diary: list[str] = []
        self.builds = 0
        self.tasks = 0
        self.began = project.now
        self.undone: tuple[str, Key, str, Rows] | None = None  # the last change of a source, to be taken back
        self._planned: Plan | None = None  # of the last build, from before it
        self._tried: Counter[Node] = Counter()  # how often tasks were tried, by what they themselves wrote
        self._done: Counter[Node] = Counter()  # the same of what actions did
        for folder in (ATTEMPTS, DEEDS, GUARDS):
            (root / folder).mkdir()
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
        place = self.root / source_path(self.project, source, key, file)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(csv_text(source.parts[key][file]))
        return place

    def content(self, path: str) -> Content | None:
        """What is in a file or folder; None where there is none."""
        return content_of(self.root, path)

    def there(self, node: Node, output: str) -> Found:
        """What is in an output of a partition now."""
        path = path_of(self.project, self.project.targets[node[0]], node[1], output)
        content = self.content(path)
        if content is None:
            return None
        record = self.memory.records.get(node)
        if record is not None and record.contents.get(output) == content and record.paths[output] == path:
            return record.held[output]
        return sense_of(content, self.root / path)

    def made_outputs(self) -> list[tuple[Node, str]]:
        """The outputs that were made, or accepted, and are there."""
        return [
            (node, output)
            for node, record in sorted(self.memory.records.items())
            for output, path in record.paths.items()
            if self.content(path) is not None
        ]

    @property
    def settings(self) -> Settings:
        """The project, at the moment that it is there."""
        return Settings(str(self.root), now=self.project.now.replace(tzinfo=UTC).timestamp())

    def pass_time(self, hours: float) -> None:
        """It is so much later."""
        self.memory.hours += hours
        self.project.now = self.began + timedelta(hours=self.memory.hours)

    def domain(self) -> Domain:
        """The keys of every dimension, as the project now stands."""
        return domain_of(self.project)

    def source_keys(self, name: str) -> list[Key]:
        """All partitions that a source should have."""
        return partitions(self.project, name, self.domain())

    def wanted(self, name: str | None = None) -> tuple[Node, ...]:
        """All partitions of one target, or of all."""
        domain = domain_of(self.project)
        names = [name] if name else [target.name for target in self.project.built]
        return tuple((one, key) for one in names for key in partitions(self.project, one, domain))

    # -- building and judging --------------------------------------------------------------------------------------

    def everything(self, *, jobs: int = 1, keep_going: bool = True, force: bool = False) -> Request:
        """A bare `dbuild`."""
        return Request((), self.wanted(), jobs, keep_going, force)

    def draw_request(self, rng: random.Random) -> Request:
        """A random call of build: of everything, of a target, of a partition, of all that follows a target."""
        jobs, keep_going, force = rng.choice((1, 2)), rng.random() < 0.7, rng.random() < 0.06
        name = rng.choice(list(self.project.targets))
        fail_fast = not keep_going and rng.random() < 0.3
        arguments, nodes = self._draw_aim(rng, name)
        return Request(arguments, nodes, jobs, keep_going, force, fail_fast)

    def _draw_aim(self, rng: random.Random, name: str) -> tuple[tuple[str, ...], tuple[Node, ...]]:
        draw, domain, target = rng.random(), domain_of(self.project), self.project.targets[name]
        if draw < 0.65:
            return (), self.wanted()
        if target.is_view:
            is_down = draw < 0.8
            found = around_view(self.project, name, domain, is_down=is_down)
            return (f"{name}+" if is_down else name,), tuple(found)
        nodes = self.wanted(name)
        if draw < 0.78 and target.dimensions and nodes:
            node = rng.choice(nodes)
            return (f"{name}@{','.join(node[1])}",), (node,)
        if draw < 0.85 and target.dimensions and nodes:
            return self._draw_range(rng, name, nodes)
        if draw < 0.92:
            return (f"{name}+",), tuple(downstream(self.project, name, domain))
        return (name,), nodes

    def _draw_range(
        self, rng: random.Random, name: str, nodes: tuple[Node, ...]
    ) -> tuple[tuple[str, ...], tuple[Node, ...]]:
        """A range of one dimension, of which either end may be open."""
        place = rng.randrange(len(self.project.targets[name].dimensions))
        dimension = self.project.targets[name].dimensions[place]
        values = self.domain()[dimension]
        low, high = sorted(rng.choice(range(len(values))) for _ in range(2))
        first, last = rng.choice([(low, high), (0, high), (low, len(values) - 1)])
        ends = ("" if first == 0 else values[first], "" if last == len(values) - 1 else values[last])
        if not any(ends):
            ends = (values[0], "")
        found = tuple(node for node in nodes if node[1][place] in values[first : last + 1])
        return (f"{name}@{dimension}={ends[0]}..{ends[1]}",), found

    def build(self, request: Request) -> Expected:
        """Plans and builds; everything that can be seen of both has to be as the model says. Raises Mismatch."""
        self.diary.append(str(request))
        forced = set(request.wanted) if request.force else set()
        planned = self._planned = self._plan(request)
        said = _said(planned)
        unsure = {node for node, standing in said.items() if standing in ("will", "may")}
        prospect = Prospect(self.project, self.memory, request.wanted, forced, self.there, self.content, unsure)
        expected = prospect.expected
        waiting = {node for node, standing in said.items() if standing == "waiting"}
        self._require(waiting == expected.waiting, f"waiting: {_unlike(waiting, expected.waiting)}")
        told, summary = self._run(request)
        self.builds += 1
        self.tasks += len(told.ended)
        try:
            self._check_tasks(expected, told, request)
        except Mismatch as error:
            raise Mismatch(f"{error}, for {told.reasons}") from None
        self._check_plan(planned, told.ended, expected)
        self._check_deeds(expected, told)
        self._remember(expected, told.ended)
        if request.keep_going or not expected.failed:
            self._check_summary(expected, summary)
            self._check_values(expected)
        self._check_leftovers()
        return expected

    def _run(self, request: Request) -> tuple[Told, Summary]:
        events: list[Event] = []
        summary = build(
            self.settings,
            request.arguments,
            jobs=request.jobs,
            keep_going=request.keep_going,
            fail_fast=request.fail_fast,
            force=request.force,
            emit=events.append,
        )
        told = Told(
            [event for event in events if isinstance(event, TaskEnded)],
            Counter(_node(event) for event in events if isinstance(event, TaskRetried)),
            {_node(event) for event in events if isinstance(event, TaskStopped)},
            {f"{event.target}@{event.key}": event.reason for event in events if isinstance(event, TaskStarted)},
        )
        return told, summary

    def check_quiet(self, request: Request) -> None:
        """Nothing is left to do: the plan is empty, and another build runs nothing."""
        quiet = Request(request.arguments, request.wanted, request.jobs, request.keep_going, False)
        expected = self.build(quiet)
        assert self._planned is not None
        found = (self._planned.will_run, self._planned.may_run)
        self._require(found == (0, 0), f"after a build the plan is {_said(self._planned)}")
        self._require(not expected.runs, f"the model runs {sorted(expected.runs)} again")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            raise Mismatch(what)

    def _plan(self, request: Request) -> Plan:
        """The plan, which has to be the same without the seals, when everything is looked at anew."""
        planned = plan(self.settings, request.arguments, force=request.force)
        with patch.object(World, "sealed", lambda world, target: PartitionSet.empty(world.domains.of(target).axes)):
            anew = plan(self.settings, request.arguments, force=request.force)
        self._require(_said(planned) == _said(anew), f"the plan is {_told(planned)}, without seals {_told(anew)}")
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
            settled = not any(one in will | may for one in expected.follows[node])
            self._require(not settled, f"{node} may run, though all that counts for it is settled")

    def _check_tasks(self, expected: Expected, told: Told, request: Request) -> None:
        counts = Counter(_node(event) for event in told.ended)
        twice = [node for node, count in counts.items() if count > 1]
        self._require(not twice, f"ran twice: {twice}")
        built = {_node(event) for event in told.ended if event.status == "built"}
        failed = {_node(event): event for event in told.ended if event.status == "failed"}
        errors = {node: event.error for node, event in failed.items()}
        if request.keep_going or not expected.failed:
            self._require(built == expected.built.keys(), f"built: {_unlike(built, expected.built.keys())} {errors}")
            self._require(
                errors.keys() == expected.failed, f"failed: {_unlike(errors.keys(), expected.failed)} {errors}"
            )
            self._require(not told.stopped, f"stopped, though it should have gone on: {told.stopped}")
        else:
            self._require(built <= expected.built.keys(), f"built: {_unlike(built, expected.built.keys())}")
            self._check_stop(expected, failed, request)
        for event in told.ended:
            self._check_ended(event, expected, told)
        self._check_order(expected, told)

    def _check_stop(self, expected: Expected, failed: dict[Node, TaskEnded], request: Request) -> None:
        """A run that stops after a failure: those who failed for good, and those who weren't tried again."""
        final = {node for node, event in failed.items() if event.attempts == expected.attempts.get(node)}
        self._require(final <= expected.failed, f"failed: {_unlike(final, expected.failed)}")
        most = 2 * request.jobs  # tasks that need half a processor
        self._require(0 < len(final) <= most, f"{len(final)} failed, and it should have stopped")
        early = {node: event.attempts for node, event in failed.items() if node not in final}
        wrong = [node for node, attempts in early.items() if attempts > expected.attempts.get(node, 0)]
        self._require(not wrong, f"tried too often: {early}")

    def _check_ended(self, event: TaskEnded, expected: Expected, told: Told) -> None:
        node = _node(event)
        if event.status == "built":
            right = expected.attempts[node]
            self._require(event.attempts == right, f"{node} was tried {event.attempts} times, right is {right}")
        tried = told.retried[node] + (not _is_given_up(event, told))
        self._require(event.attempts == tried, f"{node}: {event.attempts} attempts are told, and {tried} were seen")
        record = self.memory.records.get(node)
        if event.status == "built" and record is not None and event.changed:
            made = expected.built[node]
            same = (made.held, made.paths) == (record.held, record.paths)
            self._require(not same, f"{node} is said to have changed, and made the same")

    def _check_order(self, expected: Expected, told: Told) -> None:
        """Nothing runs before, or without, what it reads and what had to run itself."""
        done: set[Node] = set()
        for event in told.ended:
            lacks = [one for one in expected.reads[_node(event)] if one in expected.runs and one not in done]
            self._require(not lacks, f"{_node(event)} ran without {lacks}")
            if event.status == "built":
                done.add(_node(event))

    def _check_deeds(self, expected: Expected, told: Told) -> None:
        """What tasks wrote beside their outputs: a line for each attempt, and for each time that an action ran."""
        ended = {_node(event): event for event in told.ended}
        for node in {*ended, *told.retried, *told.stopped}:
            target = self.project.targets[node[0]]
            built = node in ended and ended[node].status == "built"
            if target.is_guarded:
                right = told.retried[node] + (node in ended and not _is_given_up(ended[node], told))
                tried = self._lines(ATTEMPTS, node)
                seen = len(tried) - self._tried[node]
                self._require(
                    right <= seen <= right + (node in told.stopped), f"{node} ran {seen} times, and {right} were told"
                )
                self._tried[node] = len(tried)
                left = self._lines(GUARDS, node)
                self.project.failing[node] = int(left[0]) if left else 0
            if target.makes == "action":
                deeds = self._lines(DEEDS, node)
                more = len(deeds) - self._done[node]
                self._require(built <= more <= built + (node in told.stopped), f"{node} acted {more} times")
                self._done[node] = len(deeds)
                if built and more:
                    made = ",".join(map(str, expected.built[node].made))
                    self._require(deeds[-1] == made, f"{node} did {deeds[-1]}, right is {made}")

    def _lines(self, folder: str, node: Node) -> list[str]:
        place = self.root / folder / label(*node)
        return place.read_text().splitlines() if place.exists() else []

    def _remember(self, expected: Expected, ended: Sequence[TaskEnded]) -> None:
        moment = self.memory.tick()
        for event in ended:
            node = _node(event)
            if event.status == "failed":
                self.memory.failed.add(node)
                continue
            made = expected.built[node]
            contents: dict[str, Content] = {}
            for output, path in made.paths.items():
                content = self.content(path)
                self._require(content is not None, f"{path} isn't there after it was built")
                assert content is not None
                held = held_in(content, self.root / path)
                self._require(held == made.held[output], f"{node} holds {held}, right is {made.held[output]}")
                contents[output] = content
            self.memory.records[node] = replace(made, contents=contents, moment=moment)
            self.memory.failed.discard(node)

    def _check_summary(self, expected: Expected, summary: Summary) -> None:
        said = (summary.built, summary.fresh, summary.failed, summary.waiting, summary.blocked)
        sets = (expected.built, expected.fresh, expected.failed, expected.waiting, expected.blocked)
        right = tuple(len(one) for one in sets)
        self._require(
            said == right, f"the summary says {said} (built, fresh, failed, waiting, blocked), right is {right}"
        )

    def _check_values(self, expected: Expected) -> None:
        """Every partition that is fresh now holds what a clean build would make, but for what people want to stay."""
        given: dict[Node, dict[str, Held]] = {}
        for node in expected.fresh:
            record = self.memory.records.get(node)
            is_accepted = record is not None and record.is_accepted
            if node in expected.frozen or is_accepted or uncounted(self.project, self.project.targets[node[0]]):
                given[node] = {output: self._held(node, output) for output in self.project.targets[node[0]].outputs}
        nodes = [*expected.built, *expected.fresh]
        for node, outputs in clean(self.project, nodes, domain_of(self.project), given).items():
            for output, held in outputs.items():
                found = self._held(node, output)
                self._require(found == held, f"{node} {output} holds {found}, a clean build makes {held}")

    def _held(self, node: Node, output: str) -> Held:
        found = self.there(node, output)
        self._require(found is not None, f"{node} {output} is said to be fresh, and isn't there")
        if isinstance(found, tuple):
            return found
        path = path_of(self.project, self.project.targets[node[0]], node[1], output)
        content = self.content(path)
        assert content is not None
        return held_in(content, self.root / path)

    def _check_leftovers(self) -> None:
        left = [name for _, _, names in os.walk(self.root / "out") for name in names if name.startswith(".dbuild")]
        self._require(not left, f"temporary files are left: {left}")


def _is_given_up(event: TaskEnded, told: Told) -> bool:
    """Whether a task was to be tried again when the run stopped, so that its last attempt is told twice."""
    return event.status == "failed" and told.retried[_node(event)] == event.attempts


def _node(event: TaskEnded | TaskRetried | TaskStopped) -> Node:
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
