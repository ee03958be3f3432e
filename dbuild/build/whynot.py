"""Why partitions don't run: for `dbuild why-not`. The walk that decides tells what it compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from dbuild.build.backgrounds import Backgrounds
from dbuild.build.doubt import Doubt, ignore
from dbuild.build.explaining import parted, standing_of
from dbuild.build.looks import Looked
from dbuild.build.plans import asked
from dbuild.build.reports import named
from dbuild.build.settings import Settings
from dbuild.core.events import Key
from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan
from dbuild.core.reading import chain_of, inputs_of
from dbuild.core.report import Standing
from dbuild.core.selection import select
from dbuild.core.staleness import Compared, partition_name
from dbuild.core.trace import joined_key, split_key
from dbuild.core.whynot import Comparison, CutOff, Excuse, WhyNot
from dbuild.errors import UsageError

_DATED = 400  # inputs of one partition of which it is told when they came about
_CUT_OFFS = 50  # of those that are told
_LACKING = 5  # inputs that are named


def why_not(
    settings: Settings,
    arguments: Sequence[str],
    doubt: Doubt = ignore,
    notice: Doubt = ignore,
    most: int | None = None,
) -> tuple[WhyNot, ...]:
    """Why the partitions that the arguments name don't run, or that they do.

    `doubt` hears what can't be known, `notice` which arguments chose nothing. Of more than `most` partitions the rest
    is told with how it stands alone; what is fresh comes last.
    """
    with asked(settings, arguments, doubt, notice) as (looked, planned):
        telling = _Telling(looked, planned)
        first, rest = parted(planned, looked.selection.wanted, most)
        told = [telling.of(name, index) for name, index, _ in first]
        for name, absent in looked.selection.absent.items():
            told.extend(_absent(name, absent, index) for index in absent.indices())
        return (*told, *(_bare(name, named(looked.world.domains.of(name), index), how) for name, index, how in rest))


class _Telling:
    """What is told of the partitions of one plan."""

    def __init__(self, looked: Looked, planned: Plan) -> None:
        self._looked = looked
        self._planned = planned
        self._world = looked.world
        self._backgrounds = Backgrounds(looked.world)
        self._default: Mapping[str, PartitionSet] | None = None

    def of(self, name: str, index: Index) -> WhyNot:
        """One partition of the plan."""
        world, domain = self._world, self._world.domains.of(name)
        trace = world.trace(name, joined_key(domain.key(index)))
        standing = standing_of(self._planned.targets[name], index)
        heard: list[Compared] = []
        world.judge(name, index, self._unsettled(name), heard)
        cut_offs = list(self._cut_offs(name, index, trace.run)) if trace else []
        return WhyNot(
            name,
            named(domain, index),
            standing,
            world.fingerprints.parts(name),
            tuple(self._dated(heard)),
            tuple(self._excuses(name, index, standing)),
            tuple(cut_offs[:_CUT_OFFS]),
            len(cut_offs),
            tuple(self._would(name, index, standing)),
            self._backgrounds.note(trace.run, trace.at) if trace else None,
            frozenset(given.dataset for given in self._looked.flow.steps[name].inputs if given.by),
        )

    def _unsettled(self, name: str) -> dict[str, PartitionSet]:
        """What has to be built before a partition can be judged, as the plan has it."""
        plans = self._planned.targets
        datasets = (given.dataset for given in self._looked.flow.steps[name].inputs)
        found = {one: plans[one].will_set | plans[one].may for one in datasets if one in plans}
        return {one: some for one, some in found.items() if some}

    def _dated(self, heard: Sequence[Compared]) -> Iterator[Comparison]:
        inputs = 0
        for one in heard:
            inputs += one.kind == "input"
            at, run = self._backgrounds.origin(one.subject) if one.kind == "input" and inputs <= _DATED else ("", "")
            yield Comparison(one, at, run)

    # -- what doesn't count ----------------------------------------------------------------------------------------

    def _excuses(self, name: str, index: Index, standing: Standing) -> Iterator[Excuse]:
        world, step = self._world, self._looked.flow.steps[name]
        if index in world.frozen(name):
            yield Excuse("frozen", f"it is frozen: {world.holds.why(name, index)}")
        mark = world.words.on(name, index)
        if mark is not None and mark.word == "fresh":
            yield Excuse("marked fresh", f"{mark.who} said that it is fresh{f': {mark.why}' if mark.why else ''}")
        for given in step.inputs:
            if not given.counts:
                yield Excuse("uncounted", f'whatever happens to {given.name} does not count (impact = "none")')
        for dataset, key in sorted(world.holds.missed(name, index)):
            yield Excuse("gone", f'{partition_name(dataset, key)} is gone, and may be missed (gone = "keep")')
        if standing == "waiting":
            lacking = self._planned.lacks(name, index)
            more = f" and {len(lacking) - _LACKING:,} more" if len(lacking) > _LACKING else ""
            yield Excuse("waiting", f"it needs {', '.join(lacking[:_LACKING])}{more}")
        if not self._is_default(name, index):
            chosen = ", ".join(one.name for one in self._looked.flow.project.default)
            yield Excuse("not selected", f"a bare dbuild doesn't build it: default = {chosen}")

    def _is_default(self, name: str, index: Index) -> bool:
        """Whether a build that names nothing builds a partition, or what reads it."""
        flow, domains = self._looked.flow, self._world.domains
        if not flow.project.default:
            return True
        if self._default is None:
            try:
                wanted = select(flow, domains, (), self._world.now).wanted
            except UsageError:  # it chooses by how partitions stand, and nobody looked at all of them
                wanted = {one: domains.of(one) for one in flow.steps}
            self._default = self._needed(wanted)
        return name in self._default and index in self._default[name]

    def _needed(self, wanted: Mapping[str, PartitionSet]) -> dict[str, PartitionSet]:
        """Some partitions and all that they depend on, by target."""
        flow, domains, needed = self._looked.flow, self._world.domains, dict(wanted)
        for name in reversed(flow.steps):
            if not needed.get(name):
                continue
            chain = chain_of(flow, domains, name)
            if chain:
                needed[name] = chain.needs(needed[name], PartitionSet.empty(needed[name].axes))
            for given, mapping in inputs_of(flow, domains, name):
                if given.dataset in flow.steps and given.dataset != name:
                    reads = mapping.reads(needed[name], domains.of(given.dataset))
                    needed[given.dataset] = needed[given.dataset] | reads if given.dataset in needed else reads
        return needed

    def _cut_offs(self, name: str, index: Index, run: int) -> list[CutOff]:
        """What a partition depends on and ran since it was built, to come out the same; the newest first."""
        world = self._world
        own = PartitionSet.of_indices(world.domains.of(name).axes, [index])
        found = []
        for target, some in self._needed({name: own}).items():
            rows = world.state.same_since(target, run)
            names = world.flow.steps[target].target.dimensions
            for key, (number, at) in rows.items():
                if world.keyed(target, {key: None}) & (some - own if target == name else some):
                    shown = tuple(zip(names, split_key(key, len(names)), strict=False))
                    found.append((number, CutOff(target, shown, self._backgrounds.note(number, at))))
        return [one for _, one in sorted(found, key=lambda pair: -pair[0])]

    # -- what would ------------------------------------------------------------------------------------------------

    def _would(self, name: str, index: Index, standing: Standing) -> Iterator[str]:
        """What would make a partition run."""
        label = partition_name(name, joined_key(self._world.domains.of(name).key(index)))
        match standing:
            case "will run":
                yield f"dbuild {label} runs it"
            case "may run":
                after = self._planned.after(name, index)
                more = f" and {len(after) - _LACKING:,} more" if len(after) > _LACKING else ""
                yield f"it runs if {', '.join(after[:_LACKING])}{more} comes out changed"
            case "frozen":
                how = "--reopen" if index in self._world.holds.aged(name) else "dbuild mark … --clear"
                yield f"it would be built if it weren't frozen ({how})"
            case "waiting":
                yield "it is built when what it needs is there"
            case _:
                yield from self._changes(name)
                yield f"dbuild -B {label} runs it in any case; dbuild mark {label} stale --why … with the next build"

    def _changes(self, name: str) -> Iterator[str]:
        """What of all that was compared makes it run if it changes."""
        step = self._looked.flow.steps[name]
        read = dict.fromkeys(given.dataset for given in step.inputs if given.counts and not given.by)
        rows = dict.fromkeys(given.dataset for given in step.inputs if given.counts and given.by)
        what = ["a part of its recipe", *(["a param that it reads"] if self._params(name) else [])]
        what += [f"a partition that it reads of {', '.join(read)}"] if read else []
        what += [f"a row of its own of {', '.join(rows)}"] if rows else []
        what += ["its output"] if step.target.outputs else []
        yield f"it runs if {', '.join(islice(what, len(what) - 1))}{' or ' if len(what) > 1 else ''}{what[-1]} changes"

    def _params(self, name: str) -> bool:
        step = self._looked.flow.steps[name]
        read = self._world.declarations.params_read(step)
        return read is None or bool(read)


def _bare(name: str, key: Key, standing: Standing, *excuses: Excuse) -> WhyNot:
    """How a partition stands, and no more."""
    return WhyNot(name, key, standing, (), (), excuses, (), 0, (), None)


def _absent(name: str, absent: PartitionSet, index: Index) -> WhyNot:
    excuse = Excuse("absent", "it lies past the newest partition that there is something for")
    return _bare(name, named(absent, index), "absent", excuse)
