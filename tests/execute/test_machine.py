"""What there is to be used: of the machine, and of what a container leaves of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbuild.observe import machine


def test_there_is_something() -> None:
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)
    assert machine.memory() > 64 << 20


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of cgroups of both versions, in which this process is in /a/b."""
    listed = "5:memory:/a/b\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a/b\n0::/a/b\n"
    read = machine._text
    monkeypatch.setattr(machine, "_CGROUPS", str(tmp_path))
    monkeypatch.setattr(machine, "_text", lambda path: listed if path == "/proc/self/cgroup" else read(path))
    monkeypatch.setattr(machine, "_physical_memory", lambda: 64 << 30)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(16), raising=False)
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_limits(cgroups: Path) -> None:
    assert (machine.cores(), machine.memory()) == (16, 64 << 30)
    put(cgroups / "a" / "b" / "cpu.max", "max 100000\n")
    put(cgroups / "a" / "b" / "memory.max", "max\n")
    put(cgroups / "cpu" / "a" / "b" / "cpu.cfs_quota_us", "-1\n")
    put(cgroups / "cpu" / "a" / "b" / "cpu.cfs_period_us", "100000\n")
    put(cgroups / "memory" / "a" / "memory.limit_in_bytes", "9223372036854771712\n")
    assert (machine.cores(), machine.memory()) == (16, 64 << 30)


def test_the_strictest_limit_of_all_groups_above_counts(cgroups: Path) -> None:
    put(cgroups / "a" / "b" / "cpu.max", "800000 100000\n")
    put(cgroups / "a" / "cpu.max", "250000 100000\n")
    put(cgroups / "a" / "b" / "memory.max", str(8 << 30))
    put(cgroups / "a" / "memory.max", str(4 << 30))
    assert (machine.cores(), machine.memory()) == (3, 4 << 30)
    put(cgroups / "cpu" / "cpu.cfs_quota_us", "50000\n")
    put(cgroups / "cpu" / "cpu.cfs_period_us", "100000\n")
    put(cgroups / "memory" / "memory.limit_in_bytes", str(1 << 30))
    assert (machine.cores(), machine.memory()) == (1, 1 << 30)
