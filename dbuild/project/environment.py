"""`env` and `secrets`: the variables that recipes are given."""

from __future__ import annotations

from datetime import date, time

from dbuild.project.document import Table
from dbuild.project.names import is_identifier
from dbuild.values import dataclass

PREFIX = "DBUILD_"  # of the variables that dbuild itself gives to recipes


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a recipe."""

    env: dict[str, str]
    secrets: tuple[str, ...]  # names; their values come from dbuild's own environment


NO_VARIABLES = Variables({}, ())


def read_variables(table: Table, defaults: Variables = NO_VARIABLES) -> Variables:
    """The variables of a table, with those of [defaults]; mistakes are reported."""
    env = _read_env(table)
    secrets = _read_secrets(table)
    for name, position in secrets.items():
        if name in env or name in defaults.env:
            where = table.place("env", name) if name in env else "[defaults]"
            table.report(f'"{name}" is a secret, and in env ({where}) as well', "secrets", position, hint=_ONE)
    for name in env:
        if name in defaults.secrets and name not in secrets:
            table.report(f'"{name}" is in env, and a secret of [defaults] as well', "env", name, hint=_ONE)
    united = dict.fromkeys((*defaults.secrets, *secrets))
    return Variables(defaults.env | env, tuple(united))


_ONE = "a secret's value comes from the environment of dbuild: remove one of both"


def _read_env(table: Table) -> dict[str, str]:
    env: dict[str, str] = {}
    for name, value in (table.table("env") or {}).items():
        if not _check_name(table, name, "env", name):
            continue
        if isinstance(value, bool):
            env[name] = str(value).lower()
        elif isinstance(value, date | time):
            env[name] = value.isoformat()
        elif isinstance(value, str | int | float) and "\0" not in str(value):
            env[name] = str(value)
        else:
            what = f'the variable "{name}" of {table.title} must be a text, a number, a date, or true or false'
            table.report(what, "env", name, hint=f'as in {name} = "info"')
    return env


def _read_secrets(table: Table) -> dict[str, int]:
    """The names of the secrets, and their positions in the list."""
    secrets: dict[str, int] = {}
    for position, name in enumerate(table.strings("secrets") or ()):
        if _check_name(table, name, "secrets", position):
            secrets.setdefault(name, position)
    return secrets


def _check_name(table: Table, name: str, *path: str | int) -> bool:
    if not is_identifier(name):
        hint = "names have letters, digits and underscores, and don't start with a digit"
        table.report(f'"{name}" can\'t be the name of a variable', *path, hint=hint)
        return False
    if name.upper().startswith(PREFIX):
        what = f'the variable "{name}" has a name that dbuild itself gives to recipes'
        table.report(what, *path, hint=f"choose one that doesn't begin with {PREFIX}")
        return False
    return True
