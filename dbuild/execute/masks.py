"""Secrets taken out of what people will read: of a text, and of a stream that comes in pieces."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable

_MASK = "***"
_LEAST_LINE = 8  # characters: a shorter line of a secret (a brace, an END) says nothing and is everywhere


class Mask:
    """The values that nobody may see. Also hidden: the lines of one that has several, and its escaped forms."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if form}
        self._forms = sorted(forms, key=len, reverse=True)  # of two that begin alike the longer one is found
        self._bytes = [os.fsencode(form) for form in self._forms]
        self._text_pattern = re.compile("|".join(map(re.escape, self._forms)))
        self._pattern = re.compile(b"|".join(map(re.escape, self._bytes)))

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._forms)

    def hide(self, text: str) -> str:
        """The text with `***` in place of every secret."""
        return self._text_pattern.sub(_MASK, text) if self else text

    def hide_piece(self, data: bytes, *, is_last: bool = False) -> tuple[bytes, bytes]:
        """What can be shown of a stream so far, and what has to wait: its end may be the beginning of a secret."""
        shown, place = [], 0
        open_from = len(data) if is_last else self._first_open(data, 0)
        while True:
            found = self._pattern.search(data, place)
            if open_from < place:
                open_from = self._first_open(data, place)
            if found is None or open_from <= found.start():
                shown.append(data[place:open_from])
                return b"".join(shown), data[open_from:]
            shown += (data[place : found.start()], _MASK.encode())
            place = found.end()

    def _first_open(self, data: bytes, place: int) -> int:
        """Where the longest end of the data begins that a secret begins with; the data's length if none does."""
        longest = max(
            (
                size
                for form in self._bytes
                for size in range(min(len(form) - 1, len(data) - place), 0, -1)
                if data.endswith(form[:size])
            ),
            default=0,
        )
        return len(data) - longest


def _forms(secret: str) -> Iterable[str]:
    """A secret as it is, as Python and JSON write it in quotes, and its lines."""
    yield from (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1])
    if "\n" in secret:
        yield secret.strip("\n")
        yield from (line for line in secret.splitlines() if len(line.strip()) >= _LEAST_LINE)
