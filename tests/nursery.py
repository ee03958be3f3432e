"""Processes that are forked from one that has imported dbuild already, instead of being started anew.

Starting Python and importing what a command or a worker needs takes most of the time of a small build, and the tests
build some ten thousand times. So where it isn't the start that a test is about, its processes come from here: one
process a test session, the nursery, imports dbuild and does nothing else than fork. Each child is a process of its
own with the arguments, environment, folder, descriptors and limits that it was asked for, and it imports, reads and
keeps nothing that another child could see. What differs: its parent is the nursery, and hashes of texts are the same
in all children of a session.

Only Linux has it. With DBUILD_TESTS_START=1 every process of the tests is started anew.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import io
import linecache
import os
import pickle
import pkgutil
import resource
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TextIO
from unittest.mock import patch

_NUMBER = struct.Struct("i")
_LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
_DESCRIPTORS = 64  # at most, of one child
_NOT_IMPORTED = ("dbuild.__main__", "dbuild.project.schema", "dbuild.cli.wordlist")  # programs
_COMMANDS = "-commands"  # what the name of their nursery ends in
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_KEPT = (0, 1, 2)
_STREAMS = ("stdin", "stdout", "stderr")

current: Nursery | None = None  # that of this session


class Birth(NamedTuple):
    """What a child is to be."""

    words: tuple[str, ...]  # after the interpreter
    folder: str
    environment: Mapping[str, str]
    numbers: tuple[int, ...]  # of the descriptors that it gets
    is_apart: bool  # in a session of its own
    mask: int  # of the permissions of files
    limits: tuple[tuple[int, int], ...]
    processors: frozenset[int]


class Nursery:
    """Where to ask for children; it can be asked by any process that knows the name."""

    def __init__(self, name: str, *, is_begun: bool = True) -> None:
        self.name = name
        self.is_open = True
        self._is_begun = is_begun
        self._fixed = _fixed(os.environ)
        self._server: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Starts it, unless that was done."""
        if self._is_begun:
            return
        self._is_begun = True
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's: no thread is left behind by a fork
        words = [sys.executable, "-P", __file__, self.name]
        self._server = subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdout is not None
        assert [self._server.stdout.readline() for _ in range(2)] == [b"open\n"] * 2

    def close(self) -> None:
        """Ends what was begun."""
        if self._server is not None:
            self._server.communicate()

    def popen(self, command: Sequence[str], **how: Any) -> Child | subprocess.Popen[bytes]:
        """As subprocess.Popen: a child of the nursery, or a process that is started, where only that is the same."""
        if not self.can_bear(command, how):
            return subprocess.Popen(command, **how)
        with open(os.devnull, "r+b", buffering=0) as nothing:
            given = [how.get(stream) for stream in _STREAMS]
            own = {None: -1, subprocess.DEVNULL: nothing.fileno()}
            standard = [own.get(each, each) for each in given]
            return Child(self, command, [number if each < 0 else each for number, each in enumerate(standard)], how)

    def can_bear(self, command: Sequence[str], how: Mapping[str, Any]) -> bool:
        """Python itself, with options that are known here, an environment that was no other when it started."""
        known = {*_STREAMS, "cwd", "env", "pass_fds", "start_new_session"}
        if not self.is_open or command[0] != sys.executable or not how.keys() <= known:
            return False
        is_known = tuple(command[1:3]) in (("-m", "dbuild"), ("-P", "-c"))
        is_traced = any(word.startswith("hook:") for word in command)  # it is to be seen what it imports
        if not is_known or is_traced or not os.path.isdir(how.get("cwd") or "."):
            return False
        environment = how.get("env")
        environment = os.environ if environment is None else environment
        if any(os.path.exists(os.path.join(each, "sitecustomize.py")) for each in _added(environment)):
            return False
        return _fixed(environment) == self._fixed and "DBUILD_FAILPOINT" not in environment

    def capture(
        self, command: Sequence[str], cwd: str, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """What a child printed, and its exit status. Raises TimeoutExpired."""
        (out, printed), (err, said) = os.pipe(), os.pipe()
        try:
            child = Child(self, command, [0, printed, said], {"cwd": cwd, "env": env})
        finally:
            os.close(printed)
            os.close(said)
        with open(out, "rb", buffering=0), open(err, "rb", buffering=0):
            texts = _read_all([out, err], timeout)
            if texts is None:
                child.kill()
                child.wait()
                raise subprocess.TimeoutExpired(command, timeout)
        text, problems = (io.TextIOWrapper(io.BytesIO(each)).read() for each in texts)
        return subprocess.CompletedProcess(command, child.wait(), text, problems)


def run(
    command: Sequence[str], *, cwd: str, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """As subprocess.run, which captures what is printed as text."""
    if current is not None and current.can_bear(command, {"cwd": cwd, "env": env}):
        return current.capture(command, cwd, env, timeout)
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout)


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter reads when it starts, and that can't be changed afterwards."""
    kept = {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG", "LD_"))}
    kept.pop("PYTHONPATH", None)
    return kept


def _added(environment: Mapping[str, str]) -> list[str]:
    """What the environment adds to Python's path."""
    return [os.path.abspath(each) for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]


def _read_all(descriptors: list[int], timeout: float) -> list[bytes] | None:
    """All that comes from pipes until their ends; None where that takes longer."""
    found: dict[int, list[bytes]] = {each: [] for each in descriptors}
    poll = select.poll()
    for each in descriptors:
        poll.register(each, select.POLLIN)
    deadline, left = time.monotonic() + timeout, len(descriptors)
    while left:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            return None
        for each, _ in ready:
            data = os.read(each, 1 << 16)
            found[each].append(data)
            if not data:
                poll.unregister(each)
                left -= 1
    return [b"".join(found[each]) for each in descriptors]


class Child:
    """A child of the nursery, as subprocess.Popen has it."""

    def __init__(
        self, nursery: Nursery, command: Sequence[str], standard: Sequence[int], how: Mapping[str, Any]
    ) -> None:
        nursery.begin()
        self.args = command
        self.returncode: int | None = None
        passed = tuple(how.get("pass_fds", ()))
        mask = os.umask(0o77)
        os.umask(mask)
        given = how.get("env")
        birth = Birth(
            tuple(command[1:]),
            os.path.abspath(how.get("cwd") or "."),
            dict(os.environ if given is None else given),
            (*_KEPT, *passed),
            bool(how.get("start_new_session")),
            mask,
            tuple(resource.getrlimit(each) for each in _LIMITS),
            frozenset(os.sched_getaffinity(0)),
        )
        self._told = socket.socket(socket.AF_UNIX)
        self._told.connect("\0" + nursery.name + (_COMMANDS if command[1] == "-m" else ""))
        said = pickle.dumps(tuple(birth))  # this module has another name there
        socket.send_fds(self._told, [_NUMBER.pack(len(said))], [*standard, *passed])
        self._told.sendall(said)
        self.pid = _NUMBER.unpack(_received(self._told, _NUMBER.size))[0]

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status. Raises TimeoutExpired where it runs longer."""
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.returncode = _NUMBER.unpack(_received(self._told, _NUMBER.size))[0]
            self._told.close()
        return self.returncode

    def kill(self) -> None:
        """Kills it if it runs."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _received(told: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = told.recv(size - len(data))
        if not more:
            raise ConnectionError("the nursery is gone")
        data += more
    return data


def can_be_had() -> bool:
    """Whether there is a nursery here."""
    return sys.platform.startswith("linux") and hasattr(os, "pidfd_open") and "DBUILD_TESTS_START" not in os.environ


@contextlib.contextmanager
def opened() -> Iterator[Nursery | None]:
    """A nursery, which begins when it is first needed, and ends with this; None where there can be none."""
    if not can_be_had():
        yield None
        return
    nursery = Nursery(f"dbuild-nursery-{os.getpid()}-{time.monotonic_ns()}", is_begun=False)
    try:
        yield nursery
    finally:
        nursery.close()


def invitation() -> str:
    """What another process joins by; "" where there is no nursery."""
    if current is None:
        return ""
    current.begin()
    return current.name


def join(name: str) -> None:
    """Has the pools of this process ask the nursery of that name, if one is named, until it ends."""
    if name:
        from dbuild.execute import process

        patched(process, Nursery(name)).__enter__()


# -- the nursery itself ------------------------------------------------------------------------------------------------


class _Server:
    """It listens, forks, and tells of ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind("\0" + name)
        self._listener.listen(64)
        self._children: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor that tells of its end

    def serve(self) -> None:
        """Until the session of tests has ended."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._listener, select.POLLIN)
        while True:
            for ready, _ in poll.poll():
                if ready == 0:
                    return
                if ready == self._listener.fileno():
                    descriptor = self._bear()
                    if descriptor is not None:
                        poll.register(descriptor, select.POLLIN)
                else:
                    poll.unregister(ready)
                    self._bury(ready)

    def _bear(self) -> int | None:
        told, _ = self._listener.accept()
        try:
            size, given, _, _ = socket.recv_fds(told, _NUMBER.size, _DESCRIPTORS)
            birth = Birth(*pickle.loads(_received(told, _NUMBER.unpack(size)[0])))
        except (ConnectionError, struct.error):  # who asked is dead
            told.close()
            return None
        pid = os.fork()
        if not pid:
            self._leave(told)
            _live(birth, given)
        for each in given:
            os.close(each)
        descriptor = os.pidfd_open(pid)
        self._children[descriptor] = (pid, told)
        with contextlib.suppress(OSError):
            told.sendall(_NUMBER.pack(pid))
        return descriptor

    def _bury(self, descriptor: int) -> None:
        pid, told = self._children.pop(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        with told, contextlib.suppress(OSError):
            told.sendall(_NUMBER.pack(os.waitstatus_to_exitcode(status)))

    def _leave(self, told: socket.socket) -> None:
        """In a child: it holds none of these."""
        told.close()
        self._listener.close()
        for descriptor, (_, each) in self._children.items():
            os.close(descriptor)
            each.close()


def _live(birth: Birth, given: list[int]) -> NoReturn:
    """Becomes what was asked for, and ends."""
    code = 70
    try:
        _take(birth, given)
        code = _status_of(birth)
    finally:
        try:
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            if code < 0:
                signal.signal(-code, signal.SIG_DFL)
                os.kill(os.getpid(), -code)
        finally:
            os._exit(code)


def _take(birth: Birth, given: list[int]) -> None:
    """Takes over all that a process begins with."""
    if birth.is_apart:
        os.setsid()
    above = max(*birth.numbers, *given) + 1
    moved = [fcntl.fcntl(each, fcntl.F_DUPFD, above) for each in given]
    for one, number in zip(moved, birth.numbers, strict=True):
        os.dup2(one, number)
    for each in {*given, *moved} - {*birth.numbers}:
        os.close(each)
    os.chdir(birth.folder)
    os.umask(birth.mask)
    for limit, value in zip(_LIMITS, birth.limits, strict=True):
        if resource.getrlimit(limit) != value:
            resource.setrlimit(limit, value)
    if os.sched_getaffinity(0) != birth.processors:
        os.sched_setaffinity(0, birth.processors)
    os.environ.clear()
    os.environ.update(birth.environment)
    time.tzset()
    sys.stdin = sys.__stdin__ = _stream(sys.stdin, 0)
    sys.stdout = sys.__stdout__ = _stream(sys.stdout, 1)
    sys.stderr = sys.__stderr__ = _stream(sys.stderr, 2)
    _set_path(birth)


def _stream(own: TextIO, number: int) -> TextIO:
    """What the nursery's own stream would be for another descriptor, none of which is a terminal."""
    file = open(number, "r" if number == 0 else "w", encoding=own.encoding, errors=own.errors, closefd=False)  # noqa: SIM115
    file.reconfigure(line_buffering=own.line_buffering)
    return file


def _set_path(birth: Birth) -> None:
    own = [birth.folder] if birth.words[0] == "-m" else []
    sys.path[:] = own + list(dict.fromkeys([*_added(birth.environment), *sys.path]))
    importlib.invalidate_caches()


def _status_of(birth: Birth) -> int:
    """Runs the program; its exit status, or the signal that it ends by, as a negative number."""
    try:
        sys.orig_argv[1:] = birth.words
        sys.modules["__main__"] = program = types.ModuleType("__main__")
        if birth.words[0] == "-m":
            sys.argv[:] = ["-m", *birth.words[2:]]
            runpy._run_module_as_main(birth.words[1])  # type: ignore[attr-defined]
        else:
            sys.argv[:] = ["-c", *birth.words[3:]]
            name, text = "<string>", birth.words[2]
            if sys.version_info >= (3, 13):  # from then on tracebacks show its lines
                linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), vars(program))
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException as error:
        if error.__traceback__ is not None:  # of which the first line is this function's
            error.__traceback__ = error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _import_all(*rooms: str) -> None:
    """All modules of some packages."""
    for room in rooms:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, f"{room}."):
            if found.name not in _NOT_IMPORTED:
                importlib.import_module(found.name)


def main(name: str) -> None:
    """Entry of the nursery, which has the same dbuild as the tests: two processes, of which one knows what workers do.

    The other knows all that commands do too: a worker hasn't got that, and recipes could see it.
    """
    sys.path.insert(0, _ROOT)
    _import_all("dbuild.core", "dbuild.recipes", "dbuild.execute")
    for each in ("duckdb", "numpy"):
        importlib.import_module(each)
    other = os.fork()
    if not other:
        name += _COMMANDS
        _import_all("dbuild")
        for each in ("rich.console", "rich.table"):
            importlib.import_module(each)
    del sys.path[0]
    assert len(os.listdir("/proc/self/task")) == 1, "what is imported starts threads"
    from dbuild.execute import process

    server = _Server(name)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.collect()
    gc.freeze()
    with patched(process, Nursery(name.removesuffix(_COMMANDS))):
        os.write(1, b"open\n")
        server.serve()
    if other:
        os.waitpid(other, 0)
    os._exit(0)  # DuckDB would tell on its end what it holds


def patched(process: types.ModuleType, nursery: Nursery) -> contextlib.AbstractContextManager[object]:
    """Within it, a pool's workers come from the nursery."""
    own = types.SimpleNamespace(**{name: getattr(subprocess, name) for name in ("DEVNULL", "TimeoutExpired")})
    own.Popen = nursery.popen
    return patch.object(process, "subprocess", own)


if __name__ == "__main__":
    main(sys.argv[1])
