"""The tree of errors that a person can act on: what is wrong, where, and what to do.

Everything that a user of dbuild can cause is raised as a `UserError`; anything else that escapes is a fault of dbuild.
"""

from __future__ import annotations

from collections.abc import Iterable

from dbuild.values import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file of the project; line 0 stands for the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class UserError(Exception):
    """Something a person can mend. `exit_code` is what the command line ends with."""

    exit_code = 2

    def __init__(self, what: str, place: Place | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        head = f"{self.place}: {self.what}" if self.place else self.what
        return f"{head}\n  hint: {self.hint}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.what, self.place, self.hint))


class ProjectError(UserError):
    """All mistakes found in a project's files, in the order of their places."""

    def __init__(self, problems: Iterable[UserError]) -> None:
        ordered = sorted(problems, key=lambda p: (p.place is None, p.place or Place(""), p.what))
        self.problems: tuple[UserError, ...] = tuple(dict.fromkeys(ordered))
        super().__init__("\n".join(str(p) for p in self.problems))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.problems,))


class UsageError(UserError):
    """A command line that can't be taken: an unknown target, key or option."""


class StateError(UserError):
    """The state store can't be used: read-only, of a newer version, held elsewhere."""

    exit_code = 1


class DiskError(StateError):
    """Files can't be read or written where they have to be: no room, read-only, or failing."""


class RecipeError(UserError):
    """A recipe can't do what it was asked to; its task fails with this text. `causes` as in core.task.Result."""

    exit_code = 1

    def __init__(
        self, what: str, place: Place | None = None, hint: str | None = None, causes: Iterable[str] = ()
    ) -> None:
        super().__init__(what, place, hint)
        self.causes = tuple(causes)

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.what, self.place, self.hint, self.causes))


class MissingExtra(UserError):
    """A feature needs a package that isn't installed."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> MissingExtra:
        return cls(f"{purpose} needs the package {package}", hint=f"pip install 'dbuild[{extra}]'")


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """A hint of the form 'did you mean "x"?' for a misspelt word; None when nothing is near."""
    names = sorted(set(choices))
    lowered = {name.lower(): name for name in names}
    from difflib import get_close_matches  # half of what this module would cost to import

    found = get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f'did you mean "{lowered[found[0]]}"?' if found else None
