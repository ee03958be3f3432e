"""Tasks that are prepared together are those that are prepared one by one, whatever they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build.allotments import Allotments
from dbuild.build.looks import forget, look, reading
from dbuild.build.settings import Settings
from dbuild.build.tasks import TaskMaker
from dbuild.core.partitions import Index
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{{name}}.csv"
[sources.prices]
path = "prices.csv"
[sources.log]
path = "log/{{day}}-*.txt"
[sources.plain]
path = "plain/{{day}}.txt"
[targets.sums]
path = "sums/{{name}}.csv"
sql = "SELECT count(*) AS rows, sum(n) AS n FROM raw, prices"
[targets.after]
path = "after/{{name}}/"
python = "recipes:note_folder"
inputs = ["sums", "raw", "prices"]
[targets.both]
path = {{ one = "one/{{name}}.txt", two = "two/{{name}}.txt" }}
python = "recipes:note_both"
inputs = ["after"]
[targets.window]
path = "window/{{day}}.txt"
shell = "cat {{plain}} > {{output}}"
inputs.plain = {{ day = "-1d..0d" }}
[targets.logs]
path = "logs/{{day}}.txt"
shell = "cat {{log}} {{plain}} > {{output}}"
inputs = ["log", "plain"]
[targets.all]
path = "all/{{name}}.txt"
python = "recipes:note_all"
inputs.raw = {{ name = "all" }}
inputs.window = {{ day = "all" }}
[targets.none]
path = "none/{{name}}.txt"
python = "recipes:note_none"
inputs = []
"""
RECIPES = """
def note_folder(sums, raw, prices, output):
    (output / "a.txt").write_text(f"{sums} {raw} {prices}")
def note_both(after, output):
    for path in output.values():
        path.write_text(str(after))
def note_all(raw, window, output):
    output.write_text(f"{raw} {window}")
def note_none(output):
    output.write_text("")
"""
NAMES, SOME_DAYS = ("a", "b", "c", "d"), ("01-01", "01-02", "01-03", "01-04")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = Workshop(tmp_path_factory.mktemp("shop"), FLOW, **{"recipes.py": RECIPES, "prices.csv": "price\n3\n"})
    for number, name in enumerate(NAMES):
        shop.write(f"in/{name}.csv", f"n\n{number}\n")
    for day in SOME_DAYS:
        shop.write(f"log/2013-{day}-x.txt", "x")
        shop.write(f"log/2013-{day}-y.txt", "y")
    shop.days("plain", *SOME_DAYS)
    built = shop.build(now="2013-01-05")
    assert not built.errors
    return shop


@pytest.mark.parametrize(
    ("target", "count"), [("sums", 4), ("after", 4), ("both", 4), ("window", 4), ("logs", 4), ("all", 4), ("none", 4)]
)
def test_they_are_the_same(shop: Workshop, target: str, count: int) -> None:
    settings = Settings(str(shop.root), now=1_357_344_000.0)
    with reading(settings) as state:
        looked = look(settings, state, [], forget, everything=True)

        def maker() -> TaskMaker:
            return TaskMaker(looked.world, 7, Allotments(looked.flow.project, 2, 1 << 30))

        indices: list[Index] = list(looked.world.domains.of(target).indices())
        assert len(indices) == count
        wanted = [(index, 10 + number, (), 1 + number % 2) for number, index in enumerate(indices)]
        together = maker().prepare_all(target, wanted)
        assert together == [maker().prepare(target, *one) for one in wanted]
        assert [one.task.number for one in together] == [10, 11, 12, 13]
        assert len({one.task.outputs[0].final for one in together}) == count
        files = [sorted(path for given in one.task.inputs for path in given.paths) for one in together]
        for one, paths in zip(together, files, strict=True):
            is_folder = any(given.format == "folder" for given in one.task.inputs)
            assert is_folder or sorted(path for path, _ in one.watched if path in paths) == paths


BATCH = """
[partitions.name]
discover = "raw"
[sources.raw]
path = "in/{name}.txt"
[targets.first]
path = "first.txt"
shell = "rm in/b.txt; echo > {output}"
inputs = []
[targets.made]
path = "out/{name}.txt"
python = "recipes:copy"
inputs = ["raw", "first"]
batch = 10
"""
COPY = """
def copy(keys, raw, first, output):
    for key in keys:
        output[key].write_text(raw[key].read_text())
"""


def test_one_whose_input_is_gone_fails_alone(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, BATCH, **{"recipes.py": COPY})
    for name in ("a", "b", "c"):
        shop.write(f"in/{name}.txt", name)
    built = shop.build(keep_going=True)
    assert built.ran == ["first", "made@a", "made@b", "made@c"]
    assert list(built.errors) == ["made@b"]
    assert "in/b.txt is not there" in built.errors["made@b"]
    assert shop.outputs() == {"out/a.txt": b"a", "out/c.txt": b"c"}


def test_one_whose_folder_cannot_be_made_fails_alone(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, BATCH, **{"recipes.py": COPY})
    shop.swap("Dataflowfile", "rm in/b.txt; ", "")
    shop.swap("Dataflowfile", "out/{name}.txt", "out/{name}/x.txt")
    for name in ("a", "b", "c"):
        shop.write(f"in/{name}.txt", name)
    shop.write("out/b", "in the way")
    built = shop.build(keep_going=True, is_confined=True)
    assert list(built.errors) == ["made@b"]
    assert shop.outputs() == {"out/a/x.txt": b"a", "out/b": b"in the way", "out/c/x.txt": b"c"}
    assert shop.temporaries() == []
