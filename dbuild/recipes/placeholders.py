"""The placeholders of a shell recipe's text. Pure; unaware of what the names stand for and of how values are quoted.

- `{name}`, `{name:format}` and the same with a named output, `{name.output}`, are placeholders where each name is an
  identifier (ASCII) and no `$` stands before the brace. A format has no brace and no line break.
- `{{` is a literal `{`, and the next `}}` that isn't part of a placeholder is a literal `}`.
- Every other brace is text, also a `}}` that no `{{` precedes: `awk '{if (x) {print $1}}'`, `${VAR:-${OTHER}}`,
  `{a,b}`, `{1..5}`, `find . -exec rm {} +`, `{"a": {"b": 1}}` stay as they are.
"""

from __future__ import annotations

import re

from dbuild.values import dataclass


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A place in the text where a value goes."""

    name: str  # as written: `weather`, `model.metrics`, `output`
    format: str  # what follows the colon; "" for none
    line: int  # lines before it in the text
    source: str  # as written, with its braces

    @property
    def head(self) -> str:
        """The name before the dot."""
        return self.name.partition(".")[0]


Piece = str | Placeholder

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_TOKEN = re.compile(
    r"(?P<open>\{\{)|(?P<close>\}\})|"
    rf"(?<!\$)\{{(?P<name>{_NAME}(?:\.{_NAME})?)(?::(?P<format>[^{{}}\n]+))?\}}"
)


def parse(text: str) -> tuple[Piece, ...]:
    """A recipe's text as pieces of literal text (escapes undone) and placeholders, in order."""
    pieces: list[Piece] = []
    literal: list[str] = []
    opened = position = 0
    for token in _TOKEN.finditer(text):
        literal.append(text[position : token.start()])
        position = token.end()
        if token["open"]:
            opened += 1
            literal.append("{")
        elif token["close"]:
            literal.append("}" if opened else "}}")
            opened = max(0, opened - 1)
        else:
            pieces += ["".join(literal)] if any(literal) else []
            pieces.append(
                Placeholder(token["name"], token["format"] or "", text.count("\n", 0, token.start()), token[0])
            )
            literal = []
    literal.append(text[position:])
    return (*pieces, *(["".join(literal)] if any(literal) else []))


def placeholders(pieces: tuple[Piece, ...]) -> tuple[Placeholder, ...]:
    """The placeholders among the pieces."""
    return tuple(piece for piece in pieces if isinstance(piece, Placeholder))
