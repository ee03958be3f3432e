"""Where each key of a TOML text stands. Values are tomli's affair: this reads only as much as it takes to find keys.

It is given texts that tomli has accepted (or the statements before the place where tomli stopped).
"""

from __future__ import annotations

import re
from bisect import bisect_right

KeyPath = tuple[str | int, ...]  # an element of an array is named by its number

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')[ \t]*(\.?)""")
_VALUE = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|[^,\[\]{}#\r\n]+",
    re.DOTALL,
)
_OPENING = re.compile(
    r'(?:"""|\'\'\')(?:\n|(?<=""")\\[ \t]*\n[ \t\n]*)?'
)  # what TOML trims at the start of a long string
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class Lines:
    """The lines of a text's keys and of its strings' texts. `table` is the path of the last header."""

    def __init__(self, text: str) -> None:
        """Reads a text whose lines end in newlines. Raises RecursionError where arrays are nested too deeply."""
        self._text = text
        self._keys: dict[KeyPath, int] = {}  # where a key, or an element of an array, begins
        self._strings: dict[KeyPath, int] = {}  # where the text of a long string begins
        self._counts: dict[KeyPath, int] = {}  # tables of each array of tables
        self._breaks: list[int] | None = None
        self.table: KeyPath = ()
        self._read()

    def of(self, *path: str | int) -> int:
        """The line of a key; of the nearest table around it where it has none of its own; 0 for the file."""
        while path and path not in self._keys:
            path = path[:-1]
        return self._line(self._keys[path]) if path else 0

    def of_text(self, *path: str | int) -> int:
        """The line where the text of a string value begins: below its key where a long string opens with a newline."""
        return self._line(self._strings[path]) if path in self._strings else self.of(*path)

    def has(self, *path: str | int) -> bool:
        """Whether a key is written in the text."""
        return path in self._keys

    def _line(self, position: int) -> int:
        if self._breaks is None:
            self._breaks = [found.start() for found in re.finditer("\n", self._text)]
        return bisect_right(self._breaks, position - 1) + 1

    def _skip(self, position: int) -> int:
        found = _BLANK.match(self._text, position)
        return found.end() if found else position

    def _read(self) -> None:
        position = self._skip(0)
        while position < len(self._text):
            is_header = self._text[position] == "["
            position = self._skip(self._header(position) if is_header else self._pair(position, self.table))

    def _header(self, start: int) -> int:
        is_array = self._text.startswith("[[", start)
        parts, position = read_key(self._text, start + 1 + is_array)
        path: KeyPath = ()
        for number, part in enumerate(parts):
            path = (*path, part)
            is_last = number == len(parts) - 1
            self._keys.setdefault(path, start)
            if is_last and is_array:
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts and (is_array or not is_last):
                path = (*path, self._counts[path] - 1)
                self._keys.setdefault(path, start)
        self._keys[path] = start  # a table that was known only by what is in it is best found by its own header
        self.table = path
        return position + 1 + is_array

    def _pair(self, start: int, table: KeyPath) -> int:
        parts, position = read_key(self._text, start)
        for part in parts:
            table = (*table, part)
            self._keys.setdefault(table, start)
        return self._value(self._skip(position + 1), table)

    def _value(self, position: int, path: KeyPath) -> int:
        match self._text[position : position + 1]:
            case "[":
                return self._array(position + 1, path)
            case "{":
                return self._inline(position + 1, path)
            case _:
                if opening := _OPENING.match(self._text, position):
                    self._strings[path] = opening.end()
                found = _VALUE.match(self._text, position)
                return found.end() if found else len(self._text)

    def _array(self, position: int, path: KeyPath) -> int:
        number = 0
        while (position := self._skip(position)) < len(self._text) and self._text[position] != "]":
            self._keys[(*path, number)] = position
            position = self._comma(self._value(position, (*path, number)))
            number += 1
        return position + 1

    def _inline(self, position: int, path: KeyPath) -> int:
        while (position := self._skip(position)) < len(self._text) and self._text[position] != "}":
            position = self._comma(self._pair(position, path))
        return position + 1

    def _comma(self, position: int) -> int:
        position = self._skip(position)
        return position + 1 if self._text.startswith(",", position) else position


def read_key(text: str, position: int) -> tuple[list[str], int]:
    """The parts of the dotted key at a position, and where it ends."""
    parts = []
    while found := _KEY_PART.match(text, position):
        bare, quoted, literal, dot = found.groups()
        parts.append(bare if bare is not None else literal if quoted is None else _unescape(quoted))
        position = found.end()
        if not dot:
            break
    return parts, position


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits and int(digits, 16) > 0x10FFFF:
        return found[0]  # no TOML, but what stands before a mistake is read too
    return chr(int(digits, 16)) if digits else _ESCAPED.get(found[4], found[4])
