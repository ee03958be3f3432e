"""What is there: listings of folders against the kept ones, digests by stat or by hashing, who is present.

Meets the file system and the state; decides nothing. Folders are looked at once, when the survey is made; what is kept
of an earlier build is read only where something differs from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter

from dbuild.build.assumptions import NOTHING, Assumption
from dbuild.build.folders import SETTLE, Folders, View, find_recent, prefix_of
from dbuild.build.locations import SINGLES, Location, marker_of
from dbuild.build.offspring import Offspring
from dbuild.build.sight import Sight
from dbuild.observe.digests import combine, digest_bytes, hash_on_device, is_racy, probe_clock
from dbuild.observe.listing import (
    Stat,
    Tree,
    has_name,
    is_temporary,
    name_of,
    names_of,
    records_of,
    temporary_of,
    unpack_record,
)
from dbuild.observe.machine import boot_identity
from dbuild.observe.patching import with_stats
from dbuild.state.files import FileRow
from dbuild.state.store import FOLDER, State

_FEW = 30  # searches of a listing, or of paths, after which a set is cheaper
_MANY = 200  # files of a folder from which its rows are read as a range


class Survey:
    """The folders of some datasets and some single files, as they are now."""

    def __init__(
        self,
        root: str,
        state: State,
        locations: dict[str, tuple[Location, ...]],
        looked_at: Iterable[str],
        singles: Iterable[str],
        sight: Sight,
        assumed: Assumption = NOTHING,
    ) -> None:
        """`locations` are those of the whole project; the folders of the datasets `looked_at` are listed.

        What `sight` has seen isn't looked at again, nor what is `assumed` to be as it was.
        """
        self.assumed = assumed
        self.code = tuple(singles)  # files of the project itself
        self.root = root
        self._prefix = os.path.join(root, "")
        self.locations = locations
        self.boot = boot_identity()
        self.hashed: dict[str, FileRow] = {}  # hashed now, not yet kept
        self.made = Offspring(self.boot)  # put there by this run, and kept as it goes on
        self._state = state
        self._sight = sight
        self._clock: int | None = None
        self._device: int | None = None  # of the project
        self._rows: dict[str, FileRow] = {}
        self._ranged: set[str] = set()
        self._digests: dict[str, dict[str, bytes]] = {}  # by folder, of all files whose kept stats vouch for them
        self._stats: dict[str, dict[str, Stat]] = {}
        self._asked: dict[str, int] = {}
        self._searched: dict[str, int] = {}
        self._names: dict[str, set[str]] = {}
        self._globbed: dict[str, dict[tuple[str, ...], list[str]]] = {}
        self._folders: dict[str, list[str]] = {}  # made in this run
        self._doubted: set[str] = set()
        self._depths: dict[str, int] = {}
        self.views = self._look(looked_at, self.code)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _look(self, datasets: Iterable[str], singles: Sequence[str]) -> dict[str, View]:
        alone = list(singles)
        names = [other for name in datasets for other in (name, marker_of(name)) if other in self.locations]
        for location in (one for name in names for one in self.locations[name]):
            if location.root == SINGLES:
                alone.append(location.pattern.path(()))
            else:
                self._depths[location.root] = max(self._depths.get(location.root, 1), location.pattern.depth)
        self._singles = tuple(dict.fromkeys(alone))
        folders = Folders(self.root, self._state, self.boot, self.assumed)
        self._sight.assume(self.assumed.folders)
        return {**folders.views(self._depths, self._sight), SINGLES: folders.singles(self._singles)}

    def temporaries(self) -> list[str]:
        """Unfinished outputs that an earlier run left behind, as absolute paths."""
        paths = {temporary_of(path) for view in self.views.values() for path in view.changed if is_temporary(path)}
        return [os.path.join(self.root, path) for path in sorted(paths)]

    @property
    def is_known(self) -> bool:
        """Whether everything looks as it was kept, to the last byte of its listings."""
        return all(view.is_known for view in self.views.values())

    @property
    def has_differences(self) -> bool:
        """Whether any file differs from what was kept, or will: one whose stats vouch for nothing is kept so."""
        return any(view.changed or view.gone for view in self.views.values()) or bool(self._doubtful())

    def trees(self) -> tuple[tuple[str, int, int, str], ...]:
        """Root, depth, number of files and digest in hex of each folder that was listed."""
        return tuple(
            (root, self._depths[root], view.content.count(b"\0"), view.digest.hex())
            for root, view in self.views.items()
            if root != SINGLES
        )

    def is_listed(self, location: Location) -> bool:
        """Whether this survey looked at a location."""
        if location.root == SINGLES:
            return location.pattern.path(()) in self._singles
        return location.root in self.views

    def singles(self) -> tuple[str, ...]:
        """The files that were looked at one by one."""
        return self._singles

    def seen_singles(self) -> dict[str, bytes]:
        """The records of those of them that were there."""
        return {name_of(record): record for record in records_of(self.views[SINGLES].content)}

    # -- digests ---------------------------------------------------------------------------------------------------

    def file_digest(self, path: str, root: str) -> bytes | None:
        """The digest of a file, by its kept stats or by hashing it; None where there is no file."""
        row = self.row(path, root)
        return row.digest if row else None

    def row(self, path: str, root: str) -> FileRow | None:
        """The digest of a file with the stats that it had then."""
        fresh = self.hashed.get(path)
        if fresh is None and path in self.made.rows:
            fresh = self.made.row(path)
        if fresh is not None:
            return fresh
        view = self.views[root]
        if path not in view.changed and not self._is_listed(path, root, view):
            return None
        kept = self._kept(path, root)
        stat = view.changed.get(path)
        # A file that isn't among the changed has the stats of the kept listing, and so has its row (see `keep`).
        if kept is not None and (not kept.is_racy if stat is None else self._vouches(kept, stat)):
            return kept
        return self._hash(path)

    def row_before(self, path: str, root: str) -> FileRow | None:
        """What was kept of a file at the last look; None of one that nobody knew."""
        return self._kept(path, root)

    def _is_listed(self, path: str, root: str, view: View) -> bool:
        """Whether a file is there. The first few questions search the listing, more of them make a set of its names."""
        if root not in self._names:
            self._searched[root] = self._searched.get(root, 0) + 1
            if self._searched[root] < _FEW:
                return has_name(view.content, path[len(prefix_of(root)) :])
        return path[len(prefix_of(root)) :] in self._names_in(root)

    def _vouches(self, row: FileRow, stat: Stat) -> bool:
        if row.is_racy or row.stat != stat:
            return False
        return row.boot == self.boot or row.stat.ctime < row.hashed - SETTLE

    def _kept(self, path: str, root: str) -> FileRow | None:
        if path in self._rows or root in self._ranged:
            return self._rows.get(path)
        self._asked[root] = self._asked.get(root, 0) + 1
        if self._asked[root] > _MANY and root != SINGLES:
            self._read_range(root)
        else:
            self._rows.update(self._state.files([path]))
        return self._rows.get(path)

    def _read_range(self, root: str) -> None:
        if root not in self._ranged:
            self._ranged.add(root)
            self._rows.update(self._state.files_below(prefix_of(root)))

    def _hash(self, path: str) -> FileRow | None:
        clock = self._clock_now()
        try:
            digest, stat, device = hash_on_device(self.absolute(path))
        except FileNotFoundError:
            return None
        if self._device is not None and device != self._device:
            clock -= SETTLE  # its clock may differ: no file is trusted there that is younger than two minutes
        row = FileRow(path, stat, digest, is_racy(stat, clock), self.boot, clock)
        self.hashed[path] = row
        return row

    def _clock_now(self) -> int:
        """The file system's clock, no later than now.

        Asked of the state's folder once a survey: a time that is too early only makes more files be hashed again.
        """
        if self._clock is None:
            folder = os.path.join(self.root, FOLDER)
            self._clock = probe_clock(folder) if os.access(folder, os.W_OK) else 0
            with suppress(OSError):
                self._device = os.stat(self.root).st_dev
        return self._clock

    def absolute(self, path: str) -> str:
        """A path that is relative to the project, or absolute already: as os.path.join, several times a task."""
        return path if path[:1] == "/" else f"{self._prefix}{path}"

    def learn(self, row: FileRow, root: str) -> None:
        """Takes note of a file that was just made, so that it isn't hashed again in this run. Others keep its row."""
        self.hashed.pop(row.path, None)
        self.made.add(row, root)

    # -- partitions ------------------------------------------------------------------------------------------------

    def paths(self, location: Location, key: tuple[str, ...]) -> list[str]:
        """The files of one partition, relative to the project, in order; those found, where it may have several."""
        if not location.pattern.is_multiple:
            return [location.pattern.path(key)]
        if location.pattern.is_folder:
            made = self._folders.get(location.pattern.path(key))
            if made is not None:
                return made
        return self._found(location).get(key, [])

    def learn_folder(self, path: str, files: list[str]) -> None:
        """Takes note of which files (relative to the project, in order) a folder has that was just made."""
        self._folders[path] = files

    def _found(self, location: Location) -> dict[tuple[str, ...], list[str]]:
        name = location.pattern.text
        if name not in self._globbed:
            groups: dict[tuple[str, ...], list[str]] = {}
            prefix = prefix_of(location.root)
            for path in sorted(names_of(self.views[location.root].content)):
                key = location.pattern.key(prefix + path)
                if key is not None:
                    groups.setdefault(key, []).append(prefix + path)
            self._globbed[name] = groups
        return self._globbed[name]

    def partition_digest(self, location: Location, key: tuple[str, ...]) -> bytes | None:
        """The digest of a partition's file or files; None where it isn't there."""
        if not location.pattern.is_multiple:
            return self.file_digest(location.pattern.path(key), location.root)
        paths = self.paths(location, key)
        digests = [self.file_digest(path, location.root) for path in paths]
        found = [digest for digest in digests if digest is not None]
        if not found or len(found) < len(digests):
            return None
        # Which names a partition's files have is a part of what it is; of a folder, the names in it.
        cut = len(location.pattern.path(key)) if location.pattern.is_folder else 0
        names = "\n".join(path[cut:] for path in paths)
        return combine([digest_bytes(names.encode("utf-8", "surrogateescape")), *found])

    def partition_digests(self, location: Location, keys: Sequence[tuple[str, ...]]) -> list[bytes | None]:
        """The digests of many partitions: as `partition_digest` of each, in one pass over the folder's rows."""
        if location.pattern.is_multiple or location.root == SINGLES or len(keys) <= _MANY:
            if location.pattern.is_multiple:
                return [self.partition_digest(location, key) for key in keys]
            path, root = location.pattern.path, location.root
            return [row.digest if (row := self.row(path(key), root)) else None for key in keys]
        root = location.root
        paths = location.pattern.paths(keys)
        found = list(map(self._digests_in(root).get, paths))
        for place in self._unclear(root, paths, found):
            found[place] = self.file_digest(paths[place], root)
        return found

    def read_ahead(self, location: Location) -> None:
        """Reads now what `partition_digests` needs of many partitions."""
        if location.root in self.views and location.root != SINGLES and not location.pattern.is_multiple:
            self._digests_in(location.root)
            self._names_in(location.root)

    def _digests_in(self, root: str) -> dict[str, bytes]:
        """The digests of a folder's files, by path, as they were kept. Of what this run has made they tell nothing."""
        if root not in self._digests:
            self._digests[root] = self._state.digests_below(prefix_of(root))
        return self._digests[root]

    def stats(self, root: str, paths: Sequence[str]) -> list[Stat | None]:
        """The stats of many files of a folder for which their digests are known; None where there is no file."""
        if root not in self._stats:
            self._stats[root] = self._state.stats_below(prefix_of(root))
        found = list(map(self._stats[root].get, paths))
        for place in self._unclear(root, paths, found):
            row = self.row(paths[place], root)
            found[place] = row.stat if row else None
        return found

    def is_worth_listing(self, root: str, count: int, least: int) -> bool:
        """Whether to list a folder once more takes less than to look at so many of its files (from `least` on).

        It doesn't where most of them are of this run, so that their stats have to be compared one by one anyway, nor
        where there are many others; and what is assumed must not be looked at.
        """
        if count < least or self.assumed.folders or self.assumed.shared or self.assumed.datasets:
            return False
        view = self.views[root]
        listed = view.content.count(b"\0")
        return 2 * listed <= 3 * count and 2 * (len(view.changed) + len(self.made.below(root))) <= count

    def tree(self, root: str) -> Tree:
        """A folder that was listed, to be listed again."""
        return Tree(self.absolute(root), self._depths[root], self.views[root].content.count(b"\0"))

    def rows_apart(self, root: str, paths: Sequence[str]) -> Iterator[tuple[str, FileRow | None]]:
        """The files of which a folder's listing doesn't tell the stats that they had when they were hashed.

        With their rows; None for one that isn't there.
        """
        for place in self._unclear(root, paths, paths):
            yield paths[place], self.row(paths[place], root)

    def _unclear(self, root: str, paths: Sequence[str], kept: Sequence[object]) -> list[int]:
        """Where among files of a folder those are of which what was kept doesn't tell how they are now."""
        names, prefix = self._names_in(root), prefix_of(root)
        cut = len(prefix)
        changed, hashed, made = self.views[root].changed, self.hashed, self.made.rows
        # Where thousands ask in turn, each for a few hundred, none may go through all that any of them has to know.
        is_little = len(changed) + len(hashed) + len(self.made.below(root)) <= len(paths)
        if is_little and None not in kept and names.issuperset(map(itemgetter(slice(cut, None)), paths)):
            touched = {*changed, *(path for path in hashed if path.startswith(prefix)), *self.made.below(root)}
            if len(touched) <= _FEW:  # a set of all paths takes longer than to search them for these
                return sorted(paths.index(path) for path in touched if path in paths)
            return [place for place, path in enumerate(paths) if path in touched]
        return [
            place
            for place, (path, one) in enumerate(zip(paths, kept, strict=True))
            if one is None or path in changed or path in hashed or path in made or path[cut:] not in names
        ]

    def _names_in(self, root: str) -> set[str]:
        """The names of the files in a folder."""
        found = self._names.get(root)
        if found is None:
            found = self._names[root] = set(names_of(self.views[root].content))
        return found

    def keys(self, location: Location) -> list[tuple[str, ...]]:
        """The keys of all files that match a location's pattern; a cost for each file in the folder."""
        if location.root == SINGLES:
            path = location.pattern.path(())
            view = self.views[SINGLES]
            is_there = any(unpack_record(record)[0] == path for record in records_of(view.content))
            return [()] if is_there else []
        if location.pattern.is_multiple:
            return list(self._found(location))
        prefix = prefix_of(location.root)
        match = location.pattern.key
        keys = (match(prefix + name) for name in names_of(self.views[location.root].content))
        return [key for key in keys if key is not None]

    def nameless(self, location: Location) -> list[str]:
        """Files that a pattern would match but for names that are no UTF-8 text, which no key can stand for."""
        content = self.views[location.root].content
        try:
            content.decode()
        except UnicodeDecodeError:
            paths = [prefix_of(location.root) + name for name in names_of(content)]
            shown = {path: path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for path in paths}
            return sorted(text for path, text in shown.items() if text != path and location.pattern.key(text))
        return []

    def changed_keys(self, location: Location) -> list[tuple[str, ...]]:
        """The keys of the files that aren't as they were kept."""
        view = self.views.get(location.root)
        if view is None:
            return []
        if location.root == SINGLES:
            path = location.pattern.path(())
            return [()] if path in view.changed or path in view.gone else []
        found = (location.pattern.key(path) for path in (*view.changed, *view.gone) if not is_temporary(path))
        return list(dict.fromkeys(key for key in found if key is not None))

    def doubt(self, path: str) -> None:
        """Has a file kept as one that nothing is known of, so that it is looked at again the next time."""
        self._doubted.add(path)

    # -- keeping ---------------------------------------------------------------------------------------------------

    def keep(self, state: State) -> None:
        """Keeps the listings as they were seen, with what this run itself made.

        Not as they are now: what others changed meanwhile has to differ next time. Files whose stats vouch for
        nothing are kept with stats that no file has: they are looked at again, and are missed when they are gone.
        """
        racy = self._doubtful()
        for root, view in self.views.items():
            self._doubt_outdated(state, view)
            own = self.made.below(root)
            prefix = prefix_of(root)
            doubtful = {path for path in racy if path.startswith(prefix)} - set(own)
            if view.is_known and not own and not doubtful:
                continue
            if view.is_of_other_boot:  # what is kept now is of this one
                doubtful |= self._unflushed(root, view) - set(own)
            content = view.content if root != SINGLES else self._with_unseen(state, view)
            if own or doubtful:
                content = with_stats(content, prefix, self.made.stats(root), doubtful)
            digest = digest_bytes(content)
            state.put_listing(root, digest, self.boot, content.count(b"\0"), content)
            if root != SINGLES and root not in self.assumed.shared:
                self._sight.note(root, self._depths[root], digest)
        self._sight.vouch()

    def _unflushed(self, root: str, view: View) -> set[str]:
        """Files that were assumed to be as they were, and that a crash may have taken something of since."""
        if root == SINGLES:
            return {name_of(record) for record in records_of(view.content)} & self.assumed.singles
        paths = {prefix_of(root) + name for name in find_recent(view.content, view.content)}
        sharing = self.assumed.shared.get(root)
        return paths if sharing is None else set(filter(sharing.covers, paths))

    def _doubtful(self) -> set[str]:
        """The files whose stats vouch for nothing."""
        return {path for path, row in self.hashed.items() if row.is_racy} | self._doubted

    def _doubt_outdated(self, state: State, view: View) -> None:
        """Doubts digests of files that changed and that nobody asked for: the new listing mustn't vouch for them."""
        known, made = self.hashed, self.made.rows
        paths = [path for path in view.changed if path not in known and not made.get(path) and not is_temporary(path)]
        rows = state.files([path for path in paths if _is_text(path)])
        outdated = [path for path, row in rows.items() if not self._vouches(row, view.changed[path])]
        state.doubt_files(outdated)
        state.drop_files(path for path in view.gone if _is_text(path) and not made.get(path))

    def _with_unseen(self, state: State, view: View) -> bytes:
        seen = {name_of(record) for record in records_of(view.content)} | view.gone
        kept = [record for record in records_of(state.listing(SINGLES)) if name_of(record) not in seen]
        return view.content + b"".join(record + b"\0" for record in kept)


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8: no other is ever kept."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
