"""Whether the keys in JSON files are all in a schema: a reader that is given columns drops others without a word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dbuild.core.task import Column, TaskInput
from dbuild.errors import RecipeError
from dbuild.recipes import readers
from dbuild.recipes.failures import failure
from dbuild.recipes.filecheck import SCHEMA_HINT, FileMemo, misfit, stamp_of
from dbuild.recipes.sqltext import file_list

if TYPE_CHECKING:
    import duckdb

_OBJECT_OPTIONS = ("compression", "format", "ignore_errors", "maximum_object_size")


class KeyCheck:
    """The keys of files, looked up once for each content of a file."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {}

    def check(self, given: TaskInput, schema: Sequence[Column], session: duckdb.DuckDBPyConnection) -> None:
        """RecipeError naming the first file of an input that has keys which are not in the schema."""
        known = {name for name, _ in schema}  # DuckDB minds the case of keys
        stamps = {path: stamp_of(path) for path in given.paths}
        fresh = [path for path, stamp in stamps.items() if self._keys.get(path, (None,))[0] != stamp]
        if fresh:
            if len(self._keys) >= FileMemo.LIMIT:
                self._keys, fresh = {}, list(stamps)
            found = _read_keys(fresh, given, session)
            self._keys.update((path, (stamps[path], found.get(path, ()))) for path in fresh)
        for path in given.paths:
            strange = [name for name in self._keys[path][1] if name not in known]
            if strange:
                raise RecipeError(misfit(path, (), strange), hint=SCHEMA_HINT)


def _read_keys(
    paths: Sequence[str], given: TaskInput, session: duckdb.DuckDBPyConnection
) -> dict[str, tuple[str, ...]]:
    import duckdb

    options = readers.checked_options("json", given.read)
    if options.get("records") is False:  # values that are no objects have no keys
        return {}
    kept = {name: options[name] for name in _OBJECT_OPTIONS if name in options}
    shape = "" if "format" in kept else ", format='auto'"
    call = f"read_json_objects({file_list(paths)}{shape}{readers.option_text(kept)})"
    try:
        rows = session.execute(
            f"SELECT filename, list(DISTINCT k ORDER BY k) FROM (SELECT filename, unnest(json_keys(json)) k "
            f"FROM {call}) GROUP BY filename"
        ).fetchall()
    except duckdb.Error as error:
        raise failure(error, lead=f'the input "{given.name}" can\'t be read: ') from None
    return {name: tuple(keys) for name, keys in rows}
