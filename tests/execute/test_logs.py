"""A log's file, byte by byte."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dbuild import failpoints
from dbuild.execute import logs
from dbuild.execute.amounts import spelt_bytes
from dbuild.execute.logs import Log


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "HEAD", 100)
    monkeypatch.setattr(logs, "TAIL", 400)
    monkeypatch.setattr(logs, "_LONGEST", 1700)
    monkeypatch.setattr(logs, "_LINE", 50)


def written(path: Path, *pieces: bytes) -> bytes:
    log = Log(str(path))
    for piece in pieces:
        log.write(piece)
        assert not path.exists() or path.stat().st_size <= 1700
    log.close()
    assert log.failure is None
    return path.read_bytes() if log.is_written else b""


def test_nothing_printed_no_file(tmp_path: Path) -> None:
    assert written(tmp_path / "log", b"", b"") == b""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("count", [1, 50, 51, 168, 169, 170, 1000, 5000])
def test_whole_lines_are_kept(tmp_path: Path, count: int) -> None:
    lines = [f"{number:08d}\n".encode() for number in range(count)]
    data = written(tmp_path / "log", *lines)
    if count * 9 <= 500:
        assert data == b"".join(lines)
        return
    left_out = (count - 11 - 44) * 9
    assert data == b"".join([*lines[:11], f"… {spelt_bytes(left_out)} left out …\n".encode(), *lines[-44:]])


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    data = written(tmp_path / "log", b"ab" * 5000)
    assert data == b"ab" * 50 + "\n… 9.5 kB left out …\n".encode() + b"ab" * 200


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"))
    log.write(b"x" * 1000)
    with open(tmp_path / "log", "rb") as reader:
        log.write(b"y" * 1000)
        assert reader.read() == b"x" * 1000 + b"y" * 1000
        assert os.fstat(reader.fileno()).st_ino != os.stat(tmp_path / "log").st_ino
    log.close()


def test_a_full_disk_is_said_and_what_was_written_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(str(tmp_path / "log"))
    log.write(b"before\n")
    monkeypatch.setattr(failpoints, "_wanted", "log:1:ENOSPC")
    monkeypatch.setattr(failpoints, "_seen", {})
    log.write(b"lost\n")
    log.write(b"lost too\n")
    log.close()
    assert log.failure is not None
    assert log.failure.errno == errno.ENOSPC
    assert (tmp_path / "log").read_bytes() == b"before\n"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_951, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2_300_000_000, "2.3 GB"),
        (10**18, "1000 PB"),
    ],
)
def test_amounts(count: int, text: str) -> None:
    assert spelt_bytes(count) == text
