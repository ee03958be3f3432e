"""The scanner of key lines against tomli, on generated documents."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from dbuild.project.lines import Lines

# Texts that look like TOML: a scanner that loses its place would take them for keys.
TEXTS = [
    "plain",
    "[k1]",
    "k1 = 2",
    "a # b",
    'say "k2" = 1',
    "it's",
    "{k3 = 1}",
    "]",
    "}",
    ",",
    "\\",
    '""',
    "ü\n[k4]\n",
    "x\ny",
]
SCALARS = ["1", "-2.5e3", "true", "2013-01-05", "2013-01-05T13:00:00Z", "2013-01-05 13:00:00", "inf", "0x1F"]
FORMS = ["k", "k-", "k k", "k.k", "k#", "k]", "k=", 'k"', "k'", "kü", "k\\", "k\u00e9"]


class Writer:
    """Writes random documents; every key has a number of its own, so that its line can be known by it."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.count = 0

    def pick(self, choices: list[str]) -> str:
        return self.data.draw(st.sampled_from(choices))

    def flip(self) -> bool:
        return self.data.draw(st.booleans())

    def key(self) -> str:
        self.count += 1
        name = f"{self.pick(FORMS)}{self.count}_"
        if all(part.isascii() and (part.isalnum() or part in "-_") for part in name) and self.flip():
            return name
        if "'" not in name and self.flip():
            return f"'{name}'"
        return json.dumps(name, ensure_ascii=self.flip())

    def dotted(self) -> str:
        space = self.pick(["", " "])
        return f"{space}.{space}".join(self.key() for _ in range(self.data.draw(st.integers(1, 3))))

    def text(self) -> str:
        said = self.pick(TEXTS)
        match self.pick(["basic", "literal", "long", "long literal", "trimmed"]):
            case "literal" if "'" not in said and "\n" not in said:
                return f"'{said}'"
            case "long":
                escaped = said.replace("\\", "\\\\")
                return f'"""\n{escaped}"""' if not escaped.endswith('""') else f'"""{escaped}"""'
            case "long literal":
                return f"'''{said}'''"
            case "trimmed":
                return '"""\\\n  \n  ' + said.replace("\\", "\\\\").replace('"', '\\"') + '"""'
            case _:
                return json.dumps(said)

    def value(self, depth: int) -> str:
        kinds = ["scalar", "text"] + (["array", "table"] if depth < 3 else [])
        match self.pick(kinds):
            case "scalar":
                return self.pick(SCALARS)
            case "text":
                return self.text()
            case "array":
                gap = self.pick(["", " ", "\n", "\n  # k1 = ]\n", "\r\n"])
                items = [self.value(depth + 1) for _ in range(self.data.draw(st.integers(0, 3)))]
                return f"[{gap}" + f"{gap},{gap}".join(items) + gap + ("," if items and self.flip() else "") + f"{gap}]"
            case _:
                items = [self.pair(depth + 1) for _ in range(self.data.draw(st.integers(0, 3)))]
                return "{ " + ", ".join(items) + " }"

    def pair(self, depth: int = 0) -> str:
        return f"{self.dotted()}{self.pick(['=', ' = '])}{self.value(depth)}"

    def document(self) -> str:
        lines: list[str] = []
        headers: list[str] = []
        for _ in range(self.data.draw(st.integers(1, 8))):
            match self.pick(["pair", "table", "array", "below", "again", "comment"]):
                case "pair":
                    lines.append(self.pair())
                case "table":
                    headers.append(self.dotted())
                    lines.append(f"[{headers[-1]}]")
                case "array":
                    headers.append(self.dotted())
                    lines += [f"[[{headers[-1]}]]", self.pair(), f"[[ {headers[-1]} ]] # k1 = 1"]
                case "below" if headers:
                    lines.append(f"  [ {self.pick(headers)}.{self.dotted()} ]")
                case _:
                    lines.append("# [k1]\n\n\t")
        return self.pick(["\n", "\r\n"]).join(lines) + "\n"


def key_paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*path, key)
        yield from key_paths(below, (*path, key))


def forms(key: str) -> set[str]:
    return {key, json.dumps(key), json.dumps(key, ensure_ascii=False)}


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_every_key_of_a_document_is_found_on_its_line(data: st.DataObject) -> None:
    text = Writer(data).document().replace("\r\n", "\n")
    values = tomli.loads(text)
    lines = Lines(text)
    written = text.split("\n")
    for path in key_paths(values):
        assert lines.has(*path), path
        line = written[lines.of(*path) - 1]
        key = path[-1]
        if isinstance(key, str):
            assert any(form in line for form in forms(key)), (path, line)


def test_elements_of_arrays_have_lines() -> None:
    lines = Lines('a = [\n  "x", # one\n  [1,\n   2],\n  { b = 3 },\n]\n')
    assert [lines.of("a", 0), lines.of("a", 1), lines.of("a", 1, 1), lines.of("a", 2, "b")] == [2, 3, 4, 5]


def test_a_table_is_found_at_its_own_header_also_when_a_part_of_it_comes_before() -> None:
    lines = Lines("[t.x.y]\na = 1\n[t.x]\nb = 2\n[t]\n")
    assert (lines.of("t", "x", "y"), lines.of("t", "x"), lines.of("t"), lines.of("t", "x", "b")) == (1, 3, 5, 4)


def test_a_key_without_a_line_is_found_at_the_table_around_it() -> None:
    lines = Lines("\n[t]\na = 1\n")
    assert (lines.of("t", "zz", "y"), lines.of("u"), lines.has("t", "zz")) == (2, 0, False)


def test_the_text_of_a_long_string_begins_after_what_toml_trims() -> None:
    lines = Lines('a = """\nx"""\nb = """x\n"""\nc = \'\'\'\n\nx\'\'\'\nd = "x"\ne = """\\\n\n   x"""\n')
    assert [lines.of_text(key) for key in "abcde"] == [2, 3, 6, 8, 11]
    assert [lines.of(key) for key in "abcde"] == [1, 3, 5, 8, 9]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab.=[]{}\"'#,\n\\ 1UFu", max_size=60))
def test_text_that_is_no_toml_is_read_to_its_end(text: str) -> None:
    assert Lines(text).of("nowhere") == 0
