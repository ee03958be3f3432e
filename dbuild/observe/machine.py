"""The machine and the installation: what there is to be used, and what has to be the same for kept stats to hold."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

_CGROUPS = "/sys/fs/cgroup"
_ENGINE = re.compile(r"duckdb-([^-]+)\.dist-info")
_NO_LIMIT = 1 << 60  # bytes: cgroups of version 1 write "no limit" as a number near 2**63


def boot_identity() -> str:
    """What is different after every start of the machine."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as text:
            return text.read().strip()
    except OSError:
        return _sysctl("kern.boottime")


def engine_stamp() -> str:
    """What changes with the installed DuckDB, found without importing it (that takes 90 ms)."""
    folder = _engine_folder()
    if not folder:
        return ""
    stat = os.stat(os.path.join(folder, "duckdb", "__init__.py"))
    return f"{stat.st_mtime_ns} {stat.st_size} {stat.st_ino}"


def _engine_folder() -> str:
    return next((folder for folder in sys.path if os.path.isfile(os.path.join(folder, "duckdb", "__init__.py"))), "")


def engine_version() -> str:
    """The version of the installed DuckDB, mostly without importing it."""
    folder = _engine_folder()
    names = os.listdir(folder) if folder else []
    found = [match[1] for match in map(_ENGINE.fullmatch, names) if match]
    if len(found) == 1:
        return found[0]
    import duckdb

    return str(duckdb.__version__)


def python_version() -> str:
    """The minor version of Python that runs this, "3.11": within one of them only mistakes are mended."""
    return ".".join(map(str, sys.version_info[:2]))


def cores() -> int:
    """How many processors this process may use: those it is bound to, and no more than its cgroup's share of time."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [-(-quota // period) for quota, period in _cpu_quotas(_CGROUPS) if quota > 0 and period > 0]
    return max(1, min([bound, *shares]))


def memory() -> int:
    """The bytes of memory that this process and its children may use: the machine's, or its cgroup's limit."""
    limits = [limit for limit in _memory_limits(_CGROUPS) if 0 < limit < _NO_LIMIT]
    return min([_physical_memory(), *limits])


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # no such name on this system
        return int(_sysctl("hw.memsize"))


def _cpu_quotas(mount: str) -> Iterator[tuple[int, int]]:
    """Microseconds of processor time in a period, and the period's, wherever a cgroup of this process limits them."""
    for folder in _cgroup_folders(mount, ""):
        quota, _, period = _text(f"{folder}/cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            yield int(quota), int(period)
    for folder in _cgroup_folders(mount, "cpu"):
        quota, period = _text(f"{folder}/cpu.cfs_quota_us"), _text(f"{folder}/cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():
            yield int(quota), int(period)


def _memory_limits(mount: str) -> Iterator[int]:
    places = [(folder, "memory.max") for folder in _cgroup_folders(mount, "")]
    places += [(folder, "memory.limit_in_bytes") for folder in _cgroup_folders(mount, "memory")]
    for folder, name in places:
        limit = _text(f"{folder}/{name}")
        if limit.isdigit():
            yield int(limit)


def _cgroup_folders(mount: str, controller: str) -> Iterator[str]:
    """The folders of the cgroups that this process is in, up to the root's; "" for version 2, which has no controllers.

    In a container the path may be the host's, and only the mount itself be there.
    """
    for line in _text("/proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if (number == "0" and not names) if not controller else controller in names.split(","):
            folder = os.path.normpath(f"{mount}/{controller}/{path}")
            base = os.path.normpath(f"{mount}/{controller}")
            while folder.startswith(f"{base}/"):
                yield folder
                folder = os.path.dirname(folder)
            yield base


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii") as text:
            return text.read().strip()
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    """What macOS says of itself."""
    import subprocess

    return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()
