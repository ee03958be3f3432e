"""Files that belong together, told by their names: which dimensions they have, and the pattern of their paths.

A *strand* has files whose names differ in nothing but times; a *family* has strands that differ in a word, which is
a dimension too. Names in, families out; what is in the files is told by the caller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from dbuild.core.rhythm import Rhythm, rhythm_of
from dbuild.core.slots import Echo, Glob, Piece, Slot, Text, ambiguous_values, globs_of, joined, slot_pieces
from dbuild.core.stamps import Name, Reading, Stamp, is_separator, is_weak_hour, moment_of, take_apart
from dbuild.core.unit import UNITS, write_start

_PARTS = frozenset(("part", "parts", "chunk", "shard", "split", "batch", "piece", "block"))
_FEW = 3  # files without a time of which more make a family
_MOST_VALUES = 12  # words of a dimension up to which they are listed
_DENSE = 0.5  # the share of pairs of words that are there where two words are dimensions


class Strand(NamedTuple):
    """Files whose names differ only in times."""

    parts: tuple[str | Stamp, ...]
    names: tuple[Name, ...]  # sorted by path

    @property
    def sample(self) -> str:
        """A path that stands for them."""
        return self.names[0].path

    @property
    def has_time(self) -> bool:
        """Whether there are times in its names."""
        return any(isinstance(part, Stamp) for part in self.parts)


class Axis(NamedTuple):
    """A dimension of a family."""

    hint: str  # what it could be called; "" where nothing tells
    rhythm: Rhythm | None  # of a time
    values: tuple[str, ...]  # of all else, sorted
    is_listed: bool  # whether there are so few values that they can be written down
    is_sure: bool = True  # False for days and months that may be the other way round


class Family(NamedTuple):
    """A dataset that files seem to be."""

    words: tuple[str, ...]  # of its name, from the file's to those of its folders
    pieces: tuple[Piece, ...]  # of its path
    axes: tuple[Axis, ...]
    paths: tuple[str, ...]  # sorted
    present: int  # partitions that are there

    def pattern(self, names: Sequence[str]) -> str:
        """Its path, where its dimensions have these names."""
        return "".join(piece.written(names) for piece in self.pieces)


def strands_of(paths: Iterable[tuple[str, str]]) -> list[Strand]:
    """The strands of paths, each of which is given with its ending, in the order of their samples."""
    given = list(paths)
    names = [take_apart(path, ending, Reading()) for path, ending in given]
    swapped = _is_month_first(names)
    if swapped:
        names = [take_apart(path, ending, Reading(is_month_first=True)) for path, ending in given]
    found = _stranded(names)
    weak = {id(name) for strand in found if _has_false_hours(strand) for name in strand.names}
    if weak:
        plain = Reading(has_hours=False, is_month_first=swapped)
        names = [
            take_apart(name.path, ending, plain) if id(name) in weak else name
            for name, (_, ending) in zip(names, given, strict=True)
        ]
        found = _stranded(names)
    return sorted(found, key=lambda strand: strand.sample)


def families_of(strands: Sequence[Strand], contents: Mapping[str, Hashable]) -> list[Family]:
    """The families of strands. `contents` tells of samples what is in them: what differs in it is another family."""
    groups: dict[object, list[Strand]] = defaultdict(list)
    for strand in strands:
        groups[form_of(strand), contents.get(strand.sample)].append(strand)
    made = [family for group in groups.values() for family in _united(group)]
    return sorted(made, key=lambda family: family.paths[0])


def form_of(strand: Strand) -> Hashable:
    """What strands of one family have in common: all but their words."""
    return tuple(
        part if isinstance(part, Stamp) or is_separator(part) or number == len(strand.parts) - 1 else ""
        for number, part in enumerate(strand.parts)
    )


def _stranded(names: Iterable[Name]) -> list[Strand]:
    found: dict[tuple[str | Stamp, ...], list[Name]] = defaultdict(list)
    for name in names:
        found[name.parts].append(name)
    return [Strand(parts, tuple(sorted(names))) for parts, names in found.items()]


def _is_month_first(names: Iterable[Name]) -> bool:
    """Whether there are dates that have to begin with the month, and none that can't."""
    formats = {
        part.format for name in names for part in name.parts if isinstance(part, Stamp) and part.format[:2] != "%Y"
    }
    has_month_first = any(form.startswith("%m") for form in formats)
    if not has_month_first:
        return False
    return not any(
        part.format.startswith("%d") and numbers[0] > 12
        for name in names
        for part, numbers in zip((each for each in name.parts if isinstance(each, Stamp)), name.numbers, strict=True)
    )


def _has_false_hours(strand: Strand) -> bool:
    """Whether what looks like hours may be other numbers: none of them is of an afternoon."""
    stamps = [part for part in strand.parts if isinstance(part, Stamp)]
    for place, stamp in enumerate(stamps):
        if is_weak_hour(stamp) and max(name.numbers[place][-1] for name in strand.names) < 12:
            return True
    return False


# -- words that are dimensions ---------------------------------------------------------------------------------------


def _united(group: Sequence[Strand]) -> Iterator[Family]:
    """The families of strands of one form and content."""
    varying = _varying(group)
    globbed = [place for place in varying if _is_loose(group, place)]
    places = [place for place in varying if place not in globbed]
    if not places or _are_dimensions(group, places):
        yield _family(group, places, globbed)
        return
    splitting = min(places, key=lambda place: len(_values(group, place)))
    parted: dict[str, list[Strand]] = defaultdict(list)
    for strand in group:
        parted[_text(strand, splitting)].append(strand)
    for part in parted.values():
        yield from _united(part)


def _varying(group: Sequence[Strand]) -> list[int]:
    first = group[0].parts
    return [place for place in range(len(first)) if any(strand.parts[place] != first[place] for strand in group)]


def _text(strand: Strand, place: int) -> str:
    part = strand.parts[place]
    assert isinstance(part, str)
    return part


def _values(group: Sequence[Strand], place: int) -> set[str]:
    return {_text(strand, place) for strand in group}


def _label(group: Sequence[Strand], place: int) -> str:
    """The name that stands before a word, as in region=EU; "" for none."""
    parts = group[0].parts
    named = place > 1 and parts[place - 1] == "=" and isinstance(parts[place - 2], str)
    return str(parts[place - 2]) if named else ""


def _is_loose(group: Sequence[Strand], place: int) -> bool:
    """Whether a word says nothing of what is in a file: the number of a part, or what is new each time."""
    if _label(group, place):
        return False
    before = group[0].parts[place - 2] if place > 1 else ""
    stem = _stem(_values(group, place))
    if {str(before).lower(), stem.lower().rstrip("-_")} & _PARTS:
        return True
    values = _values(group, place)
    files = sum(len(strand.names) for strand in group)
    if not group[0].has_time or len(values) <= _FEW or files >= 1.5 * len(values):
        return False
    times = {name.numbers for strand in group for name in strand.names}
    return len(times) > 0.5 * files


def _are_dimensions(group: Sequence[Strand], places: Sequence[int]) -> bool:
    """Whether the words at these places are dimensions of one family, rather than names of several."""
    columns = {tuple(_text(strand, place) for strand in group) for place in places}
    distinct = [len(set(column)) for column in columns]
    product = 1
    for count in distinct:
        product *= count
    if len(columns) > 1 and len(group) < _DENSE * product:
        return False
    if group[0].has_time:
        return not any(_are_titles(group, place) for place in places)
    return len(group) >= _FEW and all(_is_code(group, place) for place in places)


def _are_titles(group: Sequence[Strand], place: int) -> bool:
    """Whether words look like the names of several things: small letters, few, at the beginning of files' names."""
    values = _values(group, place)
    is_leading = place == 0 or "/" in str(group[0].parts[place - 1])
    is_file = not any("/" in str(part) for part in group[0].parts[place:])
    small = all(len(value) > _FEW and value.isalpha() and value.islower() for value in values)
    return is_leading and is_file and small and len(values) <= _FEW + 1


def _is_code(group: Sequence[Strand], place: int) -> bool:
    """Whether words look like the values of something: numbers, capitals, or named (region=EU)."""
    values = _values(group, place)
    rests = {value.removeprefix(_stem(values)) for value in values}
    return bool(_label(group, place)) or all(rest.isdigit() for rest in rests) or all(each.isupper() for each in values)


def _stem(values: Iterable[str]) -> str:
    """The word that all values begin with, where what follows are numbers: store of store1 and store2."""
    stems = {value.rstrip("0123456789") for value in values}
    stem = stems.pop() if len(stems) == 1 else ""
    return stem if all(value != stem for value in values) else ""


# -- a family --------------------------------------------------------------------------------------------------------


def _family(group: Sequence[Strand], places: Sequence[int], globbed: Sequence[int]) -> Family:
    """The family of strands that differ in the words at `places` and, saying nothing, at `globbed`."""
    axes: list[Axis] = []
    pieces: list[Piece] = []
    known: dict[tuple[str, ...], int] = {}  # the words of each strand -> the axis that has them
    parts = group[0].parts
    main, moments = _main_stamp(group)
    stamp = -1
    for place, part in enumerate(parts):
        if isinstance(part, Stamp):
            stamp += 1
            if stamp == main:
                axis, made = _time_axis(group, part, main, moments, len(axes))
                axes += [axis]
                pieces += made
            else:
                pieces += _other_stamp(group, part, stamp, main)
        elif place in globbed:
            stem = _stem(_values(group, place))
            pieces += [Text(stem), Glob("*")] if stem else [Glob("*")]
        elif place in places:
            pieces += _word_pieces(group, place, axes, known)
        else:
            pieces.append(Text(part))
    paths = tuple(sorted(name.path for strand in group for name in strand.names))
    present = _present(group, places, moments)
    unit = next((axis.rhythm.unit for axis in axes if axis.rhythm is not None), "day")
    return Family(_words(group[0], places, globbed), joined(pieces, unit), tuple(axes), paths, present)


def _word_pieces(
    group: Sequence[Strand], place: int, axes: list[Axis], known: dict[tuple[str, ...], int]
) -> list[Piece]:
    column = tuple(_text(strand, place) for strand in group)
    if column in known:
        return [Slot(known[column], None)]
    values = set(column)
    label = _label(group, place)
    stem = "" if label else _stem(values)
    if not stem:
        known[column] = len(axes)
    kept = tuple(sorted(value.removeprefix(stem) for value in values))
    axes.append(Axis(label or stem.strip("-_") or _word_before(group, place), None, kept, len(kept) <= _MOST_VALUES))
    slot = Slot(len(axes) - 1, None)
    return [Text(stem), slot] if stem else [slot]


def _word_before(group: Sequence[Strand], place: int) -> str:
    """What numbers are counted by the word before them, as in store_07; "" for none."""
    before = group[0].parts[place - 2] if place > 1 else ""
    is_numbered = all(value.isdigit() for value in _values(group, place))
    return before if is_numbered and isinstance(before, str) and before.isalpha() and len(before) > 2 else ""


def _main_stamp(group: Sequence[Strand]) -> tuple[int, list[datetime]]:
    """Which stamp tells the time: the finest, of these the first; and its moments. -1 where there is none."""
    stamps = [part for part in group[0].parts if isinstance(part, Stamp)]
    if not stamps:
        return -1, []
    if len(stamps) == 1 and len(group[0].names) == 1 and len(group) == 1 and stamps[0].directives == ("Y",):
        return -1, []  # one file of a year is a file
    main = max(range(len(stamps)), key=lambda place: (UNITS[::-1].index(unit_of(stamps[place])), -place))
    letters = stamps[main].directives
    moments = []
    for strand in group:
        for name in strand.names:
            moment = moment_of(dict(zip(letters, name.numbers[main], strict=True)))
            assert moment is not None  # or it would be no stamp
            moments.append(moment)
    return main, moments


def unit_of(stamp: Stamp) -> str:
    """The unit of a stamp's times."""
    letters = set(stamp.directives)
    for letter, unit in (("M", "minute"), ("H", "hour"), ("d", "day"), ("j", "day"), ("V", "week"), ("q", "quarter")):
        if letter in letters:
            return unit
    return "month" if "m" in letters else "year"


def _time_axis(
    group: Sequence[Strand], stamp: Stamp, place: int, moments: Sequence[datetime], number: int
) -> tuple[Axis, list[Piece]]:
    """The axis of times, and how they stand in the path; where they follow no rhythm, their texts are its values."""
    numbers = [name.numbers[place] for strand in group for name in strand.names]
    rhythm = rhythm_of(unit_of(stamp), moments)
    pieces = slot_pieces(stamp, rhythm.unit, number, numbers) if rhythm is not None else None
    if rhythm is not None and pieces is not None:
        is_sure = not (stamp.format[:2] in ("%d", "%m") and ambiguous_values(stamp, numbers))
        return Axis(rhythm.unit if rhythm.step == 1 else "period", rhythm, (), False, is_sure), pieces
    if "/" not in stamp.format:
        texts = {_filled(stamp, each) for each in numbers}
        return Axis("snapshot", None, tuple(sorted(texts)), False), [Slot(number, None)]
    unit = unit_of(stamp)
    periods = sorted(set(moments))
    found = rhythm_of(unit, periods[:1])
    assert found is not None  # one moment follows any
    whole = found._replace(last=periods[-1], present=len(periods), expected=0)
    made = slot_pieces(stamp, unit, number, numbers)
    assert made is not None  # its own unit is what a stamp tells
    return Axis(unit, whole, (), False), made


def _filled(stamp: Stamp, numbers: Sequence[int]) -> str:
    """The text that a stamp was read from."""
    text = stamp.format
    for letter, number in zip(stamp.directives, numbers, strict=True):
        width = {"Y": 4, "G": 4, "j": 3, "q": 1}.get(letter, 2)
        text = text.replace(f"%{letter}", f"{number:0{width}d}", 1)
    return text


def _other_stamp(group: Sequence[Strand], stamp: Stamp, place: int, main: int) -> list[Piece]:
    """Another time in a path than the one that counts: an echo of it, or as it is where it is the same everywhere."""
    names = [name for strand in group for name in strand.names]
    stamps = [part for part in group[0].parts if isinstance(part, Stamp)]
    if main >= 0 and all(_agree(stamp, name.numbers[place], stamps[main], name.numbers[main]) for name in names):
        return [Echo(stamp.format)]
    texts = {_filled(stamp, name.numbers[place]) for name in names}
    return [Text(texts.pop())] if len(texts) == 1 else globs_of(stamp.format)


def _agree(one: Stamp, numbers: Sequence[int], other: Stamp, others: Sequence[int]) -> bool:
    """Whether two times are of one moment, as far as both say it."""
    known = dict(zip(other.directives, others, strict=True))
    return all(known.get(letter) == number for letter, number in zip(one.directives, numbers, strict=True))


def _present(group: Sequence[Strand], places: Sequence[int], moments: Sequence[datetime]) -> int:
    """How many partitions there are: files that differ only in what says nothing are one."""
    at = iter(moments)
    words = [tuple(strand.parts[place] for place in places) for strand in group for _ in strand.names]
    return len({(each, next(at, None)) for each in words})


def _words(strand: Strand, places: Sequence[int], globbed: Sequence[int]) -> tuple[str, ...]:
    """The constant words of a path, those of the last part first, each part's in their order."""
    levels: list[list[str]] = [[]]
    parts = strand.parts[:-1]
    for place, part in enumerate(parts):
        if isinstance(part, Stamp):
            continue
        if is_separator(part):
            if "/" in part:
                levels.append([])
            continue
        is_label = place + 1 < len(parts) and str(parts[place + 1]).startswith("=")
        if place not in places and place not in globbed and not is_label and not part.isdigit():
            levels[-1].append(part)
    return tuple("_".join(level) for level in reversed(levels) if level)


def first_key(axis: Axis) -> str:
    """The first key of an axis."""
    if axis.rhythm is None:
        return axis.values[0]
    return write_start(axis.rhythm.unit, axis.rhythm.first)
