"""A plan as lines and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dbuild.core.partitions import Index, PartitionSet
from dbuild.core.plan import Plan, TargetPlan
from dbuild.core.staleness import Reason
from dbuild.ui.causes import changes_text
from dbuild.ui.quiet import assumed_record, quiet_lines
from dbuild.ui.styles import standing_text
from dbuild.ui.text import assumed_text, clean, counted, listed, set_text

_SINGLE = 5  # up to so many partitions of a target get a line each


def plan_lines(plan: Plan) -> list[str]:
    """What will run and why, what may run and after what, what waits for what; sets where there are many."""
    lines = [f"{standing_text('will run')}: {counted(plan.will_run, 'partition')}"] if plan.will_run else []
    for target in plan.targets.values():
        lines += _will_lines(plan, target)
    if plan.may_run:
        lines.append(f"{standing_text('may run')}: {counted(plan.may_run, 'partition')}")
        lines += [_may_line(plan, target) for target in plan.targets.values() if target.may]
    if plan.waiting:
        lines.append(f"{standing_text('waiting')}: {counted(plan.waiting, 'partition')}")
        for target in plan.targets.values():
            lines += _waiting_lines(plan, target)
    if not lines:
        return quiet_lines(plan.fresh, plan.assumed)
    assumed = [assumed_text(plan.assumed)] if plan.assumed else []
    return [*lines, f"{standing_text('fresh')}: {counted(plan.fresh, 'partition')}", *assumed]


def _name(target: str, partitions: PartitionSet) -> str:
    return f"{target}@{set_text(partitions)}" if partitions.axes else target


def _will_lines(plan: Plan, target: TargetPlan) -> Iterator[str]:
    def said(reasons: tuple[Reason, ...]) -> str:
        return _reasons_text(plan, target.target, reasons)

    axes = target.needed.axes
    if len(target.will) <= _SINGLE:
        for index, reasons in target.will.items():
            yield f"  {_name(target.target, _single(target, index))}: {said(reasons)}"
        return
    groups: dict[str, list[Index]] = {}
    for index, reasons in target.will.items():
        groups.setdefault(reasons[0].kind, []).append(index)
    for members in groups.values():
        name = _name(target.target, PartitionSet.of_indices(axes, members))
        yield f"  {name} ({len(members):,}): {_shared_text([target.will[index] for index in sorted(members)], said)}"


def _shared_text(found: list[tuple[Reason, ...]], said: Callable[[tuple[Reason, ...]], str]) -> str:
    """What partitions of one kind of first reason have in common, and the first one's own where they differ."""
    first = found[0]
    if all(reasons == first for reasons in found):
        return said(first)
    return f"{first[0].kind}; the first: {said(first).removeprefix(first[0].kind).lstrip(': ')}"


def _single(target: TargetPlan, index: Index) -> PartitionSet:
    return PartitionSet.of_indices(target.needed.axes, (index,))


def _reasons_text(plan: Plan, target: str, reasons: tuple[Reason, ...]) -> str:
    parts = plan.change_of(target, reasons[0])
    first = f"{reasons[0].kind}: {changes_text(parts)}" if parts else clean(str(reasons[0]))
    more = f" (and {counted(len(reasons) - 1, 'more reason')})" if len(reasons) > 1 else ""
    return first + more


def _may_line(plan: Plan, target: TargetPlan) -> str:
    count = f" ({len(target.may):,})" if len(target.may) > 1 else ""
    upstream = dict.fromkeys(given.dataset for given in plan.flow.steps[target.target].inputs)
    after = [name for name in upstream if name in plan.targets and (plan.targets[name].will or plan.targets[name].may)]
    rows = [_name(dataset, some) for dataset, some in target.unrouted.items()]
    conditions = [f"if {listed(after)} comes out changed"] if after else []
    conditions += [f"if rows of {listed(rows)} go there"] if rows else []
    return f"  {_name(target.target, target.may)}{count}: {', or '.join(conditions)}"


def _waiting_lines(plan: Plan, target: TargetPlan) -> Iterator[str]:
    if len(target.waiting) <= _SINGLE:
        for index in target.waiting.indices():
            yield f"  {_name(target.target, _single(target, index))}: needs {listed(plan.lacks(target.target, index))}"
    else:
        first = target.waiting.first()
        lacks = listed(plan.lacks(target.target, first)) if first is not None else ""
        yield f"  {_name(target.target, target.waiting)} ({len(target.waiting):,}): the first needs {lacks}"
    if target.absent:
        yield f"  {_name(target.target, target.absent)}: past the newest partition"


def plan_record(plan: Plan) -> dict[str, object]:
    """The plan with every partition by itself."""
    targets = plan.targets.values()
    return {
        "will_run": [
            _keyed(target, index) | {"reasons": [str(reason) for reason in reasons]}
            for target in targets
            for index, reasons in target.will.items()
        ],
        "may_run": [
            _keyed(target, index) | {"after": plan.after(target.target, index)}
            for target in targets
            for index in target.may.indices()
        ],
        "fresh": plan.fresh,
        "waiting": [record for target in targets for record in _waiting_records(plan, target)],
        **assumed_record(plan.assumed),
    }


def _waiting_records(plan: Plan, target: TargetPlan) -> Iterator[dict[str, object]]:
    for index in target.waiting.indices():
        yield _keyed(target, index) | {"missing": plan.lacks(target.target, index), "absent": False}
    for index in target.absent.indices():
        yield _keyed(target, index) | {"missing": [], "absent": True}


def _keyed(target: TargetPlan, index: Index) -> dict[str, object]:
    axes = target.needed.axes
    return {
        "target": target.target,
        "key": {axis.name: axis.text(number) for axis, number in zip(axes, index, strict=True)},
    }
