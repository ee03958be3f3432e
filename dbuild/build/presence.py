"""Which partitions sources have: by the names in their folders, the markers beside them, and how long files lay still.

What a source's `ready` asks for has to be there too, and a file that was written less than `settle` ago isn't read yet:
its partition is *young*. Only files that differ from the kept listings can be young; they are kept as doubtful, so that
they differ again the next time. Unaware of what is expected.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf

from dbuild.build.bodies import identity_of, load_body
from dbuild.build.locations import Location, form_of, marker_of
from dbuild.build.survey import Survey
from dbuild.core.domain import axes_for
from dbuild.core.model import DiscoveredDimension, Project, Source
from dbuild.core.partitions import EMPTY, Axis, ListAxis, PartitionSet
from dbuild.core.task import format_of
from dbuild.observe.listing import Stat, is_temporary
from dbuild.state.store import State

Key = tuple[str, ...]
_DAY = 86_400_000_000_000  # ns ahead of the clock from which on a time stamp tells nothing


def is_young(stat: Stat, settle: float, moment: int) -> bool:
    """Whether a file was written less than `settle` seconds before `moment` (ns), so that it may be half a file.

    An mtime from the future was set on purpose, or by another clock: then the ctime counts, which nobody sets. If that
    is in the future too, a file is young until it has settled by then; but one of more than a day ahead tells nothing.
    """
    return moment - settle * 1e9 < _written(stat, moment) <= moment + _DAY


def _written(stat: Stat, moment: int) -> int:
    return stat.mtime if stat.mtime <= moment else min(stat.mtime, stat.ctime)


class Presence:
    """The partitions of a project's sources, as a survey shows them."""

    def __init__(
        self, project: Project, survey: Survey, state: State, moment: int, *, has_given_clock: bool = False
    ) -> None:
        """`moment`: the file system's clock, in ns, from before the survey; takes note of young files there.

        `has_given_clock`: it is another, so that what files say of times means nothing beside it.
        """
        self.has_given_clock = has_given_clock
        self._project = project
        self._survey = survey
        self._state = state
        self._moment = moment
        self._ready: dict[str, set[Key]] = {}
        self._named: dict[str, PartitionSet] = {}
        self._settling: dict[str, float] = {}
        self._young = {source.name: self._find_young(source) for source in project.sources.values() if source.settle}

    def discovered(self) -> dict[str, tuple[str, ...]]:
        """Values of discovered dimensions: as kept where no name came or went, else from the listing, sorted."""
        found: dict[str, tuple[str, ...]] = {}
        for name, dimension in self._project.dimensions.items():
            if not isinstance(dimension, DiscoveredDimension):
                continue
            if self._is_moved(dimension.source):
                position = self._project.sources[dimension.source].dimensions.index(name)
                found[name] = tuple(sorted({key[position] for key in self._keys(dimension.source)}))
            else:
                found[name] = self._state.axis_values(name)
        return found

    def named(self, source: str, axes: MappingOf[str, Axis]) -> PartitionSet:
        """The partitions that have files and what makes them ready, the young ones too."""
        if source not in self._named:
            self._named[source] = self._find(source, axes_for(self._project.sources[source], axes))
        return self._named[source]

    def _find(self, source: str, own: tuple[Axis, ...]) -> PartitionSet:
        if not self._is_moved(source):
            kept = self._state.presence(source)
            if kept is not None and kept[1] == identity_of(own):
                there = PartitionSet(own, load_body(kept[2]))
                # Those that were young aren't among the kept ones, and all of them differ from the kept listing.
                return there | _keyed(own, self._changed(source)) if source in self._young else there
        if not own:
            return PartitionSet(own, PartitionSet.box(own, []).body if self._keys(source) else EMPTY)
        return _keyed(own, self._keys(source))

    def forget(self) -> None:
        """Drops the sets that were found: the axes are others from now on."""
        self._named.clear()

    def young(self, source: str, axes: MappingOf[str, Axis]) -> PartitionSet:
        """The partitions of which a file was written just now."""
        return _keyed(axes_for(self._project.sources[source], axes), self._young.get(source, ()))

    def held_back(self, source: str, axes: MappingOf[str, Axis], domain: PartitionSet) -> PartitionSet:
        """The partitions that aren't to be read yet: all of them, where the one that shows the columns is young."""
        young, declared = self.young(source, axes), self._project.sources[source]
        there = self.named(source, axes)
        first = (there & domain).first() if young else None
        shows = declared.schema is None and format_of(declared.path) in ("csv", "json")
        return there if first is not None and first in young and shows else young

    def settles_at(self, source: str) -> float | None:
        """When the first of a source's young files isn't young any more, if nobody writes to it; None: it has none."""
        return self._settling.get(source)

    def settled(self, source: str, axes: MappingOf[str, Axis]) -> PartitionSet:
        """The partitions that are there and may be read."""
        return self.named(source, axes) - self.young(source, axes)

    def lasting(self, source: str, axes: MappingOf[str, Axis]) -> PartitionSet:
        """What is to be kept: those that may be read, and those that were there before and are being written anew."""
        settled, young, before = self.settled(source, axes), self.young(source, axes), self.kept(source, axes)
        return settled | (young & before) if before is not None else settled

    def kept(self, source: str, axes: MappingOf[str, Axis]) -> PartitionSet | None:
        """The partitions that were there at the last look; None where nothing is known of that."""
        kept = self._state.presence(source)
        own = axes_for(self._project.sources[source], axes)
        if kept is None or kept[0] != self.form(source):
            return None
        if kept[1] == identity_of(own):
            return PartitionSet(own, load_body(kept[2]))
        old = tuple(
            ListAxis(axis.name, self._state.axis_values(axis.name)) if isinstance(axis, ListAxis) else axis
            for axis in own
        )
        return PartitionSet(old, load_body(kept[2])).rebased(own) if kept[1] == identity_of(old) else None

    def moved(self, source: str, axes: MappingOf[str, Axis]) -> PartitionSet:
        """The partitions that came or went since the last look, also without any change of their own files."""
        now, before = self.settled(source, axes), self.kept(source, axes)
        return now if before is None else (now - before) | (before - now)

    def is_conditional(self, source: str) -> bool:
        """Whether a source's files alone don't tell what is there."""
        return bool(self._project.sources[source].ready) or source in self._young

    def is_to_be_kept(self, source: str) -> bool:
        """Whether what is there may differ from what is kept."""
        return self._is_moved(source) or source in self._young

    def form(self, source: str) -> str:
        """What a kept presence has to have been found by: the path, and the marker's if there is one."""
        return form_of(self._project.sources[source])

    def moments(self, source: str) -> dict[Key, float]:
        """When the newest file of each changed partition, or its marker, got where it is; seconds since the epoch."""
        found: dict[Key, float] = {}
        for _, stat, key in self._files_changed(self._survey.locations[source][0]):
            found[key] = max(found.get(key, 0.0), stat.ctime / 1e9)
        for marker in self._survey.locations.get(marker_of(source), ()):
            marked = {key: stat.ctime / 1e9 for _, stat, key in self._files_changed(marker)}
            if marker.pattern.dimensions == self._survey.locations[source][0].pattern.dimensions:
                found.update({key: max(moment, found.get(key, 0.0)) for key, moment in marked.items()})
        return found

    def _is_moved(self, source: str) -> bool:
        """Whether names came or went in a source's folder, or its presence was never kept as it is declared."""
        kept = self._state.presence(source)
        if kept is None or kept[0] != self.form(source):
            return True
        return any(self._survey.views[one.root].has_new_names for one in self._locations(source))

    def _locations(self, source: str) -> tuple[Location, ...]:
        marker = self._survey.locations.get(marker_of(source), ())
        return (*self._survey.locations[source], *marker)

    def _keys(self, source: str) -> list[Key]:
        return self._only_ready(source, self._survey.keys(self._survey.locations[source][0]))

    def _only_ready(self, source: str, keys: Iterable[Key]) -> list[Key]:
        """Those keys whose markers are there. A marker with fewer dimensions stands for several partitions."""
        for marker in self._survey.locations.get(marker_of(source), ()):
            own = self._project.sources[source].dimensions
            positions = [own.index(dimension) for dimension in marker.pattern.dimensions]
            if source not in self._ready:
                self._ready[source] = set(self._survey.keys(marker))
            ready = self._ready[source]
            return [key for key in keys if tuple(key[position] for position in positions) in ready]
        return list(keys)

    def _changed(self, source: str) -> list[Key]:
        """The partitions of which a file that is there differs from the kept listing."""
        return self._only_ready(
            source, dict.fromkeys(key for _, _, key in self._files_changed(self._survey.locations[source][0]))
        )

    def _files_changed(self, location: Location) -> Iterable[tuple[str, Stat, Key]]:
        for path, stat in self._survey.views[location.root].changed.items():
            key = None if is_temporary(path) else location.pattern.key(path)
            if key is not None:
                yield path, stat, key

    def _find_young(self, source: Source) -> tuple[Key, ...]:
        keys: dict[Key, None] = {}
        for path, stat, key in self._files_changed(self._survey.locations[source.name][0]):
            if is_young(stat, source.settle, self._moment):
                self._survey.doubt(path)
                keys[key] = None
                settling = _written(stat, self._moment) / 1e9 + source.settle
                self._settling[source.name] = min(settling, self._settling.get(source.name, settling))
        return tuple(keys)


def _keyed(axes: tuple[Axis, ...], keys: Iterable[Key]) -> PartitionSet:
    """The partitions of these keys; a value that its list dimension doesn't have is left out."""
    indices = []
    for key in keys:
        try:
            indices.append(tuple(axis.index(value) for axis, value in zip(axes, key, strict=True)))
        except ValueError:
            continue
    return PartitionSet.of_indices(axes, indices)
