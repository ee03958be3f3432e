"""A first worker that starts before there is a task for it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from dbuild.execute import process
from dbuild.execute.process import Process
from tests.build.workshop import await_that
from tests.execute.crews import Crew, crew


def only(made: Crew) -> Process:
    (worker,) = made.pool._idle
    return worker


def test_the_first_task_gets_it(tmp_path: Path) -> None:
    with crew(tmp_path, 2) as made:
        made.pool.warm_up()
        pid = only(made).pid
        assert made.run(made.python("pass")).worker == pid
        assert made.pids == [pid]


def test_why_it_died_is_in_the_log_of_the_first_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "import sys; print('no library'); sys.exit(3)"
    monkeypatch.setattr(process, "words_to_start", lambda module: [sys.executable, "-c", broken])
    with crew(tmp_path) as made:
        made.pool.warm_up()
        worker = only(made)
        await_that(lambda: worker._process.poll() is not None)
        task = made.python("pass")
        result = made.run(task)
        assert result.error == "its process ended unexpectedly (status 3)"
        assert made.printed(task) == "no library\n"


def test_nobody_waits_for_one_that_never_had_a_task(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        made.pool.warm_up()
        worker = only(made)
    assert worker._process.returncode == -signal.SIGKILL
