"""The paths of many files are those that `Path` makes, one by one."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dbuild.recipes import filepaths
from dbuild.recipes.filepaths import paths_of

PIECES = ["a", "b.txt", ".", "..", "", "é", "a b", ".hidden", "x.tar.gz", "caf\udce9"]
texts = st.builds(
    lambda start, pieces: start + "/".join(pieces),
    st.sampled_from(["", "/", "//", "///"]),
    st.lists(st.sampled_from(PIECES)),
)


@given(st.lists(texts, min_size=1))
@example(["", "/a"])
@example(["a", "/a", "//a", "///a", "a"])
def test_as_path_makes_them(wanted: list[str]) -> None:
    with patch.object(filepaths, "_MANY", 0):
        made = paths_of(wanted)
    plain = [Path(text) for text in wanted]
    assert made == plain
    for one, other in zip(made, plain, strict=True):
        assert (type(one), hash(one), str(one), repr(one)) == (type(other), hash(other), str(other), repr(other))
        assert (one.parts, one.name, one.suffixes, one.parent) == (
            other.parts,
            other.name,
            other.suffixes,
            other.parent,
        )
        assert (os.fspath(one / "c"), one.anchor, bytes(one)) == (os.fspath(other / "c"), other.anchor, bytes(other))
        assert pickle.loads(pickle.dumps(one)) == other


def test_the_files_of_a_folder_can_be_read(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text(str(number))
    made = paths_of([f"{tmp_path}/{number}.txt" for number in range(300)])
    assert [path.read_text() for path in made] == [str(number) for number in range(300)]
    assert made[7].with_suffix(".csv") == tmp_path / "7.csv"
    assert sorted(made)[0] == tmp_path / "0.txt"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Paths are made as fast one by one")
def test_the_folder_of_many_files_is_taken_apart_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    make = filepaths.Path
    monkeypatch.setattr(filepaths, "Path", lambda *given: taken.append(given) or make(*given))
    assert len(paths_of([f"{tmp_path}/{number}.txt" for number in range(1000)])) == 1000
    assert len(taken) == 2  # the kind of path, and the folder
