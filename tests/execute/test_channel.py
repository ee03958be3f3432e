"""What pools and workers tell each other: whole values, however they are cut, and short tasks made whole again."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Iterator
from dataclasses import fields, replace
from random import Random

import pytest

from dbuild.core.model import PythonRecipe, SqlRecipe
from dbuild.core.task import (
    Bounds,
    Made,
    PartResult,
    Result,
    Sight,
    Task,
    TaskDimension,
    TaskInput,
    TaskOutput,
    TaskPart,
    TaskView,
)
from dbuild.errors import Place
from dbuild.execute.channel import Channel, Reader, Sender, shorten_result, whole_result

NAME = TaskDimension("name", None)
GIVEN = TaskInput("raw", (NAME,), (("a",),), ("/p/in/a.csv",), True, "csv", (("header", True),), (("x", "BIGINT"),))
MADE = TaskOutput("", "/p/out/.dbuild-tmp-1-1-a.csv", "/p/out/a.csv", "csv")


def full_task() -> Task:
    """A task none of whose fields has its default."""
    recipe = PythonRecipe("recipes", "copy", Place("Dataflowfile", 3))
    other = replace(GIVEN, name="more", is_routed=True, where="x > 1", is_single=False)
    outputs = (replace(MADE, name="one"), replace(MADE, name="two", private="/p/out/.dbuild-tmp-1-1"))
    view = TaskView("clean", SqlRecipe("SELECT 1", Place("Dataflowfile", 9)))
    return Task(
        number=7,
        target="made",
        dimensions=(NAME,),
        key=("a",),
        recipe=recipe,
        code=b"code",
        inputs=(GIVEN, other),
        outputs=outputs,
        params=(("x", 1),),
        timezone="Europe/Rome",
        root="/p",
        log="/p/.dbuild/logs/1/made@a.log",
        threads=2,
        views=(view,),
        memory=100,
        share=50,
        provisional=True,
        env=(("A", "1"),),
        secrets=(("TOKEN", "s3cret"),),
        snapshot="/p/.dbuild/code.1",
        bounds=Bounds(("/p",), ("/p/recipes.py",), True),
        parts=(TaskPart(("a",), (GIVEN,), (MADE,)),),
    )


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel, int]]:
    """Two ends of a connection, and the descriptor of the first."""
    ours, theirs = socket.socketpair()
    pair = Channel(ours.detach()), Channel(theirs.detach())
    yield (*pair, pair[0].fileno())
    for end in pair:
        try:
            end.close()
        except OSError:
            pass


def test_a_task_arrives_as_it_was_sent() -> None:
    sender, reader = Sender(), Reader()
    task = full_task()
    assert {field.name for field in fields(Task) if getattr(task, field.name) == field.default} == set()
    second = replace(
        task,
        number=8,
        key=("b",),
        inputs=(replace(GIVEN, keys=(("b",),), paths=("/p/in/b.csv",)), task.inputs[1]),
        outputs=(task.outputs[0], replace(task.outputs[1], path="/p/out/.dbuild-tmp-1-2-b.csv")),
    )
    for one in (task, second, replace(second, inputs=(), outputs=(), parts=None), task):
        assert reader.whole(pickle.loads(pickle.dumps(sender.shorten(one)))) == one


def test_what_differs_is_told_whatever_it_is() -> None:
    """No field of a task, an input or an output is taken for one that all partitions have alike."""
    sender, reader = Sender(), Reader()
    task = full_task()
    assert reader.whole(sender.shorten(task)) == task
    for kind, one in (("", task), ("inputs", task.inputs[1]), ("outputs", task.outputs[1])):
        for name in {field.name for field in fields(one)} - {"inputs", "outputs", "recipe", "bounds"}:
            value = getattr(one, name)
            changed = replace(one, **{name: not value if isinstance(value, bool) else value * 2})
            whole = replace(task, **{kind: (getattr(task, kind)[0], changed)}) if kind else changed
            assert reader.whole(sender.shorten(whole)) == whole, name


def test_alike_parts_are_sent_once_made() -> None:
    """Of the second task of a target only what differs is pickled; the worker has the same objects for both."""
    sender, reader = Sender(), Reader()
    task = full_task()
    first, second = (sender.shorten(replace(task, number=number)) for number in (1, 2))
    assert first[0] is second[0]  # type: ignore[index]
    whole = [reader.whole(pickle.loads(pickle.dumps(one))) for one in (first, second)]
    assert whole[0].recipe is whole[1].recipe
    assert whole[0].inputs[0].schema is whole[1].inputs[0].schema


def test_secrets_are_not_among_what_is_kept() -> None:
    assert b"s3cret" not in Sender().shorten(full_task())[0]  # type: ignore[index]


def test_a_result_arrives_as_it_was_sent() -> None:
    made = Made("", b"d" * 16, 7, (("x", "BIGINT"),), (("a.txt", b"e" * 16),))
    result = Result(
        number=3,
        error="no",
        made=(made, replace(made, name="two")),
        params_read=("x", "*"),
        has_output=True,
        seconds=0.5,
        causes=("exit 3",),
        notes=("a note",),
        peak=100,
        worker=4711,
        cpu=0.25,
        sights=frozenset({Sight("read", "/p/a.txt")}),
        is_all_seen=True,
        parts=(PartResult(None, (made,)), PartResult("not written")),
        then=4,
        returned=(5, 6),
    )
    assert [field.name for field in fields(Result) if getattr(result, field.name) == field.default] == []
    for one, then in ((result, 4), (Result(1, None), 0), (result, 0)):
        got = whole_result(pickle.loads(pickle.dumps(shorten_result(one, then))))
        assert got == replace(one, then=then)


def test_messages_are_whole_however_they_are_cut(ends: tuple[Channel, Channel, int]) -> None:
    _, other, descriptor = ends
    random = Random(3)
    values = [random.randbytes(size) for size in (0, 1, 3, 70, 5_000)] * 20
    stream = b"".join(len(data).to_bytes(8, "little") + data for data in map(pickle.dumps, values))
    got: list[object] = []
    while stream:
        size = random.choice((1, 2, 3, 5, 100, 7_000))
        os.write(descriptor, stream[:size])
        stream = stream[size:]
        got += other.take()
    assert got == values


def test_a_value_that_is_larger_than_what_a_socket_holds(ends: tuple[Channel, Channel, int]) -> None:
    one, other, _ = ends
    if os.fork() == 0:
        one.send("x" * 5_000_000)
        one.send("last")
        os._exit(0)
    assert len(other.receive()) == 5_000_000
    assert other.receive() == "last"
    os.wait()


def test_what_is_left_of_a_large_value_is_not_copied_for_each_piece(
    ends: tuple[Channel, Channel, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = ends
    written: list[bytes | memoryview] = []
    write = os.write

    def write_some(descriptor: int, data: bytes | memoryview) -> int:
        written.append(data)
        return write(descriptor, data[:100])

    monkeypatch.setattr(os, "write", write_some)
    one.send("x" * 10_000)
    assert other.receive() == "x" * 10_000
    assert len(written) > 100
    assert [type(data) for data in written[1:]] == [memoryview] * (len(written) - 1)


def test_several_values_at_once_are_received_one_by_one(ends: tuple[Channel, Channel, int]) -> None:
    one, other, _ = ends
    for number in range(5):
        one.send(number)
    assert [other.receive() for _ in range(3)] == [0, 1, 2]
    one.send(5)
    assert [other.receive() for _ in range(3)] == [3, 4, 5]


def test_the_end_of_the_other_side_is_told(ends: tuple[Channel, Channel, int]) -> None:
    one, other, _ = ends
    one.send("last")
    one.close()
    assert other.receive() == "last"
    with pytest.raises(EOFError):
        other.take()
