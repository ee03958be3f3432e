"""What recipes consisted of: the parts of each fingerprint that something was built under, and their texts.

A text is kept once for each content, compressed. Without them a trace would say that its recipe was another one, and
not what was different.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterable

from dbuild.core.part import Part, Wording
from dbuild.errors import Place
from dbuild.observe.digests import digest_bytes

MOST = 50  # recipes of one target; when there are more, the oldest go that no trace has
_LEFT = 20  # the newest of them that stay in any case: the ledger's newest tasks tell of these
_LONGEST = 1 << 20  # bytes that a text is taken apart to, whatever the file says of itself


class Recipes:
    """The recipes of one Dataflowfile's targets."""

    def __init__(self, db: sqlite3.Connection, target_id: Callable[..., int]) -> None:
        self._db = db
        self._target_id = target_id

    def knows(self, target: str, fingerprint: bytes) -> bool:
        """Whether the parts of a fingerprint are kept."""
        return self._number(target, fingerprint.hex()) is not None

    def put(self, target: str, fingerprint: bytes, wordings: Iterable[Wording]) -> None:
        """Keeps the parts of a fingerprint; of more than `MOST` recipes of the target some older ones are forgotten."""
        number = self._target_id(target)
        (recipe,) = self._db.execute(
            "INSERT INTO recipe (target, fingerprint) VALUES (?, ?) RETURNING id", (number, fingerprint)
        ).fetchone()
        given = [(place, one.part, _packed(one.text)) for place, one in enumerate(wordings)]
        self._db.executemany(
            "INSERT INTO part (recipe, number, kind, name, digest, value, file, line, lines, content)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(recipe, place, part.kind, part.name, part.digest, _utf8(part.value)),
                    *(part.place.file if part.place else "", part.place.line if part.place else 0, part.lines),
                    text[0] if text else None,
                )
                for place, part, text in given
            ],
        )
        texts = [text for _, _, text in given if text]
        self._db.executemany("INSERT OR IGNORE INTO content (digest, body) VALUES (?, ?)", texts)
        (count,) = self._db.execute("SELECT count(*) FROM recipe WHERE target = ?", (number,)).fetchone()
        if count > MOST:
            self._prune(number)

    def of(self, target: str, fingerprint: str) -> tuple[Wording, ...] | None:
        """The parts of a fingerprint, or of the newest one that begins so (in hex); None where they aren't kept."""
        recipe = self._number(target, fingerprint)
        if recipe is None:
            return None
        rows = self._db.execute(
            "SELECT kind, name, part.digest, value, file, line, lines, body FROM part"
            " LEFT JOIN content ON content.digest = part.content WHERE recipe = ? ORDER BY number",
            (recipe,),
        )
        return tuple(_wording(*row) for row in rows)

    def all_of(self, target: str) -> dict[bytes, tuple[Part, ...]]:
        """The parts of all fingerprints of a target that are kept, without their texts and places."""
        rows = self._db.execute(
            "SELECT fingerprint, kind, name, digest, value FROM part JOIN recipe ON recipe.id = part.recipe"
            " WHERE recipe.target = ? ORDER BY recipe.id, number",
            (self._target_id(target, is_made=False),),
        )
        found: dict[bytes, list[Part]] = {}
        for fingerprint, *part in rows:
            found.setdefault(fingerprint, []).append(Part(*part))
        return {fingerprint: tuple(parts) for fingerprint, parts in found.items()}

    def _number(self, target: str, fingerprint: str) -> int | None:
        row = self._db.execute(
            "SELECT id FROM recipe WHERE target = ? AND substr(hex(fingerprint), 1, ?) = ? ORDER BY id DESC LIMIT 1",
            (self._target_id(target, is_made=False), len(fingerprint), fingerprint.upper()),
        ).fetchone()
        return row[0] if row else None

    def _prune(self, target: int) -> None:
        self._db.execute(
            "DELETE FROM recipe WHERE target = ?1"
            " AND id NOT IN (SELECT id FROM recipe WHERE target = ?1 ORDER BY id DESC LIMIT ?2)"
            " AND fingerprint NOT IN (SELECT fingerprint FROM trace WHERE target = ?1)"
            " AND fingerprint NOT IN (SELECT fingerprint FROM replaced JOIN mark ON mark.run = replaced.mark"
            "  WHERE mark.target = ?1 AND fingerprint IS NOT NULL)",
            (target, _LEFT),
        )
        sweep(self._db)


def sweep(db: sqlite3.Connection) -> None:
    """Forgets the parts of recipes that are gone, and the texts that no part has any more."""
    db.execute("DELETE FROM part WHERE recipe NOT IN (SELECT id FROM recipe)")
    db.execute("DELETE FROM content WHERE digest NOT IN (SELECT content FROM part WHERE content IS NOT NULL)")


def _utf8(text: str) -> str:
    """A text without bytes that are none: a program may print anything."""
    return text.encode("utf-8", "backslashreplace").decode()


def _packed(text: str | None) -> tuple[bytes, bytes] | None:
    if text is None:
        return None
    data = text.encode("utf-8", "surrogateescape")
    return digest_bytes(data), zlib.compress(data)


def _wording(
    kind: str, name: str, digest: bytes, value: str, file: str, line: int, lines: int, body: bytes | None
) -> Wording:
    part = Part(kind, name, digest, value, Place(file, line) if file else None, lines)  # type: ignore[arg-type]
    return Wording(part, _unpacked(body) if body else None)


def _unpacked(body: bytes) -> str | None:
    """A text that was kept; None where it is damaged."""
    try:
        return zlib.decompressobj().decompress(body, _LONGEST).decode("utf-8", "surrogateescape")
    except zlib.error:
        return None
