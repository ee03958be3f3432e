"""What it costs to show a run: short tasks on a terminal beside the same run that says nothing.

    python -m tests.bench.progress [N]

Makes N small files by a Python recipe with one worker, in a pseudo-terminal of 80 columns. Within one and the same run
it takes the processor time of its sink (turning events into lines and writing them) and the wall time of the whole;
beside it stands the run with -q, and how many writes and bytes the terminal got. The budget is 2 %.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from pathlib import Path

from tests.bench.measuring import ENVIRONMENT
from tests.bench.overhead import make

# Runs a build in this process with every call of the sink timed; the seconds go to a file.
_TIMED = """
import sys, time
started = time.perf_counter()
from dbuild.ui import sinks
def own_cost(times=100_000):
    spent = 0.0
    for _ in range(times):
        began = time.thread_time()
        spent += time.thread_time() - began
    return spent / times
own = sinks.sink
class Timed:
    spent, calls = 0.0, 0
    def __init__(self, sink): self.sink = sink
    def __call__(self, event):
        began = time.thread_time()
        self.sink(event)
        Timed.spent += time.thread_time() - began
        Timed.calls += 1
    def __enter__(self): self.sink.__enter__(); return self
    def __exit__(self, *cause): return self.sink.__exit__(*cause)
    def close(self): self.sink.close()
sinks.sink = lambda *given, **more: Timed(own(*given, **more))
from dbuild.cli.main import main
code = main(sys.argv[2:])
Timed.spent -= Timed.calls * own_cost()
with open(sys.argv[1], "w") as file:
    print(Timed.spent, time.perf_counter() - started, file=file)
sys.exit(code)
"""


def on_terminal(folder: Path, *words: str) -> tuple[float, float, int, int]:
    """Seconds in the sink, seconds of the run, writes (at most) and bytes to the terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = [0, 0]

    def drain() -> None:
        while True:
            try:
                data = os.read(ours, 1 << 16)
            except OSError:
                return
            seen[0] += 1
            seen[1] += len(data)

    reader = threading.Thread(target=drain)
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("CI", "NO_COLOR")}
    command = [sys.executable, "-c", _TIMED, str(folder / "spent"), *words]
    process = subprocess.Popen(
        command, cwd=folder, env=environment | {"TERM": "xterm-256color"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    reader.start()
    if process.wait():
        raise SystemExit("the build failed")
    reader.join()
    os.close(ours)
    spent, wall = (folder / "spent").read_text().split()
    return float(spent), float(wall), seen[0], seen[1]


def measure(count: int, *words: str) -> tuple[float, float, int, int]:
    """One cold run."""
    folder = Path(tempfile.mkdtemp(prefix="dbuild-progress-")) / "p"
    try:
        make(folder, "python", count)
        return on_terminal(folder, "-j1", *words)
    finally:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for words in ((), ("-v",), ("-q",), ("--timeline", "out.json")):
        spent, wall, writes, written = min((measure(size, *words) for _ in range(3)), key=lambda run: run[1])
        print(
            f"{' '.join(words[:1]) or 'bar':10} {size} tasks in {wall:.2f} s: sink {spent * 1000:.0f} ms,"
            f" {spent / wall:.2%} of it ({spent / size * 1e6:.0f} us a task), {writes} writes, {written:,} bytes",
            flush=True,
        )
