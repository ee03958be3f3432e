"""The kernel's word on what changed, on real folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbuild.observe import inotify
from dbuild.observe import journal as journals
from dbuild.observe.inotify import Happened
from dbuild.observe.journal import Journal
from dbuild.observe.mounts import kind_of, mounts_below
from dbuild.observe.spots import Spot

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux")


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal()
    yield made
    made.close()


def vouched(journal: Journal, folder: Path, depth: int = 2, digest: str = "d") -> None:
    """Watches a folder whose listing has this digest."""
    journal.watch([Spot(str(folder), depth)])
    journal.vouch(str(folder), depth, digest, journal.number)


def changed(journal: Journal, folder: Path, depth: int = 2, digest: str = "d") -> list[str] | None:
    journal.read()
    found = journal.changed(str(folder), depth, digest)
    return None if found is None else sorted(found)


def test_what_changes_is_named(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "b.csv").write_text("1")
    vouched(journal, tmp_path)
    assert changed(journal, tmp_path) == []
    (tmp_path / "a.csv").write_text("2")
    assert changed(journal, tmp_path) == ["a.csv"]
    (tmp_path / "b.csv").unlink()
    (tmp_path / "c.csv").write_text("3")
    os.rename(tmp_path / "a.csv", tmp_path / "d.csv")
    assert changed(journal, tmp_path) == ["a.csv", "b.csv", "c.csv", "d.csv"]


def test_reading_is_no_change(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    vouched(journal, tmp_path)
    (tmp_path / "a.csv").read_text()
    os.listdir(tmp_path)
    assert not journal.read()


def test_stats_count_too(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    vouched(journal, tmp_path)
    os.utime(tmp_path / "a.csv", (1, 1))
    assert changed(journal, tmp_path) == ["a.csv"]


def test_nothing_is_vouched_for_a_listing_that_nobody_named(journal: Journal, tmp_path: Path) -> None:
    vouched(journal, tmp_path)
    assert changed(journal, tmp_path, digest="other") is None
    assert changed(journal, tmp_path, depth=1) is None


def test_whoever_asked_early_and_says_late_what_came_out_misses_nothing(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.watch([Spot(str(tmp_path), 2)])
    early = journal.number  # a build begins, and lists
    (tmp_path / "a.csv").write_text("1")
    journal.read()
    for _ in range(20):  # others ask, list, and say so, until the build has ended
        journal.vouch(str(tmp_path), 2, "of others", journal.number)
    journal.vouch(str(tmp_path), 2, "d", early)
    assert changed(journal, tmp_path) == ["a.csv"]
    monkeypatch.setattr("dbuild.observe.journal._MANY", 3)
    for name in "bc":
        (tmp_path / name).write_text("1")
    journal.read()
    journal.vouch(str(tmp_path), 2, "d", journal.number)
    journal.vouch(str(tmp_path), 2, "of others", journal.number)  # all names are forgotten
    journal.vouch(str(tmp_path), 2, "late", early)
    assert changed(journal, tmp_path, digest="late") is None
    assert changed(journal, tmp_path) == []


def test_a_listing_from_before_the_watch_is_not_taken(journal: Journal, tmp_path: Path) -> None:
    number = journal.number
    journal.watch([Spot(str(tmp_path), 1)])
    journal.vouch(str(tmp_path), 1, "d", number)
    assert changed(journal, tmp_path, depth=1) is None


def test_what_changed_between_the_number_and_the_word_stays_changed(journal: Journal, tmp_path: Path) -> None:
    journal.watch([Spot(str(tmp_path), 1)])
    number = journal.number
    (tmp_path / "a.csv").write_text("1")
    journal.read()
    journal.vouch(str(tmp_path), 1, "d", number)
    assert changed(journal, tmp_path, depth=1) == ["a.csv"]


def test_new_folders_are_watched_with_all_that_was_in_them_already(journal: Journal, tmp_path: Path) -> None:
    vouched(journal, tmp_path, depth=3)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "x.csv").write_text("1")
    assert changed(journal, tmp_path, depth=3) == ["new/"]
    journal.vouch(str(tmp_path), 3, "e", journal.number)
    (tmp_path / "new" / "x.csv").write_text("22")
    assert changed(journal, tmp_path, depth=3, digest="e") == ["new/x.csv"]
    (tmp_path / "new" / "deep").mkdir()
    (tmp_path / "new" / "deep" / "y.csv").write_text("1")
    assert "new/deep/" in (changed(journal, tmp_path, depth=3, digest="e") or [])


def test_what_lies_too_deep_does_not_matter(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    vouched(journal, tmp_path, depth=1)
    (tmp_path / "sub" / "x.csv").write_text("1")
    assert not journal.read()
    assert changed(journal, tmp_path, depth=1) == []


def test_a_folder_that_moved_away_changes_all_below_it(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    vouched(journal, tmp_path / "in")
    os.rename(tmp_path / "in" / "sub", tmp_path / "elsewhere")
    assert changed(journal, tmp_path / "in") == ["sub/"]
    journal.vouch(str(tmp_path / "in"), 2, "d", journal.number)
    (tmp_path / "elsewhere" / "x").write_text("1")
    assert changed(journal, tmp_path / "in") == []


def test_a_place_that_is_replaced_is_not_vouched_for_and_then_watched_again(journal: Journal, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    vouched(journal, place)
    os.rename(place, tmp_path / "old")
    place.mkdir()
    assert journal.read()
    assert changed(journal, place) is None
    journal.renew()
    journal.vouch(str(place), 2, "e", journal.number)
    (place / "x.csv").write_text("1")
    assert changed(journal, place, digest="e") == ["x.csv"]


def test_a_folder_far_above_that_is_replaced_is_noticed_when_asked(journal: Journal, tmp_path: Path) -> None:
    """The kernel says nothing to who listens further down."""
    place = tmp_path / "a" / "b" / "c"
    place.mkdir(parents=True)
    vouched(journal, place)
    os.rename(tmp_path / "a", tmp_path / "old")
    place.mkdir(parents=True)
    assert changed(journal, place) is None
    assert journal.renew()
    assert not journal.renew()
    (place / "x.csv").write_text("1")
    assert journal.read()


def test_who_names_the_same_spots_again_hears_of_one_that_was_made_again(journal: Journal, tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    vouched(journal, place)
    os.rename(tmp_path / "a", tmp_path / "old")
    place.mkdir(parents=True)
    assert journal.watch([Spot(str(place), 2)])
    assert not journal.watch([Spot(str(place), 2)])
    (place / "x.csv").write_text("1")
    assert journal.read()


def test_a_mount_below_a_place_ends_the_word_on_it(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file system appears over a folder, and no event tells of it."""
    places = [tmp_path / "in", tmp_path / "other"]
    for place in places:
        (place / "sub").mkdir(parents=True)
    journal.watch([Spot(str(place), 2) for place in places])
    for place in places:
        journal.vouch(str(place), 2, "d", journal.number)
    line = f"99 1 0:99 / {os.path.realpath(tmp_path)}/in/sub rw - ext4 /dev/sdz rw\n"
    table = journals.read_table()
    monkeypatch.setattr(journals, "read_table", lambda: table + line)
    assert journal.renew()
    assert changed(journal, tmp_path / "in") is None
    assert changed(journal, tmp_path / "other") == []
    journal.vouch(str(tmp_path / "in"), 2, "e", journal.number)
    assert not journal.renew()
    assert changed(journal, tmp_path / "in", digest="e") == []


def test_single_files_behind_links_have_to_be_looked_at(journal: Journal, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (tmp_path / "far").write_text("1")
    (place / "plain").write_text("1")
    os.symlink(tmp_path / "far", place / "soft")
    os.link(tmp_path / "far", place / "hard")
    journal.watch([Spot(str(place), 1, frozenset({"plain", "soft", "hard", "absent"}))])
    assert sorted(journal.unheard()[1]) == [str(place / "hard"), str(place / "soft")]
    os.symlink(tmp_path / "far", tmp_path / "new")
    os.rename(tmp_path / "new", place / "plain")
    (place / "soft").unlink()
    assert journal.read()
    assert sorted(journal.unheard()[1]) == [str(place / "hard"), str(place / "plain")]


def test_files_with_several_names_always_count_as_changed(journal: Journal, tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (place / "a.csv").write_text("1")
    (tmp_path / "b.csv").write_text("1")
    os.link(tmp_path / "b.csv", place / "hard.csv")
    os.symlink(tmp_path / "b.csv", place / "soft.csv")
    vouched(journal, place)
    assert changed(journal, place) == ["hard.csv", "soft.csv"]
    places, files = journal.unheard()
    assert not places
    assert sorted(files) == [str(place / "hard.csv"), str(place / "soft.csv")]


def test_a_file_that_gets_a_second_name_counts_as_changed_under_both(journal: Journal, tmp_path: Path) -> None:
    """The kernel tells only of the new one: what is written through it changes the old one unheard."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.csv").write_text("1")
    vouched(journal, tmp_path)
    os.link(tmp_path / "sub" / "a.csv", tmp_path / "b.csv")
    assert changed(journal, tmp_path) == ["b.csv", "sub/a.csv"]
    journal.vouch(str(tmp_path), 2, "e", journal.number)
    (tmp_path / "b.csv").write_text("2")
    assert changed(journal, tmp_path, digest="e") == ["b.csv", "sub/a.csv"]


def test_a_linked_folder_ends_the_word_on_its_place(journal: Journal, tmp_path: Path) -> None:
    place = tmp_path / "in"
    (tmp_path / "far").mkdir()
    place.mkdir()
    vouched(journal, place)
    os.symlink(tmp_path / "far", place / "link")
    assert changed(journal, place) is None
    assert [each.path for each in journal.unheard()[0]] == [str(place)]


def test_only_the_names_that_matter_are_heard(journal: Journal, tmp_path: Path) -> None:
    journal.watch([Spot(str(tmp_path), 1, frozenset({"Dataflowfile"}), True)])
    (tmp_path / "notes.txt").write_text("1")
    assert not journal.read()
    (tmp_path / "Dataflowfile").write_text("1")
    assert journal.read()
    (tmp_path / "module.py").write_text("1")
    assert journal.read()
    assert set(journal.take_recent()) == {str(tmp_path / "Dataflowfile"), str(tmp_path / "module.py")}
    assert journal.take_recent() == ()


def test_what_dbuild_itself_writes_does_not_matter(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / ".dbuild").mkdir()
    journal.watch([Spot(str(tmp_path), 3)])
    (tmp_path / ".dbuild" / "state.db").write_text("1")
    (tmp_path / ".dbuild-tmp-1-out.csv").write_text("1")
    assert not journal.read()


def test_lost_events_end_every_word(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel says it when its queue was full: what was lost is anybody's guess."""
    vouched(journal, tmp_path)
    (tmp_path / "a.csv").write_text("1")
    monkeypatch.setattr(journal._kernel, "read", lambda: [Happened(-1, inotify.OVERFLOW, "")])
    assert journal.read()
    assert journal.losses == 1
    monkeypatch.undo()
    assert changed(journal, tmp_path) is None
    journal.vouch(str(tmp_path), 2, "e", journal.number)
    (tmp_path / "b.csv").write_text("1")
    assert changed(journal, tmp_path, digest="e") == ["b.csv"]


def test_the_queue_overflows_in_truth(tmp_path: Path) -> None:
    """More changes than the kernel keeps: it says so, and nothing is vouched for."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as limit:
        most = int(limit.read())
    if most > 100_000:
        pytest.skip("the queue is too long here to fill it quickly")
    files = [tmp_path / f"{number}.csv" for number in range(2)]
    for file in files:
        file.write_text("1")
    journal = Journal()
    try:
        vouched(journal, tmp_path)
        for number in range(most + 100):
            os.utime(files[number % 2], (number, number))  # two names by turns: equal neighbours are one event
        assert journal.read()
        assert journal.losses == 1
        assert changed(journal, tmp_path) is None
    finally:
        journal.close()


TABLE = """\
21 1 8:1 / / rw - ext4 /dev/root rw
30 21 0:25 / /mnt/share rw shared:1 - nfs4 server:/export rw
31 21 0:26 / /mnt/with\\040blank rw - fuse.sshfs host: rw
32 30 8:2 / /mnt/share/local rw - xfs /dev/sdb rw
33 21 0:27 / /mnt/twice rw - ext4 /dev/sdc rw
34 21 0:28 / /mnt/twice rw - cifs //server/x rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/data", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/in/2024", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/with blank/x", "fuse.sshfs"),
        ("/mnt/share/local/x", "xfs"),
        ("/mnt/twice/x", "cifs"),
    ],
)
def test_the_file_system_of_a_path(path: str, kind: str) -> None:
    assert kind_of(path, TABLE) == kind


def test_what_is_mounted_below_a_path() -> None:
    lines = TABLE.splitlines()
    assert mounts_below("/mnt/share", TABLE) == (lines[1], lines[3])
    assert mounts_below("/mnt/shar", TABLE) == ()
    assert mounts_below("/mnt/with blank", TABLE) == (lines[2],)
