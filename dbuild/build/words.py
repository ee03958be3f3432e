"""What people said of partitions, as far as it still holds: marks, resolved to the partitions that there are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from dbuild.core.aging import old_of
from dbuild.core.domain import Domains
from dbuild.core.graph import Flow
from dbuild.core.mark import Mark, Marked, Word, holding
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.selection import partitions_of
from dbuild.core.staleness import Reason
from dbuild.core.trace import Trace
from dbuild.errors import UsageError


class Words:
    """The words that hold, by target."""

    def __init__(
        self,
        flow: Flow,
        domains: Domains,
        marks: Iterable[Mark],
        now: datetime,
        built: Callable[[str, Callable[[int], bool]], PartitionSet],
    ) -> None:
        """`marks` come newest first; `now` (UTC, without a zone) says which of them have expired.

        `built` gives the partitions of a target that were last built, or accepted, in runs of which a question holds.
        """
        self._built = built
        self.notices: list[str] = []
        self._flow = flow
        self._domains = domains
        self._moment = now.replace(tzinfo=UTC).timestamp()
        self._now = now
        self._marks: dict[str, list[Mark]] = {}
        self._accepted: set[int] = set()  # runs of the marks that accepted something
        for mark in marks:
            if mark.target in flow.steps:
                self._marks.setdefault(mark.target, []).append(mark)
                self._accepted |= {mark.run} if mark.word == "fresh" else set()
        self._idle: dict[str, list[Mark]] = {}
        self._held: dict[str, list[Marked]] = {name: self._hold(name) for name in self._marks}

    def __bool__(self) -> bool:
        """Whether any word holds."""
        return any(self._held.values())

    def expires_at(self) -> float | None:
        """The moment at which the first of the words that hold doesn't any more; None where none has one."""
        untils = (mark.until for held in self._held.values() for mark, _ in held)
        return min((until for until in untils if until is not None), default=None)

    def _hold(self, target: str) -> list[Marked]:
        named = [(mark, self._named(mark)) for mark in self._marks[target] if not self._is_over(mark)]
        self._idle[target] = [mark for mark, found in named if not found]
        return holding((mark, self._narrowed(mark, found)) for mark, found in named)

    def _is_over(self, mark: Mark) -> bool:
        return mark.until is not None and mark.until <= self._moment

    def _named(self, mark: Mark) -> PartitionSet:
        """The partitions that there are now of those that a word names."""
        try:
            return partitions_of(self._flow, self._domains, mark.target, mark.keys or None, self._now)
        except UsageError as error:
            label = f"{mark.target}@{mark.keys}"
            self.notices.append(
                f"the mark on {label} means nothing any more: {error.what} (dbuild mark {label} --clear)"
            )
            return PartitionSet.empty(self._domains.of(mark.target).axes)

    def _narrowed(self, mark: Mark, found: PartitionSet) -> PartitionSet:
        """Those on which it holds still."""
        if mark.word == "stale":  # what has been built since has been done
            return found & self._built(mark.target, lambda run: run < mark.run)
        if mark.word == "open":
            return found & self._built(mark.target, lambda run: run < mark.run) & self._old(mark)
        if mark.word == "fresh":  # what has been built since is fresh by itself
            return found & self._built(mark.target, lambda run: run == mark.run)
        return found

    def _old(self, mark: Mark) -> PartitionSet:
        """What a mark could open: the partitions that were too old to change when it was made."""
        target, domain = self._flow.steps[mark.target].target, self._domains.of(mark.target)
        moment = datetime.fromtimestamp(mark.at, UTC).replace(tzinfo=None)
        return old_of(target, self._flow.project.dimensions, domain, moment)

    def is_accepted(self, run: int) -> bool:
        """Whether a trace of that run is no build's, but was accepted by a person."""
        return run in self._accepted

    def of(self, target: str) -> list[Marked]:
        """The words that hold on partitions of a target, newest first, each on partitions of its own."""
        return self._held.get(target, [])

    def idle(self, target: str) -> list[Mark]:
        """The words that name no partition which is there, newest first."""
        return self._idle.get(target, [])

    def said(self, target: str, word: Word) -> Iterator[Marked]:
        """Where this word holds."""
        return (found for found in self.of(target) if found[0].word == word)

    def on(self, target: str, index: Index) -> Mark | None:
        """The word on one partition."""
        return next((mark for mark, found in self.of(target) if index in found), None)

    def frozen(self, target: str) -> PartitionSet:
        """The partitions that stay as they are."""
        found = PartitionSet.empty(self._domains.of(target).axes)
        for _, partitions in self.said(target, "frozen"):
            found = found | partitions
        return found

    def expired(self, target: str) -> Iterator[Marked]:
        """Where partitions were accepted as fresh until a date that has passed."""
        for mark in self._marks.get(target, ()):
            if mark.word == "fresh" and self._is_over(mark):
                yield mark, self._narrowed(mark, self._named(mark))

    def reason(self, target: str, index: Index, trace: Trace | None) -> Reason | None:
        """What a word makes of a partition that was built before."""
        if target not in self._marks or trace is None:
            return None
        for mark, found in self.expired(target):
            if index in found:
                return Reason("mark expired", f"(fresh {mark.label})")
        word = self.on(target, index)
        if word is not None and word.word == "stale":
            return Reason("marked stale", word.label)
        return None
