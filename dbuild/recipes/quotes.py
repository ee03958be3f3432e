"""Values as words of a shell, or as string literals of another language, whatever they hold. Pure.

A shell's value is escaped with backslashes and not with quotes: these stay inert also where a place in the text is
not what it looks like, whereas a quoted value inside the user's own quotes would be run (`"'$(reboot)'"`).
"""

from __future__ import annotations

import json
import re
from typing import Literal

# Outside quotes; in "…", '…', $'…', a comment, `…`, a here-document; after a backslash; in another language's string.
Spot = Literal["plain", "double", "single", "ansi", "comment", "backquote", "document", "escaped", "string"]

_SAFE = r"[\w@%+=:,./\-\x80-\U0010ffff]"
_WORD = re.compile(rf"(?!=){_SAFE}+", re.ASCII)  # a leading = is a command's path in zsh
_UNSAFE = re.compile(rf"\n+|^=|(?!{_SAFE})[^\n]", re.ASCII)
_PLAIN = re.compile(r"[\w@%+=:,./ \-]*", re.ASCII)
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([A-Za-z_][\w.-]*))")
_CLOSE = {"double": '"', "single": "'", "ansi": "'"}
_OPEN = {"double": '"', "single": "'", "ansi": "$'"}
_CLOSING = frozenset({(")", "group"), (")", "inner"), ("}", "brace")})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash"})
_JSON_LIKE = re.compile(r"(python|pypy|Rscript|R|node|deno|bun|julia|ruby)[\d.]*")


def is_shell(program: str) -> bool:
    """Whether a program (a name without folders) reads the shell's language."""
    return program in _SHELLS


def quote_word(value: str) -> str:
    """A value as exactly one word of a POSIX shell. ValueError where it holds a NUL, which no argument can."""
    if "\0" in value:
        raise ValueError("it holds a NUL character")
    if _WORD.fullmatch(value):
        return value
    return _UNSAFE.sub(lambda found: _escaped(found[0]), value) if value else "''"


def _escaped(piece: str) -> str:
    return f"'{piece}'" if piece[0] == "\n" else "\\" + piece  # a backslash before a line break would join the lines


def place_word(value: str, spot: Spot) -> str:
    """A value as text for a spot of the command: one that stands in quotes ends them, and starts them again."""
    if spot == "comment":
        return quote_word(value.replace("\n", " "))
    if spot in _CLOSE:
        return _CLOSE[spot] + quote_word(value) + _OPEN[spot]
    return quote_word(value)


def literal(value: str, program: str) -> str:
    """A value as a double-quoted string literal of another interpreter's language.

    For Python, R, JavaScript, Julia and Ruby the escapes of JSON (those languages share them), with what they
    interpolate escaped too. For any other, ValueError unless every character means itself between double quotes.
    """
    if _PLAIN.fullmatch(value):
        return f'"{value}"'
    if "\0" in value or not _is_unicode(value):
        raise ValueError("it holds a NUL character or is not UTF-8")
    if not _JSON_LIKE.fullmatch(program):
        raise ValueError(f"it holds characters that dbuild can't quote for {program}")
    text = json.dumps(value, ensure_ascii=False)  # a pair of \ud83d\ude00 is one character in JavaScript only
    return text.replace("$", "\\u0024").replace("#", "\\u0023").replace("\x7f", "\\u007f")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_inside_string(line: str) -> bool:
    """Whether the start of a line of some language leaves a string open: an odd number of one kind of quotes."""
    bare = re.sub(r"\\.", "", line)
    return any(bare.count(mark) % 2 for mark in "\"'`")


class Scanner:
    """Where a shell's text stands after what was fed so far: in quotes, in a comment, in a here-document.

    Follows the token rules of the POSIX shell, with `$'…'`; `$(…)` inside quotes starts afresh.
    """

    def __init__(self) -> None:
        self._stack: list[str] = ["plain"]  # plain, double, single, ansi, comment, backquote, arithmetic, brace, group
        self._documents: list[tuple[str, bool]] = []  # end word, whether tabs before it are dropped
        self._line = ""  # of a here-document, so far
        self._is_reading = False  # inside here-documents
        self._before = "\n"  # the last character
        self._is_escaped = False  # a backslash was the last character

    @property
    def spot(self) -> Spot:
        """The kind of place that comes next."""
        if self._is_reading:
            return "document"
        if "backquote" in self._stack:
            return "backquote"
        if self._is_escaped:
            return "escaped"
        top = self._stack[-1]
        if top == "brace":  # ${name:-word} is quoted as what it stands in
            top = next((state for state in reversed(self._stack) if state != "brace"), "plain")
        return top if top in ("double", "single", "ansi", "comment") else "plain"  # type: ignore[return-value]

    def feed(self, text: str) -> None:
        """Go past some text of the command."""
        position = 0
        while position < len(text):
            step = self._read_document(text, position) if self._is_reading else self._read(text, position)
            position += step
            self._is_escaped = position > len(text)
            is_literal = step == 2 and text[position - 2] == "\\"
            self._before = "x" if is_literal else text[position - 1 : position]

    def pass_value(self) -> None:
        """Go past a value."""
        self._before = "x"
        self._line += "x"
        self._is_escaped = False

    def _read_document(self, text: str, position: int) -> int:
        end = text.find("\n", position)
        self._line += text[position : end if end >= 0 else len(text)]
        if end < 0:
            return len(text) - position
        word, is_indented = self._documents[0]
        if (self._line.lstrip("\t") if is_indented else self._line) == word:
            self._documents.pop(0)
            self._is_reading = bool(self._documents)
        self._line = ""
        return end + 1 - position

    def _read(self, text: str, position: int) -> int:
        match self._stack[-1]:
            case "single":
                return self._read_until("'", text[position])
            case "comment":
                return self._read_until("\n", text[position], is_kept=True)
            case "ansi":
                return 2 if text[position] == "\\" else self._read_until("'", text[position])
            case "double":
                return self._read_double(text, position)
            case _:
                return self._read_plain(text, position)

    def _read_until(self, end: str, char: str, is_kept: bool = False) -> int:
        if char != end:
            return 1
        self._stack.pop()
        return 0 if is_kept else 1

    def _read_double(self, text: str, position: int) -> int:
        char = text[position]
        if char == "\\":
            return 2
        if char == '"':
            self._stack.pop()
            return 1
        return self._read_expansion(text, position)

    def _read_expansion(self, text: str, position: int) -> int:
        """Past a character that means the same in double quotes and outside: `$(`, `$((`, `${`, a backquote."""
        for opening, state in (("$((", "arithmetic"), ("$(", "group"), ("${", "brace")):
            if text.startswith(opening, position):
                self._stack.append(state)
                return len(opening)
        if text[position] == "`":
            if self._stack[-1] == "backquote":
                self._stack.pop()
            else:
                self._stack.append("backquote")
        return 1

    def _read_plain(self, text: str, position: int) -> int:
        char, top = text[position], self._stack[-1]
        in_quotes = self.spot == "double"
        if char == "\\":
            return 2
        if char == '"':
            self._stack.append("double")
        elif char == "'" and not in_quotes:
            self._stack.append("ansi" if self._before == "$" else "single")
        elif char == "#" and top != "brace" and self._before in " \t\n;&|()":
            self._stack.append("comment")
        elif char == "\n" and self._documents:
            self._is_reading, self._line = True, ""
        elif char == "<" and top not in ("arithmetic", "brace"):
            return self._read_redirection(text, position)
        elif char in "()}":
            return self._read_bracket(text, position)
        else:
            return self._read_expansion(text, position)
        return 1

    def _read_redirection(self, text: str, position: int) -> int:
        if text.startswith("<<<", position):
            return 3
        found = _HEREDOC.match(text, position)
        if not found:
            return 1
        self._documents.append((found[2] or found[3] or found[4], found[1] == "-"))
        return found.end() - position

    def _read_bracket(self, text: str, position: int) -> int:
        top = self._stack[-1]
        if top == "arithmetic" and text.startswith("))", position):
            self._stack.pop()
            return 2
        if text.startswith("((", position) and top != "arithmetic":
            self._stack.append("arithmetic")
            return 2
        if text[position] == "(":
            self._stack.append("group" if top != "arithmetic" else "inner")
        elif (text[position], top) in _CLOSING:
            self._stack.pop()
        return 1
