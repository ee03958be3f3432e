"""One command, measured: wall time, processor time and memory of all its processes, within a limit of time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Compiled modules are kept, as they are for whoever installs dbuild.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_UNIT = 1024 * (1024 if sys.platform == "darwin" else 1)  # of ru_maxrss, in a megabyte


@dataclass(frozen=True, slots=True)
class Measure:
    """What one run of a command took."""

    outcome: str  # "ok", "limit" or "failed"
    wall: float  # seconds
    cpu: float  # seconds of processors, of the command and all its children that were waited for
    peak: float  # megabytes of the largest of these processes
    said: str = ""  # the last lines of one that failed


def measure(
    command: Sequence[str], folder: Path, limit: float = 3600.0, environment: Mapping[str, str] = ENVIRONMENT
) -> Measure:
    """Runs a command in a folder; ends it, and what it started, after `limit` seconds."""
    is_late = threading.Event()
    with tempfile.TemporaryFile() as printed:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def end() -> None:
            is_late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, end)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(max(0, printed.seek(0, os.SEEK_END) - 2000))
        tail = printed.read().decode("utf-8", "replace")
    outcome = "limit" if is_late.is_set() else "failed" if process.returncode else "ok"
    cpu = usage.ru_utime + usage.ru_stime
    return Measure(outcome, wall, cpu, usage.ru_maxrss / _UNIT, tail if outcome == "failed" else "")


def apart(work: Callable[[], object]) -> bool:
    """Does something in a process of its own; whether it came to something true. Whatever it raises is raised here.

    A process is shown with at least the memory of the one that started it, so this one has to stay small.
    """
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = 0 if work() else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 1):
        raise RuntimeError("it failed, see above")
    return status == 0


def told(text: str) -> None:
    """Says on stderr how far it is."""
    print(text, file=sys.stderr, flush=True)
