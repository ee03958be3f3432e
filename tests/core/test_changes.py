"""How recipes differ, part by part."""

from __future__ import annotations

from dbuild.core.changes import compare
from dbuild.core.part import Part, PartKind, Wording
from dbuild.errors import Place


def wording(
    kind: PartKind, name: str, text: str | None, *, digest: str = "", value: str = "", line: int = 1
) -> Wording:
    place = Place("a.py", line) if kind == "code" else None
    return Wording(Part(kind, name, (digest or text or value).encode().ljust(16)[:16], value, place), text)


TIDY = wording("code", "clean.tidy", "def tidy(): ...")
RATE = wording("code", "calc.RATE", "RATE = 2")
NUMPY = wording("package", "numpy", None, value="2.1.0")


def test_equal_recipes_do_not_differ() -> None:
    assert compare([TIDY, RATE], [RATE, wording("code", "clean.tidy", "def tidy(): ...", line=9)]) == ()


def test_what_changed_came_and_went() -> None:
    found = compare(
        [TIDY, RATE, NUMPY],
        [
            wording("code", "clean.tidy", "def tidy(): 1"),
            wording("package", "numpy", None, value="2.2.0"),
            wording("sql", "", "SELECT 1"),
        ],
    )
    assert [(one.kind, one.name, one.how, one.before, one.after) for one in found] == [
        ("code", "clean.tidy", "changed", "def tidy(): ...", "def tidy(): 1"),
        ("package", "numpy", "changed", "2.1.0", "2.2.0"),
        ("sql", "", "added", None, "SELECT 1"),
        ("code", "calc.RATE", "removed", "RATE = 2", None),
    ]


def test_what_has_another_name_moved() -> None:
    (found,) = compare([TIDY], [wording("code", "neat.tidy", "def tidy(): ...", line=7)])
    assert (found.how, found.name, found.was, found.place) == ("moved", "neat.tidy", "clean.tidy", Place("a.py", 7))


def test_of_several_parts_of_one_name_only_those_that_differ_are_told() -> None:
    one, two, three = (wording("code", "registry", f"register({number})") for number in (1, 2, 3))
    (found,) = compare([one, two], [one, three])
    assert (found.before, found.after) == ("register(2)", "register(3)")
    (found,) = compare([one], [one, one])
    assert (found.how, found.before, found.after) == ("changed", "register(1)", "register(1)\nregister(1)")


def test_the_order_is_told_only_where_what_stayed_runs_in_another_one() -> None:
    def order(*names: str) -> Wording:
        return wording("order", "", None, value="\n".join(names))

    assert [one.kind for one in compare([RATE, order("a", "b")], [RATE, order("b", "a")])] == ["order"]
    changed = wording("code", "calc.RATE", "RATE = 3")
    assert [one.kind for one in compare([RATE, order("a", "b")], [changed, order("a", "x", "b")])] == ["code"]


def test_a_text_that_is_not_kept_is_none() -> None:
    (found,) = compare(
        [wording("file", "logo.bin", None, digest="1")], [wording("file", "logo.bin", "text", digest="2")]
    )
    assert (found.before, found.after) == (None, "text")
