"""What is there: listings of folders against the kept ones, digests by stat or by hashing, who is present.

Meets the file system and the state; decides nothing. Folders are looked at once, when the survey is made; what is kept
of an earlier build is read only where something differs from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from dbuild.core.grain import Grain
from dbuild.core.graph import Flow
from dbuild.core.model import Project, TimeDimension
from dbuild.core.pattern import PathPattern
from dbuild.observe.digests import combine, digest_bytes, hash_file, is_racy, probe_clock
from dbuild.observe.listing import (
    DOUBTFUL,
    Stat,
    Tree,
    differences,
    is_temporary,
    list_trees,
    names_of,
    pack_record,
    records_of,
    stat_file,
    temporary_of,
    unpack_record,
)
from dbuild.observe.machine import boot_identity
from dbuild.state.files import FileRow
from dbuild.state.store import FOLDER, State

SINGLES = ":files"  # the name under which files that stand alone are kept as one listing
_SETTLE = 120_000_000_000  # ns before a flush in which a crash may have taken what a stat vouches for
_FEW = 30  # searches of a listing after which a set of its names is cheaper
_MANY = 200  # files of a folder from which its rows are read as a range


@dataclass(frozen=True, slots=True)
class Location:
    """Where one output of a dataset, or a source, has its files."""

    dataset: str
    output: str
    pattern: PathPattern

    @property
    def root(self) -> str:
        """The folder that has to be listed; SINGLES for a file that stands alone."""
        return SINGLES if self.pattern.is_static else (self.pattern.root or ".")

    @property
    def folder(self) -> str:
        """The folder, relative to the project, below which its files are."""
        return os.path.dirname(self.pattern.path(())) if self.root == SINGLES else self.root


@dataclass(slots=True)
class View:
    """One folder as it is, and what differs from the kept listing."""

    content: bytes
    digest: bytes
    is_known: bool  # equal to the kept listing, as a whole
    changed: dict[str, Stat]  # paths relative to the project
    gone: set[str]
    has_new_names: bool


def grains_of(project: Project) -> dict[str, Grain | None]:
    """Each dimension's grain; None for those that aren't time."""
    return {
        name: dimension.grain if isinstance(dimension, TimeDimension) else None
        for name, dimension in project.dimensions.items()
    }


def locations_of(flow_or_project: Flow | Project) -> dict[str, tuple[Location, ...]]:
    """The locations of every dataset, and of sources' markers under names of their own."""
    project = flow_or_project.project if isinstance(flow_or_project, Flow) else flow_or_project
    grains = grains_of(project)
    found: dict[str, tuple[Location, ...]] = {
        source.name: (Location(source.name, "", PathPattern(source.path, grains)),)
        for source in project.sources.values()
    }
    for source in project.sources.values():
        if source.ready:
            found[marker_of(source.name)] = (Location(source.name, "", PathPattern(source.ready, grains)),)
    for target in project.targets.values():
        found[target.name] = tuple(
            Location(target.name, output.name, PathPattern(output.path, grains)) for output in target.outputs
        )
    return found


def marker_of(source: str) -> str:
    """The name under which the location of a source's marker stands among those of datasets."""
    return f"{source}:ready"


class Survey:
    """The folders of some datasets and some single files, as they are now."""

    def __init__(
        self,
        root: str,
        state: State,
        locations: dict[str, tuple[Location, ...]],
        looked_at: Iterable[str],
        singles: Iterable[str],
        seen: dict[tuple[str, int], bytes],
    ) -> None:
        """`locations` are those of the whole project; the folders of the datasets `looked_at` are listed.

        `seen` has listings of (root, depth) that were made just now.
        """
        self.root = root
        self.locations = locations
        self.boot = boot_identity()
        self.hashed: dict[str, FileRow] = {}  # hashed now, not yet kept
        self._state = state
        self._singles = tuple(dict.fromkeys(singles))
        self._clock: int | None = None
        self._rows: dict[str, FileRow] = {}
        self._ranged: set[str] = set()
        self._asked: dict[str, int] = {}
        self._searched: dict[str, int] = {}
        self._names: dict[str, set[str]] = {}
        self._globbed: dict[str, dict[tuple[str, ...], list[str]]] = {}
        self._folders: dict[str, list[str]] = {}  # made in this run
        self._doubted: set[str] = set()
        self.views = self._look(looked_at, seen)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _look(self, datasets: Iterable[str], seen: dict[tuple[str, int], bytes]) -> dict[str, View]:
        depths: dict[str, int] = {}
        singles = list(self._singles)
        names = [other for name in datasets for other in (name, marker_of(name)) if other in self.locations]
        for location in (one for name in names for one in self.locations[name]):
            if location.root == SINGLES:
                singles.append(location.pattern.path(()))
            else:
                depths[location.root] = max(depths.get(location.root, 1), location.pattern.depth)
        heads = self._state.listing_heads()
        trees = {
            root: Tree(os.path.normpath(os.path.join(self.root, root)), depth, heads.get(root, (b"", "", 0))[2])
            for root, depth in depths.items()
            if (root, depth) not in seen
        }
        listed = dict(zip(trees, list_trees(list(trees.values())), strict=True))
        views = {
            root: self._view(root, listed[root] if root in listed else seen[root, depth], heads)
            for root, depth in depths.items()
        }
        self._depths = depths
        self._looked_singles = tuple(dict.fromkeys(singles))
        views[SINGLES] = self._view_singles(self._looked_singles)
        return views

    def _view_singles(self, paths: Iterable[str]) -> View:
        """Files that stand alone, each compared with what is kept of it: a run looks at those that it needs."""
        kept = {_name(record): record for record in records_of(self._state.listing(SINGLES))}
        heads = self._state.listing_heads().get(SINGLES)
        same_boot = heads is not None and heads[1] == self.boot
        records, changed, gone = [], {}, set()
        for path in paths:
            stat = stat_file(os.path.join(self.root, path))
            if stat is None:
                gone |= {path} & kept.keys()
                continue
            record = pack_record(path, stat)
            records.append(record)
            if not same_boot or kept.get(path) != record[:-1]:
                changed[path] = stat
        content = b"".join(records)
        is_known = not changed and not gone
        return View(content, digest_bytes(content), is_known, changed, gone, not is_known)

    def _view(self, root: str, content: bytes, heads: dict[str, tuple[bytes, str, int]]) -> View:
        digest = digest_bytes(content)
        kept_digest, boot, _ = heads.get(root, (b"", "", 0))
        if kept_digest == digest and boot == self.boot:
            return View(content, digest, True, {}, set(), False)
        kept = self._state.listing(root)
        changed, gone = differences(kept, content)
        old_names = set(names_of(kept)) if changed else set()
        has_new_names = bool(gone) or any(name not in old_names for name in changed)
        if boot != self.boot and kept:
            changed |= _unsettled(kept, content)
        prefix = _prefix(root)
        return View(
            content,
            digest,
            False,
            {prefix + name: stat for name, stat in changed.items()},
            {prefix + name for name in gone},
            has_new_names,
        )

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
        """Whether any file differs from what was kept."""
        return any(view.changed or view.gone for view in self.views.values())

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
            return location.pattern.path(()) in self._looked_singles
        return location.root in self.views

    def singles(self) -> tuple[str, ...]:
        """The files that were looked at one by one."""
        return self._looked_singles

    # -- digests ---------------------------------------------------------------------------------------------------

    def file_digest(self, path: str, root: str) -> bytes | None:
        """The digest of a file, by its kept stats or by hashing it; None where there is no file."""
        row = self.row(path, root)
        return row.digest if row else None

    def row(self, path: str, root: str) -> FileRow | None:
        """The digest of a file with the stats that it had then."""
        fresh = self.hashed.get(path)
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

    def _is_listed(self, path: str, root: str, view: View) -> bool:
        """Whether a file is there. The first few questions search the listing, more of them make a set of its names."""
        names = self._names.get(root)
        if names is None:
            self._searched[root] = self._searched.get(root, 0) + 1
            name = path[len(_prefix(root)) :].encode("utf-8", "surrogateescape") + b"\t"
            if self._searched[root] < _FEW:
                return view.content.startswith(name) or b"\0" + name in view.content
            names = self._names[root] = set(names_of(view.content))
        return path[len(_prefix(root)) :] in names

    def _vouches(self, row: FileRow, stat: Stat) -> bool:
        if row.is_racy or row.stat != stat:
            return False
        return row.boot == self.boot or row.stat.ctime < row.hashed - _SETTLE

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
            self._rows.update(self._state.files_below(_prefix(root)))

    def _hash(self, path: str) -> FileRow | None:
        clock = self._clock_of(path)
        try:
            digest, stat = hash_file(os.path.join(self.root, path))
        except FileNotFoundError:
            return None
        row = FileRow(path, stat, digest, is_racy(stat, clock), self.boot, clock)
        self.hashed[path] = row
        return row

    def _clock_of(self, path: str) -> int:
        """The file system's clock, no later than now.

        Asked of the state's folder once a survey: a time that is too early only makes more files be hashed again.
        On another file system, whose clock may differ, no file is trusted that is younger than two minutes.
        """
        if self._clock is None:
            folder = os.path.join(self.root, FOLDER)
            self._clock = probe_clock(folder) if os.access(folder, os.W_OK) else 0
        try:
            is_foreign = os.stat(os.path.join(self.root, path)).st_dev != os.stat(self.root).st_dev
        except OSError:
            is_foreign = False
        return self._clock - _SETTLE if is_foreign else self._clock

    def learn(self, row: FileRow) -> None:
        """Takes note of a file that was just made, so that it isn't hashed again in this run."""
        self.hashed[row.path] = row

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
            prefix = _prefix(location.root)
            for path in sorted(names_of(self.views[location.root].content)):
                key = location.pattern.key(prefix + path)
                if key is not None:
                    groups.setdefault(key, []).append(prefix + path)
            self._globbed[name] = groups
        return self._globbed[name]

    def partition_digest(self, location: Location, key: tuple[str, ...]) -> bytes | None:
        """The digest of a partition's file or files; None where it isn't there."""
        paths = self.paths(location, key)
        digests = [self.file_digest(path, location.root) for path in paths]
        found = [digest for digest in digests if digest is not None]
        if not found or len(found) < len(digests):
            return None
        if not location.pattern.is_multiple:
            return found[0]
        # Which names a partition's files have is a part of what it is; of a folder, the names in it.
        cut = len(location.pattern.path(key)) if location.pattern.is_folder else 0
        names = "\n".join(path[cut:] for path in paths)
        return combine([digest_bytes(names.encode("utf-8", "surrogateescape")), *found])

    def partition_digests(self, location: Location, keys: Sequence[tuple[str, ...]]) -> list[bytes | None]:
        """The digests of many partitions: as `partition_digest` of each, in one pass over the folder's rows."""
        if location.pattern.is_multiple or location.root == SINGLES or len(keys) <= _MANY:
            return [self.partition_digest(location, key) for key in keys]
        return [row.digest if row else None for row in self.rows(location, keys)]

    def rows(self, location: Location, keys: Sequence[tuple[str, ...]]) -> list[FileRow | None]:
        """The files of many partitions of one file each, with their digests."""
        root = location.root
        view, prefix = self.views[root], _prefix(root)
        names = self._names.setdefault(root, set(names_of(view.content)))
        self._read_range(root)
        changed, hashed, kept = view.changed, self.hashed, self._rows
        cut = len(prefix)
        found: list[FileRow | None] = []
        for path in map(location.pattern.path, keys):
            row = None
            if path not in hashed and path not in changed and path[cut:] in names:
                row = kept.get(path)
            found.append(row if row is not None and not row.is_racy else self.row(path, root))
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
        prefix = _prefix(location.root)
        match = location.pattern.key
        keys = (match(prefix + name) for name in names_of(self.views[location.root].content))
        return [key for key in keys if key is not None]

    def nameless(self, location: Location) -> list[str]:
        """Files that a pattern would match but for names that are no UTF-8 text, which no key can stand for."""
        content = self.views[location.root].content
        try:
            content.decode()
        except UnicodeDecodeError:
            paths = [_prefix(location.root) + name for name in names_of(content)]
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

    def keep(self, state: State, made: MappingOf[str, MappingOf[str, Stat | None]]) -> None:
        """Keeps the listings as they were seen, with what this run itself made.

        `made`: root -> path -> stats, None for what it took away (of a folder that was made anew).

        Not as they are now: what others changed meanwhile has to differ next time. Files whose stats vouch for
        nothing are kept with stats that no file has: they are looked at again, and are missed when they are gone.
        """
        racy = {path for path, row in self.hashed.items() if row.is_racy} | self._doubted
        for root, view in self.views.items():
            self._doubt_outdated(state, view)
            own = made.get(root, {})
            prefix = _prefix(root)
            doubtful = {path for path in racy if path.startswith(prefix)} - own.keys()
            if view.is_known and not own and not doubtful:
                continue
            content = view.content if root != SINGLES else self._with_unseen(state, view)
            if own or doubtful:
                records = [(prefix + _name(record), record) for record in records_of(content)]
                kept = [record for path, record in records if path not in own and path not in doubtful]
                stats = {path: DOUBTFUL for path, _ in records if path in doubtful} | dict(own)
                added = [pack_record(path[len(prefix) :], stat)[:-1] for path, stat in stats.items() if stat]
                content = b"".join(record + b"\0" for record in (*kept, *added))
            state.put_listing(root, digest_bytes(content), self.boot, content.count(b"\0"), content)

    def _doubt_outdated(self, state: State, view: View) -> None:
        """Doubts digests of files that changed and that nobody asked for: the new listing mustn't vouch for them."""
        paths = [path for path in view.changed if path not in self.hashed and not is_temporary(path)]
        rows = state.files([path for path in paths if _is_text(path)])
        outdated = [path for path, row in rows.items() if not self._vouches(row, view.changed[path])]
        state.doubt_files(outdated)
        state.drop_files(path for path in view.gone if _is_text(path))

    def _with_unseen(self, state: State, view: View) -> bytes:
        seen = {_name(record) for record in records_of(view.content)} | view.gone
        kept = [record for record in records_of(state.listing(SINGLES)) if _name(record) not in seen]
        return view.content + b"".join(record + b"\0" for record in kept)


def _name(record: bytes) -> str:
    return record.rsplit(b"\t", 4)[0].decode("utf-8", "surrogateescape")


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8: no other is ever kept."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _prefix(root: str) -> str:
    return "" if root in (SINGLES, ".") else f"{root}/"


def _unsettled(kept: bytes, content: bytes) -> dict[str, Stat]:
    """The files that changed shortly before the newest kept one: a crash may have taken what their stats vouch for."""
    found = dict(unpack_record(record) for record in records_of(content))
    newest = max((unpack_record(record)[1].ctime for record in records_of(kept)), default=0)
    return {name: stat for name, stat in found.items() if stat.ctime >= newest - _SETTLE}
