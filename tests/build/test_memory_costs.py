"""What a task of a run takes up: counted in bytes that are allocated, where there are more of them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import pytest

from dbuild import build as building
from dbuild.build import Settings
from dbuild.build.offspring import Offspring
from dbuild.core.partitions import Index
from dbuild.core.schedule import Node, Schedule, State
from dbuild.observe.listing import Stat
from dbuild.state.files import FileRow
from dbuild.state.store import State as Store
from tests.build.workshop import Workshop

FEW, MANY = 100, 400  # partitions
DATASETS = 20
FLOW = """
[partitions.name]
values = ["a", "b", "c"]
[sources.raw]
path = "in/{name}.txt"
[targets.one]
path = "one/{name}.txt"
inputs = ["raw"]
shell = "cp {raw} {output}"
[targets.two]
path = "two/{name}.txt"
inputs = ["one"]
shell = "cp {one} {output}"
"""


def bytes_for_one_more(make: Callable[[int], object], each: int) -> float:
    """The bytes that one more thing takes up, of which there are `each` for every partition."""
    sizes = []
    for count in (FEW, FEW, MANY):  # the first has what is made once a process
        tracemalloc.start()
        kept = make(count)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        del kept
    return (sizes[2] - sizes[1]) / ((MANY - FEW) * each)


def chains(partitions: int) -> Schedule:
    """A schedule of datasets whose partitions each wait for the same one of the dataset before them."""
    indices: list[Index] = [(number,) for number in range(partitions)]

    def gates(node: Node) -> Iterable[tuple[Hashable, Iterable[Node]]]:
        number, index = int(node[0]), node[1]
        if number:
            yield (str(number - 1), ((index[0], index[0] + 1, ()),)), [(str(number - 1), index)]

    nodes = [(str(number), index) for number in range(DATASETS) for index in indices]
    return Schedule(nodes, gates, seconds=lambda one: 0.5 + 0.5, needs=lambda one: {"cpus": 1}, capacity={"cpus": 2})


def half_run(partitions: int) -> Schedule:
    """The same when the first half of the datasets are built."""
    schedule = chains(partitions)
    for _ in range(partitions * DATASETS // 2):
        node = schedule.take()
        assert node is not None
        schedule.move(node, State.RUNNING)
        schedule.move(node, State.BUILT)
    return schedule


def test_a_task_of_a_schedule_takes_few_bytes() -> None:
    assert bytes_for_one_more(chains, DATASETS) < 640


def test_a_task_that_has_ended_takes_fewer_bytes_than_one_that_is_to_start() -> None:
    assert bytes_for_one_more(half_run, DATASETS) < 0.9 * bytes_for_one_more(chains, DATASETS)


def made(partitions: int) -> Offspring:
    """What a run knows that made so many files."""
    offspring = Offspring("boot")
    for number in range(1_000, 1_000 + partitions * DATASETS):
        stat = Stat(number, number * 10**15, number * 10**15, number)
        offspring.add(FileRow(f"out/{number}", stat, number.to_bytes(16, "big"), False, "boot", stat.ctime), "out")
    return offspring


def test_a_file_that_was_made_takes_few_bytes() -> None:
    assert bytes_for_one_more(made, DATASETS) < 230


def test_a_row_of_what_was_made_is_what_it_was() -> None:
    offspring = Offspring("boot")
    rows = [
        FileRow("out/a", Stat(5, -7, 10**18, 2**63), b"\1" * 16, False, "boot", 10**18),
        FileRow("out/b", Stat(0, 1, 2, 3), b"\2" * 16, True, "boot", 9),
    ]
    for row in rows:
        offspring.add(row, "out")
    offspring.remove(["out/c"], "out")
    assert [offspring.row(path) for path in ("out/a", "out/b", "out/c", "out/d")] == [*rows, None, None]
    stats = dict(offspring.stats("out"))
    assert list(stats) == ["out/a", "out/b", "out/c"]
    assert stats["out/a"] == rows[0].stat
    assert stats["out/b"] != rows[1].stat
    assert stats["out/c"] is None


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    shop = Workshop(tmp_path, FLOW)
    for name in "abc":
        shop.write(f"in/{name}.txt", name)
    return shop


def test_what_is_alike_in_a_plan_is_one_object(shop: Workshop) -> None:
    plan = building.plan(Settings(str(shop.root)), ())
    will = [plan.targets[name].will for name in ("one", "two")]
    assert [len(part) for part in will] == [3, 3]
    assert len({id(index) for part in will for index in part}) == 3
    assert len({id(reason) for part in will for reasons in part.values() for reason in reasons}) == 1
    assert len({id(reasons) for part in will for reasons in part.values()}) == 1


def test_a_row_of_a_file_is_written_once(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    put_files = Store.put_files

    def put(self: Store, rows: Iterable[FileRow]) -> None:
        rows = list(rows)
        written.extend(row.path for row in rows)
        put_files(self, rows)

    monkeypatch.setattr(Store, "put_files", put)
    shop.build()
    assert sorted(written) == sorted(f"{folder}/{name}.txt" for folder in ("in", "one", "two") for name in "abc")
    assert shop.build().counts == {}
