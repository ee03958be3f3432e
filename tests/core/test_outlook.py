"""How long a run will still take, with durations and elapsed times as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from dbuild.core.outlook import Left
from dbuild.core.schedule import Node, Schedule, State


def node(target: str, number: int = 0) -> Node:
    return target, (number,)


def schedule(seconds: Mapping[Node, float], after: Mapping[Node, Iterable[Node]], **capacity: float) -> Schedule:
    """Tasks of one cpu each, which wait for others."""
    return Schedule(
        seconds,
        lambda one: [((one, "reads"), after[one])] if one in after else [],
        seconds=seconds.__getitem__,
        needs=lambda target: {"cpus": 1.0, **({"db": 1.0} if target.startswith("db") else {})},
        capacity=capacity or {"cpus": 2.0},
    )


MANY = {node("short", number): 10.0 for number in range(20)}


def test_work_is_shared_by_those_who_do_it() -> None:
    assert schedule(MANY, {}).left([], {"short"}) == Left(100.0, "about")


def test_the_longest_path_takes_its_time_however_many_work() -> None:
    chain = {node("long", number): 50.0 for number in range(3)}
    after = {node("long", 1): [node("long", 0)], node("long", 2): [node("long", 1)]}
    assert schedule({**MANY, **chain}, after).left([], {"short", "long"}).seconds == 175.0  # (200 + 150) / 2
    found = schedule({**MANY, **chain}, after, cpus=8.0)
    assert found.left([], {"short", "long"}).seconds == 150.0
    found.move(node("long", 0), State.RUNNING)
    assert found.left([([node("long", 0)], 20.0)], {"short", "long"}).seconds == 130.0
    assert found.left([([node("long", 0)], 60.0)], {"short", "long"}).seconds == 100.0  # it takes longer than it should
    found.move(node("long", 0), State.BUILT)
    assert found.left([], {"short", "long"}).seconds == 100.0


def test_a_pool_of_one_is_what_a_run_waits_for() -> None:
    found = schedule({node("db", number): 10.0 for number in range(4)}, {}, cpus=8.0, db=1.0)
    assert found.left([], {"db"}).seconds == 40.0
    found.move(node("db", 0), State.RUNNING)
    assert found.left([([node("db", 0)], 4.0)], {"db"}).seconds == 36.0


def test_what_this_run_shows_corrects_the_past() -> None:
    """One task's worth of doubt: half of the difference counts after the first, nearly all of it after many."""
    found = schedule(MANY, {})
    done = iter(MANY)
    lefts = []
    for _ in range(9):
        one = next(done)
        found.move(one, State.RUNNING)
        found.move(one, State.BUILT)
        found.note(one, 20.0)
        lefts.append(found.left([], {"short"}).seconds)
    assert lefts[0] == 19 * 10 / 2 * 1.5
    assert lefts[-1] == pytest.approx(11 * 10 / 2 * 1.9)


def test_what_is_spent_around_tasks_is_added() -> None:
    """One that took long doesn't make it seem little."""
    found = schedule({**MANY, **{node("tiny", number): 0.001 for number in range(1000)}}, {}, cpus=1.0)
    for number in range(10):
        found.move(node("tiny", number), State.RUNNING)
        found.move(node("tiny", number), State.BUILT)
        found.note(node("tiny", number), 0.001, 0.004)
    left = found.left([], {"short", "tiny"}).seconds
    assert left == pytest.approx(200 + 20 * 0.004 + 990 * 0.005)


def test_tasks_that_are_heard_of_together_count_as_if_it_were_one_by_one() -> None:
    """The first of them has waited for the others, and they for nothing."""
    lefts = []
    for around in ([0.004] * 10, [0.018, 0.0005, 0.0005, 0.0005, 0.0005] * 2, [0.045, *[-0.001] * 5, *[0.0] * 4]):
        found = schedule({node("tiny", number): 0.001 for number in range(1000)}, {}, cpus=1.0)
        for number, beyond in enumerate(around):
            found.move(node("tiny", number), State.RUNNING)
            found.move(node("tiny", number), State.BUILT)
            found.note(node("tiny", number), 0.001, beyond)
        lefts.append(found.left([], {"tiny"}).seconds)
    assert lefts == [pytest.approx(990 * 0.005)] * 3


def test_of_what_never_ran_the_tasks_of_this_run_are_all_that_is_known() -> None:
    new = {node("new", number): 0.1 for number in range(4)}
    found = schedule({**MANY, **new}, {})
    assert found.left([], {"short"}) == Left(100.0, "at least")
    assert found.left([], set()) == Left(None, "at least")
    found.move(node("new", 0), State.RUNNING)
    found.move(node("new", 0), State.BUILT)
    found.note(node("new", 0), 60.0)
    assert found.left([], {"short"}) == Left((200 + 180) / 2, "about")


def test_what_may_not_have_to_run_makes_it_a_bound() -> None:
    found = schedule(MANY, {})
    assert found.left([], {"short"}, may_skip=True) == Left(100.0, "at most")
    found.move(node("short", 0), State.FRESH)
    assert found.left([], {"short"}, may_skip=True).seconds == 95.0


def test_a_run_that_ends_waits_only_for_what_runs() -> None:
    found = schedule(MANY, {})
    found.move(node("short", 0), State.RUNNING)
    assert found.left([([node("short", 0)], 4.0)], {"short"}, is_ending=True) == Left(6.0, "about")


def test_tasks_that_run_together_take_their_time_one_after_the_other() -> None:
    chain = {node("long", 0): 50.0}
    found = schedule({**MANY, **chain}, {node("long", 0): [node("short", 3)]}, cpus=1.0)
    batch = [node("short", number) for number in range(5)]
    for number, one in enumerate(batch):
        found.move(one, State.RUNNING, rides=number > 0)
    known = {"short", "long"}
    assert found.left([(batch, 20.0)], known).seconds == 150.0 + 50.0 + 30.0
    assert found.left([(batch, 20.0)], known, is_ending=True).seconds == 30.0
    found = schedule({**dict.fromkeys(batch, 10.0), **chain}, {node("long", 0): [node("short", 3)]}, cpus=8.0)
    for number, one in enumerate(batch):
        found.move(one, State.RUNNING, rides=number > 0)
    assert found.left([(batch, 20.0)], known).seconds == 30.0 + 50.0
    assert found.left([(batch, 20.0)], {"long"}) == Left(50.0, "at least")


def test_what_is_blocked_or_tried_again_counts_as_it_should() -> None:
    seconds = {node("a"): 10.0, node("b"): 30.0, node("c"): 5.0}
    found = schedule(seconds, {node("b"): [node("a")]}, cpus=4.0)
    known = {"a", "b", "c"}
    assert found.left([], known).seconds == 40.0
    found.move(node("a"), State.RUNNING)
    found.move(node("a"), State.DELAYED)
    assert found.left([], known).seconds == 40.0
    found.move(node("a"), State.READY)
    found.move(node("a"), State.RUNNING)
    assert found.left([([node("a")], 10.0)], known).seconds == 30.0
    found.move(node("a"), State.FAILED)
    assert found.left([], known).seconds == 5.0
