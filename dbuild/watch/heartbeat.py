"""How a watch stands, for those outside: a file that it writes again and again, and the word for systemd."""

from __future__ import annotations

import json
import os
import socket
import time

from dbuild.build.settings import Settings
from dbuild.state.store import FOLDER
from dbuild.values import dataclass

BEAT = 10.0  # seconds
LATE = 6 * BEAT  # seconds after which a watch counts as stuck

Report = dict[str, object]


def lock_path(settings: Settings) -> str:
    """The file that a watch holds locked: one for each Dataflowfile."""
    return os.path.join(settings.root, FOLDER, f"watch.{settings.flow}.lock")


def beat_path(settings: Settings) -> str:
    """The file that has the last beat."""
    return os.path.join(settings.root, FOLDER, f"watch.{settings.flow}.json")


@dataclass(slots=True)
class Heartbeat:
    """Writes how a watch stands."""

    settings: Settings
    by: str
    folders: int = 0
    doing: str = "building"  # building, waiting, about to build, stopping
    builds: int = 0
    last: Report | None = None  # of the last build: code, summary or error, at
    due: float | None = None  # the moment at which the clock alone makes something due
    since: float = 0.0

    @property
    def record(self) -> Report:
        """What it writes."""
        return {
            "pid": os.getpid(),
            "since": self.since,
            "beat": time.time(),
            "doing": self.doing,
            "by": self.by,
            "folders": self.folders,
            "builds": self.builds,
            "due": self.due,
            "last": self.last,
        }

    def beat(self) -> None:
        """Writes it, and tells systemd that the watch lives. A disk that is full keeps the beat before."""
        path = beat_path(self.settings)
        try:
            descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(self.record, stream)
            os.replace(f"{path}.new", path)
        except OSError:
            pass  # the state folder was removed, or nothing fits on the disk: the next beat tries again
        self.notify("WATCHDOG=1")

    def show(self, doing: str) -> None:
        """Takes note of what it does now, and beats."""
        self.doing = doing
        self.beat()

    def take(self, code: int, summary: Report | None, error: Report | None, due: float | None, folders: int) -> None:
        """Takes note of a build that has ended, and beats."""
        self.folders, self.due, self.builds = folders, due, self.builds + 1
        self.last = {"at": time.time(), "code": code, "summary": summary, "error": error}
        self.beat()

    def notify(self, *words: str) -> None:
        """Tells the service manager, where there is one (the protocol of sd_notify)."""
        address = os.environ.get("NOTIFY_SOCKET")
        if not address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto("\n".join(words).encode(), f"\0{address[1:]}" if address[0] == "@" else address)
        except OSError:
            pass  # whoever asked for it is gone


def report(settings: Settings) -> Report | None:
    """The last beat of the watch that runs; None where none does. `is_stuck` says whether it is too old."""
    from dbuild.state.lock import is_held

    if not is_held(lock_path(settings)):
        return None
    try:
        with open(beat_path(settings), encoding="utf-8") as stream:
            found: Report = json.load(stream)
    except (OSError, ValueError):
        found = {"pid": None, "doing": "starting", "beat": None, "last": None}
    beat = found["beat"]
    return found | {"is_stuck": isinstance(beat, float) and time.time() - beat > LATE}
