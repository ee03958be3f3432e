"""strace, which sees every file that a process and its children open (Linux): its command line, and what it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

from dbuild.core.task import Sight
from dbuild.execute.opening import kind_of

_CALLS = (
    *("open", "openat", "openat2", "creat", "execve", "execveat", "chdir", "fchdir"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "truncate"),
    *("link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat", "mknod", "mknodat"),
)
# The tracer is a process apart (-DDD), so that what it traces is our child; only what succeeds is told (-z), each call
# in one line; nothing but these calls is stopped for (--seccomp-bpf); descriptors come with their paths (-y).
_OPTIONS = ("-DDD", "-f", "-z", "-y", "-qq", "--seccomp-bpf", "-e", "signal=none")
_TOO_OLD = "it is older than 5.3"
_LINE = re.compile(r"(?:(\d+) +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*)>(?:\(deleted\))?)?$", re.DOTALL)
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"(?:\.\.\.)?|(?:AT_FDCWD|\b\d+)(?:<((?:[^<>\\]|\\.)*)>)?', re.DOTALL)
_WRITING = ("mkdir", "mkdirat", "mknod", "mknodat", "truncate", "creat")
_TARGETS = ("link", "linkat", "symlink", "symlinkat")  # of two paths the second is made


def command(strace: str, descriptor: int) -> list[str]:
    """How a program's command line begins where it is traced, and what is seen is to go to that descriptor."""
    calls = ",".join(f"?{call}" for call in _CALLS)  # those that this machine doesn't have are passed over
    return [strace, *_OPTIONS, "-e", f"trace={calls}", "-o", f"/dev/fd/{descriptor}", "--"]


def find() -> tuple[str | None, str]:
    """The path of a strace that works here; else None, and why there is none."""
    if not sys.platform.startswith("linux"):
        return None, "only Linux has strace"
    path = shutil.which("strace")
    if path is None:
        return None, "strace is not installed"
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        done = subprocess.run(
            [*command(path, null), sys.executable, "-S", "-c", "pass"],
            pass_fds=(null,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"strace can't be run: {error}"
    finally:
        os.close(null)
    said = done.stderr.strip().splitlines()
    if not done.returncode and not said:
        return path, ""
    is_old = any("option" in line for line in said)
    return None, f"strace doesn't work here: {_TOO_OLD if is_old else (said or ['it fails'])[0]}"


class Reader:
    """Makes sights of strace's lines. Relative paths of a process are taken as of the folder that it was seen in."""

    def __init__(self, folder: str) -> None:
        self._folder = folder  # of processes that haven't shown theirs
        self._folders: dict[str, str] = {}

    def forget(self) -> None:
        """Processes that come from now on are others."""
        self._folders.clear()

    def read(self, line: str) -> tuple[Sight, ...]:
        """What one line tells; nothing where it isn't one of a call that counts."""
        found = _LINE.fullmatch(line)
        if found is None:
            return ()
        process, call, text, _, result = found.groups()
        arguments = [(_unescaped(one[1]), _folder(one[2])) for one in _ARGUMENT.finditer(text)]
        if call in ("chdir", "fchdir"):
            self._move(process, arguments)
            return ()
        if call in ("open", "openat", "openat2"):
            return self._opened(process, text, arguments, _folder(result))
        return self._changed(process, call, self._paths(process, arguments))

    def _opened(self, process: str, text: str, arguments: list[tuple[str | None, str]], path: str) -> tuple[Sight, ...]:
        kind = kind_of(text.rpartition('"')[2])
        if kind is None:
            return ()
        paths = self._paths(process, arguments)
        path = path or (paths[0] if paths else "")
        return (Sight(kind, path),) if path.startswith("/") else ()

    def _changed(self, process: str, call: str, paths: list[str]) -> tuple[Sight, ...]:
        if not paths:
            return ()
        if call.startswith("exec"):
            return (Sight("read", paths[0]),)
        if call in _WRITING:
            return (Sight("write", paths[0]),)
        if call in _TARGETS:
            return (Sight("write", paths[-1]),)
        if call.startswith("rename"):
            return (Sight("remove", paths[0]), Sight("write", paths[-1]))
        return (Sight("remove", paths[0]),)

    def _paths(self, process: str, arguments: list[tuple[str | None, str]]) -> list[str]:
        """The paths among a call's arguments, absolute; the folder that one is relative to stands before it."""
        found, folder = [], ""
        for path, shown in arguments:
            if path is None:
                folder = shown
                continue
            found.append(os.path.normpath(os.path.join(folder or self._folders.get(process, self._folder), path)))
            folder = ""
        return found

    def _move(self, process: str, arguments: list[tuple[str | None, str]]) -> None:
        shown = [folder for path, folder in arguments if path is None and folder]
        paths = self._paths(process, arguments)
        if (paths or shown) and len(self._folders) < 100_000:
            self._folders[process] = (paths or shown)[0]


def _unescaped(text: str | None) -> str | None:
    """A path as strace writes it, with octal numbers for the bytes that aren't ASCII."""
    if text is None:
        return None
    if "\\" in text:
        return os.fsdecode(text.encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace"))
    return text


def _folder(text: str | None) -> str:
    """The path of a descriptor; "" for none (a pipe, a socket, a file without a name)."""
    found = _unescaped(text) or ""
    return found.removesuffix(" (deleted)") if found.startswith("/") else ""
