"""A process that is forked in the nursery finds what one that is started finds, and ends as it does."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import nursery

pytestmark = pytest.mark.skipif(not nursery.can_be_had(), reason="every process is started")

WORLD = """
import gc, json, locale, os, resource, signal, stat, sys, tempfile, threading, time
mask = os.umask(0o77)
os.umask(mask)
print(json.dumps({
    "words": sys.argv, "all words": sys.orig_argv, "path": sys.path, "folder": os.getcwd(), "name": __name__,
    "variables": dict(os.environ), "zone": time.tzname, "mask": mask, "apart": os.getsid(0) == os.getpid(),
    "descriptors": [n for n in range(100) if os.path.exists(f"/proc/self/fd/{n}") and n != passed],
    "passed": os.read(passed, 9).decode() if passed else "",
    "inherited": [os.get_inheritable(n) for n in range(3)],
    "kinds": [stat.S_IFMT(os.fstat(n).st_mode) for n in range(3)],
    "limits": [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_STACK)],
    "processors": sorted(os.sched_getaffinity(0)),
    "signals": {n: str(signal.getsignal(n)) for n in range(1, 32)},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "streams": [
        (s.encoding, s.errors, s.line_buffering, s.isatty(), s.fileno()) for s in (sys.stdin, sys.stdout, sys.stderr)
    ],
    "threads": threading.active_count(), "collects": [gc.isenabled(), gc.get_threshold()],
    "temporary": tempfile.gettempdir(), "locale": locale.getpreferredencoding(), "recursion": sys.getrecursionlimit(),
    "tasks": len(os.listdir("/proc/self/task")),
}, indent=1, default=str))
"""


def both(words: list[str], tmp_path: Path, **more: Any) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of a program that is forked, and of the same that is started."""
    found = []
    assert nursery.current is not None
    for start in (nursery.current.popen, subprocess.Popen):
        with open(tmp_path / "out", "w+") as out, open(tmp_path / "err", "w+") as err:
            process = start(
                [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=out.fileno(), stderr=err.fileno(), **more
            )
            assert isinstance(process, nursery.Child) == (start != subprocess.Popen)
            code = process.wait(60)
            out.seek(0)
            err.seek(0)
            found.append((code, out.read(), err.read()))
    return found


def test_it_finds_the_same_world(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    environment = {**os.environ, "PYTHONPATH": f"beside{os.pathsep}/nowhere", "TZ": "Asia/Tokyo", "OWN": "gr\udcfc\n"}
    del environment["HOME"]
    before, mask = resource.getrlimit(resource.RLIMIT_CORE), os.umask(0o27)
    passed, given = os.pipe()
    os.write(given, b"something")
    os.write(given, b"something")
    processors = os.sched_getaffinity(0)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, before[1]))
        os.sched_setaffinity(0, {min(processors)})
        forked, started = both(
            ["-P", "-c", f"passed = {passed}\n{WORLD}", "one", "ü"],
            tmp_path,
            cwd=tmp_path / "there",
            env=environment,
            pass_fds=(passed,),
            start_new_session=True,
        )
    finally:
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_CORE, before)
        os.sched_setaffinity(0, processors)
        os.close(passed)
        os.close(given)
    assert forked[::2] == started[::2] == (0, "")
    assert json.loads(forked[1]) == json.loads(started[1])
    assert json.loads(forked[1])["passed"] == "something"


def test_a_module_is_found_from_its_folder_first(tmp_path: Path) -> None:
    (tmp_path / "dbuild.py").write_text(f"passed = 0\n{WORLD}")
    # The package itself is imported in the nursery already: as in a project's folder, where there is no other.
    forked, started = both(["-P", "-c", "import dbuild.cli; print(dbuild.__path__)"], tmp_path, cwd=tmp_path)
    assert forked == started
    forked, started = both(["-m", "dbuild", "--version"], tmp_path, cwd=Path(__file__).parent)
    assert forked == started
    assert forked[0] == 0


@pytest.mark.parametrize(
    "program",
    [
        "pass",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('it says so')",
        "raise SystemExit(None)",
        "import sys; print('half', end=''); sys.exit(300)",
        "import os; os._exit(7)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os; os.abort()",
        "print(1); raise ValueError('wrong')",
        "raise KeyboardInterrupt",
        "import atexit; atexit.register(print, 'the end'); print('half', end=''); raise KeyboardInterrupt",
        "import sys; sys.exit(-2)",
        "import atexit; atexit.register(print, 'the end'); print('first')",
        "import threading, time; threading.Timer(0.05, print, ['a thread is waited for']).start()",
        "import sys; sys.stdout.write('x' * 100_000)",
    ],
)
def test_it_ends_in_the_same_way(program: str, tmp_path: Path) -> None:
    forked, started = both(["-P", "-c", program], tmp_path, cwd=tmp_path)
    assert forked == started


def test_children_see_nothing_of_each_other(tmp_path: Path) -> None:
    program = "import dbuild, random, sys; print(hasattr(dbuild, 'mark'), random.random()); dbuild.mark = 1"
    first, second = (both(["-P", "-c", program], tmp_path)[0][1].split() for _ in range(2))
    assert first[0] == second[0] == "False"
    assert first[1] != second[1]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["-c", "print(1)"], {}),
        (["-m", "json.tool"], {}),
        (["-P", "-c", "pass", "hook:4"], {}),
        (["-m", "dbuild"], {"env": {"PYTHONIOENCODING": "latin-1"}}),
        (["-m", "dbuild"], {"env": {**os.environ, "DBUILD_FAILPOINT": "commit"}}),
        (["-m", "dbuild"], {"cwd": "/nowhere"}),
        (["-m", "dbuild"], {"preexec_fn": os.setsid}),
    ],
)
def test_what_it_could_not_do_is_started(words: list[str], more: dict[str, Any]) -> None:
    assert nursery.current is not None
    assert nursery.current.can_bear([sys.executable, "-m", "dbuild"], {})
    assert not nursery.current.can_bear([sys.executable, *words], more)


def test_what_is_to_happen_at_the_start_is_started(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("")
    assert nursery.current is not None
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert not nursery.current.can_bear([sys.executable, "-m", "dbuild"], {"env": environment})


@pytest.mark.usefixtures("real_processes")
def test_tests_can_have_all_started() -> None:
    assert nursery.current is not None
    assert not nursery.current.can_bear([sys.executable, "-m", "dbuild"], {})


def test_one_that_runs_can_be_killed(tmp_path: Path) -> None:
    assert nursery.current is not None
    child = nursery.current.popen([sys.executable, "-P", "-c", "import time; time.sleep(600)"], cwd=str(tmp_path))
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    child.kill()
    assert child.wait(60) == -signal.SIGKILL
    child.kill()
    assert child.poll() == -signal.SIGKILL
