"""Quick tasks wait for a worker that is still at another one; what they do and tell is as if they didn't."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from dbuild.build import Settings, build, queueing
from dbuild.core.events import Event, TaskEnded, TaskPrinted, TaskStarted, TaskStopped
from dbuild.core.task import Task
from dbuild.execute.pool import Pool
from tests.build.workshop import EACH_FILE, Workshop, each_file

FLOW = f'{EACH_FILE}python = "recipes:make"\n'
# Each run of a recipe leaves a line; what a source says besides is done.
RECIPES = """
import os, time
from pathlib import Path

def await_that(path):
    began = time.monotonic()
    while not os.path.exists(path):
        if time.monotonic() > began + 60:
            raise TimeoutError(path)
        time.sleep(0.001)

def make(raw: Path, output: Path):
    with open("ran", "a") as ran:
        print(raw.stem, file=ran)
    text = raw.read_text()
    exec(text)
    output.write_text(text)
"""
COUNT = 120


class Queued:
    """What a pool was asked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.numbers: list[int] = []
        self.withdrawn: list[int] = []
        queue_up, withdraw = Pool.queue_up, Pool.withdraw

        def noted(pool: Pool, task: Task, behind: int) -> bool:
            is_queued = queue_up(pool, task, behind)
            self.numbers += [task.number] if is_queued else []
            return is_queued

        def taken_back(pool: Pool, behind: int) -> list[int]:
            found = withdraw(pool, behind)
            self.withdrawn += found
            return found

        patch.setattr(Pool, "queue_up", noted)
        patch.setattr(Pool, "withdraw", taken_back)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Queued:
    """What waits; all recipes count as quick, however slow the machine is just now."""
    monkeypatch.setattr(queueing, "_QUICK", 1e6)
    monkeypatch.setattr(queueing, "_AHEAD", 1e9)
    return Queued(monkeypatch)


def workshop(root: Path, flow: str = FLOW, **texts: str) -> Workshop:
    names = [f"{number:03d}" for number in range(COUNT)]
    return each_file(root, flow, RECIPES, {name: texts.get(f"t{name}", f"# {int(name)}\n") for name in names})


def ran(shop: Workshop) -> list[str]:
    return shop.read("ran").split()


def most_at_once(events: tuple[Event, ...]) -> int:
    """Of how many at most it was told that they run; each begins and ends once."""
    running: set[object] = set()
    most = 0
    for event in events:
        if isinstance(event, TaskStarted):
            assert event.key not in running
            running.add(event.key)
            most = max(most, len(running))
        elif isinstance(event, TaskEnded | TaskStopped):
            running.remove(event.key)
        elif isinstance(event, TaskPrinted):
            assert event.key in running
    assert not running
    return most


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("recipe", ['python = "recipes:make"', 'shell = "echo {name} >> ran; cp {raw} {output}"'])
def test_quick_tasks_wait_for_a_worker(tmp_path: Path, queued: Queued, recipe: str, jobs: int) -> None:
    shop = workshop(tmp_path / "shop", FLOW.replace('python = "recipes:make"', recipe))
    done = shop.build(jobs=jobs)
    assert done.standing[:3] == (COUNT, 0, 0)
    assert len(queued.numbers) >= COUNT * 0.8
    assert most_at_once(done.events) == jobs
    if jobs == 1:
        assert [name[:3] for name in ran(shop)] == [f"{number:03d}" for number in range(COUNT)]
    assert len(ran(shop)) == COUNT
    assert shop.outputs() == {f"out/{n:03d}.txt": f"# {n}\n".encode() for n in range(COUNT)}
    assert shop.build().ran == []


def test_slow_ones_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queued = Queued(monkeypatch)
    monkeypatch.setattr(queueing, "_QUICK", 0.0)
    assert workshop(tmp_path / "shop").build(jobs=1).standing[0] == COUNT
    assert queued.numbers == []


@pytest.mark.parametrize("limit", ['timeout = "1h"', 'needs = { memory = "1GB" }', 'secrets = ["SECRET"]'])
def test_what_has_limits_of_its_own_does_not(
    tmp_path: Path, queued: Queued, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setenv("SECRET", "value")
    assert workshop(tmp_path / "shop", f"{FLOW}{limit}\n").build(jobs=1).standing[0] == COUNT
    assert queued.numbers == []


def test_what_is_looked_at_does_not(tmp_path: Path, queued: Queued) -> None:
    assert workshop(tmp_path / "shop").build(jobs=1, is_traced=True).standing[0] == COUNT
    assert queued.numbers == []


def test_others_wait_only_for_those_with_the_same_needs(tmp_path: Path, queued: Queued) -> None:
    """Where one has room there is none for what needs more, and what needs less would leave some of it idle."""
    more = """
[targets.large]
path = "large/{name}.txt"
python = "recipes:make"
inputs = ["raw"]
needs = { cpus = 2 }
"""
    done = workshop(tmp_path / "shop", FLOW + more).build(jobs=2)
    assert done.standing[:3] == (2 * COUNT, 0, 0)
    running: list[str] = []
    for event in done.events:
        if isinstance(event, TaskStarted):
            running.append(event.target)
            assert sum(2 if name == "large" else 1 for name in running) <= 2
        elif isinstance(event, TaskEnded):
            running.remove(event.target)


def test_nothing_begins_after_a_failure(tmp_path: Path, queued: Queued) -> None:
    shop = workshop(tmp_path / "shop", t050="raise ValueError('no')")
    done = shop.build(jobs=1)
    assert ran(shop) == [f"{number:03d}" for number in range(51)]
    assert list(done.errors) == ["made@050"]
    assert done.standing == (50, 0, 1, 0, COUNT - 51)
    assert queued.numbers
    shop.write("in/050.txt", "# 50\n")
    assert len(shop.build(jobs=1).ran) == COUNT - 50


def test_all_others_run_where_it_goes_on_after_failures(tmp_path: Path, queued: Queued) -> None:
    bad = {f"t{number:03d}": "raise ValueError('no')" for number in (7, 8, 50, 51, COUNT - 1)}
    shop = workshop(tmp_path / "shop", **bad)
    done = shop.build(jobs=2, keep_going=True)
    assert sorted(ran(shop)) == [f"{number:03d}" for number in range(COUNT)]
    assert sorted(done.errors) == ["made@007", "made@008", "made@050", "made@051", f"made@{COUNT - 1}"]


def test_only_the_one_that_kills_its_worker_fails(tmp_path: Path, queued: Queued) -> None:
    shop = workshop(tmp_path / "shop", t030="print('so far', flush=True); os.kill(os.getpid(), 9)")
    done = shop.build(jobs=2, keep_going=True)
    assert sorted(ran(shop)) == [f"{number:03d}" for number in range(COUNT)]
    assert list(done.errors) == ["made@030"]
    assert done.standing[:3] == (COUNT - 1, 0, 1)


def test_one_that_fails_is_tried_again(tmp_path: Path, queued: Queued) -> None:
    once = "if not os.path.exists(f'tried{n}'): open(f'tried{n}', 'w').close(); raise ValueError"
    shop = workshop(
        tmp_path / "shop",
        FLOW + 'retries = { times = 1, delay = "1ms" }\n',
        t030=once.replace("{n}", "1"),
        t031=once.replace("{n}", "2"),
    )
    done = shop.build(jobs=1)
    assert done.standing[:3] == (COUNT, 0, 0)
    assert sorted(ran(shop)) == sorted([*(f"{number:03d}" for number in range(COUNT)), "030", "031"])


def test_fail_fast_ends_what_others_have_gone_on_to(tmp_path: Path, queued: Queued) -> None:
    """And nothing that had ended is thrown away."""
    other = "if os.path.exists('bad'): open('begun', 'w').close(); await_that('never')"
    bad = "open('bad', 'w').close(); await_that('begun'); raise ValueError('no')"
    shop = workshop(tmp_path / "shop", t050=bad, **{f"t{number:03d}": other for number in range(51, COUNT)})
    done = shop.build(jobs=2, fail_fast=True)
    assert list(done.errors) == ["made@050"]
    stopped = [event for event in done.events if isinstance(event, TaskStopped)]
    assert len(stopped) == 1
    assert len(ran(shop)) == len(set(ran(shop))) == len(done.ran) + 1
    most_at_once(done.events)


def test_behind_a_slow_one_nothing_waits_for_long(tmp_path: Path, queued: Queued) -> None:
    """The other worker does all the rest before it ends."""
    rest = " and ".join(f"os.path.exists('out/{number:03d}.txt')" for number in range(COUNT) if number != 50)
    slow = f"""
began = time.monotonic()
while not ({rest}):
    assert time.monotonic() < began + 60
    time.sleep(0.001)
"""
    shop = workshop(tmp_path / "shop", t050=slow)
    assert shop.build(jobs=2).standing[:3] == (COUNT, 0, 0)
    assert sorted(ran(shop)) == [f"{number:03d}" for number in range(COUNT)]
    assert queued.withdrawn


def test_nothing_waits_behind_a_slow_one_while_others_come_and_go(tmp_path: Path, queued: Queued) -> None:
    """The other worker has a lot to do meanwhile, and does those that waited first."""
    turns = ", ".join(f'"{number}"' for number in range(40))
    flow = f"""{FLOW}
[partitions.turn]
values = [{turns}]
[targets.other]
path = "other/{{turn}}.txt"
python = "recipes:take_a_turn"
timeout = "1h"
"""
    taking = """
def take_a_turn(output: Path):
    began = time.monotonic()
    while time.monotonic() < began + 0.03:
        pass
    output.write_text("")
"""
    shop = workshop(tmp_path / "shop", flow, t050="await_that('other/39.txt')")
    shop.write("recipes.py", RECIPES + taking)
    done = shop.build(jobs=2)
    assert done.standing[:3] == (COUNT + 40, 0, 0)
    ended = [(event.target, event.key[0][1]) for event in done.ended]
    assert queued.withdrawn
    quick = max(place for place, (target, name) in enumerate(ended) if target == "made" and name != "050")
    assert quick < ended.index(("other", "30")) < ended.index(("made", "050"))


def test_an_interrupt_ends_what_runs_and_what_waits(tmp_path: Path, queued: Queued) -> None:
    shop = workshop(tmp_path / "shop", t050=f"os.kill({os.getpid()}, 2); await_that('never')")
    done = shop.build(jobs=1)
    assert done.summary.was_interrupted
    assert ran(shop) == [f"{number:03d}" for number in range(51)]
    assert done.standing == (50, 0, 0, 0, COUNT - 50)
    assert most_at_once(done.events) == 1
    assert shop.temporaries() == []
    shop.write("in/050.txt", "# 50\n")
    assert len(shop.build(jobs=1).ran) == COUNT - 50


def test_an_interrupt_at_any_moment(tmp_path: Path, queued: Queued) -> None:
    """What is told of as made is made, and nothing else is."""
    shop = workshop(tmp_path / "shop")
    made: list[str] = []
    while len(made) < COUNT:
        count = 0

        def hear(event: Event) -> None:
            nonlocal count
            if isinstance(event, TaskEnded):
                count += 1
                if count == 13:
                    os.kill(os.getpid(), signal.SIGINT)

        done = shop.build(jobs=2, hear=hear)
        assert done.errors == {}
        assert len(done.ran) >= min(13, COUNT - len(made))
        made += done.ran
    assert sorted(made) == [f"made@{number:03d}" for number in range(COUNT)]
    assert shop.temporaries() == []


def test_what_each_prints_is_its_own(tmp_path: Path, queued: Queued) -> None:
    texts = {f"t{n:03d}": f"print('to {n}'); os.system('echo from {n}')" for n in range(COUNT)}
    shop = workshop(tmp_path / "shop", **texts)
    events: list[Event] = []
    build(Settings(str(shop.root), "Dataflowfile", tells_output=True), (), jobs=2, emit=events.append)
    said: dict[str, str] = {}
    for event in events:
        if isinstance(event, TaskPrinted):
            name = event.key[0][1]
            said[name] = said.get(name, "") + event.data.decode()
    assert said == {f"{n:03d}": f"to {n}\nfrom {n}\n" for n in range(COUNT)}
    assert most_at_once(tuple(events)) == 2
    logs = sorted(shop.path(".dbuild/logs").glob("*/*.log"))
    assert [re.findall(r"\d+", log.name)[0] for log in logs] == [f"{n:03d}" for n in range(COUNT)]
    assert [log.read_text() for log in logs] == [f"to {n}\nfrom {n}\n" for n in range(COUNT)]
