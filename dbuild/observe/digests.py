"""The identity of a file's content, and whether a stat still vouches for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import xxhash

from dbuild.errors import UserError
from dbuild.observe.listing import Stat, is_as, stat_of

_BLOCK = 1 << 19  # stays in the processor's cache between the copy and the hash
_TRIES = 3
TICK = 20_000_000  # ns: twice the coarsest kernel tick (100 Hz), for file systems that keep nanoseconds
COARSE_TICK = 2_000_000_000  # ns: for file systems that keep seconds (or two of them)


def digest_bytes(data: bytes) -> bytes:
    """The xxh3-128 digest, 16 bytes."""
    return xxhash.xxh3_128_digest(data)


def hash_file(path: str) -> tuple[bytes, Stat]:
    """The digest of a file and its stats while it was read; raises as `hash_on_device`."""
    digest, stat, _ = hash_on_device(path)
    return digest, stat


def hash_on_device(path: str) -> tuple[bytes, Stat, int]:
    """The digest of a file, its stats while it was read, and the number of the device that it lies on.

    Stats are taken before and after, and it is read again if they differ. Raises FileNotFoundError where there is no
    file, UserError where it can't be read or doesn't hold still.
    """
    found = _hash(path)
    if found is None:
        raise UserError(f"{path} changes while it is read", hint="wait until it is written, then build again")
    return found


def hash_made(path: str) -> tuple[bytes, int]:
    """The digest and size of a file that was just written, which gets a slightly older mtime: see `_backdate`.

    Raises FileNotFoundError where there is no file, UserError where it can't be read or is still written to.
    """
    found = _hash(path, _backdate)
    if found is None:
        raise UserError(
            f"{path} is still being written to", hint="everything that the recipe starts has to end with it"
        )
    return found[0], found[1].size


def _hash(
    path: str, settle: Callable[[int, os.stat_result], None] = lambda descriptor, found: None
) -> tuple[bytes, Stat, int] | None:
    """None where it doesn't hold still; else `settle` gets the descriptor, and the stats after it was read."""
    try:
        for _ in range(_TRIES):
            # Plain reads and no memory map: a file that is cut short meanwhile would end the process with SIGBUS.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                before = stat_of(os.fstat(descriptor))
                digest = _read(descriptor, before.size)
                found = os.fstat(descriptor)
                if is_as(found, before):
                    settle(descriptor, found)
                    return digest, before, found.st_dev
            finally:
                os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
    return None


def _backdate(descriptor: int, found: os.stat_result) -> None:
    """Gives a file that was just written a slightly older mtime, so that any later write shows in it at once.

    Without it a file stays racy until it has been hashed again a tick later, by every build that makes files. Times
    that a recipe set on purpose (long before the file's change) are left alone.
    """
    if found.st_ctime_ns - found.st_mtime_ns < 10 * COARSE_TICK:
        older = found.st_mtime_ns - 2 * tick_of(found.st_mtime_ns)
        os.utime(descriptor, ns=(found.st_atime_ns, older))


def _read(descriptor: int, size: int) -> bytes:
    if size < _BLOCK:
        data = os.read(descriptor, size + 1)
        if len(data) <= size:
            return xxhash.xxh3_128_digest(data)
        hasher = xxhash.xxh3_128(data)
    else:
        hasher = xxhash.xxh3_128()
    import mmap  # for large files alone

    # Memory that begins with a page: the kernel copies to it in four fifths of the time.
    buffer = mmap.mmap(-1, _BLOCK, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    view = memoryview(buffer)
    while count := os.readv(descriptor, [buffer]):
        hasher.update(view[:count])
    return hasher.digest()


def hash_folder(path: str) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """The digest of a folder, and of every file below it by its path there, sorted.

    Raises FileNotFoundError where there is no such folder or a file goes meanwhile, UserError for what can't be read
    and for anything in it that is neither file nor folder.
    """
    pairs = tuple((name, hash_file(os.path.join(path, name))[0]) for name in files_below(path))
    return digest_of_folder(pairs), pairs


def digest_of_folder(files: Sequence[tuple[str, bytes]]) -> bytes:
    """The digest of a folder with these files in it (their sorted paths below it, with their digests)."""
    names = "\n".join(name for name, _ in files)
    return combine([digest_bytes(names.encode("utf-8", "surrogateescape")), *(digest for _, digest in files)])


def files_below(path: str) -> list[str]:
    """The files of a folder and of those in it, by their paths below it ("a/b.csv"), sorted; empty folders don't count.

    Raises FileNotFoundError where there is no such folder, UserError for a link, for what is neither file nor folder,
    and for a name that is not UTF-8 or has a line break in it.
    """
    found: list[str] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(path, folder)) as entries:
                for entry in entries:
                    name = f"{folder}{entry.name}"
                    _check_name(path, name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{name}/")
                    elif entry.is_file(follow_symlinks=False):
                        found.append(name)
                    else:
                        raise _no_file(path, name, entry.is_symlink())
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UserError(f"{os.path.join(path, folder)} can't be read: {error.strerror}") from None
    return sorted(found)


def _check_name(path: str, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(name).decode("utf-8", "backslashreplace")
        raise UserError(
            f'the name "{shown}" in the folder {path} is not UTF-8', hint="give the file a name that is"
        ) from None
    if "\n" in name:
        raise UserError(
            f"the name {name!r} in the folder {path} has a line break in it", hint="give the file another name"
        )


def _no_file(path: str, name: str, is_link: bool) -> UserError:
    if is_link:
        return UserError(f"{name} in the folder {path} is a symbolic link", hint="copy the file there: cp -L")
    return UserError(f"{name} in the folder {path} is neither a file nor a folder", hint="take it out of the folder")


def combine(digests: list[bytes]) -> bytes:
    """One digest for several in order."""
    return digests[0] if len(digests) == 1 else xxhash.xxh3_128_digest(b"".join(digests))


def tick_of(moment: int) -> int:
    """How coarse the clock is that gave this time stamp, in nanoseconds, rounded up with a margin."""
    return TICK if moment % 1_000_000_000 else COARSE_TICK


def is_racy(stat: Stat, clock: int) -> bool:
    """Whether a file could have changed, after it was hashed, without its stats showing it.

    `clock` is a time stamp of the file's own file system, given no later than the hash was begun. Git's rule
    (Documentation/technical/racy-git): equal stats vouch only for what is clearly older than that moment.
    """
    is_fine = stat.mtime % 1_000_000_000 and clock % 1_000_000_000
    return stat.mtime > clock - (TICK if is_fine else COARSE_TICK)  # the coarser of both, as `tick_of` has them


def probe_clock(directory: str) -> int:
    """The file system's present time in nanoseconds, by the time stamp that it gives to a file in `directory`."""
    path = os.path.join(directory, "clock")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.utime(descriptor)
        return os.fstat(descriptor).st_mtime_ns
    finally:
        os.close(descriptor)
