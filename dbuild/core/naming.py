"""Which datasets the name in a selector means: `daily`, `daily_*`, `*`, `tag:x`, `owner:x`. Unaware of partitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dbuild.core.globs import OWNER, TAG, is_glob, matches
from dbuild.core.graph import Flow
from dbuild.core.model import Source, Target
from dbuild.errors import UsageError, nearest

_BEHIND = re.compile(r"([A-Za-z_]\w*)([^\w*?])(.+)", re.ASCII)  # a name, and something behind it
_SHOWN = 8  # tags or targets that a hint names


def is_pattern(name: str) -> bool:
    """Whether a name may mean several datasets, so that those to which KEYS don't apply are left out."""
    return name.startswith((TAG, OWNER)) or is_glob(name)


def datasets_named(flow: Flow, name: str, *, with_sources: bool) -> list[Source | Target]:
    """The datasets that a name means: sources in the order of the file, then targets in building order.

    Sources among them only `with_sources`. Raises UsageError where it means none, with what is near.
    """
    dataset = flow.project.dataset(name)  # mostly it names one; names have no sign of a pattern
    found = [dataset] if dataset is not None else _found(_every(flow), name, "dataset" if with_sources else "target")
    wanted = [dataset for dataset in found if with_sources or isinstance(dataset, Target)]
    if not wanted:
        what = "is a source: dbuild never writes it" if found[0].name == name else "matches only sources"
        raise UsageError(f'"{name}" {what}', hint=f"{name}+ stands for all that is made from it")
    return wanted


def _every(flow: Flow) -> list[Source | Target]:
    project = flow.project
    return [*project.sources.values(), *(project.targets[name] for name in flow.order if name in project.targets)]


def _found(every: Sequence[Source | Target], name: str, kind: str) -> list[Source | Target]:
    if name.startswith(TAG):
        return _tagged(every, name.removeprefix(TAG))
    if name.startswith(OWNER):
        return _owned(every, name.removeprefix(OWNER))
    if not is_glob(name):
        raise UsageError(f'there is no {kind} "{name}"', hint=_near(name, every))
    found = [dataset for dataset in every if matches(name, dataset.name)]
    if not found:
        raise UsageError(f'"{name}" matches no {kind}', hint=_near(name, every))
    return found


def _tagged(every: Iterable[Source | Target], pattern: str) -> list[Source | Target]:
    found = [dataset for dataset in every if any(matches(pattern, tag) for tag in dataset.tags)]
    if not found:
        tags = list(dict.fromkeys(tag for dataset in every for tag in dataset.tags))
        known = f"there are {', '.join(tags[:_SHOWN])}" if tags else "nothing has tags"
        what = f'nothing has the tag "{pattern}"' if pattern else f'"{TAG}" names no tag'
        raise UsageError(what, hint=nearest(pattern, tags) or known)
    return found


def _owned(every: Iterable[Source | Target], pattern: str) -> list[Source | Target]:
    found = [dataset for dataset in every if dataset.owner and matches(pattern, dataset.owner)]
    if not found:
        owners = list(dict.fromkeys(dataset.owner for dataset in every if dataset.owner))
        known = f"there are {', '.join(owners[:_SHOWN])}" if owners else "nothing has an owner"
        what = f'nothing has the owner "{pattern}"' if pattern else f'"{OWNER}" names no owner'
        raise UsageError(what, hint=nearest(pattern, owners) or known)
    return found


def _near(name: str, every: Sequence[Source | Target]) -> str:
    names = [dataset.name for dataset in every]
    found = _BEHIND.fullmatch(name)
    if found and found[1] in names:
        if found[2] == ".":
            return f"outputs of a target are made together: write {found[1]}"
        return f'KEYS stand behind "@": {found[1]}@{found[3]}'
    targets = [dataset.name for dataset in every if isinstance(dataset, Target)]
    if not targets or len(targets) > _SHOWN:
        return nearest(name.replace("*", ""), names) or "dbuild list shows what there is"
    return nearest(name.replace("*", ""), names) or f"there are {', '.join(targets)}"
