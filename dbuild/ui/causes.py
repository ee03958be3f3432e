"""Causes and what stands behind them: as lines, with the differences of texts, and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import unified_diff

from dbuild.core.causes import Author, Behind, Cause, RunNote
from dbuild.core.changes import PartChange
from dbuild.ui.json import key_record
from dbuild.ui.moments import clock, clocks
from dbuild.ui.stream import paint
from dbuild.ui.text import clean, clip, counted, listed, partition_name

_CAUSES = 20  # causes of one partition
_ALIKE = 5  # of one kind, about one dataset
_PARTS = 12  # parts of a recipe
_LINES = 14  # of the difference of one part
_DEEP = 30  # groups of partitions behind one
_NAMES = 2  # partitions of a group that are named
_AROUND = 2  # lines around a difference
_WIDEST = 200  # characters of a line of a text
_COMMIT = 10  # digits of a commit
_HOW = {"changed": "changed", "added": "counts now", "removed": "counts no more", "moved": "moved"}


class Telling:
    """The lines about one partition. What was told once of a recipe or a run isn't told again."""

    def __init__(self, *, is_whole: bool = False) -> None:
        """`is_whole`: nothing is left out for its length."""
        self._is_whole = is_whole
        self._recipes: set[object] = set()
        self._runs: set[str] = set()
        self._left = _DEEP

    def causes(self, causes: Sequence[Cause]) -> Iterator[str]:
        """Each cause with what is known of it; of many alike the first ones."""
        shown = 0
        alike: dict[tuple[str, str], list[Cause]] = {}
        for cause in causes:
            alike.setdefault((cause.reason.kind, cause.reason.subject.partition("@")[0]), []).append(cause)
        for (kind, dataset), group in alike.items():
            kept = group if self._is_whole else group[: min(_ALIKE, max(0, _CAUSES - shown))]
            shown += len(kept)
            for cause in kept:
                yield from self._cause(cause)
            more = len(group) - len(kept) + sum(cause.more for cause in kept)
            if more:
                yield clean(f"{kind}: {more:,} more{f' of {dataset}' if dataset else ''}")

    def _cause(self, cause: Cause) -> Iterator[str]:
        if not cause.parts:
            yield cause_text(cause)
            return
        is_told = cause.parts in self._recipes
        self._recipes.add(cause.parts)
        yield f"{cause_text(cause)}{' (as told above)' if is_told else ''}"
        if not is_told:
            yield from (f"  {line}" for line in part_lines(cause, is_whole=self._is_whole))

    def behind(self, behind: Sequence[Behind]) -> Iterator[str]:
        """The partitions behind one, each with its causes, and what stands behind these; indented by how far it is."""
        for number, one in enumerate(behind):
            self._left -= 1
            if self._left < 0 and not self._is_whole:
                yield f"and {counted(len(behind) - number, 'more group')} of partitions (-v shows all)"
                return
            yield self._heading(one)
            if one.is_repeated:
                continue
            yield from (f"  {line}" for line in self.causes(one.causes))
            if one.run and one.stands != "ran":
                yield f"  built before {self.run(one.run)}"
            if one.unrouted:
                yield f"  {unrouted_text(one.unrouted)}"
            yield from (f"  {line}" for line in self.behind(one.behind))

    def _heading(self, one: Behind) -> str:
        names = _names(one)
        again = " (as told above)" if one.is_repeated else ""
        names = f"far back {names}" if one.is_far else names
        first = f"; {partition_name(one.dataset, one.keys[0])}:" if one.count > 1 and one.causes and one.keys else ""
        if one.stands == "ran":
            return f"{names} ran {self.run(one.run) if one.run else 'before'}{again}{first}"
        return f"behind {names}, which {one.stands}{again}{first}"

    def run(self, note: RunNote, took: str = "") -> str:
        """A run, the first time with the moment at which it built the partition, and who stood behind it."""
        took = f" ({took})" if took else ""
        if note.run in self._runs:
            return clean(f"in run {note.run}{took}")
        self._runs.add(note.run)
        return clean(f"{clock(note.at)} in run {note.run}{took}{_made_by(note)}")


def cause_text(cause: Cause) -> str:
    """A cause on one line."""
    reason = cause.reason
    if reason.kind == "recipe changed" and cause.parts:
        return "recipe changed"
    notes = [clocks(cause.when)] if cause.when else []
    before, after = cause.sizes
    if before is not None and after is not None:
        notes.append(f"{before:,} -> {after:,} bytes")
    elif after is not None:
        notes.append(f"{after:,} bytes")
    if reason.kind == "recipe changed" and cause.parts is None:
        notes.append("what it was isn't kept")
    return clean(str(reason) + (f" ({', '.join(notes)})" if notes else ""))


def unrouted_text(files: Sequence[str]) -> str:
    """What a build has to find out first."""
    return f"a build finds out where the rows of {listed(files)} go"


def changes_text(parts: Sequence[PartChange]) -> str:
    """The parts of a recipe that differ, in a few words."""
    return listed([f"{_title(part)} {_HOW[part.how]}" for part in parts], 3)


def first_text(dataset: str, cause: Cause) -> str:
    """A first cause in a few words."""
    reason = cause.reason
    if cause.parts:
        more = f" and {len(cause.parts) - 1} more" if len(cause.parts) > 1 else ""
        return clean(f"{_title(cause.parts[0])} {_HOW[cause.parts[0].how]}{more}")
    if reason.kind in ("recipe changed", "never built", "forced"):
        return clean(f"{dataset} {reason.kind}")
    return clean(f"{reason.kind} {reason.subject}".rstrip())


# -- parts -------------------------------------------------------------------------------------------------------------


def part_lines(cause: Cause, *, is_whole: bool = False) -> Iterator[str]:
    """The parts of a recipe that differ, each with the difference of its texts."""
    parts = cause.parts or ()
    authors = dict(cause.authors)
    kept = parts if is_whole else parts[:_PARTS]
    for part in kept:
        yield _part_text(part, authors)
        yield from (f"  {line}" for line in diff_lines(part, is_whole=is_whole))
    if len(parts) > len(kept):
        yield f"and {len(parts) - len(kept):,} more (-v shows all)"


def _title(part: PartChange) -> str:
    return f"{part.kind} {part.name}".rstrip()


def _part_text(part: PartChange, authors: dict[str, Author]) -> str:
    place = f" ({part.place}{_by(authors.get(part.place.file))})" if part.place else ""
    if part.how == "moved":
        return clean(f"{_title(part)}: it was {part.was}{place}")
    if _is_short(part):
        before, after = (clip(clean(text or "nothing"), _WIDEST) for text in (part.before, part.after))
        return f"{clean(_title(part))}: {before} -> {after}{clean(place)}"
    return clean(f"{_title(part)} {_HOW[part.how]}{place}")


def _by(author: Author | None) -> str:
    if author is None:
        return ""
    return f", {author.who}, {clock(author.at)}, {author.commit[:_COMMIT]}" if author.who else ", uncommitted"


def _is_short(part: PartChange) -> bool:
    """Whether what a part was and is fits on a line: a version, a setting."""
    is_worded = part.kind in ("setting", "package", "engine", "program")
    return is_worded and not any("\n" in (text or "") for text in (part.before, part.after))


def diff_lines(part: PartChange, *, is_whole: bool = False) -> list[str]:
    """How the text of a part differs, as unified diffs have it; bounded, unless it is wanted whole."""
    if part.how == "moved" or _is_short(part):
        return []
    if (part.before is None and part.how != "added") or (part.after is None and part.how != "removed"):
        return ["its text isn't kept"]
    lines = list(_compared((part.before or "").splitlines(), (part.after or "").splitlines()))
    if not lines:
        return ["its text is the same: a name in it stands for something else, or only white space differs"]
    kept = lines if is_whole else lines[:_LINES]
    more = [f"and {counted(len(lines) - len(kept), 'more line')} (-v shows all)"] if len(lines) > len(kept) else []
    return [*(_painted(line) for line in kept), *more]


def _compared(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """The lines of a difference; a dot line stands between two places."""
    hunks = 0
    for number, line in enumerate(unified_diff(before, after, lineterm="", n=_AROUND)):
        if number < 2:
            continue  # which files they are is said already
        if line.startswith("@@"):
            hunks += 1
            if hunks > 1:
                yield "…"
        else:
            yield line.expandtabs(4)[:_WIDEST].rstrip()


def _painted(line: str) -> str:
    colour = {"+": "green", "-": "red"}.get(line[:1], "")
    return paint(clean(line), colour, sys.stdout) if colour else clean(line)


# -- names -------------------------------------------------------------------------------------------------------------


def _names(one: Behind) -> str:
    named = [partition_name(one.dataset, key) for key in one.keys[:_NAMES]]
    if one.count == 1 and named:
        return named[0]
    if not named:
        return f"{counted(one.count, 'more partition')} of {clean(one.dataset)}"
    more = f" and {one.count - len(named):,} more" if one.count > len(named) else ""
    return f"{counted(one.count, 'partition')} of {clean(one.dataset)} ({', '.join(named)}{more})"


def _made_by(note: RunNote) -> str:
    edits = " with edits" if note.is_dirty else ""
    code = f" ({note.commit[:_COMMIT]}{edits})" if note.commit else ""
    return f", by {note.who}{code}" if note.who else ""


# -- JSON --------------------------------------------------------------------------------------------------------------


def cause_record(cause: Cause) -> dict[str, object]:
    """One cause; `parts` is null where the recipe didn't change, or what it was isn't kept."""
    reason = cause.reason
    return {
        "kind": reason.kind,
        "subject": reason.subject,
        "before": reason.before,
        "after": reason.after,
        "when": cause.when,
        "more": cause.more,
        "parts": None if cause.parts is None else [_part_record(part, dict(cause.authors)) for part in cause.parts],
        "bytes": {"before": cause.sizes[0], "after": cause.sizes[1]},
    }


def _part_record(part: PartChange, authors: dict[str, Author]) -> dict[str, object]:
    author = authors.get(part.place.file) if part.place else None
    return {
        "kind": part.kind,
        "name": part.name,
        "change": part.how,
        "was": part.was or None,
        "file": part.place.file if part.place else None,
        "line": part.place.line if part.place else None,
        "before": part.before,
        "after": part.after,
        "committed": None if author is None else bool(author.who),
        "by": {"who": author.who, "commit": author.commit, "at": author.at} if author and author.who else None,
    }


def behind_record(one: Behind) -> dict[str, object]:
    """Alike partitions; `keys` are the first of `partitions`, `causes` those of the first one."""
    return {
        "dataset": one.dataset,
        "keys": [key_record(key) for key in one.keys],
        "partitions": one.count,
        "stands": one.stands,
        "run": run_record(one.run) if one.run else None,
        "causes": [cause_record(cause) for cause in one.causes],
        "behind": [behind_record(each) for each in one.behind],
        "repeated": one.is_repeated,
        "unrouted": list(one.unrouted),
        "far": one.is_far,
    }


def run_record(note: RunNote) -> dict[str, object]:
    """A run; `edited` is null where it isn't known whether files differed from the commit."""
    return {
        "run": note.run,
        "at": note.at,
        "who": note.who or None,
        "commit": note.commit or None,
        "edited": note.is_dirty,
    }
