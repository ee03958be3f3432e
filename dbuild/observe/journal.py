"""What changed below folders since they were looked at: names that the kernel told of, each with a number.

Numbers grow with each reading. Whoever lists a folder first asks for the number, lists, and says with it what came out
(`vouch`); later the names that have changed since are known, and all others needn't be looked at. Whatever could hide
a change ends that: events that were lost, a folder that was replaced, another file system, linked folders. Files with
several names or behind links can change without an event here; they always count as changed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from dbuild.observe import inotify
from dbuild.observe.inotify import Inotify
from dbuild.observe.mounts import is_own, mounts_below, read_table
from dbuild.observe.spots import Spot
from dbuild.values import dataclass, field

_MANY = 2_000  # changed names after which a whole look is as good
_TOLD = 1_000  # paths that are named to whoever asks what happened
_RENEWALS = 10  # times that what moved meanwhile is watched anew before that is left to the next time
_KEPT = 8  # listings of one folder that are remembered: those of several commands
_GONE = inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.UNMOUNT | inotify.IGNORED
_CAME = inotify.CREATE | inotify.MOVED_TO
_WENT = inotify.DELETE | inotify.MOVED_FROM


@dataclass(slots=True)
class _Record:
    """What is known of a spot."""

    spot: Spot
    identity: tuple[int, int] | None = None  # of the folder that is watched; None: it isn't
    mounts: tuple[str, ...] = ()  # what was mounted below it
    is_whole: bool = False  # no change below it stays unheard
    since: int = 0  # the number from which on nothing was missed
    vouched: dict[str, int] = field(default_factory=dict)  # digest of a listing -> the number before it was made
    names: dict[str, int] = field(default_factory=dict)  # what changed -> when last; folders end with a slash
    odd: set[str] = field(default_factory=set)  # files that may change unheard


class _Watch(NamedTuple):
    record: _Record
    prefix: str  # of the watched folder below the spot, with a slash at its end
    level: int


class Journal:
    """The changes in some spots, as far as the kernel tells of them. Raises OSError where it doesn't at all."""

    def __init__(self) -> None:
        self.number = 1
        self.losses = 0  # how often the kernel said that it had lost something
        self._has_links = False  # a file with several names was met
        self._kernel = Inotify()
        self._recent: dict[str, None] = {}  # paths that were told of and nobody has taken
        self._records: dict[Spot, _Record] = {}
        self._watches: dict[int, list[_Watch]] = {}
        self._table = read_table()

    def fileno(self) -> int:
        """Readable as soon as something has happened."""
        return self._kernel.fileno()

    def close(self) -> None:
        """Ends all watches."""
        self._kernel.close()

    # -- which spots -----------------------------------------------------------------------------------------------

    @property
    def folders(self) -> int:
        """Folders that are watched."""
        return len(self._watches)

    def watch(self, spots: Iterable[Spot]) -> bool:
        """Watches these spots and no others; whether there are new ones, in which things may have changed unheard.

        What is known of those that stay, stays known.
        """
        wanted = dict.fromkeys(spots)
        for spot in [spot for spot in self._records if spot not in wanted]:
            self._forget(self._records.pop(spot), "")
        new = [spot for spot in wanted if spot not in self._records]
        for spot in new:
            self._begin(self._records.setdefault(spot, _Record(spot)))
        return self.renew() or bool(new)

    def lose(self) -> None:
        """Trusts nothing that was heard till now, and looks anew at what there is to be watched."""
        for record in self._records.values():
            self._begin(record)

    def renew(self) -> bool:
        """Watches again what was deleted and made again, replaced or mounted over; whether there is such a spot.

        The kernel tells nothing of it where that happened to a folder above, or to a link on the way.
        """
        is_renewed = False
        for _ in range(_RENEWALS):  # one spot may come while another one is looked at
            moved = self._moved()
            if not moved:
                break
            is_renewed = True
            for record in moved:
                self._begin(record)
        return is_renewed

    def _moved(self) -> list[_Record]:
        records = list(self._records.values())
        found = [record for record in records if _identity(record.spot.path) != record.identity]
        table = read_table()
        if table != self._table:
            self._table = table
            found += [one for one in records if one not in found and one.mounts != self._mounts_in(one)]
        return found

    def _mounts_in(self, record: _Record) -> tuple[str, ...]:
        return mounts_below(os.path.realpath(record.spot.path), self._table) if record.spot.names is None else ()

    def unheard(self) -> tuple[list[Spot], list[str]]:
        """Spots of which changes may stay unheard, and single files (absolute paths): these have to be looked at."""
        spots = [record.spot for record in self._records.values() if record.identity and not record.is_whole]
        whole = (record for record in self._records.values() if record.is_whole)
        return spots, [os.path.join(record.spot.path, name) for record in whole for name in record.odd]

    def _begin(self, record: _Record) -> None:
        self._forget(record, "")
        record.vouched.clear()
        record.names.clear()
        record.odd.clear()
        record.identity = _identity(record.spot.path)
        record.mounts = self._mounts_in(record)
        record.is_whole = record.identity is not None and is_own(record.spot.path)
        if record.identity is not None:
            self._descend(record, "", 0)
        self.number += 1  # what was asked for earlier was asked before all was watched
        record.since = self.number

    def _descend(self, record: _Record, prefix: str, level: int) -> None:
        """Watches a folder of a spot and those below it; each before it is read, so that nothing slips between."""
        left = [(prefix, level)]
        while left:
            prefix, level = left.pop()
            path = os.path.join(record.spot.path, prefix)
            try:
                number = self._kernel.add(path)
            except FileNotFoundError:
                continue  # gone again: its parent tells
            except OSError:
                record.is_whole = False  # no right to read it, or no more watches to be had
                continue
            watch = _Watch(record, prefix, level)
            if watch not in self._watches.setdefault(number, []):
                self._watches[number].append(watch)
            if record.spot.names is None:
                left.extend((f"{prefix}{name}/", level + 1) for name in self._look_into(record, prefix, path, level))
            else:
                for name in record.spot.names:
                    self._note_named(record, name)

    def _look_into(self, record: _Record, prefix: str, path: str, level: int) -> list[str]:
        """Notes the odd files of a folder; its folders whose files count."""
        folders = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if self._note(record, prefix + entry.name, entry.stat(follow_symlinks=False)):
                        folders.append(entry.name)
        except OSError:
            record.is_whole = False
        return folders if level + 1 < record.spot.depth else []

    def _note(self, record: _Record, name: str, found: os.stat_result) -> bool:
        """Notes whether a file is odd; whether it is a folder, be it behind a link."""
        record.odd.discard(name)
        if stat.S_ISLNK(found.st_mode):
            is_folder = os.path.isdir(os.path.join(record.spot.path, name))
            if is_folder:
                record.is_whole = False
            else:
                record.odd.add(name)
            return is_folder
        if stat.S_ISDIR(found.st_mode):
            if record.identity is not None and found.st_dev != record.identity[0]:
                record.is_whole = record.is_whole and is_own(os.path.join(record.spot.path, name))
            return True
        if found.st_nlink > 1:
            record.odd.add(name)
            self._has_links = True
        if len(record.odd) > _MANY:
            record.is_whole = False
        return False

    def _note_named(self, record: _Record, name: str) -> None:
        """Notes whether a name that matters is that of an odd file. A folder behind a link has a spot of its own."""
        record.odd.discard(name)
        try:
            found = os.lstat(os.path.join(record.spot.path, name))
        except OSError:
            return
        if stat.S_ISLNK(found.st_mode) and os.path.isdir(os.path.join(record.spot.path, name)):
            return
        if stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1):
            record.odd.add(name)

    def _forget(self, record: _Record, prefix: str) -> None:
        """Ends the watches of a spot's folders whose path begins so."""
        for number, watches in list(self._watches.items()):
            kept = [one for one in watches if one.record is not record or not one.prefix.startswith(prefix)]
            if not kept:
                self._kernel.remove(number)
                del self._watches[number]
            elif len(kept) < len(watches):
                self._watches[number] = kept

    # -- what happened ---------------------------------------------------------------------------------------------

    def read(self) -> bool:
        """Takes note of all that has happened until now; whether any of it matters to a spot."""
        happened = self._kernel.read()
        if not happened:
            return False
        number, matters = self.number + 1, False
        self._has_links = False
        gone: list[_Record] = []
        for event in happened:
            if event.what & inotify.OVERFLOW:
                self.number = number
                self.losses += 1
                self.lose()
                return True
            for watch in tuple(self._watches.get(event.folder, ())):
                if event.what & _GONE:
                    gone += [watch.record] if not watch.prefix else []
                elif self._take(watch, event.what, event.name, number):
                    matters = True
                    if len(self._recent) < _TOLD:
                        self._recent[os.path.join(watch.record.spot.path, watch.prefix, event.name)] = None
            if event.what & inotify.IGNORED:
                self._watches.pop(event.folder, None)
        self.number = number
        for record in gone:
            self._begin(record)
        if self._has_links:
            self._note_links()
        return matters or bool(gone)

    def _note_links(self) -> None:
        """Notes files with several names anew: of one that was linked just now, nobody tells its older names."""
        for watch in [watch for watches in self._watches.values() for watch in watches]:
            record = watch.record
            if record.spot.names is None:
                self._look_into(record, watch.prefix, os.path.join(record.spot.path, watch.prefix), watch.level)
            else:
                for name in record.spot.names:
                    self._note_named(record, name)

    def _take(self, watch: _Watch, what: int, name: str, number: int) -> bool:
        record, path = watch.record, watch.prefix + name
        if record.spot.names is not None:
            if name in record.spot.names and what & (_CAME | _WENT | inotify.ATTRIB):
                self._note_named(record, name)
            return record.spot.matters(path)
        if what & inotify.ISDIR:
            if watch.level + 1 >= record.spot.depth:
                return False
            path += "/"
            if what & (_CAME | _WENT):
                self._forget(record, path)
                record.odd = {one for one in record.odd if not one.startswith(path)}
            if what & _CAME:
                self._descend(record, path, watch.level + 1)
        elif what & _WENT:
            record.odd.discard(path)
        elif what & (_CAME | inotify.ATTRIB):
            self._renote(record, watch, name)
        record.names[path] = number
        if len(record.names) > _MANY:
            record.names.clear()
            record.vouched.clear()
            record.since = number
        return record.spot.matters(path)

    def _renote(self, record: _Record, watch: _Watch, name: str) -> None:
        path = watch.prefix + name
        try:
            found = os.lstat(os.path.join(record.spot.path, path))
        except OSError:
            return  # gone again: the next event tells
        if self._note(record, path, found) and watch.level + 1 < record.spot.depth:
            self._descend(record, f"{path}/", watch.level + 1)

    def take_recent(self) -> tuple[str, ...]:
        """Some of the paths that were told of since the last time."""
        found = tuple(self._recent)
        self._recent.clear()
        return found

    # -- what is known ---------------------------------------------------------------------------------------------

    def vouch(self, path: str, depth: int, digest: str, number: int) -> None:
        """Takes note that a listing with this digest was made after the number was given."""
        record = self._records.get(Spot(path, depth))
        if record is None or number < record.since:
            return
        record.vouched[digest] = max(number, record.vouched.pop(digest, 0))
        while len(record.vouched) > _KEPT:
            del record.vouched[next(iter(record.vouched))]
        if len(record.names) > _MANY // 2:
            record.since = min(record.vouched.values())  # whoever asked before that would miss what is forgotten now
            record.names = {name: last for name, last in record.names.items() if last > record.since}

    def changed(self, path: str, depth: int, digest: str) -> list[str] | None:
        """What below a folder may differ from the listing with this digest; None where that isn't known.

        Names of files relative to the folder; of folders with all below them, with a slash at their end. Ask after
        `read`.
        """
        record = self._records.get(Spot(path, depth))
        if record is None or not record.is_whole or _identity(path) != record.identity:
            return None
        number = record.vouched.get(digest)
        if number is None:
            return None
        return [*(name for name, last in record.names.items() if last > number and name not in record.odd), *record.odd]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
