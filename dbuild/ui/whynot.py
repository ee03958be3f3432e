"""Why a partition doesn't run; as lines and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dbuild.core.part import Part
from dbuild.core.whynot import Comparison, CutOff, WhyNot
from dbuild.ui.causes import Telling, run_record
from dbuild.ui.explanations import SHOWN, rest_lines, told_lines
from dbuild.ui.json import key_record
from dbuild.ui.moments import clock
from dbuild.ui.text import clean, counted, listed, partition_name

_INPUTS = 6  # partitions of one input
_PARTS = 6  # names of one kind
_CUT_OFFS = 5


def why_not_lines(found: Sequence[WhyNot], *, is_whole: bool = False) -> list[str]:
    """Each partition with all that was compared; lists are cut where they are long, unless they are wanted whole."""
    return [*told_lines(found, lambda each: list(_lines(each, is_whole))), *rest_lines(found[SHOWN:], "why not")]


def _lines(each: WhyNot, is_whole: bool) -> Iterator[str]:
    telling = Telling(is_whole=is_whole)
    for excuse in each.excuses:
        yield f"  {clean(excuse.text)}"
    yield from (f"  {_cut_off(one, telling)}" for one in each.cut_offs[: None if is_whole else _CUT_OFFS])
    shown = len(each.cut_offs) if is_whole else min(_CUT_OFFS, len(each.cut_offs))
    if each.cut_off_count > shown:
        yield f"  and {each.cut_off_count - shown:,} more that came out the same"
    if each.last is not None:
        yield f"  compared with what it was built from, {telling.run(each.last)}:"
    elif each.standing != "absent":
        yield "  never built, so there is nothing to compare"
    yield from (f"    {line}" for line in _compared(each, is_whole))
    yield from (f"  {clean(text)}" for text in each.would)


def _cut_off(one: CutOff, telling: Telling) -> str:
    return f"{partition_name(one.target, one.key)} ran {telling.run(one.run)}, and came out the same"


def _compared(each: WhyNot, is_whole: bool) -> Iterator[str]:
    """What was compared, in the order of the comparison."""
    for one in each.compared:
        if one.compared.kind == "recipe":
            yield f"recipe: {_verdict(one)}{_recipe(each.parts, is_whole)}"
    params = [one for one in each.compared if one.compared.kind == "param"]
    for one in params:
        yield clean(f"param {one.compared.subject}: {_verdict(one)}, {one.compared.after or 'not set'}")
    groups: dict[str, list[Comparison]] = {}
    for one in each.compared:
        if one.compared.kind == "input":
            groups.setdefault(one.compared.subject.partition("@")[0], []).append(one)
    for dataset, group in groups.items():
        yield from _inputs("its rows of" if dataset in each.routed else "input", dataset, group, is_whole)
    for one in each.compared:
        if one.compared.kind in ("schema", "output", "provisional"):
            title = "columns of" if one.compared.kind == "schema" else one.compared.kind
            yield clean(f"{title} {one.compared.subject}: {_verdict(one)}, {one.compared.after or 'nothing'}")


def _recipe(parts: Sequence[Part], is_whole: bool) -> str:
    """The parts of a recipe by their kinds."""
    kinds: dict[str, list[str]] = {}
    for part in parts:
        if part.kind != "order":
            value = part.value if part.kind in ("package", "engine") else ""
            kinds.setdefault(part.kind, []).append(f"{part.name} {value}".strip())
    limit = len(parts) if is_whole else _PARTS
    named = (f"{kind} {listed(dict.fromkeys(names), limit)}".strip() for kind, names in kinds.items())
    return clean(f" ({counted(len(parts), 'part')}: {'; '.join(named)})") if parts else ""


def _inputs(title: str, dataset: str, group: list[Comparison], is_whole: bool) -> Iterator[str]:
    """The partitions of an input, those that aren't the same first, then by when they came about, the newest first."""
    results = Counter(_verdict(one) for one in group)
    counts = ", ".join(f"{number:,} {verdict}" for verdict, number in results.items())
    if len(group) == 1:
        yield clean(f"{title} {_input(group[0])}")
        return
    told = f"all {_verdict(group[0])}" if len(results) == 1 else counts
    yield clean(f"{title} {dataset}: {counted(len(group), 'partition')}, {told}")
    ordered = sorted(group, key=lambda one: one.at, reverse=True)
    ordered.sort(key=lambda one: one.compared.result == "same")
    kept = ordered if is_whole else ordered[:_INPUTS]
    yield from (clean(f"  {_input(one)}") for one in kept)
    if len(ordered) > len(kept):
        yield f"  and {len(ordered) - len(kept):,} more (-v shows all)"


def _input(one: Comparison) -> str:
    built = f", built {clock(one.at)} in run {one.run}" if one.run else f", written {clock(one.at)}" if one.at else ""
    compared = one.compared
    digests = compared.after if compared.result == "same" else f"{compared.before or 'nothing'} -> {_after(one)}"
    return f"{compared.subject}: {_verdict(one)}, {digests}{built}"


def _after(one: Comparison) -> str:
    return "not known yet" if one.compared.result == "open" else one.compared.after or "nothing"


def _verdict(one: Comparison) -> str:
    return {"same": "the same", "differs": "differs", "open": "not built yet", "ignored": "does not count"}[
        one.compared.result
    ]


def why_not_record(each: WhyNot) -> dict[str, object]:
    """One partition with everything that was compared; `result` is same, differs, open or ignored."""
    return {
        "target": each.target,
        "key": key_record(each.key),
        "standing": each.standing,
        "compared": [
            {
                "kind": one.compared.kind,
                "subject": one.compared.subject,
                "before": one.compared.before,
                "after": one.compared.after,
                "result": one.compared.result,
                "at": one.at or None,
                "run": one.run or None,
            }
            for one in each.compared
        ],
        "parts": [{"kind": part.kind, "name": part.name, "value": part.value or None} for part in each.parts],
        "excuses": [{"kind": excuse.kind, "text": excuse.text} for excuse in each.excuses],
        "same": [
            {"target": one.target, "key": key_record(one.key), "run": run_record(one.run)} for one in each.cut_offs
        ],
        "would": list(each.would),
        "last": run_record(each.last) if each.last else None,
    }
