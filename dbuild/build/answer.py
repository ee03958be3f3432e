"""The shortest way to "nothing to do": the last answer to the same question, if nothing that it rests on has moved.

An answer keeps what was looked at (files by their stats, folder trees by their whole listings, names in folders), and
the summary. To check it, nothing of the project is read or parsed; to doubt it, one difference is enough, and then the
way through the planner is taken. Only a build that had nothing to run leaves an answer.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dbuild import __version__
from dbuild.build.places import Granted, granted
from dbuild.build.sight import Sight, Wanted
from dbuild.core.events import LookedAt
from dbuild.observe.codepath import code_stamp
from dbuild.observe.digests import digest_bytes, is_racy
from dbuild.observe.listing import pack_record, stat_file, stat_of
from dbuild.observe.machine import boot_identity, engine_stamp
from dbuild.state.store import State
from dbuild.values import dataclass

_NOTHING: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: everything on the command line that an answer depends on."""

    targets: tuple[str, ...]
    params: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The question as the state keeps it."""
        return json.dumps([self.targets, self.params])

    @property
    def rows(self) -> str:
        """The same for how each dataset stands."""
        return json.dumps([self.targets, self.params, "standing"])

    @property
    def places(self) -> str:
        """The same for where datasets have their files."""
        return json.dumps([self.targets, self.params, "places"])


@dataclass(frozen=True, slots=True)
class Period:
    """How long the words of a question mean what they meant: `@today` until midnight, `@-2h..` to the full hour."""

    since: float  # seconds since the epoch, UTC
    until: float | None  # the same, not included; None: whatever the time is

    def holds(self, now: float) -> bool:
        """Whether a moment lies in it. A clock that was set back makes it doubtful too."""
        return self.until is None or self.since <= now < self.until


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer rests on."""

    singles: tuple[str, ...]  # files that were looked at one by one, relative to the project
    trees: tuple[tuple[str, int, int, str], ...]  # root, depth, number of files, digest of the listing in hex
    folders: tuple[str, ...]  # folders of whose modules' names it matters which there are
    globs: tuple[str, ...]  # patterns whose matches matter
    period: Period
    packages: tuple[str, ...] = ()  # folders of installed packages, where it matters what is installed
    programs: tuple[tuple[str, str], ...] = ()  # commands that count, with the identity of what they printed
    withheld: tuple[str, ...] = ()  # variables that these don't see

    def told(self) -> LookedAt:
        """The same for whoever wants to hear of changes."""
        trees = [(path, depth, False) for path, depth, *_ in self.trees]
        return LookedAt(
            self.singles, (*trees, *((folder, 1, True) for folder in (*self.folders, *self.packages))), self.globs
        )


class Answer(NamedTuple):
    """What a question came to when nothing had to be done."""

    counts: dict[str, int]
    grounds: Grounds
    identity: bytes  # of all of it, as it is kept
    assumed: tuple[str, ...] = ()  # datasets whose files nobody looked at


Row = dict[str, object]  # how a dataset stands, by the names of its fields


class Rows(NamedTuple):
    """How each dataset stands, as long as nothing that an answer rests on changes."""

    rows: Sequence[Row]
    until: float | None  # seconds since the epoch; None: whatever the time is


class Kept(NamedTuple):
    """All that is kept of an answer."""

    question: Question
    grounds: Grounds
    counts: dict[str, int]
    rows: Rows | None  # how each dataset stands, where that rests on nothing else
    places: str  # where datasets have their files


def find_answer(
    root: str,
    state: State,
    question: Question,
    now: float,
    sight: Sight,
    *,
    runs_programs: bool,
    assumed: Sequence[str] = (),
) -> Answer | None:
    """The last answer to this question, if it still holds; None where it has to be found anew.

    Files of what the words in `assumed` name are taken as they are kept, and not looked at. What `sight` has seen on
    the way, the long way needn't look at again. None also where programs would have to be asked, and may not.
    """
    kept = state.answer(question.text)
    if kept is None:
        return None
    stamp, text = kept
    found = json.loads(text)
    grounds = Grounds(
        tuple(found["singles"]),
        tuple((path, depth, files, digest) for path, depth, files, digest in found["trees"]),
        tuple(found["folders"]),
        tuple(found["globs"]),
        Period(*found["period"]),
        tuple(found.get("packages", ())),
        tuple((command, said) for command, said in found.get("programs", ())),
        tuple(found.get("withheld", ())),
    )
    if not grounds.period.holds(now) or (grounds.programs and not runs_programs):
        return None
    identity = _identity(stamp, text)
    given = _granted(state, question, identity, assumed) if assumed else Granted()
    if given is None or stamp != _stamp(root, grounds, state.generation(), given.singles):
        return None
    sight.assume(given.folders)
    wanted = [Wanted(path, depth, files, bytes.fromhex(digest)) for path, depth, files, digest in grounds.trees]
    listed = sight.look(wanted, state.listing, has_content=False)
    if any(one.digest != before.digest for one, before in zip(listed, wanted, strict=True)):
        return None
    return Answer(found["counts"], grounds, identity, given.datasets) if _say_the_same(grounds, sight) else None


def _granted(state: State, question: Question, identity: bytes, words: Sequence[str]) -> Granted | None:
    kept = state.answer(question.places)
    return granted(state, kept[1], words) if kept is not None and kept[0] == identity else None


def find_rows(state: State, question: Question, found: Answer, now: float) -> list[Row] | None:
    """How each dataset stands where an answer holds; None where that wasn't kept with it, or not for so long."""
    kept = state.answer(question.rows)
    if kept is None or kept[0] != found.identity:
        return None
    until, rows = json.loads(kept[1])
    return rows if until is None or now < until else None


def _identity(stamp: bytes, text: str) -> bytes:
    return digest_bytes(stamp + text.encode("utf-8", "surrogateescape"))


def _say_the_same(grounds: Grounds, sight: Sight) -> bool:
    """Whether the commands that count print what they did. Raises UserError where one fails."""
    if not grounds.programs:
        return True
    from dbuild.build.programs import Asked, identity

    said = sight.programs.ask([Asked(command, "", None) for command, _ in grounds.programs], grounds.withheld)
    return all(identity(said[command]) == before for command, before in grounds.programs)


def keep_answer(
    root: str,
    state: State,
    kept: Kept,
    clock: int,
    seen: Mapping[str, bytes],
) -> None:
    """Keeps an answer, unless something that it rests on may have changed since the project was looked at.

    `clock` is a time stamp of the file system from before anything was read; `seen` are the records of the single files
    that were there then.
    """
    question, grounds, counts, rows, places = kept
    if any(_record(root, path) != seen.get(path) for path in grounds.singles):
        return
    if any(_may_have_changed(os.path.join(root, path), clock) for path in (*grounds.singles, *_folders(root, grounds))):
        return
    text = json.dumps(
        {
            "singles": grounds.singles,
            "trees": grounds.trees,
            "folders": grounds.folders,
            "globs": grounds.globs,
            "period": (grounds.period.since, grounds.period.until),
            "counts": counts,
            "packages": grounds.packages,
            "programs": grounds.programs,
            "withheld": grounds.withheld,
        }
    )
    stamp = _stamp(root, grounds, state.generation())
    state.put_answer(question.text, stamp, text)
    state.put_answer(question.places, _identity(stamp, text), places)
    if rows is not None:
        state.put_answer(question.rows, _identity(stamp, text), json.dumps((rows.until, rows.rows)))


def _record(root: str, path: str) -> bytes | None:
    """A file's record without its NUL; None where there is none."""
    stat = stat_file(os.path.join(root, path))
    return pack_record(path, stat)[:-1] if stat is not None else None


def _may_have_changed(path: str, clock: int) -> bool:
    """Whether a file may have other contents, or a folder other names, than at that moment.

    By both times, as the one of a change can't be set: a file that is moved or unpacked here has the mtime that it had.
    """
    try:
        found = os.stat(path)
    except OSError:
        return False  # what isn't there has to be absent in what was seen; a folder that went is younger above
    stat = stat_of(found)
    return is_racy(stat, clock) or is_racy(stat._replace(mtime=stat.ctime), clock)


def _folders(root: str, grounds: Grounds) -> Iterable[str]:
    """The folders in which a new name would change something, and those above these in the project."""
    inner = dict.fromkeys(grounds.folders)
    if grounds.globs:
        from glob import glob

        for pattern in grounds.globs:
            above = pattern
            while above:  # with itself: `a/**` matches folders too
                inner |= dict.fromkeys(glob(f"{above}/", root_dir=root, recursive=True))
                above = os.path.dirname(above)
        inner[""] = None
    return (*inner, *grounds.packages)


def _stamp(root: str, grounds: Grounds, generation: int, known: Mapping[str, bytes] = _NOTHING) -> bytes:
    """Identity of all grounds but the trees, which are compared one by one. `known` are records of files."""
    said = f"{__version__} {sys.version} {generation} {boot_identity()} {engine_stamp()} {code_stamp(root)}"
    parts = [said.encode("utf-8", "surrogateescape")]
    for path in grounds.singles:
        record = known.get(path)
        if record is None:
            stat = stat_file(os.path.join(root, path))
            record = pack_record(path, stat) if stat else b""
        parts.append(record or f"{path} is absent".encode("utf-8", "surrogateescape"))
    parts.append(names_in(root, grounds.folders))
    parts.extend(_matches(root, grounds.globs))
    if grounds.packages:
        from dbuild.observe.importpath import folders_stamp

        parts.append(folders_stamp(root).encode("utf-8", "surrogateescape"))
    return digest_bytes(b"\0".join(parts))


def _matches(root: str, globs: Sequence[str]) -> Iterable[bytes]:
    if not globs:
        return
    from glob import glob

    for pattern in globs:
        yield "\n".join(sorted(glob(pattern, root_dir=root, recursive=True))).encode("utf-8", "surrogateescape")


def names_in(root: str, folders: Iterable[str]) -> bytes:
    """Identity of the names of modules and packages in some folders: a new one can change what an import means."""
    parts: list[bytes] = []
    for folder in folders:
        try:
            names = os.listdir(os.path.join(root, folder))
        except OSError:
            names = []
        modules = sorted(name for name in names if name.endswith((".py", ".so")) or "." not in name)
        parts.append("\n".join([folder, *modules]).encode("utf-8", "surrogateescape"))
    return digest_bytes(b"\0".join(parts))
