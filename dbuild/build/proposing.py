"""What `dbuild init` finds in a folder, the Dataflowfile that it proposes for it, and how that is written."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from dbuild.build.interrupts import interruptible
from dbuild.core.families import Family, Strand, families_of, form_of, strands_of
from dbuild.core.proposal import Content, Draft, common_content, draft_of, is_table
from dbuild.errors import DiskError, UsageError
from dbuild.observe.names import MOST, list_files
from dbuild.project.beginnings import Beginning, beginnings_of
from dbuild.project.drafting import draft_text
from dbuild.project.starter import STARTER
from dbuild.recipes.sniffing import Head, Sniffer
from dbuild.state.opening import open_state
from dbuild.state.store import FOLDER

Item = TypeVar("Item")

_ALL = 40  # strands of one form that are all looked into
_SOME = 12  # of more: so many, and what they agree in is said of all
_SAMPLES = 6  # files of a family whose columns are compared
_NOTES = 3  # folders that can't be read which are named
_SINGLE = 24  # files that become a source each
_SETTINGS = frozenset(("package.json", "package-lock.json", "tsconfig.json", "composer.json", "manifest.json"))


class Look(NamedTuple):
    """What a folder has."""

    folder: str  # its name
    families: tuple[Family, ...]
    contents: dict[str, Content]  # by the first path of a family
    notes: tuple[str, ...]  # what was left out, and why
    is_empty: bool  # whether there are no data


class Proposal(NamedTuple):
    """A Dataflowfile that could be written."""

    draft: Draft
    beginnings: tuple[Beginning, ...]
    files: dict[str, str]  # all that would be written: texts by path, the Dataflowfile first
    notes: tuple[str, ...]


def look(directory: str) -> Look:
    """What is in a folder, which may not be there yet. Raises UsageError where it is no folder or can't be read."""
    if os.path.lexists(directory) and not os.path.isdir(directory):
        raise UsageError(f'"{directory}" is no folder', hint="dbuild init takes a folder of data files")
    root = os.path.abspath(directory)
    found = list_files(root) if os.path.isdir(root) else None
    if found is not None and "." in found.unread:
        raise UsageError(f'the folder "{directory}" can\'t be read', hint="see its permissions")
    paths = list(found.sizes) if found is not None else []
    notes = _unread(found.unread) if found is not None else []
    if found is not None and not found.is_whole:
        notes.append(f"there are more than {MOST:,} files: the rest wasn't looked at")
    if found is not None and found.unnamed:
        notes.append(f"{found.unnamed:,} files have names that no pattern can match (not UTF-8, or control characters)")
    outputs = _outputs(root)
    made = {path for path in paths if any(each.fullmatch(path) for each in outputs)}
    paths = [path for path in paths if path not in made]
    tables = [path for path in paths if is_table(path) and os.path.basename(path) not in _SETTINGS]
    strands = strands_of((path, _ending(path)) for path in tables)
    if not strands:
        others = strands_of((path, _ending(path)) for path in paths)
        strands = [strand for strand in others if strand.has_time and len(strand.names) > 1]
    sniffer = Sniffer([root])
    try:
        with interruptible() as signals:
            families, contents, more = _families(Samples(root, sniffer, found.sizes if found else {}, signals), strands)
    finally:
        sniffer.close()
    taken = sum(len(family.paths) for family in families)
    if made:
        notes.append(f"{_counted(len(made), 'file')} left out that dbuild made")
    if families and len(paths) > taken:
        notes.append(f"{_counted(len(paths) - taken, 'other file')} left out")
    elif paths and not families and not tables:
        named = ", ".join([*paths[:3], "…"] if len(paths) > 3 else paths)
        notes.append(f"of {_counted(len(paths), 'file')} here ({named}) none is CSV, JSON, Parquet or Arrow")
    return Look(os.path.basename(root), tuple(families), contents, (*more, *notes), not families)


def _unread(folders: Sequence[str]) -> list[str]:
    more = [f"{len(folders) - _NOTES:,} folders more can't be read"] if len(folders) > _NOTES else []
    return [*(f"{folder}/ can't be read" for folder in folders[:_NOTES]), *more]


def _outputs(root: str) -> list[re.Pattern[str]]:
    """What paths look like to which builds in this folder wrote: these are no sources of another flow."""
    if not os.path.exists(os.path.join(root, FOLDER, "state.db")):
        return []
    state = open_state(root, "", is_reader=True)
    try:
        owned = list(state.owners())
    finally:
        state.close()
    return [re.compile(_loosened(pattern), re.DOTALL) for pattern in owned]


def _loosened(pattern: str) -> str:
    """A regular expression for a pattern of paths, in which a field may stand for anything."""
    texts = re.split(r"\{[^{}]*\}", pattern.replace("{{", "\0").replace("}}", "\1"))
    escaped = (re.escape(text.replace("\0", "{").replace("\1", "}")) for text in texts)
    return ".+".join(escaped) + (".+" if pattern.endswith("/") else "")


def propose(found: Look, file: str, now: datetime, names: Mapping[str, str], due: str) -> Proposal:
    """The proposal for what was found: `names` for dimensions that have no sure one, `due` a time of day or ""."""
    if found.is_empty:
        texts = {file if path == "Dataflowfile" else path: text for path, text in STARTER.items()}
        return Proposal(Draft((), ()), (), texts, found.notes)
    draft = draft_of(found.families, found.contents, found.folder, now + timedelta(days=1), names)
    beginnings = beginnings_of(draft)
    text = draft_text(draft, beginnings, found.folder or "data", due)
    return Proposal(draft, tuple(beginnings), {file: text}, found.notes)


def write(directory: str, files: Mapping[str, str]) -> None:
    """Writes the files of a proposal, none over another. Raises UsageError where one is there, DiskError."""
    check_free(directory, files)
    try:
        for path, text in files.items():
            whole = os.path.join(directory, path)
            os.makedirs(os.path.dirname(whole) or ".", exist_ok=True)
            with open(whole, "x", encoding="utf-8") as stream:
                stream.write(text)
    except FileExistsError as error:
        raise UsageError(
            f"{error.filename} is there already", hint="nothing is overwritten: look at it first"
        ) from None
    except OSError as error:
        raise DiskError(
            f"{error.filename} can't be written: {error.strerror}", hint="dbuild init -n prints it"
        ) from None


def check_free(directory: str, files: Mapping[str, str]) -> None:
    """UsageError where a file is there that would be written."""
    for path in files:
        whole = os.path.join(directory, path)
        if os.path.lexists(whole):
            hint = "nothing is overwritten: -n prints what would be proposed, -f NAME writes another file"
            raise UsageError(f"{os.path.normpath(whole)} is there already", hint=hint)


class Samples:
    """The beginnings of files, each looked at once; those of empty files and of no tables are empty."""

    def __init__(self, root: str, sniffer: Sniffer, sizes: Mapping[str, int], signals: Sequence[int]) -> None:
        self._signals = signals  # that came meanwhile: a sniffer takes what DuckDB makes of them for a file's problem
        self._root = root
        self._sniffer = sniffer
        self._sizes = sizes
        self._heads: dict[str, Head] = {}

    def head(self, path: str) -> Head:
        """The beginning of a file; an empty one is no table."""
        if path not in self._heads:
            is_empty = not self._sizes.get(path)
            nothing = Head((), (), (), "it is empty" if is_empty else "")
            is_looked_at = is_table(path) and not is_empty
            self._heads[path] = self._sniffer.head(os.path.join(self._root, path)) if is_looked_at else nothing
            if self._signals:
                raise KeyboardInterrupt
        return self._heads[path]

    def content(self, family: Family) -> Content:
        """What some files of a family have in common: of those that aren't empty, if there are any."""
        if not is_table(family.paths[0]):
            return Content()
        full = [path for path in family.paths if self._sizes.get(path)]
        found = [self.head(path) for path in _spread(full or family.paths, _SAMPLES)]
        return common_content([(head.columns, head.read, head.rows, head.problem) for head in found])


def _families(samples: Samples, strands: Sequence[Strand]) -> tuple[list[Family], dict[str, Content], list[str]]:
    """The families of strands, with what is in them; and notes on what is left out."""
    alike = _signatures(samples, strands)
    contents: dict[str, Content] = {}
    kept: list[Family] = []
    notes: list[str] = []
    singles = 0
    for family in families_of(strands, alike):
        first = family.paths[0]
        content = samples.content(family)
        if not family.axes and not content.columns:
            notes.append(f"{first} is no table: {content.problem}")
            continue
        if content.problem and not content.columns:
            notes.append(f"{first} and those like it are taken as bytes: {content.problem}")
        singles += not family.axes
        if not family.axes and singles > _SINGLE:
            continue
        contents[first] = content
        kept.append(family)
    if singles > _SINGLE:
        notes.append(f"{singles - _SINGLE:,} single files left out: each would be a source of its own")
    return kept, contents, notes


def _signatures(samples: Samples, strands: Sequence[Strand]) -> dict[str, Hashable]:
    """What is in the sample of each strand, as far as it tells families apart: the names of columns."""
    forms: dict[object, list[Strand]] = defaultdict(list)
    for strand in strands:
        forms[form_of(strand)].append(strand)
    found: dict[str, Hashable] = {}
    for group in forms.values():
        looked = group if len(group) <= _ALL else _spread(group, _SOME)
        names = {strand.sample: _names(samples.head(strand.sample)) for strand in looked}
        if len(group) > _ALL:
            common = next(iter(names.values())) if len(set(names.values())) == 1 else ()
            names = {strand.sample: common for strand in group}
        found.update(names)
    return found


def _names(head: Head) -> tuple[str, ...]:
    return tuple(sorted(name.lower() for name, _ in head.columns))


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    """So many items, the first, the last, and what lies evenly between."""
    if len(items) <= most:
        return list(items)
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _ending(path: str) -> str:
    """What a name ends with from its format on: ".csv.gz"."""
    stem, ending = os.path.splitext(path)
    return os.path.splitext(stem)[1] + ending if ending in (".gz", ".zst") else ending


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
