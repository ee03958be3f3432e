"""How one recipe differs from another, part by part. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from dbuild.core.part import PartKind, Wording
from dbuild.errors import Place
from dbuild.values import dataclass

How = Literal["changed", "added", "removed", "moved"]
_Name = tuple[PartKind, str]


@dataclass(frozen=True, slots=True)
class PartChange:
    """How the parts of one kind and name differ."""

    kind: PartKind
    name: str
    how: How
    before: str | None  # the text, or the value where it is short; None: there was none, or it isn't kept
    after: str | None
    place: Place | None  # where it is written now; of what was removed, where it was
    was: str = ""  # of one that moved, the name that it had


def compare(before: Sequence[Wording], after: Sequence[Wording]) -> tuple[PartChange, ...]:
    """All that differs: what changed first, then what came, went, or moved."""
    old, new = _by_name(before), _by_name(after)
    found = [_changed(name, old[name], new[name]) for name in new if name in old and _differ(old[name], new[name])]
    came, went = [name for name in new if name not in old], [name for name in old if name not in new]
    moved = dict(_moves(came, went, old, new))
    found += [_moved(moved[name], name, new[name]) for name in came if name in moved]
    found += [_came(name, new[name]) for name in came if name not in moved]
    found += [_went(name, old[name]) for name in went if name not in moved.values()]
    return tuple(one for one in found if one.kind != "order" or _is_reordered(old, new))


def _by_name(wordings: Iterable[Wording]) -> dict[_Name, list[Wording]]:
    found: dict[_Name, list[Wording]] = {}
    for one in wordings:
        found.setdefault((one.part.kind, one.part.name), []).append(one)
    return found


def _differ(before: list[Wording], after: list[Wording]) -> bool:
    return _digests(before) != _digests(after)


def _digests(wordings: list[Wording]) -> Counter[bytes]:
    return Counter(one.part.digest for one in wordings)


def _changed(name: _Name, before: list[Wording], after: list[Wording]) -> PartChange:
    """Of several parts of one name only those that differ."""
    old = [one for one in before if one.part.digest not in _digests(after)] or before
    new = [one for one in after if one.part.digest not in _digests(before)] or after
    return PartChange(*name, "changed", _text(old), _text(new), new[0].part.place)


def _came(name: _Name, after: list[Wording]) -> PartChange:
    return PartChange(*name, "added", None, _text(after), after[0].part.place)


def _went(name: _Name, before: list[Wording]) -> PartChange:
    return PartChange(*name, "removed", _text(before), None, before[0].part.place)


def _moved(was: _Name, name: _Name, after: list[Wording]) -> PartChange:
    return PartChange(*name, "moved", None, None, after[0].part.place, was[1])


def _text(wordings: list[Wording]) -> str | None:
    """Their texts, one after the other; None where one isn't kept."""
    texts = [one.part.value or one.text for one in wordings]
    if any(text is None for text in texts):
        return "" if all(one.part.kind == "setting" for one in wordings) else None
    return "\n".join(text for text in texts if text)


def _moves(
    came: list[_Name], went: list[_Name], old: dict[_Name, list[Wording]], new: dict[_Name, list[Wording]]
) -> Iterator[tuple[_Name, _Name]]:
    """What came and went with the same content: its name now, and the one that it had."""
    left = list(went)
    for name in came:
        same = (was for was in left if was[0] == name[0] and _digests(old[was]) == _digests(new[name]))
        was = min(same, key=lambda one: _last(one) != _last(name), default=None)
        if was is not None and name[0] in ("code", "macro", "view", "file", "lock"):
            left.remove(was)
            yield name, was


def _last(name: _Name) -> str:
    return name[1].rpartition(".")[2]


def _is_reordered(old: dict[_Name, list[Wording]], new: dict[_Name, list[Wording]]) -> bool:
    """Whether what is in both recipes runs in another order, and not only what runs has changed."""
    before, after = (_order(found) for found in (old, new))
    shared = set(before) & set(after)
    return [one for one in before if one in shared] != [one for one in after if one in shared]


def _order(found: dict[_Name, list[Wording]]) -> list[str]:
    order = found.get(("order", ""), [])
    return order[0].part.value.split("\n") if order else []
