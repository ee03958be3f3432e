"""The outside world as values, on real files."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from dbuild.errors import UserError
from dbuild.observe import digests, listing
from dbuild.observe.digests import COARSE_TICK, TICK, combine, digest_bytes, hash_file, hash_made, is_racy, probe_clock
from dbuild.observe.listing import (
    TEMPORARY,
    Stat,
    Tree,
    has_name,
    is_temporary,
    list_slowly,
    list_trees,
    names_of,
    pack_record,
    records_of,
    stat_file,
    unpack_record,
)

MANY = 1_000_000  # as if a tree had so many files last time: then a process of its own lists it
BLOCK = 1 << 19


def has_gnu_find() -> bool:
    found = shutil.which("find")
    return found is not None and b"GNU" in subprocess.run([found, "--version"], capture_output=True, check=False).stdout


# -- listings --------------------------------------------------------------------------------------------------------


def write(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def both_listings(path: Path, depth: int) -> list[bytes]:
    """The records of a tree, once it is sure that both ways to list it give the same."""
    slow = records_of(list_slowly(Tree(str(path), depth)))
    (fast,) = list_trees([Tree(str(path), depth, MANY)])
    assert records_of(fast) == slow
    return slow


def names(path: Path, depth: int) -> list[str]:
    return sorted(unpack_record(record)[0] for record in both_listings(path, depth))


def test_a_listing_has_every_file_with_its_stats(tmp_path: Path) -> None:
    files = [write(tmp_path / name, name) for name in ("a.csv", "b/c.csv", "b/d/e.csv", ".hidden")]
    found = dict(unpack_record(record) for record in both_listings(tmp_path, 3))
    assert found == {str(path.relative_to(tmp_path)): stat_file(str(path)) for path in files}


def test_a_listing_goes_no_deeper_than_asked(tmp_path: Path) -> None:
    for name in ("a", "b/c", "b/d/e"):
        write(tmp_path / name)
    assert names(tmp_path, 1) == ["a"]
    assert names(tmp_path, 2) == ["a", "b/c"]


def test_a_folder_that_is_not_there_has_an_empty_listing(tmp_path: Path) -> None:
    file = write(tmp_path / "file")
    for path in (tmp_path / "none", file, file / "below"):
        assert both_listings(path, 2) == []


def test_links_are_followed_and_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "data" / "real" / "a")
    (tmp_path / "data" / "folder").symlink_to("real")
    (tmp_path / "data" / "link").symlink_to("real/a")
    (tmp_path / "data" / "nowhere").symlink_to("gone")
    os.mkfifo(tmp_path / "data" / "pipe")
    assert names(tmp_path / "data", 2) == ["folder/a", "link", "real/a"]
    (tmp_path / "alias").symlink_to("data")
    assert names(tmp_path / "alias", 2) == ["folder/a", "link", "real/a"]


@pytest.mark.parametrize("expected", [0, MANY])
def test_a_link_to_itself_is_an_error_that_names_it(tmp_path: Path, expected: int) -> None:
    write(tmp_path / "a")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError) as caught:
        list_trees([Tree(str(tmp_path), 1, expected)])
    assert str(tmp_path / "loop") in caught.value.what
    assert caught.value.hint is not None
    assert "link" in caught.value.hint
    with pytest.raises(UserError, match="loop can't be read"):
        stat_file(str(tmp_path / "loop"))
    with pytest.raises(UserError, match="loop can't be read"):
        hash_file(str(tmp_path / "loop"))


def test_a_folder_that_holds_itself_is_listed_as_deep_as_asked(tmp_path: Path) -> None:
    write(tmp_path / "a")
    (tmp_path / "self").symlink_to(".")
    assert names(tmp_path, 3) == ["a", "self/a", "self/self/a"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "closed" / "a")
    (tmp_path / "closed").chmod(0)
    try:
        for expected in (0, MANY):
            with pytest.raises(UserError, match="closed can't be read"):
                list_trees([Tree(str(tmp_path), 2, expected)])
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_names_of_any_bytes_go_through(tmp_path: Path) -> None:
    odd = [b"tab\there", b"line\nbreak", b"caf\xe9", b"'quote\"", b"%s $(x)", "Zürich".encode()]
    for name in odd:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_text("x")
    assert {os.fsencode(name) for name in names(tmp_path, 1)} == set(odd)


@pytest.mark.parametrize("moment", [0, 1, 1_500_000_000, 10**18 + 1, 4_102_444_800_123_456_789, -1_000_000_000])
def test_times_near_and_far_are_told_alike(tmp_path: Path, moment: int) -> None:
    path = write(tmp_path / "a")
    os.utime(path, ns=(moment, moment))
    (record,) = both_listings(tmp_path, 1)
    assert unpack_record(record) == ("a", stat_file(str(path)))


def test_trees_are_listed_each_for_itself(tmp_path: Path) -> None:
    for name in ("one/a", "two/b"):
        write(tmp_path / name)
    trees = [Tree(str(tmp_path / name), 1, expected) for name, expected in (("two", MANY), ("no", MANY), ("one", 0))]
    assert [list(names_of(listing)) for listing in list_trees(trees)] == [["b"], [], ["a"]]


@pytest.mark.skipif(not has_gnu_find(), reason="needs GNU find")
def test_a_large_tree_is_listed_by_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a")
    monkeypatch.setattr("dbuild.observe.listing.list_slowly", lambda tree: pytest.fail("listed by Python"))
    (found,) = list_trees([Tree(str(tmp_path), 1, MANY)])
    assert list(names_of(found)) == ["a"]


@pytest.mark.skipif(not has_gnu_find(), reason="needs GNU find")
def test_many_small_trees_share_few_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number:03d}" for number in range(200)]
    for name in names:
        write(tmp_path / name / "a", name)
        write(tmp_path / name / "b" / "c", name)
    monkeypatch.setattr("dbuild.observe.listing.cores", lambda: 2)
    monkeypatch.setattr("dbuild.observe.listing._WORDS", len(str(tmp_path / names[0])) * 80)
    began: list[int] = []
    start = listing._start_find
    monkeypatch.setattr(listing, "_start_find", lambda find, trees: began.append(len(trees)) or start(find, trees))
    shallow = [Tree(str(tmp_path / name), 1, 100) for name in names]
    deep = [Tree(str(tmp_path / name), 2, 1 if name < "003" else 100) for name in names]
    new = [Tree(str(tmp_path / "000"), 3), Tree(str(tmp_path / "none"), 1, 5)]
    trees = [*shallow, *deep[::-1], *new, shallow[0]]
    found = list_trees(trees)
    assert sum(began) == 400
    assert max(began) == 80  # what one command line takes
    assert began[3:] == [80, 80, 40]
    assert found == [list_slowly(tree) for tree in trees]
    began.clear()
    monkeypatch.setattr("dbuild.observe.listing._WORDS", 1_000_000)
    assert list_trees(shallow) == found[:200]
    assert began == [100, 100]
    assert list_trees(shallow[:29]) == found[:29]
    assert began == [100, 100]  # so few aren't worth a process


@pytest.mark.skipif(not has_gnu_find(), reason="needs GNU find")
def test_where_one_tree_cant_be_listed_the_others_are(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a")
    write(tmp_path / "two" / "b")
    (tmp_path / "two" / "self").symlink_to(".")
    trees = [Tree(str(tmp_path / name), 2, MANY) for name in ("one", "two")]
    assert [sorted(names_of(listing)) for listing in list_trees(trees)] == [["a"], ["b", "self/b"]]


def test_without_find_python_lists_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a")
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = list_trees([Tree(str(tmp_path), 1, MANY)])
    assert list(names_of(found)) == ["a"]


@pytest.mark.skipif(not has_gnu_find(), reason="needs GNU find")
def test_no_process_is_left_where_a_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "self").symlink_to("self")
    trees = [Tree(str(tmp_path / "good"), 1, MANY), Tree(str(tmp_path / "bad"), 1, 0)]
    before = len(os.listdir("/proc/self/fd")), children_of(os.getpid())
    with pytest.raises(UserError, match="symbolic links"):
        list_trees(trees)
    assert (len(os.listdir("/proc/self/fd")), children_of(os.getpid())) == before


@pytest.mark.skipif(not has_gnu_find(), reason="needs GNU find")
def test_whoever_started_us_may_have_had_the_end_of_processes_ignored(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        (found,) = list_trees([Tree(str(tmp_path), 1, MANY)])
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert list(names_of(found)) == ["a"]


@pytest.mark.skipif(not has_gnu_find(), reason="needs GNU find")
def test_where_no_process_can_be_started_python_lists_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.E2BIG, "Argument list too long")

    (tmp_path / "a").write_text("")
    monkeypatch.setattr(os, "posix_spawn", refuse)
    (found,) = list_trees([Tree(str(tmp_path), 1, MANY)])
    assert list(names_of(found)) == ["a"]


def children_of(process: int) -> str:
    return Path(f"/proc/{process}/task/{process}/children").read_text()


file_names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
whole = st.integers(0, 2**63 - 1)
times = st.integers(-(2**62), 2**62)
stats = st.builds(Stat, whole, times, times, whole)


@given(st.one_of(file_names, st.just("caf\udce9\t\n")), stats)
def test_a_record_that_is_packed_and_unpacked_is_the_same(name: str, stat: Stat) -> None:
    packed = pack_record(name, stat)
    assert packed.endswith(b"\0")
    assert records_of(packed + packed) == [packed[:-1]] * 2
    assert unpack_record(packed[:-1]) == (name, stat)


def test_a_name_is_found_in_a_listing_but_not_the_beginning_of_another_one() -> None:
    stat = Stat(1, 2, 3, 4)
    content = b"".join(pack_record(name, stat) for name in ("a\tb", "c", "d\te", "a.b"))
    found = [name for name in ("a", "a\tb", "b", "c", "d", "d\te", "e", "a.b", ".b", "") if has_name(content, name)]
    assert found == ["a\tb", "c", "d\te", "a.b"]


def test_unfinished_outputs_are_no_names() -> None:
    stat = Stat(1, 2, 3, 4)
    listing = b"".join(pack_record(n, stat) for n in ("a", f"{TEMPORARY}b.csv", f"c/{TEMPORARY}d", f"e{TEMPORARY}"))
    assert list(names_of(listing)) == ["a", f"e{TEMPORARY}"]
    assert is_temporary(f"/x/{TEMPORARY}1.parquet")
    assert is_temporary(f"/{TEMPORARY}x/a")


def test_only_regular_files_have_stats(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    found = os.stat(path)
    wanted = Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    assert stat_file(str(path)) == stat_file(str(tmp_path / "link")) == wanted
    for name in ("none", ".", "pipe", "a/below"):
        assert stat_file(str(tmp_path / name)) is None


# -- digests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_a_file_has_the_digest_of_its_content(tmp_path: Path, size: int) -> None:
    data = bytes(n * n % 251 for n in range(1000)) * (size // 1000 + 1)
    path = tmp_path / "a"
    path.write_bytes(data[:size])
    digest, stat = hash_file(str(path))
    assert digest == xxhash.xxh3_128_digest(data[:size]) == digest_bytes(data[:size])
    assert len(digest) == 16
    assert stat == stat_file(str(path))


def test_what_is_not_there_is_not_found_and_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hash_file(str(tmp_path / "none"))
    with pytest.raises(UserError, match="can't be read"):
        hash_file(str(tmp_path))


@pytest.mark.parametrize("size", [10, 2 * BLOCK])
@pytest.mark.parametrize("change", ["grow", "shrink"])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, change: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * size)
    wanted = b"a" * (size + 1) if change == "grow" else b"a" * (size // 2)
    read, times_read = digests._read, 0

    def meddle(descriptor: int, expected: int) -> bytes:
        nonlocal times_read
        times_read += 1
        if times_read == 1:
            path.write_bytes(wanted)
        return read(descriptor, expected)

    monkeypatch.setattr(digests, "_read", meddle)
    assert hash_file(str(path)) == (digest_bytes(wanted), stat_file(str(path)))
    assert times_read == 2


def test_large_files_are_read_to_memory_that_begins_with_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(os.urandom(3 * digests._BLOCK + 1))
    read, within = os.readv, set()

    def readv(descriptor: int, buffers: list[mmap.mmap]) -> int:
        within.add(ctypes.addressof(ctypes.c_char.from_buffer(buffers[0])) % mmap.PAGESIZE)
        return read(descriptor, buffers)

    monkeypatch.setattr(os, "readv", readv)
    assert hash_file(str(path))[0] == digest_bytes(path.read_bytes())
    assert within == {0}  # elsewhere the kernel takes a quarter longer to copy


def test_a_file_that_never_holds_still_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a")
    read = digests._read

    def grow(descriptor: int, expected: int) -> bytes:
        with path.open("a") as out:
            out.write("more")
        return read(descriptor, expected)

    monkeypatch.setattr(digests, "_read", grow)
    for hashed, what in ((hash_file, "changes while it is read"), (hash_made, "is still being written to")):
        with pytest.raises(UserError, match=what) as caught:
            hashed(str(path))
        assert caught.value.hint


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    before = os.listdir("/dev/fd")
    for _ in range(3):
        hash_file(str(path))
        hash_made(str(path))
        list_trees([Tree(str(tmp_path), 1, MANY)])
        probe_clock(str(tmp_path))
    assert len(os.listdir("/dev/fd")) == len(before)


def test_several_digests_are_one_that_knows_their_order() -> None:
    a, b = digest_bytes(b"a"), digest_bytes(b"b")
    assert combine([a]) == a
    assert len({combine([a, b]), combine([b, a]), combine([a]), combine([a, b, b])}) == 4


FINE, WHOLE = 1_700_000_000_123_456_789, 1_700_000_000_000_000_000  # of file systems with and without fractions


@pytest.mark.parametrize(
    ("mtime", "clock", "racy"),
    [
        (FINE, FINE, True),
        (FINE, FINE - 1, True),
        (FINE, FINE + TICK - 1, True),
        (FINE, FINE + TICK, False),
        (FINE + 10 * TICK, FINE, True),  # in the future: whatever is written next looks no younger
        (WHOLE, WHOLE + COARSE_TICK - 1, True),  # whole seconds: the file system may keep no more
        (WHOLE, WHOLE + COARSE_TICK, False),
        (WHOLE - 10 * COARSE_TICK + 1, WHOLE, False),
        (FINE, 0, True),  # no clock could be asked
    ],
)
def test_stats_vouch_only_for_what_is_clearly_older_than_the_hash(mtime: int, clock: int, racy: bool) -> None:
    assert is_racy(Stat(1, mtime, mtime, 1), clock) == racy


def test_the_clock_is_that_of_the_file_system(tmp_path: Path) -> None:
    before = probe_clock(str(tmp_path))
    found = stat_file(str(write(tmp_path / "a")))
    after = probe_clock(str(tmp_path))
    assert found is not None
    assert before <= found.mtime <= after
    assert is_racy(found, after)
    assert (tmp_path / "clock").stat().st_mode & 0o777 == 0o600


def test_a_file_just_made_can_be_vouched_for_once_it_is_backdated(tmp_path: Path) -> None:
    path = write(tmp_path / "a", "content")
    clock = probe_clock(str(tmp_path))
    young = stat_file(str(path))
    assert young is not None
    assert is_racy(young, clock)
    assert hash_made(str(path)) == (digest_bytes(b"content"), len("content"))
    older = stat_file(str(path))
    assert older is not None
    assert not is_racy(older, clock)
    assert path.read_text() == "content"
    path.write_text("CONTENT")
    again = stat_file(str(path))
    assert again is not None
    assert again.mtime > older.mtime


def test_times_that_were_set_on_purpose_are_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a")
    os.utime(path, ns=(FINE, FINE))
    hash_made(str(path))
    assert path.stat().st_mtime_ns == FINE
