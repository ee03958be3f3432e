"""Path patterns: the paths of a dataset's partitions, in both directions (key -> path, path -> key).

`data/{day}/{origin}-*.csv` has fields for dimensions, and globs within a component; `{day:%Y/%m/%d}` writes a period in
another form; `{{` and `}}` stand for braces. `out/{day}/` is a folder, with all that is in it. Unaware of datasets and
of what is on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from dbuild.core.grain import Grain
from dbuild.core.overlap import FREE, Atom, Component, OneOf, Some
from dbuild.core.period import PeriodFormat
from dbuild.core.pieces import Field, Glob, Literal, fields_of, is_key, parse_pattern
from dbuild.errors import UserError
from dbuild.values import dataclass

TEMPORARY = ".dbuild-tmp-"  # how the names of unfinished outputs begin
FOLDER_DEPTH = 64  # how deep files may lie in an output folder

_KEPT = 500  # keys of which a pattern keeps the paths
_FREE = r"[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]+?"
_BELOW = rf"(?!{re.escape(TEMPORARY)})[^/\ud800-\udfff]+"  # a name in an output folder


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field where it stands in the pattern."""

    field: Field
    position: int  # of its value in a key
    period: PeriodFormat | None  # None: no time
    is_leading: bool  # whether it starts a component


class PathPattern:
    """The path of each partition of a dataset.

    A field that is no time takes as little of a path as it can. As in the shell, neither it nor a glob stands for
    the leading dot of a name. Keys are tuples of texts, one for each of `dimensions`. A pattern that ends with a slash
    is a folder: to a partition belong all files in it, hidden ones too, but no unfinished ones.
    """

    __slots__ = (
        "_components",
        "_is_delicate",
        "_made",
        "_match",
        "_pieces",
        "_readers",
        "_slots",
        "_template",
        "depth",
        "dimensions",
        "has_glob",
        "is_folder",
        "is_multiple",
        "is_static",
        "root",
        "text",
    )

    def __init__(self, text: str, dimensions: Mapping[str, Grain | None]) -> None:
        """The pattern that `text` writes; a grain of None stands for a dimension that isn't time.

        Raises UserError, without a place, where it has unknown fields or can't be turned back into keys.
        """
        self.text = text
        self.dimensions = fields_of(parse_pattern(text))  # in the order of first appearance
        self._pieces = self._resolve(dimensions)
        self._slots = [piece for piece in self._pieces if isinstance(piece, _Slot)]
        self.has_glob = any(isinstance(piece, Glob) for piece in self._pieces)
        self.is_folder = text.endswith("/")
        self.is_multiple = self.has_glob or self.is_folder  # a partition may have several files: found, not made
        self.is_static = not self._slots and not self.is_multiple
        first = self._pieces[0].text if self._pieces and isinstance(self._pieces[0], Literal) else ""
        folder = first[: first.rfind("/") + 1]
        self.root = folder.rstrip("/") or folder  # the folders before the first field or glob; "" for none
        levels = 1 + sum(map(_slashes, self._pieces)) - folder.count("/")
        self.depth = FOLDER_DEPTH if self.is_folder else levels  # how many components there may be below root
        self._is_delicate = self._check_neighbours()
        self._template = "".join(_template(piece) for piece in self._pieces)
        self._match: Callable[[str], re.Match[str] | None] | None = None
        self._readers: list[tuple[int, Callable[[str], str | None]]] = []
        self._components: tuple[Component, ...] | None = None
        self._made: dict[Sequence[str], str] = {}  # of the last keys: each is asked for several times, also by windows

    def path(self, key: Sequence[str]) -> str:
        """The path of a partition, a folder's with its slash.

        ValueError where the pattern has a glob or the key can't be written.
        """
        known = self._made.get(key) if type(key) is tuple else None
        if known is not None:
            return known
        if self.has_glob:
            raise ValueError(f'"{self.text}" has a glob: its paths are found, not made')
        if len(key) != len(self.dimensions):
            raise ValueError(f"{len(key)} values given for the {len(self.dimensions)} dimensions of {self.text}")
        made = self._template % tuple([_written(slot, key[slot.position]) for slot in self._slots])
        if self._is_delicate and self.key(f"{made}x" if self.is_folder else made) != tuple(key):
            raise ValueError(f'the path "{made}" doesn\'t tell where the values of {", ".join(key)} begin and end')
        if len(self._made) >= _KEPT:
            self._made.clear()
        self._made[tuple(key)] = made
        return made

    def paths(self, keys: Sequence[Sequence[str]]) -> list[str]:
        """The paths of many partitions: as `path` of each."""
        is_plain = len(self._slots) == len(self.dimensions) == 1 and not self._slots[0].period and not self.has_glob
        values = [key[0] for key in keys if len(key) == 1] if is_plain else []
        # All values are looked at as one text; where anything in it is unusual, one by one.
        text = "\n".join(["", *values, ""])
        is_usual = (
            is_plain and len(values) == len(keys) == text.count("\n") - 1 and "\n\n" not in text and "\n." not in text
        )
        if not is_usual or not is_key(text.replace("\n", " ")):
            return [self.path(key) for key in keys]
        before, _, after = (self._template % "\n").partition("\n")  # no pattern holds a line's end
        return [f"{before}{value}{after}" for value in values]

    def key(self, path: str) -> tuple[str, ...] | None:
        """The key of the partition that a file's path belongs to; None where it belongs to none.

        Where a partition has one file, `path(key(p)) == p`. Names that aren't valid UTF-8 (surrogate escapes) belong to
        none.
        """
        found = (self._match or self._compile())(path)
        if found is None:
            return None
        values: list[str] = []
        for (position, read), text in zip(self._readers, found.groups(), strict=True):
            value = read(text)
            if value is None:
                return None
            if position == len(values):
                values.append(value)
            elif values[position] != value:
                return None
        return tuple(values)

    def overlaps(self, other: PathPattern, values: Mapping[str, Sequence[str]] | None = None) -> bool:
        """Whether one path could belong to both; true where that isn't sure. `values`: of dimensions that are lists."""
        mine, others = self.components(values), other.components(values)
        longer = len(mine) - len(others)
        if (longer > 0 and not other.is_folder) or (longer < 0 and not self.is_folder):
            return False
        if longer == 0 and self.is_folder != other.is_folder:
            return False  # a folder is none of its own files
        return all(one.meets(two) for one, two in zip(mine, others, strict=False))

    def components(self, values: Mapping[str, Sequence[str]] | None = None) -> tuple[Component, ...]:
        """The shapes of the path's components, for `core.overlap`; `values`: of dimensions that are lists.

        Those of a folder are its own: what is in it may have any.
        """
        if values and any(name in values for name in self.dimensions):
            return self._split(values)
        if self._components is None:
            self._components = self._split({})
        return self._components

    def _resolve(self, dimensions: Mapping[str, Grain | None]) -> list[Literal | Glob | _Slot]:
        resolved: list[Literal | Glob | _Slot] = []
        is_leading = True
        for piece in parse_pattern(self.text):
            if isinstance(piece, Field):
                resolved.append(self._slot(piece, dimensions, is_leading))
            else:
                resolved.append(piece)
            is_leading = isinstance(piece, Literal) and piece.text.endswith("/")
        return resolved

    def _slot(self, field: Field, dimensions: Mapping[str, Grain | None], is_leading: bool) -> _Slot:
        if field.name not in dimensions:
            raise UserError(f'"{{{field.name}}}" is no dimension')
        grain = dimensions[field.name]
        if grain is None and field.format is not None:
            what = f'"{field.name}" is no time, so it can\'t have the format "{field.format}"'
            raise UserError(what, hint=f'write "{{{field.name}}}"')
        period = PeriodFormat(grain, field.format) if grain else None
        return _Slot(field, self.dimensions.index(field.name), period, is_leading)

    def _check_neighbours(self) -> bool:
        """Whether two values of free text share a component, so that not every pair of them can be told apart.

        UserError where they touch.
        """
        for one, two in zip(self._pieces, self._pieces[1:], strict=False):
            if _is_free(one) and _is_free(two):
                what = f'nothing tells where "{_said(one)}" ends and "{_said(two)}" begins in "{self.text}"'
                raise UserError(what, hint=f'put a separator between them: "{_said(one)}-{_said(two)}"')
        free = 0
        for piece in self._pieces:
            if isinstance(piece, Literal) and "/" in piece.text:
                free = 0
            free += _is_free(piece)
            if free > 1:
                return True
        return False

    def _compile(self) -> Callable[[str], re.Match[str] | None]:
        """The matcher of paths, made when it is first needed: compiling costs more than reading a whole project."""
        groups: dict[Field, int] = {}
        parts = []
        is_leading = True
        for piece in self._pieces:
            guard = r"(?!\.)" if is_leading and not isinstance(piece, Literal) else ""
            if isinstance(piece, Literal):
                parts.append(re.escape(piece.text))
            elif isinstance(piece, Glob):
                parts.append(guard + piece.regex)
            elif piece.field in groups:
                parts.append(rf"(?:\{groups[piece.field]})")
            else:
                groups[piece.field] = len(groups) + 1
                parts.append(f"({piece.period.regex})" if piece.period else f"{guard}({_FREE})")
                self._readers.append((piece.position, piece.period.read if piece.period else _read_free))
            is_leading = isinstance(piece, Literal) and piece.text.endswith("/")
        if self.is_folder:
            parts.append(f"(?:{_BELOW}/)*{_BELOW}")
        self._match = re.compile("".join(parts)).fullmatch
        return self._match

    def _split(self, values: Mapping[str, Sequence[str]]) -> tuple[Component, ...]:
        components: list[list[Atom]] = [[]]
        for piece in self._pieces:
            for atom in _atoms(piece, values):
                if not isinstance(atom, str):
                    components[-1].append(atom)
                    continue
                first, *others = atom.split("/")
                components[-1].append(first)
                components.extend([text] for text in others)
        if self.is_folder:
            components.pop()
        return tuple(Component([atom for atom in atoms if atom]) for atoms in components)


def _is_free(piece: Literal | Glob | _Slot) -> bool:
    """Whether a piece takes a text of any length."""
    return (isinstance(piece, Glob) and piece.text == "*") or (isinstance(piece, _Slot) and piece.period is None)


def _said(piece: Literal | Glob | _Slot) -> str:
    return f"{{{piece.field.name}}}" if isinstance(piece, _Slot) else piece.text


def _slashes(piece: Literal | Glob | _Slot) -> int:
    text = piece.field.format if isinstance(piece, _Slot) else piece.text
    return text.count("/") if text else 0


def _template(piece: Literal | Glob | _Slot) -> str:
    return "%s" if isinstance(piece, _Slot) else piece.text.replace("%", "%%")


def _written(slot: _Slot, value: str) -> str:
    if slot.period:
        return slot.period.write(value)
    if not is_key(value) or (slot.is_leading and value[0] == "."):
        raise ValueError(f'the value "{value}" can\'t be a part of a path')
    return value


def _read_free(text: str) -> str | None:
    return text if text not in (".", "..") else None


def _atoms(piece: Literal | Glob | _Slot, values: Mapping[str, Sequence[str]]) -> tuple[Atom, ...]:
    match piece:
        case Literal(text):
            return (text,)
        case Glob(text, _, ranges):
            return (Some(ranges, is_repeated=text == "*"),)
        case _:
            if piece.period:
                return piece.period.atoms
            return (OneOf(tuple(values[piece.field.name])),) if values.get(piece.field.name) else FREE
