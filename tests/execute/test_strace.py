"""strace: what its lines tell, and whether it can be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dbuild.execute import strace

HERE = "AT_FDCWD</p>"
LINES = [
    (f'7 openat({HERE}, "a.csv", O_RDONLY|O_CLOEXEC) = 3</p/a.csv>', "read /p/a.csv"),
    ('7 openat(AT_FDCWD, "a.csv", O_RDONLY) = 3', "read /p/a.csv"),
    ('open("data/a.csv", O_RDONLY) = 3</p/data/a.csv>', "read /p/data/a.csv"),
    (f'7 openat({HERE}, "link", O_RDONLY) = 3</lake/a.csv>', "read /lake/a.csv"),
    (f'7 openat({HERE}, "d\\303\\251 <x>", O_RDONLY) = 3</p/d\\303\\251 \\74x\\76>', "read /p/dé <x>"),
    (f'7 openat({HERE}, "a\\nb\\"c", O_RDONLY) = 3</p/a\\nb\\"c>', 'read /p/a\nb"c'),
    (f'7 openat({HERE}, "O_PATH", O_RDONLY) = 3</p/O_PATH>', "read /p/O_PATH"),
    (f'7 openat({HERE}, "x", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</p/x>', "write /p/x"),
    (f'7 openat({HERE}, "x", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 3</p/x>', "change /p/x"),
    (f'7 openat({HERE}, "x", O_RDWR|O_CREAT|O_EXCL, 0600) = 3</p/x>', "write /p/x"),
    (f'7 openat({HERE}, "data", O_RDONLY|O_NONBLOCK|O_DIRECTORY) = 3</p/data>', "list /p/data"),
    (f'7 openat({HERE}, "data", O_RDONLY|O_PATH) = 3</p/data>', ""),
    (f'7 openat2({HERE}, "x", {{flags=O_RDONLY, resolve=RESOLVE_IN_ROOT}}, 24) = 3</p/x>', "read /p/x"),
    ('7 openat(3</p/data>, "a.csv", O_RDONLY) = 5</p/data/a.csv>', "read /p/data/a.csv"),
    (f'7 openat({HERE}, "/dev/fd/63", O_RDONLY) = 3<pipe:[123]>', "read /dev/fd/63"),
    (f'7 openat({HERE}, "x", O_RDONLY) = 3</p/x>(deleted)', "read /p/x"),
    ('7 execve("/p/tool", ["tool", "a \\"b", "/p/x"], 0x7ffe /* 38 vars */) = 0', "read /p/tool"),
    ('7 execve("./tool", ["./tool"], 0x7ffe /* 3 vars */) = 0', "read /p/tool"),
    ('7 rename("a", "/q/b") = 0', "remove /p/a, write /q/b"),
    (f'7 renameat2({HERE}, "a", 4</q>, "b", RENAME_NOREPLACE) = 0', "remove /p/a, write /q/b"),
    (f'7 unlinkat({HERE}, "a", 0) = 0', "remove /p/a"),
    ('7 unlink("a") = 0', "remove /p/a"),
    ('7 mkdir("a/b", 0777) = 0', "write /p/a/b"),
    ('7 truncate("a", 0) = 0', "write /p/a"),
    (f'7 symlinkat("../a", {HERE}, "b") = 0', "write /p/b"),
    ('7 link("a", "b") = 0', "write /p/b"),
    ("7 +++ exited with 0 +++", ""),
    ("7 --- SIGCHLD {si_signo=SIGCHLD} ---", ""),
    ('7 openat(AT_FDCWD, "a', ""),
    ("strace: Process 8 attached", ""),
]


@pytest.mark.parametrize(("line", "told"), LINES)
def test_what_a_line_tells(line: str, told: str) -> None:
    assert ", ".join(f"{sight.kind} {sight.path}" for sight in strace.Reader("/p").read(line)) == told


def test_a_process_that_goes_elsewhere_is_followed() -> None:
    reader = strace.Reader("/p")
    assert reader.read('7 chdir("data") = 0') == ()
    assert [sight.path for sight in reader.read('7 unlink("a") = 0')] == ["/p/data/a"]
    assert [sight.path for sight in reader.read('8 unlink("a") = 0')] == ["/p/a"]
    assert reader.read("7 fchdir(3</q>) = 0") == ()
    assert [sight.path for sight in reader.read('7 unlink("a") = 0')] == ["/q/a"]
    reader.forget()
    assert [sight.path for sight in reader.read('7 unlink("a") = 0')] == ["/p/a"]


def _fake(folder: Path, text: str) -> None:
    program = folder / "strace"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has strace")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo 'strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted' >&2; exit 1", "not permitted"),
        ("echo \"strace: unrecognized option '--seccomp-bpf'\" >&2; exit 1", "older than 5.3"),
        ("exit 3", "it fails"),
    ],
)
def test_one_that_can_t_be_used_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str) -> None:
    _fake(tmp_path, text)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found, said = strace.find()
    assert found is None
    assert said.startswith("strace doesn't work here: ")
    assert why in said


def test_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found, said = strace.find()
    assert found is None
    assert "strace" in said
