"""Running processes as values: who descends from whom, and how much memory they use.

Linux tells it in /proc; elsewhere `ps` is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

IS_LINUX = sys.platform.startswith("linux")
_FLAGS = re.compile(rb"^flags:\s+(\d+)", re.MULTILINE)
_QUICK = re.compile(rb"^Rss(?:Anon|Shmem):\s+(\d+)", re.MULTILINE)
_EXACT = re.compile(rb"^(?:Pss_Anon|Pss_Shmem):\s+(\d+)", re.MULTILINE)


def descendants(pid: int) -> list[int]:
    """The children of a process, their children and so on, in no order; zombies among them."""
    if IS_LINUX and os.path.exists(f"/proc/{pid}/task/{pid}/children"):
        return list(_below(pid))
    by_parent: dict[int, list[int]] = {}
    for parent, child in _parents():
        by_parent.setdefault(parent, []).append(child)
    found = list(by_parent.get(pid, ()))
    for one in found:  # grows while it is walked
        found += by_parent.get(one, ())
    return found


def _below(pid: int) -> Iterator[int]:
    waiting = [pid]
    while waiting:
        found = children(waiting.pop())
        yield from found
        waiting += found


def children(pid: int, thread: int | str | None = None) -> list[int]:
    """A process's children, those of all its threads or of one, zombies among them (Linux; none without its lists).

    Orphans that a process adopts are its first thread's, whose number is the process's.
    """
    if thread is not None:
        return [int(word) for word in _read(f"/proc/{pid}/task/{thread}/children").split()]
    try:
        return [child for one in os.listdir(f"/proc/{pid}/task") for child in children(pid, one)]
    except OSError:
        return []


def _parents() -> Iterator[tuple[int, int]]:
    """Every process with its parent before it: for a Linux whose kernel keeps no lists of children, and for macOS."""
    if not IS_LINUX:
        for line in _ps("pid=,ppid="):
            yield line[1], line[0]
        return
    for entry in filter(str.isdigit, os.listdir("/proc")):
        fields = _stat(int(entry))
        if fields:
            yield int(fields[1]), int(entry)


def _ps(columns: str) -> Iterator[list[int]]:
    found = subprocess.run(["ps", "-A", "-o", columns], capture_output=True, text=True, check=False)
    for line in found.stdout.splitlines():
        yield [int(word) for word in line.split()]


def _read(path: str) -> bytes:
    """The content of a file of /proc; empty where its process is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the state on; none where it is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()  # a name may hold spaces and brackets


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended; a zombie has, where that is known."""
    if IS_LINUX:
        fields = _stat(pid)
        return bool(fields) and fields[0] not in (b"Z", b"X")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def name_of(pid: int) -> str:
    """What a process calls itself (Linux); empty where it is gone."""
    return os.fsdecode(_read(f"/proc/{pid}/comm")).strip()


def files_written_by(pid: int) -> list[str]:
    """The absolute paths of what a process has open for writing (Linux); none where it is gone or a stranger's."""
    found = []
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            flags = _FLAGS.search(_read(f"/proc/{pid}/fdinfo/{number}"))
            if flags and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY:
                found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    except OSError:
        pass
    return found


def group_of(pid: int) -> int:
    """The process group of a running process on Linux; 0 for one that has ended."""
    fields = _stat(pid)
    return int(fields[2]) if len(fields) > 2 and fields[0] not in (b"Z", b"X") else 0


def memory_of(pids: Iterable[int]) -> int:
    """The bytes of memory that processes hold, files that they only map left out; pages they share count for each."""
    if IS_LINUX:
        return _sum(_QUICK, "status", pids)
    resident = {pid: amount for pid, amount in _ps("pid=,rss=")}  # noqa: C416 (of lists, not of pairs)
    return sum(resident.get(pid, 0) for pid in pids) * 1024


def exact_memory_of(pids: Iterable[int]) -> int:
    """The same with every shared page counted once. Dear: milliseconds for each GB."""
    known = tuple(pids)
    if IS_LINUX and os.path.exists("/proc/self/smaps_rollup"):
        return _sum(_EXACT, "smaps_rollup", known)
    return memory_of(known)


def _sum(pattern: re.Pattern[bytes], name: str, pids: Iterable[int]) -> int:
    """The sum of the lines of a file of /proc, which are in kB."""
    return sum(int(amount) for pid in pids for amount in pattern.findall(_read(f"/proc/{pid}/{name}"))) * 1024
