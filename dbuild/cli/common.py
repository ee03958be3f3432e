"""What every command is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dbuild.build import Settings


class Common(NamedTuple):
    """What every command is told: where the project is, its params, and how to report."""

    directory: Sequence[str]
    file: str
    params: tuple[tuple[str, str], ...]
    is_json: bool
    is_quiet: bool
    is_verbose: bool

    def settings(self) -> Settings:
        """Where the project is. Several -C go on from each other, as in make. Raises UsageError for no folder."""
        from dbuild.build import Settings
        from dbuild.errors import UsageError

        folder = os.path.join(".", *self.directory) if self.directory else "."
        if self.directory and not os.path.isdir(folder):
            raise UsageError(
                f'there is no folder "{os.path.join(*self.directory)}"',
                hint="-C names the one that the Dataflowfile is in",
            )
        return Settings(folder, self.file, self.params, _given_moment(os.environ.get("DBUILD_NOW")))


def _given_moment(text: str | None) -> float | None:
    """The moment of DBUILD_NOW, for trying out what time brings; as in a file where it is @FILE. Raises UsageError."""
    if not text:
        return None
    if text.startswith("@"):
        return _given_moment(_first_line(text[1:]))
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        from dbuild.errors import UsageError

        raise UsageError(f'DBUILD_NOW is no moment: "{text}"', hint="as in DBUILD_NOW=2024-01-05T07:00") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.readline().strip()
    except OSError as error:
        from dbuild.errors import UsageError

        raise UsageError(f"the file of DBUILD_NOW can't be read: {error.strerror}: {path}") from None
