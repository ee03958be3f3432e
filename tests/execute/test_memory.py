"""Recipes that use more memory than they may: each ends alone, and says so."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from dbuild.execute.memory import over_limit, used_by
from dbuild.observe.processes import descendants, exact_memory_of, memory_of
from tests.execute.crews import crew

MB = 1_000_000
EATER = "import time\nhoard = []\nwhile True:\n    hoard.append(b'x' * 10_000_000)\n    time.sleep(0.005)\n"
# In bytes where it is found out when it has just exceeded the limit, so that both would be 200 MB.
SAID = re.compile(
    r"it used (\d+ MB of memory, .* of 200 MB|200\d{6} bytes of memory, .* of 200000000) \(needs.memory\)"
)


@pytest.mark.parametrize("start", ["", "exec ", "setsid "], ids=["child", "itself", "session"])
def test_a_shell_recipe_that_eats_memory(tmp_path: Path, start: str) -> None:
    (tmp_path / "eat.py").write_text(EATER)
    with crew(tmp_path) as made:
        result = made.run(made.shell(f"{start}{sys.executable} eat.py; true", memory=200 * MB))
        assert result.error is not None
        assert SAID.fullmatch(result.error)
        assert result.causes == ("memory",)
        assert result.peak > 200 * MB
        workers = made.pids
        assert descendants(workers[0]) == []
        assert made.run(made.shell("true", memory=200 * MB)).error is None
        assert made.pids == workers


def test_a_python_recipe_that_eats_memory(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        result = made.run(made.python(EATER, memory=200 * MB))
        assert result.error is not None
        assert SAID.fullmatch(result.error)
        assert result.causes == ("memory",)
        assert made.run(made.python("pass", memory=200 * MB)).error is None


def test_a_limit_holds_for_one_task_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    body = "hoard = b'x' * 300_000_000\nopen('gate').read()"
    with crew(tmp_path, size=2) as made:
        fed, hungry = made.python(body), made.python(EATER, memory=200 * MB)
        made.pool.submit(fed)
        made.pool.submit(hungry)
        first = made.result()
        assert (first.number, first.causes) == (hungry.number, ("memory",))
        (tmp_path / "gate").write_text("")
        assert made.result().error is None


def test_what_was_used_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    body = "hoard = b'x' * 100_000_000\nopen('gate').read()"
    with crew(tmp_path) as made:
        made.pool.submit(made.python(body, memory=400 * MB))
        (worker,) = made.pool._busy
        made.poll_until(lambda: worker.watch and worker.watch.peak > 100 * MB)
        (tmp_path / "gate").write_text("")
        result = made.result()
        assert result.error is None
        assert 100 * MB < result.peak < 400 * MB
        assert made.run(made.python("pass")).peak == 0


def test_a_worker_that_is_large_is_not_used_for_a_small_task(tmp_path: Path) -> None:
    body = "import builtins\nbuiltins.hoard = b'x' * 150_000_000"
    with crew(tmp_path) as made:
        assert made.run(made.python(body)).error is None
        (large,) = made.pids
        assert made.run(made.python("pass")).error is None
        assert made.run(made.python("pass", memory=1000 * MB)).error is None
        assert made.pids == [large]
        assert made.run(made.python("pass", memory=200 * MB)).error is None
        assert len(made.pids) == 1
        assert made.pids != [large]


def test_too_little_for_python_itself(tmp_path: Path) -> None:
    body = "def bite():\n    raise MemoryError('no more')\nbite()"
    with crew(tmp_path) as made:
        result = made.run(made.python(body))
    assert result.error is not None
    assert 'needs = { memory = "4GB" }' in result.error
    assert {"MemoryError", "Exception", "memory"} <= set(result.causes)


def test_too_little_for_duckdb(tmp_path: Path) -> None:
    hungry = "SELECT list(range) AS x FROM range(30000000)"
    with crew(tmp_path) as made:
        result = made.run(made.sql(hungry, "a.csv", share=50 * MB))
        assert result.error is not None
        assert 'needs = { memory = "4GB" }' in result.error
        assert "memory" in result.causes
        assert made.run(made.sql("SELECT 1 AS one", "b.csv", share=50 * MB)).error is None


def test_shared_pages_count_once(tmp_path: Path) -> None:
    body = """
import os
hoard = b"x" * 100_000_000
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os.read(os.open("gate", os.O_RDONLY), 1)
        os._exit(0)
    children.append(pid)
with open("ready.tmp", "w") as out:
    out.write("1")
os.rename("ready.tmp", "ready")
for pid in children:
    os.waitpid(pid, 0)
"""
    os.mkfifo(tmp_path / "gate")
    with crew(tmp_path) as made:
        task = made.python(body)
        made.pool.submit(task)
        made.said("ready")
        (worker,) = made.pids
        family = (worker, *descendants(worker))
        assert len(family) == 4
        assert 100 * MB < exact_memory_of(family) < 200 * MB
        if sys.platform.startswith("linux"):
            assert memory_of(family) > 400 * MB
            assert used_by(worker, 200 * MB) < 200 * MB
            assert used_by(worker, 500 * MB) > 400 * MB
        with open(tmp_path / "gate", "wb") as gate:
            gate.write(b"123")
        assert made.result().error is None


def test_words() -> None:
    assert over_limit(2_300_000_000, 2_000_000_000) == (
        "it used 2.3 GB of memory, more than its limit of 2.0 GB (needs.memory)"
    )
    assert over_limit(2_000_000_001, 2_000_000_000) == (
        "it used 2000000001 bytes of memory, more than its limit of 2000000000 (needs.memory)"
    )


@pytest.mark.skipif(not os.path.exists("/proc/self/oom_score_adj"), reason="only Linux has it")
def test_a_recipe_is_ended_before_the_build(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        task = made.shell("cat /proc/self/oom_score_adj")
        assert made.run(task).error is None
        assert int(made.printed(task)) == 500 > int(Path("/proc/self/oom_score_adj").read_text())
