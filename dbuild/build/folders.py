"""Folders as they are, compared with their kept listings: what in them changed since the last build, and what went."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

from dbuild.build.assumptions import Assumption
from dbuild.build.locations import SINGLES
from dbuild.build.sight import Listed, Sight, Wanted
from dbuild.observe.comparison import differences
from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import (
    Stat,
    has_name,
    is_temporary,
    name_of,
    names_of,
    pack_record,
    records_of,
    stat_file,
    unpack_record,
)
from dbuild.state.store import State
from dbuild.values import dataclass

_FEW = 20  # names up to which searching costs less than taking the whole listing apart
SETTLE = 120_000_000_000  # ns before a flush in which a crash may have taken what a stat vouches for


@dataclass(slots=True)
class View:
    """One folder as it is, and what differs from the kept listing."""

    content: bytes
    digest: bytes
    is_known: bool  # equal to the kept listing, as a whole
    changed: dict[str, Stat]  # paths relative to the project
    gone: set[str]
    has_new_names: bool
    is_of_other_boot: bool = False  # assumed, as a whole or in part, by a listing that was kept before a restart


class Folders:
    """The folders of a project, and what a state keeps of them."""

    def __init__(self, root: str, state: State, boot: str, assumed: Assumption) -> None:
        """`boot`: this boot of the machine; what was kept in another one may have been lost in a crash."""
        self._assumed = assumed
        self._root = root
        self._state = state
        self._boot = boot
        self._heads = state.listing_heads()

    def views(self, depths: dict[str, int], sight: Sight) -> dict[str, View]:
        """Folders (root -> depth) as they are; what `sight` has seen isn't looked at again."""
        wanted = []
        for root, depth in depths.items():
            digest, _, files = self._heads.get(root, (b"", "", 0))
            wanted.append(Wanted(root, depth, files, digest))
        listed = sight.look(wanted, self._state.listing, has_content=True)
        return {root: self._view(root, found) for root, found in zip(depths, listed, strict=True)}

    def _view(self, root: str, listed: Listed) -> View:
        digest, content = listed.digest, listed.content or b""
        kept_digest, boot, _ = self._heads.get(root, (b"", "", 0))
        is_other = boot != self._boot
        if root in self._assumed.folders or (kept_digest == digest and not is_other):
            return View(content, digest, True, {}, set(), False, is_other)
        kept, prefix = self._state.listing(root), prefix_of(root)
        changed, gone = differences(kept, content)
        sharing = self._assumed.shared.get(root)
        if sharing is not None:
            content = _as_kept(kept, content, [name for name in (*changed, *gone) if sharing.covers(prefix + name)])
            digest = digest_bytes(content)
            changed, gone = differences(kept, content)
        has_new_names = bool(gone) or _has_others(kept, changed)
        if is_other and kept:
            found = find_recent(kept, content)
            changed |= {name: found[name] for name in found if sharing is None or not sharing.covers(prefix + name)}
        return View(
            content,
            digest,
            False,
            {prefix + name: stat for name, stat in changed.items()},
            {prefix + name for name in gone},
            has_new_names,
            is_other and sharing is not None,
        )

    def singles(self, paths: Iterable[str]) -> View:
        """Files that stand alone, each compared with what is kept of it: a run looks at those that it needs."""
        kept = {name_of(record): record for record in records_of(self._state.listing(SINGLES))}
        head = self._heads.get(SINGLES)
        same_boot = head is not None and head[1] == self._boot
        records, changed, gone = [], {}, set()
        for path in paths:
            if path in self._assumed.singles:
                if path in kept:
                    records.append(kept[path] + b"\0")
                continue
            stat = stat_file(os.path.join(self._root, path))
            if stat is None:
                gone |= {path} & kept.keys()
                continue
            record = pack_record(path, stat)
            records.append(record)
            if not same_boot or kept.get(path) != record[:-1]:
                changed[path] = stat
        content = b"".join(records)
        is_known = not changed and not gone
        is_doubted = bool(self._assumed.singles) and not same_boot
        return View(content, digest_bytes(content), is_known, changed, gone, not is_known, is_doubted)


def _as_kept(kept: bytes, content: bytes, names: Sequence[str]) -> bytes:
    """A listing in which some files are as another one has them, or lacks them; the same bytes where there are none."""
    if not names:
        return content
    from dbuild.observe.patching import with_stats

    before = dict(unpack_record(record) for record in records_of(kept))
    return with_stats(content, "", [(name, before.get(name)) for name in names], ())


def _has_others(listing: bytes, names: Collection[str]) -> bool:
    """Whether any of these names isn't that of a file in a listing."""
    if len(names) > _FEW:
        return not set(names_of(listing)).issuperset(names)
    return not all(has_name(listing, name) and not is_temporary(name) for name in names)


def prefix_of(root: str) -> str:
    """What stands before a file's name in the listing of a folder, to make it a path relative to the project."""
    return "" if root in (SINGLES, ".") else f"{root}/"


def find_recent(kept: bytes, content: bytes) -> dict[str, Stat]:
    """The files that changed shortly before the newest kept one: a crash may have taken what their stats vouch for."""
    found = dict(unpack_record(record) for record in records_of(content))
    newest = max((unpack_record(record)[1].ctime for record in records_of(kept)), default=0)
    return {name: stat for name, stat in found.items() if stat.ctime >= newest - SETTLE}
