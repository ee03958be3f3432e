"""Where datasets have the files that an answer rests on, so that it can hold without a look at some of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dbuild.core.globs import is_meant
from dbuild.observe.listing import records_of
from dbuild.state.files import SINGLES
from dbuild.state.store import State

if TYPE_CHECKING:
    from dbuild.build.survey import Survey
    from dbuild.core.model import Project

_NONE: Mapping[str, bytes] = {}


class Granted(NamedTuple):
    """What an answer takes as it is kept."""

    datasets: tuple[str, ...] = ()
    folders: Mapping[str, bytes] = _NONE  # roots -> the digests of their kept listings
    singles: Mapping[str, bytes] = _NONE  # files that stand alone -> their kept records, empty where there was no file


def places_text(project: Project, survey: Survey) -> str:
    """Of each dataset that was looked at its name, tags, owner, folders and files that stand alone, as JSON."""
    from dbuild.build.locations import marker_of

    found = []
    for dataset in project.datasets():
        named = (*survey.locations.get(dataset.name, ()), *survey.locations.get(marker_of(dataset.name), ()))
        own = [one for one in named if survey.is_listed(one)]
        roots = dict.fromkeys(one.root for one in own if one.root != SINGLES)
        singles = [one.pattern.path(()) for one in own if one.root == SINGLES]
        if own:
            found.append((dataset.name, dataset.tags, dataset.owner, [*roots], singles))
    return json.dumps((found, sorted(survey.code)))


def granted(state: State, places: str, words: Sequence[str]) -> Granted | None:
    """What these words grant, where that can be told without the flow."""
    datasets, code = json.loads(places)
    if any(sign in word for word in words for sign in "@+"):
        return None
    meant = [each for each in datasets if any(is_meant(word, *each[:3]) for word in words)]
    if not all(any(is_meant(word, *each[:3]) for each in meant) for word in words):
        return None  # the flow tells what is wrong with it
    names = {each[0] for each in meant}
    others = [each for each in datasets if each[0] not in names]
    among = {root for each in others for root in each[3]}
    alone = {path for each in others for path in each[4]}.union(code)
    heads = state.listing_heads()
    roots = {root for each in meant for root in each[3]} - among
    singles = {path for each in meant for path in each[4]} - alone
    kept = {one.rsplit(b"\t", 4)[0]: one + b"\0" for one in records_of(state.listing(SINGLES))} if singles else {}
    return Granted(
        tuple(each[0] for each in meant),
        {root: heads[root][0] for root in roots if root in heads},
        {path: kept.get(path.encode("utf-8", "surrogateescape"), b"") for path in singles},
    )
