"""A project's params and the texts that override them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time

from dbuild.core.model import Dimension, Scalar
from dbuild.errors import UserError, nearest
from dbuild.project.document import Table
from dbuild.project.names import check_name

_READERS: dict[type, Callable[[str], Scalar]] = {int: int, float: float, str: str}
_TYPES = {int: "an integer", float: "a number", bool: "true or false"}


def read_params(project: Table, dimensions: Mapping[str, Dimension]) -> dict[str, Scalar]:
    """The params of [project], without those that can't be taken."""
    params: dict[str, Scalar] = {}
    for name, value in (project.table("params") or {}).items():
        if not check_name(project, "param", name, "params", name):
            continue
        clash = dimensions.get(name) or dimensions.get(name.removesuffix("_end"))
        if clash is not None:
            what = f'the param "{name}" has a name that the dimension "{clash.name}" ({clash.place}) gives to recipes'
            project.report(what, "params", name, hint="rename the param")
            continue
        if isinstance(value, date | datetime | time):
            params[name] = value.isoformat()
        elif isinstance(value, str | int | float):
            params[name] = value
        else:
            what = f'the param "{name}" must be a string, a number, true or false, or a date'
            project.report(what, "params", name, hint=f"as in {name} = 15")
    return params


def override_params(params: dict[str, Scalar], overrides: Mapping[str, str], problems: list[UserError]) -> None:
    """Puts the values of `--param` in, read as the declared types."""
    for name, text in overrides.items():
        if name not in params:
            hint = nearest(name, params) or "declare it under params of [project]"
            problems.append(UserError(f'--param {name}: the project has no param "{name}"', hint=hint))
            continue
        try:
            params[name] = _read(text, type(params[name]))
        except ValueError:
            what = f'--param {name}: "{text}" is not {_TYPES[type(params[name])]}'
            problems.append(UserError(what, hint=f"the Dataflowfile has {name} = {str(params[name]).lower()}"))


def _read(text: str, kind: type) -> Scalar:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    return _READERS[kind](text)
