"""What is known of reasons: which parts of a recipe differ, when files were written, who changed them, in which run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from dbuild.build.moments import local_time
from dbuild.build.wording import Texts
from dbuild.build.world import World
from dbuild.core.causes import Author, Cause, RunNote
from dbuild.core.changes import PartChange, compare
from dbuild.core.keytext import plain_key
from dbuild.core.part import Wording
from dbuild.core.staleness import Reason
from dbuild.core.trace import joined_key
from dbuild.errors import Place
from dbuild.observe.git import compare_with_commit, is_repository, last_commits
from dbuild.values import replace

_FILES = 20  # of which git is asked who changed them last
_SHOWN = 12  # characters of a digest that reasons have


class Backgrounds:
    """The backgrounds of one project's reasons. What was found once isn't looked for again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._texts = Texts(world.flow, world.survey)
        self._wordings: dict[str, Sequence[Wording]] = {}  # of the recipes as they are
        self._changes: dict[tuple[str, str, str], tuple[PartChange, ...] | None] = {}
        self._authors: dict[str, Author | None] = {}
        self._notes: dict[tuple[int, float], RunNote] = {}

    def now(self, target: str, reasons: Iterable[Reason], built: float | None) -> tuple[Cause, ...]:
        """Reasons why a partition, last built at that moment, is stale now."""
        return tuple(self._cause(target, reason, built) for reason in reasons)

    def then(self, target: str, reasons: Iterable[tuple[Reason, int]]) -> tuple[Cause, ...]:
        """Reasons why a partition ran, as the ledger has them."""
        return tuple(
            Cause(reason, more=more, parts=self.parts(target, reason.before, reason.after))
            if reason.kind == "recipe changed"
            else Cause(reason, more=more)
            for reason, more in reasons
        )

    def note(self, run: int, at: float) -> RunNote:
        """A run that built something at a moment."""
        if (run, at) not in self._notes:
            maker = self._world.state.maker(run)
            said = (maker.who, maker.code, maker.is_dirty) if maker else ("", "", None)
            self._notes[run, at] = RunNote(str(run), local_time(at), *said)
        return self._notes[run, at]

    def origin(self, subject: str) -> tuple[str, str]:
        """When an input's partition was built, and in which run; of a source, when its file was written."""
        dataset, _, key = subject.partition("@")
        name = dataset.partition(".")[0]
        values = tuple(map(plain_key, key.split(","))) if key else ()
        if name in self._world.flow.steps:
            trace = self._world.trace(name, joined_key(values))
            return (local_time(trace.at), str(trace.run)) if trace else ("", "")
        path, root, _ = self._whereabouts(Reason("input changed", subject), None)
        row = self._world.survey.row(path, root) if path else None
        return (local_time(row.stat.mtime / 1e9), "") if row else ("", "")

    def wordings(self, target: str) -> Sequence[Wording]:
        """The parts of a target's recipe as it is, with their texts."""
        if target not in self._wordings:
            parts = self._world.fingerprints.parts(target)
            self._wordings[target] = self._texts.wordings(self._world.flow.steps[target], parts)
        return self._wordings[target]

    def _cause(self, target: str, reason: Reason, built: float | None) -> Cause:
        if reason.kind == "recipe changed":
            parts = self.parts(target, reason.before, "")
            return Cause(reason, parts=parts, authors=self._authors_of(parts or ()))
        if reason.kind not in ("input changed", "input added", "input arrived", "output edited"):
            return Cause(reason)
        path, root, when = self._whereabouts(reason, built)
        sizes = self._sizes(reason, path, root) if path else (None, None)
        return Cause(reason, when or (_written(self._world.survey.root, path) if path else ""), sizes=sizes)

    # -- recipes ---------------------------------------------------------------------------------------------------

    def parts(self, target: str, before: str, after: str = "") -> tuple[PartChange, ...] | None:
        """How a recipe differs from what it was (fingerprints in hex; "" for what it is now); None: not known."""
        subject = (target, before, after)
        if subject not in self._changes:
            old = self._world.state.recipes.of(target, before)
            new = self._world.state.recipes.of(target, after) if after else self.wordings(target)
            found = compare(old, new) if old is not None and new is not None else None
            self._changes[subject] = found and tuple(self._placed(target, change) for change in found)
        return self._changes[subject]

    def _placed(self, target: str, change: PartChange) -> PartChange:
        """A change with the file in which it is to be seen."""
        step = self._world.flow.steps.get(target)
        if change.kind in ("file", "lock"):
            return replace(change, place=Place(change.name))
        return replace(change, place=step.target.place) if change.kind == "setting" and step else change

    def _authors_of(self, parts: Iterable[PartChange]) -> tuple[tuple[str, Author], ...]:
        files = dict.fromkeys(part.place.file for part in parts if part.place)
        inside = [file for file in files if not file.startswith("..") and not os.path.isabs(file)][:_FILES]
        self._ask([file for file in inside if file not in self._authors])
        return tuple((file, author) for file in inside if (author := self._authors[file]))

    def _ask(self, files: list[str]) -> None:
        """Who changed files last. Of one that is as no commit has it nobody is said, and of no repository nothing."""
        root = self._world.survey.root
        kept = compare_with_commit(root, files) if files else {}
        commits = last_commits(root, [file for file, is_same in kept.items() if is_same])
        for file in files:
            found = commits.get(file)
            known = Author(found.author, found.id, found.at) if found else Author("")
            self._authors[file] = known if kept or is_repository(root) else None

    # -- files -----------------------------------------------------------------------------------------------------

    def _whereabouts(self, reason: Reason, built: float | None) -> tuple[str, str, str]:
        """The file that a reason is about ("" where there are several, or none) and its root; or when it was built."""
        world = self._world
        if reason.kind == "output edited":
            return reason.subject, "", ""
        dataset, _, key = reason.subject.partition("@")
        name, _, output = dataset.partition(".")
        values = tuple(map(plain_key, key.split(","))) if key else ()
        trace = world.trace(name, joined_key(values)) if name in world.flow.steps else None
        if trace is not None and (built is None or trace.at > built):
            return "", "", f"built {local_time(trace.at)} in run {trace.run}"
        if world.flow.project.dataset(name) is None:
            return "", "", ""
        location = world.location(name, output)
        paths = world.survey.paths(location, values) if len(values) == len(location.pattern.dimensions) else []
        return (paths[0], location.root, "") if paths else ("", "", "")

    def _sizes(self, reason: Reason, path: str, root: str) -> tuple[int | None, int | None]:
        """Bytes of a file before and after, as far as what is known of it is of the digests in the reason."""
        if not root:
            return None, None
        survey = self._world.survey
        was, now = survey.row_before(path, root), survey.row(path, root)
        before = was.stat.size if was and was.digest.hex()[:_SHOWN] == reason.before else None
        return before, now.stat.size if now and now.digest.hex()[:_SHOWN] == reason.after else None


def _written(root: str, path: str) -> str:
    try:
        return f"{path} written {local_time(os.stat(os.path.join(root, path)).st_mtime)}"
    except OSError:
        return ""
