"""Which braces are placeholders, and which are text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.recipes.placeholders import Placeholder, parse


def shown(text: str) -> str:
    """The text with its placeholders in angle brackets."""
    return "".join(
        piece if isinstance(piece, str) else f"<{piece.name}{':' if piece.format else ''}{piece.format}>"
        for piece in parse(text)
    )


CASES = [
    ("cat {a} {b}", "cat <a> <b>"),
    ("{a}", "<a>"),
    ("{a}{b}", "<a><b>"),
    ("{day:%Y%m%d}", "<day:%Y%m%d>"),
    ("{day:%H:%M}", "<day:%H:%M>"),
    ("{model.metrics}", "<model.metrics>"),
    ("{_x1}", "<_x1>"),
    ("{a.b.c}", "{a.b.c}"),
    ("{a.}", "{a.}"),
    ("{a:}", "{a:}"),
    ("${a}", "${a}"),
    ("$${a}", "$${a}"),
    ("${a:-x}", "${a:-x}"),
    ("${a:-${b}}", "${a:-${b}}"),
    ("${a:-{b}}", "${a:-<b>}"),
    ("awk '{print $1}'", "awk '{print $1}'"),
    ("awk '{if(x){print $1}}'", "awk '{if(x){print $1}}'"),
    ("awk '{{print}}'", "awk '{print}'"),
    ("awk '{{if(x){{print}}}}'", "awk '{if(x){print}}'"),
    ("awk '{{print {day}}}'", "awk '{print <day>}'"),
    ("{{day}}", "{day}"),
    ("{{{day}}}", "{<day>}"),
    ("{{{{day}}}}", "{{day}}"),
    ("${{day}}", "${day}"),
    ('{"a":1}', '{"a":1}'),
    ('{"a":{"b":1}}', '{"a":{"b":1}}'),
    ("{}", "{}"),
    ("{ a }", "{ a }"),
    ("{a,b}", "{a,b}"),
    ("{1..5}", "{1..5}"),
    ("{a..z}", "{a..z}"),
    ("{1a}", "{1a}"),
    ("{é}", "{é}"),
    ("{a b}", "{a b}"),
    ("{a\n}", "{a\n}"),
    ("{a:x\ny}", "{a:x\ny}"),
    ("{a:{b}}", "{a:<b>}"),
    ("{a", "{a"),
    ("a}", "a}"),
    ("a}}", "a}}"),
    ("{{a}} }}", "{a} }}"),
    ("curl -w '%{http_code}'", "curl -w '%<http_code>'"),
    ("f() { echo; }", "f() { echo; }"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_braces(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_placeholder_knows_its_line_and_its_source() -> None:
    found = [piece for piece in parse("a\nb {x}\n\n{y:%d}") if isinstance(piece, Placeholder)]
    assert [(one.name, one.line, one.source) for one in found] == [("x", 1, "{x}"), ("y", 3, "{y:%d}")]


@given(st.text())
def test_doubled_braces_give_any_text_back(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    balanced = text.count("}") == 0 or all(
        text[:end].count("}") <= text[:end].count("{") for end in range(len(text) + 1)
    )
    if balanced:
        assert shown(doubled) == text


@given(st.text(alphabet=st.characters(exclude_characters="{}")))
def test_text_without_braces_stays(text: str) -> None:
    assert shown(text) == text
