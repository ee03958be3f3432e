"""What is in a folder tree: every file's name and stats as one packed value that can be compared whole.

A listing is a sequence of records `name TAB size TAB mtime TAB ctime TAB inode NUL`, names relative to the root and
times as seconds with a fraction, in the order of the folders themselves. GNU find writes exactly that, of many trees in
one process, at a fraction of what a stat from Python costs; where it isn't there, or there are few files, Python writes
the same. (Only of a folder with more than ten thousand names find may have another order, by inodes: whoever compares
listings whole takes these for different, and then finds no difference in them.)
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from dbuild.errors import UserError
from dbuild.observe.machine import cores
from dbuild.values import dataclass

TEMPORARY = ".dbuild-tmp-"  # how the names of unfinished outputs begin
_MARK = TEMPORARY.encode()
_FORMAT = r"%P\t%s\t%T@\t%C@\t%i\0"
_FOLDER = r"/%d\0"  # of a folder how deep it lies; no record of a file ends so, as before its NUL it has a number alone
_TREE = b"/0\0"  # what stands before the records of each tree
_MANY = 3000  # files from which a process of its own pays (a process costs about 2 ms, a stat from Python 4 µs)
_WORDS = 100_000  # characters of paths that one process gets


class Stat(NamedTuple):
    """What tells that a file is still the one that was hashed. Times in nanoseconds."""

    size: int
    mtime: int
    ctime: int
    inode: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder to be listed: its absolute path, how many levels, and how many files it had last time."""

    path: str
    depth: int
    expected: int = 0


# Of a file whose stats vouch for nothing: as no file has it, whatever is there differs from it, and so does nothing.
DOUBTFUL = Stat(0, 0, 0, 0)


def stat_of(found: os.stat_result) -> Stat:
    """The stats that count."""
    return Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def stat_file(path: str) -> Stat | None:
    """The stats of a regular file, symbolic links followed; None where there is none.

    Raises UserError where the path can't be looked at (a loop of links, no permission).
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    return stat_of(found) if (found.st_mode & 0o170000) == 0o100000 else None


def is_unmoved(path: str, stat: Stat) -> bool:
    """Whether a file has the stats that it had. Raises UserError where the path can't be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return stat_file(path) == stat
    size, mtime, ctime, inode = stat  # `is_as` without its call: an aggregate asks this of each of its inputs
    is_same = found.st_mtime_ns == mtime and found.st_ctime_ns == ctime and found.st_size == size
    return is_same and found.st_ino == inode and (found.st_mode & 0o170000) == 0o100000


def is_as(found: os.stat_result, stat: Stat) -> bool:
    """Whether what was found has these stats."""
    size, mtime, ctime, inode = stat
    is_same = found.st_mtime_ns == mtime and found.st_ctime_ns == ctime and found.st_size == size
    return is_same and found.st_ino == inode


def list_trees(trees: Sequence[Tree]) -> list[bytes]:
    """The listing of each tree; where they have many files, processes share them, one for each core.

    A tree that doesn't exist has an empty listing. Raises UserError where a folder can't be read.
    """
    find = _path_of("find") if sys.platform.startswith("linux") else None
    shares = [] if find is None or sum(tree.expected for tree in trees) < _MANY else list(_shares(trees))
    started = _start_all(find or "", shares)
    found: dict[Tree, bytes] = {}
    try:
        for tree in set(trees).difference(*(share for share, *_ in started)):  # while the others are at it
            found[tree] = list_slowly(tree)
        while started:
            share, process, out = started.pop()
            found.update(zip(share, _finish_find(share, process, out), strict=True))
    finally:
        for _, process, out in started:  # nobody wants to know any more
            _has_succeeded(process)
            out.close()
    return [found[tree] for tree in trees]


def _shares(trees: Iterable[Tree]) -> Iterator[list[Tree]]:
    """Trees of one depth that have many files together, as equal shares as cores would take."""
    depths: dict[int, list[Tree]] = {}
    for tree in dict.fromkeys(trees):
        if tree.expected and os.path.isdir(tree.path):
            depths.setdefault(tree.depth, []).append(tree)
    for alike in depths.values():
        total = sum(tree.expected for tree in alike)
        if total < _MANY:
            continue
        most = max(_MANY, total / cores())
        share: list[Tree] = []
        files = words = 0
        for tree in alike:
            if share and (files + tree.expected / 2 >= most or words + len(tree.path) > _WORDS):
                yield share
                share, files, words = [], 0, 0
            share.append(tree)
            files, words = files + tree.expected, words + len(tree.path)
        yield share


def _path_of(program: str) -> str | None:
    """Where a program is; what else could be asked for that costs more to import than most folders to list."""
    paths = (os.path.join(folder, program) for folder in os.get_exec_path())
    return next((path for path in paths if os.access(path, os.X_OK) and os.path.isfile(path)), None)


def _start_all(find: str, shares: Iterable[list[Tree]]) -> list[tuple[list[Tree], int, IO[bytes]]]:
    """The processes, and the files that they write; of a share for which none can be started there is none."""
    started = []
    for share in shares:
        with suppress(OSError):  # there may be no more, or the environment may leave no room for the paths
            started.append((share, *_start_find(find, share)))
    return started


def _start_find(find: str, trees: Sequence[Tree]) -> tuple[int, IO[bytes]]:
    """The process, and the file that it writes."""
    # A file and not a pipe: all trees are walked at once while nobody reads.
    out = os.fdopen(os.memfd_create("listing"), "w+b") if hasattr(os, "memfd_create") else _temporary_file()
    printed = ("-type", "f", "-printf", _FORMAT, "-o", "-type", "d", "-printf", _FOLDER)
    command = [find, "-L", *(tree.path for tree in trees), "-maxdepth", str(trees[0].depth), *printed]
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 2)]
    streams = (*quiet, (os.POSIX_SPAWN_DUP2, out.fileno(), 1))
    return os.posix_spawn(find, command, os.environ, file_actions=streams), out


def _temporary_file() -> IO[bytes]:
    import tempfile

    return tempfile.TemporaryFile()


def _finish_find(trees: Sequence[Tree], process: int, out: IO[bytes]) -> list[bytes]:
    with out:
        is_whole = _has_succeeded(process)
        out.seek(0)
        found = out.read().split(_TREE)[1:] if is_whole else []
    if len(found) != len(trees):
        return [list_slowly(tree) for tree in trees]  # not GNU's find, or an error that Python can name
    for depth in range(1, trees[0].depth + 1):  # the folders in them
        mark = b"/%d\0" % depth
        found = [listing.replace(mark, b"") if mark in listing else listing for listing in found]
    return found


def _has_succeeded(process: int) -> bool:
    """Waits for a process. Of one nobody knows how it ended where whoever started us has had SIGCHLD ignored."""
    try:
        return os.waitpid(process, 0)[1] == 0
    except ChildProcessError:
        return False


def list_slowly(tree: Tree) -> bytes:
    """The listing of a tree made in this process, in find's order, so that mostly it is the same whoever made it."""
    records: list[bytes] = []
    _list_into(records, tree.path, "", tree.depth)
    return b"".join(records)


def _list_into(records: list[bytes], directory: str, prefix: str, depth: int) -> None:
    try:
        entries = os.scandir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise UserError(f"the folder {directory} can't be read: {error.strerror}") from None
    with entries:
        for entry in entries:
            try:
                found = entry.stat()
            except FileNotFoundError:
                continue  # a link that leads nowhere, or a file that went away just now
            except OSError as error:
                raise UserError(
                    f"{entry.path} can't be read: {error.strerror}",
                    hint="a link that leads to itself has to be removed" if error.errno == errno.ELOOP else None,
                ) from None
            if (found.st_mode & 0o170000) == 0o100000:
                stat = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)  # a Stat takes longer
                records.append(pack_record(prefix + entry.name, stat))
            elif (found.st_mode & 0o170000) == 0o040000 and depth > 1:
                _list_into(records, entry.path, f"{prefix}{entry.name}/", depth - 1)


def pack_record(name: str, stat: tuple[int, int, int, int]) -> bytes:
    """One file's record, its NUL at the end included; `stat` as a Stat has it."""
    size, mtime, ctime, inode = stat
    (m, m_rest), (c, c_rest) = divmod(mtime, 1_000_000_000), divmod(ctime, 1_000_000_000)
    return f"{name}\t{size}\t{m}.{m_rest:09d}0\t{c}.{c_rest:09d}0\t{inode}\0".encode("utf-8", "surrogateescape")


def pack_name(name: str) -> bytes:
    """A name as it stands in a record."""
    return name.encode("utf-8", "surrogateescape")


def _unpacked_time(text: bytes) -> int:
    if text[-11:-10] == b"." and text[:1] != b"-":  # ten digits behind the point, as both write them who list
        return int(text[:-11] + text[-10:-1])
    seconds, _, rest = text.partition(b".")
    return int(seconds) * 1_000_000_000 + int(rest[:9].ljust(9, b"0") or 0)


def unpack_record(record: bytes) -> tuple[str, Stat]:
    """A record without its NUL, taken apart. Names that aren't UTF-8 keep their bytes as surrogates."""
    name, size, mtime, ctime, inode = record.rsplit(b"\t", 4)
    stat = Stat(int(size), _unpacked_time(mtime), _unpacked_time(ctime), int(inode))
    return name.decode("utf-8", "surrogateescape"), stat


def records_of(listing: bytes) -> list[bytes]:
    """The records of a listing, without their NULs."""
    return listing.split(b"\0")[:-1]


def name_of(record: bytes) -> str:
    """The name in a packed record."""
    return record.rsplit(b"\t", 4)[0].decode("utf-8", "surrogateescape")


def sizes_of(listing: bytes) -> dict[str, int]:
    """The bytes of each file in a listing, by its name."""
    split = [record.rsplit("\t", 4) for record in listing.decode("utf-8", "surrogateescape").split("\0")[:-1]]
    return {name: int(size) for name, size, *_ in split}


def all_names_of(listing: bytes) -> list[str]:
    """The names in a listing, in the order of its records; as one text, since that costs a third of one by one."""
    text = listing.decode("utf-8", "surrogateescape")
    return [record.rsplit("\t", 4)[0] for record in text.split("\0")[:-1]]


def names_of(listing: bytes) -> list[str]:
    """The names in a listing, those of unfinished outputs left out."""
    names = all_names_of(listing)
    return [name for name in names if not is_temporary(name)] if _MARK in listing else names


def is_temporary(name: str) -> bool:
    """Whether a path is that of an unfinished output, or of a file in one."""
    return TEMPORARY in name and (name.startswith(TEMPORARY) or f"/{TEMPORARY}" in name)


def temporary_of(path: str) -> str:
    """The unfinished output that a path is, or lies in."""
    start = path.index(TEMPORARY)
    end = path.find("/", start)
    return path if end < 0 else path[:end]


def has_name(listing: bytes, name: str) -> bool:
    """Whether a listing has a file of this name; by a search, which is cheap for a few names."""
    return start_of(listing, pack_name(name)) >= 0


def start_of(listing: bytes, name: bytes) -> int:
    """Where the record of a file begins; -1 where it has none."""
    start = 0 if listing.startswith(name + b"\t") else _next_start(listing, name, 0)
    while start >= 0 and _name_at(listing, start) != name:  # which may have a tab, with another one's name before it
        start = _next_start(listing, name, start)
    return start


def _next_start(listing: bytes, name: bytes, after: int) -> int:
    at = listing.find(b"\0" + name + b"\t", after)
    return at + 1 if at >= 0 else -1


def _name_at(listing: bytes, start: int) -> bytes:
    return listing[start : listing.index(b"\0", start)].rsplit(b"\t", 4)[0]
