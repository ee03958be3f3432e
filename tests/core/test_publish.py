"""From a temporary output to a recorded one, on real files."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbuild.core.trace import InputRecord, OutputRecord, Trace, pack_inputs
from dbuild.execute import publish as publishing
from dbuild.execute.publish import Flusher, Journal, flush, publish, read_intents

BOOT = "boot-1"


def trace(number: int = 1, path: str = "out/a.csv") -> Trace:
    records = [InputRecord("flights", "flights", ("2013-01-01", "caf\udce9"), bytes(range(32)), b"s" * 16)]
    typed = OutputRecord("", path, bytes([number]) * 16, (("a b", "DECIMAL(18,3)"),))
    outputs = (typed, OutputRecord("m", "m", b"x" * 16, None))
    params = (("min_delay", "15"), ("absent", ""))
    return Trace(b"\x00\xff" * 8, params, pack_inputs(records), outputs, number, 1.5, 0.25)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(str(tmp_path / "journal"))
    yield made
    made.close()


def intents(tmp_path: Path, boot: str = BOOT) -> list[tuple[str, str, Trace]]:
    return list(read_intents(str(tmp_path / "journal"), boot))


def test_intents_are_read_as_they_were_written(tmp_path: Path, journal: Journal) -> None:
    written = [("daily", "2013-01-01\x1fJFK", trace(1)), ("report", "", trace(2)), ("daily", 'quote"\\', trace(3))]
    journal.write(BOOT, written[:1])
    journal.write(BOOT, written[1:])
    assert intents(tmp_path) == written
    assert os.stat(tmp_path / "journal").st_mode & 0o777 == 0o600


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8")), st.binary(max_size=40), st.text(st.characters(codec="utf-8")))
def test_any_text_and_bytes_go_through(tmp_path: Path, key: str, inputs: bytes, value: str) -> None:
    journal = Journal(str(tmp_path / "journal"))
    made = Trace(b"f" * 16, (("p", value),), inputs, (), 1, 0.0, 0.0)
    journal.write(BOOT, [("daily", key, made)])
    assert intents(tmp_path) == [("daily", key, made)]
    journal.clear()
    journal.close()


def test_intents_of_another_boot_vouch_for_nothing(tmp_path: Path, journal: Journal) -> None:
    journal.write("boot-0", [("daily", "a", trace())])
    journal.write(BOOT, [("daily", "b", trace())])
    assert [key for _, key, _ in intents(tmp_path)] == ["b"]
    assert intents(tmp_path, "boot-2") == []


def test_a_line_that_was_cut_off_anywhere_is_passed_over(tmp_path: Path, journal: Journal) -> None:
    journal.write(BOOT, [("daily", "a", trace(1))])
    whole = (tmp_path / "journal").stat().st_size
    journal.write(BOOT, [("daily", "b", trace(2))])
    data = (tmp_path / "journal").read_bytes()
    for end in range(whole, len(data) - 1, 7):  # all but the line's own end
        (tmp_path / "journal").write_bytes(data[:end])
        assert [key for _, key, _ in intents(tmp_path)] == ["a"]


def test_an_intent_after_a_line_that_was_cut_off_is_not_lost(tmp_path: Path, journal: Journal) -> None:
    journal.write(BOOT, [("daily", "a", trace(1))])
    path = tmp_path / "journal"
    path.write_bytes(path.read_bytes()[:-40])
    journal.write(BOOT, [("daily", "b", trace(2))])
    journal.write(BOOT, [("daily", "c", trace(3))])
    assert [key for _, key, _ in intents(tmp_path)] == ["b", "c"]


JUNK = [b"", b"7", b"null", b"{}", b"[]", b'["a","b"]', b"\xff\xfe", b"\0" * 100, b"[1,2,3,4,5,6,7,8,9,10]"]


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_intent_is_passed_over(tmp_path: Path, journal: Journal, junk: bytes) -> None:
    (tmp_path / "journal").write_bytes(junk + b"\n")
    journal.write(BOOT, [("daily", "a", trace())])
    assert [key for _, key, _ in intents(tmp_path)] == ["a"]


def test_without_a_journal_there_are_no_intents(tmp_path: Path) -> None:
    assert list(read_intents(str(tmp_path / "none"), BOOT)) == []


def test_a_journal_is_forgotten_whole_and_goes_on(tmp_path: Path, journal: Journal) -> None:
    journal.write(BOOT, [("daily", "a", trace())])
    journal.clear()
    assert (tmp_path / "journal").stat().st_size == 0
    journal.write(BOOT, [("daily", "b", trace())])
    assert [key for _, key, _ in intents(tmp_path)] == ["b"]


def test_a_journal_that_is_opened_again_keeps_what_it_had(tmp_path: Path, journal: Journal) -> None:
    journal.write(BOOT, [("daily", "a", trace())])
    again = Journal(str(tmp_path / "journal"))
    again.write(BOOT, [("daily", "b", trace())])
    again.close()
    assert [key for _, key, _ in intents(tmp_path)] == ["a", "b"]


# -- publishing ------------------------------------------------------------------------------------------------------


def outputs(tmp_path: Path, *names: str) -> tuple[list[str], list[str]]:
    """Temporaries that hold their names, and where they are to go."""
    for name in names:
        (tmp_path / f".tmp-{name}").write_text(name)
    return [str(tmp_path / f".tmp-{name}") for name in names], [str(tmp_path / name) for name in names]


def test_outputs_get_their_names_and_keep_their_inodes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    temporaries, finals = outputs(tmp_path, "a", "b")
    inodes = [os.stat(path).st_ino for path in temporaries]
    for temporary, final in zip(temporaries, finals, strict=True):
        publish(temporary, final)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert [(tmp_path / name).read_text() for name in "ab"] == ["a", "b"]
    assert [os.stat(path).st_ino for path in finals] == inodes


def folder(path: Path, *names: str) -> str:
    path.mkdir()
    for name in names:
        (path / name).write_text(name)
    return str(path)


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_takes_the_place_of_another_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(publishing, "_exchange", lambda one, other: False)
    folder(tmp_path / "site", "old.html", "same.html")
    publish(folder(tmp_path / ".tmp-site", "new.html", "same.html"), str(tmp_path / "site"))
    assert sorted(os.listdir(tmp_path / "site")) == ["new.html", "same.html"]
    assert os.listdir(tmp_path) == ["site"]


def test_a_folder_takes_the_place_of_nothing_of_a_file_and_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    elsewhere = folder(tmp_path / "elsewhere", "kept")
    (tmp_path / "link").symlink_to(elsewhere)
    for name in ("nothing", "file", "link"):
        publish(folder(tmp_path / f".tmp-{name}", "a"), str(tmp_path / name))
        assert os.listdir(tmp_path / name) == ["a"]
        assert not os.path.islink(tmp_path / name)
    assert os.listdir(elsewhere) == ["kept"]


def test_an_output_that_cannot_be_renamed_is_an_error_and_the_old_one_stands(tmp_path: Path) -> None:
    (temporary,), (final,) = outputs(tmp_path, "b")
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError, match="b"):
        publish(temporary, final)
    assert (tmp_path / "b").is_dir()
    assert (tmp_path / ".tmp-b").read_text() == "b"


# -- flushing --------------------------------------------------------------------------------------------------------


def test_files_and_folders_are_flushed_one_by_one_or_by_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []
    for name in ("a/1", "a/2", "b/3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
        paths.append(str(tmp_path / name))
    flush(paths)
    flushed: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(os.path.realpath(f"/dev/fd/{descriptor}") if os.path.exists("/proc/self/fd") else "")
        fsync(descriptor)

    monkeypatch.setattr(publishing, "_syncfs", lambda: None)
    monkeypatch.setattr(os, "fsync", note)
    flush([*paths, str(tmp_path / "a" / "gone")])  # built again meanwhile: its trace won't match anyway
    assert len(flushed) == 5
    if os.path.exists("/proc/self/fd"):
        assert set(flushed) == {*paths, str(tmp_path / "a"), str(tmp_path / "b")}


def test_one_flush_for_each_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def sync(descriptor: int) -> int:
        calls.append(os.fstat(descriptor).st_dev)
        return 0

    monkeypatch.setattr(publishing, "_syncfs", lambda: sync)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    flush([str(tmp_path / "a" / "1"), str(tmp_path / "b" / "2")])
    assert calls == [tmp_path.stat().st_dev]


def failing_sync(descriptor: int) -> int:
    ctypes.set_errno(errno.EIO)
    return -1


def test_a_flush_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_syncfs", lambda: failing_sync)
    with pytest.raises(OSError) as caught:
        flush([str(tmp_path / "a")])
    assert caught.value.errno == errno.EIO
    with pytest.raises(FileNotFoundError):
        flush([str(tmp_path / "none" / "a")])


def test_a_flush_in_the_background_wakes_who_waits(tmp_path: Path) -> None:
    flusher = Flusher()
    flusher.finish()  # nothing was begun
    one, two = socket.socketpair()
    with one, two:
        one.settimeout(30)
        flusher.start([str(tmp_path / "a")], two)
        assert one.recv(1) == b"f"
        flusher.finish()
        assert not flusher.is_busy


def test_a_failed_flush_is_told_to_who_would_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flusher = Flusher()
    one, two = socket.socketpair()
    with one, two:
        one.settimeout(30)
        with monkeypatch.context() as patched:
            patched.setattr(publishing, "_syncfs", lambda: failing_sync)
            flusher.start([str(tmp_path / "a")], two)
            assert one.recv(1) == b"f"
            with pytest.raises(OSError):
                flusher.finish()
        flusher.start([str(tmp_path / "a")], two)  # the next group stands for itself
        assert one.recv(1) == b"f"
        flusher.finish()


def test_a_flush_that_nobody_waits_for_any_more_ends(tmp_path: Path) -> None:
    flusher = Flusher()
    one, two = socket.socketpair()
    one.close()
    two.close()
    flusher.start([str(tmp_path / "a")], two)
    flusher.finish()
    assert not flusher.is_busy
