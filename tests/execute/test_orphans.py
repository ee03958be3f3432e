"""Workers whose build is gone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from dbuild.execute.process import start_process
from dbuild.state.lock import hold, outlast
from tests.build.workshop import is_running
from tests.execute.crews import HUNG, crew


def test_a_worker_begins_no_task_of_a_build_that_is_gone(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    with crew(tmp_path) as made:
        task = made.python(f"open({str(ran)!r}, 'w')")
    for _ in range(3):
        worker = start_process(str(tmp_path), (), os.environ)
        os.kill(worker.pid, signal.SIGSTOP)
        worker.begin(task)
        worker.close()
        os.kill(worker.pid, signal.SIGCONT)
        worker.wait(HUNG)
        assert not worker.is_cut_off
    assert not ran.exists()


def test_the_sign_is_held_until_the_last_worker_has_ended(tmp_path: Path) -> None:
    path = str(tmp_path / "workers")
    said: list[str] = []
    assert outlast(path, 0, lambda: said.append("nobody"))
    with hold(path) as sign:
        workers = [start_process(str(tmp_path), (), os.environ, sign) for _ in range(2)]
    for worker in workers:
        assert not outlast(path, 0, lambda: said.append("held"))
        worker.close()
        worker.wait(HUNG)
    assert outlast(path, 0, lambda: said.append("held still"))
    assert said == ["held", "held"]


def test_what_a_recipe_forks_holds_no_sign(tmp_path: Path) -> None:
    path = str(tmp_path / "workers")
    body = """
import os, time
if not os.fork():
    os.setsid()
    with open("forked.tmp", "w") as out:
        out.write(str(os.getpid()))
    os.rename("forked.tmp", "forked")
    time.sleep(600)
"""
    with hold(path) as sign, crew(tmp_path, sign=sign) as made:
        assert made.run(made.python(body.strip())).error is None
        (forked,) = made.said("forked")
        (worker,) = made.pids
        os.kill(worker, signal.SIGKILL)
    try:
        assert is_running(forked)
        assert outlast(path, 0, lambda: None)
    finally:
        os.kill(forked, signal.SIGKILL)
