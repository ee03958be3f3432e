"""Looks at folders, for one command: each is listed at most once, and not at all where something vouches for it.

A watch that runs in the same project is asked which of the kept listings still hold, but for some names; only these are
looked at then. What comes out is what listing all would give. Nobody has to watch, and nothing is imported for it where
nobody does. What a person vouches for (`Sight.assume`) isn't even asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dbuild.observe.digests import digest_bytes
from dbuild.observe.listing import Tree, list_trees
from dbuild.state.store import FOLDER

if TYPE_CHECKING:
    from dbuild.build.programs import Programs
    from dbuild.observe.vouching import Known, Watch


class Wanted(NamedTuple):
    """A folder that is to be looked at."""

    root: str  # relative to the project's
    depth: int
    files: int  # that it had last time
    digest: bytes  # of its kept listing; empty where there is none


class Listed(NamedTuple):
    """A folder as it is."""

    digest: bytes
    content: bytes | None  # None: equal to the kept listing, which nobody had to read


class _Answered(NamedTuple):
    """Which watch was asked before a folder was looked at, and the number of its answer."""

    watch: Watch
    number: int


class Sight:
    """What a command has seen so far: of the folders of a project, and of what programs say of themselves."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._seen: dict[tuple[str, int], Listed] = {}
        self._answered: dict[tuple[str, int], _Answered] = {}
        self._to_vouch: dict[tuple[str, int], bytes] = {}
        self._programs: Programs | None = None
        self._assumed: Mapping[str, bytes] = {}

    @property
    def programs(self) -> Programs:
        """What the commands say that count as an environment."""
        if self._programs is None:
            from dbuild.build.programs import Programs

            self._programs = Programs(self._root)
        return self._programs

    def assume(self, folders: Mapping[str, bytes]) -> None:
        """From now on these folders (roots) are taken to be as their kept listings, of these digests, have them."""
        self._assumed = folders

    def look(self, wanted: Sequence[Wanted], kept: Callable[[str], bytes], *, has_content: bool) -> list[Listed]:
        """These folders as they are; what was seen before isn't looked at again.

        `kept` reads the kept listing of a root. With `has_content` all come with their contents. Raises UserError
        where a folder can't be read.
        """
        new = [one for one in wanted if not self._is_seen(one, has_content)]
        try:
            self._look(new, kept, has_content)
        finally:
            self.vouch()
        return [self._seen[one.root, one.depth] for one in wanted]

    def note(self, root: str, depth: int, digest: bytes) -> None:
        """Takes note that a listing is kept which has what was seen of a folder, and what was made there since."""
        if (root, depth) in self._answered:
            self._to_vouch[root, depth] = digest

    def vouch(self) -> None:
        """Says to the watch what came out, so that it can answer for it the next time."""
        told: dict[_Answered, list[tuple[str, int, bytes]]] = {}
        for (root, depth), digest in self._to_vouch.items():
            told.setdefault(self._answered[root, depth], []).append((root, depth, digest))
        self._to_vouch = {}
        for answered, listings in told.items():
            answered.watch.vouch([self._known(*one) for one in listings], answered.number)
        for answered in {*self._answered.values()}:
            answered.watch.close()

    def _look(self, new: Sequence[Wanted], kept: Callable[[str], bytes], has_content: bool) -> None:
        for one in new:
            if one.root in self._assumed:
                content = kept(one.root) if has_content else None
                self._seen[one.root, one.depth] = Listed(self._assumed[one.root], content)
        new = [one for one in new if one.root not in self._assumed]
        changed = self._ask(new)
        left: list[Wanted] = []
        for one in new:
            names = changed.get((one.root, one.depth))
            if names is None or (found := self._patch(one, names, kept, has_content)) is None:
                left.append(one)
            else:
                self._see(one, found, is_news=bool(names))
        for one, content in zip(left, list_trees([self._tree(each) for each in left]), strict=True):
            self._see(one, Listed(digest_bytes(content), content), is_news=True)

    def _is_seen(self, one: Wanted, has_content: bool) -> bool:
        found = self._seen.get((one.root, one.depth))
        return found is not None and (found.content is not None or not has_content)

    def _see(self, one: Wanted, found: Listed, *, is_news: bool) -> None:
        self._seen[one.root, one.depth] = found
        if is_news:
            self.note(one.root, one.depth, found.digest)

    def _patch(
        self, one: Wanted, names: tuple[str, ...], kept: Callable[[str], bytes], has_content: bool
    ) -> Listed | None:
        """A folder by its kept listing and what may differ from it; None where all has to be listed."""
        if not names and not has_content:
            return Listed(one.digest, None)
        content = kept(one.root)
        if digest_bytes(content) != one.digest:
            return None
        from dbuild.observe.patching import patched

        found = patched(content, self._tree(one), names)
        if found is None:
            return None
        return Listed(one.digest if found is content else digest_bytes(found), found)

    def _ask(self, wanted: Sequence[Wanted]) -> dict[tuple[str, int], tuple[str, ...] | None]:
        """What may differ from the kept listings, by the word of a watch; nothing where nobody watches."""
        paths = self._sockets() if wanted else ()
        if not paths:
            return {}
        from dbuild.observe.vouching import ask_first

        found = ask_first(paths, [self._known(one.root, one.depth, one.digest) for one in wanted])
        if found is None:
            return {}
        watch, answer = found
        places = [(one.root, one.depth) for one in wanted]
        self._answered |= dict.fromkeys(places, _Answered(watch, answer.number))
        return dict(zip(places, answer.changed, strict=True))

    def _sockets(self) -> list[str]:
        folder = os.path.join(self._root, FOLDER)
        try:
            names = os.listdir(folder)
        except OSError:
            return []
        return sorted(os.path.join(folder, n) for n in names if n.startswith("watch-") and n.endswith(".sock"))

    def _known(self, root: str, depth: int, digest: bytes) -> Known:
        from dbuild.observe.vouching import Known

        return Known(self._absolute(root), depth, digest.hex())

    def _tree(self, one: Wanted) -> Tree:
        return Tree(self._absolute(one.root), one.depth, one.files)

    def _absolute(self, root: str) -> str:
        return os.path.normpath(os.path.join(self._root, root))
