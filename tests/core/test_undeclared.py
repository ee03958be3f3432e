"""What is held against what: reading inside the areas, writing everywhere, inputs that nobody opened."""

from __future__ import annotations

import pytest

from dbuild.core.task import Sight
from dbuild.core.undeclared import Declared, ancestors, judge, outermost, owner_of

DECLARED = Declared(
    areas=("/srv/shop", "/lake/raw"),
    inputs={"/srv/shop/data/1.csv": "raw", "/lake/raw/parts": "parts"},
    code={"/srv/shop/report.R"},
    outputs=("/srv/shop/out/.dbuild-tmp-1-1-a.csv",),
    aside=("/srv/shop/.dbuild", "/srv/shop/.venv"),
    scratch=("/tmp", "/dev"),
)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("read", "/srv/shop/data/1.csv"),
        ("list", "/lake/raw/parts"),
        ("read", "/lake/raw/parts/deep/one.csv"),
        ("read", "/srv/shop/report.R"),
        ("write", "/srv/shop/out/.dbuild-tmp-1-1-a.csv"),
        ("read", "/srv/shop/out/.dbuild-tmp-1-1-a.csv"),
        ("read", "/srv/shop/.venv/lib/x.py"),
        ("write", "/srv/shop/.dbuild/state.db"),
        ("read", "/srv/shop/__pycache__/clean.cpython-311.pyc"),
        ("write", "/usr/lib/python3/__pycache__/x.pyc"),
        ("read", "/etc/passwd"),
        ("read", "/srv/shopping.csv"),
        ("list", "/srv"),
        ("write", "/tmp/x"),
        ("remove", "/tmp/x"),
        ("change", "/dev/null"),
    ],
)
def test_what_is_declared_or_nobody_s_business(kind: str, path: str) -> None:
    assert judge(DECLARED, [Sight(kind, path)]).undeclared == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("read", "/srv/shop/config.yml"),
        ("read", "/srv/shop/data/2.csv"),
        ("read", "/lake/raw/other.csv"),
        ("list", "/srv/shop/data"),
        ("change", "/srv/shop/data/1.csv"),
        ("write", "/srv/shop/data/1.csv"),
        ("write", "/srv/shop/out/a.csv"),
        ("write", "/srv/notes.txt"),
        ("remove", "/srv/shop/report.R"),
        ("remove", "/srv/notes.txt"),
    ],
)
def test_what_nothing_declares(kind: str, path: str) -> None:
    sight = Sight(kind, path)  # type: ignore[arg-type]
    assert judge(DECLARED, [sight]).undeclared == (sight,)


def test_what_a_task_wrote_itself_it_may_read_and_remove() -> None:
    path = "/srv/shop/scratch.txt"
    seen = [Sight("remove", path), Sight("read", path), Sight("write", path)]
    assert judge(DECLARED, seen).undeclared == (Sight("write", path),)


def test_inputs_that_were_opened() -> None:
    seen = [Sight("read", "/lake/raw/parts/one.csv"), Sight("write", "/srv/shop/data/1.csv")]
    assert judge(DECLARED, seen).opened == {"parts"}
    assert judge(DECLARED, [Sight("change", "/srv/shop/data/1.csv")]).opened == {"raw"}


def test_what_is_told_comes_in_the_order_of_paths() -> None:
    seen = [Sight("read", f"/srv/shop/{name}") for name in "cab"]
    assert [sight.path[-1] for sight in judge(DECLARED, seen).undeclared] == ["a", "b", "c"]


def test_folders() -> None:
    assert outermost(["/a/b", "/a", "/ab", "/a/b/c"]) == ("/a", "/ab")
    assert outermost(["/", "/a"]) == ("/",)
    assert list(ancestors("/a/b/c")) == ["/a/b", "/a", "/"]
    assert owner_of("/a/b/c", {"/a": "x"}) == "x"
    assert owner_of("/a/b/c", {"/b": "x"}) is None
