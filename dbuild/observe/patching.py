"""A kept listing made to hold again: only what may have changed is looked at."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping

from dbuild.errors import UserError
from dbuild.observe.listing import (
    DOUBTFUL,
    Stat,
    Tree,
    all_names_of,
    has_name,
    list_slowly,
    pack_name,
    pack_record,
    records_of,
    start_of,
    stat_of,
)
from dbuild.values import dataclass, field

_FEW = 20  # files up to which searching costs less than taking the whole listing apart
_MANY = 50  # folders from which listing the whole tree is simpler
_DOUBTED = pack_record("", DOUBTFUL)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is there now of what may differ; names as they are packed."""

    files: dict[bytes, bytes] = field(default_factory=dict)  # name -> record, empty where there is no file
    folders: dict[bytes, bytes] = field(default_factory=dict)  # name with its slash -> records of all that is in it


def patched(listing: bytes, tree: Tree, names: Iterable[str]) -> bytes | None:
    """What a listing of a tree would be now, if nothing differs from a kept one but what has these names.

    Names are relative to the tree; those of folders, with all that is in them, end with a slash. What has stats in the
    kept listing that no file has is looked at too. The same bytes where nothing differs; None where the tree has to be
    listed as a whole, since something can't be looked at, or much may differ.
    """
    named = {*names, *_doubted(listing)}
    folders = {name for name in named if name.endswith("/")}
    if len(folders) > _MANY:
        return None
    found = _Found()
    try:
        for name in sorted(folders):
            _look_into(tree, name, found)
        for name in sorted(named - folders):
            if f"{name}/" not in folders:
                _look_at(tree, name, found)
    except (OSError, UserError):
        return None
    few = len(found.files) <= _FEW and not found.folders
    return with_few(listing, found.files) if few else _with_many(listing, found)


def _doubted(listing: bytes) -> list[str]:
    """The names of files whose stats vouch for nothing."""
    names = []
    at = listing.find(_DOUBTED)
    while at >= 0:
        start = listing.rfind(b"\0", 0, at) + 1
        names.append(listing[start:at].decode("utf-8", "surrogateescape"))
        at = listing.find(_DOUBTED, at + 1)
    return names


def _look_into(tree: Tree, name: str, found: _Found) -> None:
    """Looks at what is a folder, or was one. Raises OSError, UserError."""
    levels = tree.depth - name.count("/")  # that are left inside
    if levels < 0:
        return
    packed = name.encode("utf-8", "surrogateescape")
    path = os.path.join(tree.path, name[:-1])
    stat = _stat(path)
    found.files[packed[:-1]] = pack_record(name[:-1], stat_of(stat)) if stat and _is_file(stat) else b""
    inside = list_slowly(Tree(path, levels)) if levels else b""
    found.folders[packed] = b"".join(packed + record + b"\0" for record in inside.split(b"\0")[:-1])


def _look_at(tree: Tree, name: str, found: _Found) -> None:
    """Looks at what is a file, or was one. Raises OSError, also where it is a folder: what is in it wasn't told."""
    if name.count("/") >= tree.depth:
        return
    stat = _stat(os.path.join(tree.path, name))
    if stat and (stat.st_mode & 0o170000) == 0o040000:
        raise IsADirectoryError(name)
    packed = name.encode("utf-8", "surrogateescape")
    found.files[packed] = pack_record(name, stat_of(stat)) if stat and _is_file(stat) else b""


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_file(stat: os.stat_result) -> bool:
    return (stat.st_mode & 0o170000) == 0o100000


def with_few(listing: bytes, files: Mapping[bytes, bytes]) -> bytes:
    """A listing with other records of some files, by their packed names, each in its place; an empty one takes it out.

    The same bytes where nothing differs. Searches the listing for each.
    """
    for name, record in files.items():
        start = start_of(listing, name)
        if start < 0:
            listing += record
            continue
        end = listing.index(b"\0", start) + 1
        if listing[start:end] != record:
            listing = listing[:start] + record + listing[end:]
    return listing


def with_stats(content: bytes, prefix: str, own: Iterable[tuple[str, Stat | None]], doubtful: Collection[str]) -> bytes:
    """A listing with other stats of some files, each in its place: where a file is written anew, a folder keeps it too.

    Paths begin with `prefix`, which names in the listing lack. `own` are files by their stats, None for one that was
    taken away; what is doubtful has stats that no file has from now on, and isn't added where it isn't there any more.
    """
    cut = len(prefix)
    given = {path[cut:]: stat for path, stat in own}
    if len(given) + len(doubtful) <= _FEW:
        given |= {path[cut:]: DOUBTFUL for path in doubtful if has_name(content, path[cut:])}
        records = {name: pack_record(name, stat) if stat else b"" for name, stat in given.items()}
        return with_few(content, {pack_name(name): record for name, record in records.items()})
    there = dict(zip(all_names_of(content), records_of(content), strict=True))
    given |= {path[cut:]: DOUBTFUL for path in doubtful if path[cut:] in there}
    for name, stat in given.items():
        if stat:
            there[name] = pack_record(name, stat)[:-1]
        else:
            there.pop(name, None)
    return b"".join([record + b"\0" for record in there.values()])


def _with_many(listing: bytes, found: _Found) -> bytes:
    """In one pass. What is in a folder that was looked into counts by that alone."""
    records = listing.split(b"\0")[:-1]
    inside = tuple(found.folders)
    files = {name: record for name, record in found.files.items() if not name.startswith(inside)}
    folders = _differing(records, found.folders)
    kept: list[bytes] = []
    last = 0  # those before it are in `kept`
    for place in _places(records, {name.partition(b"\t")[0] for name in files}, tuple(folders)):
        name = records[place].rsplit(b"\t", 4)[0]
        if name in files or name.startswith(tuple(folders)):
            kept += records[last:place]
            kept += files.pop(name, b"").split(b"\0")[:-1]
            last = place + 1
    kept += records[last:]
    made = b"".join((*files.values(), *folders.values()))
    joined = b"\0".join((*kept, made)) if kept else made
    return listing if joined == listing else joined


def _places(records: list[bytes], beginnings: set[bytes], folders: tuple[bytes, ...]) -> list[int]:
    """Where records may be whose names begin so, up to a tab, or that are in these folders; in order."""
    places = [place for place, record in enumerate(records) if record.partition(b"\t")[0] in beginnings]
    if folders:
        places = sorted({*places, *(place for place, record in enumerate(records) if record.startswith(folders))})
    return places


def _differing(records: list[bytes], folders: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Those of the folders, none in another one, whose records differ from what they were; the rest stays in order."""
    outermost = [name for name in folders if not any(name != other and name.startswith(other) for other in folders)]
    before: dict[bytes, set[bytes]] = {
        name: {record for record in records if record.startswith(name)} for name in outermost
    }
    return {name: folders[name] for name in outermost if before[name] != {*folders[name].split(b"\0")[:-1]}}
