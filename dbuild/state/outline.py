"""The names of a project, for completing them: kept in the state's folder while the project's files are as they were.

Everything is imported when it is needed, as every millisecond here is one between a key and its answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from dbuild.core.completion import Dataset, Outline

_FOLDER = ".dbuild"
_FORM = "dbuild outline 1"
_MOST = 20_000  # keys that are read of a target


def outline_of(root: str, file: str) -> Outline:
    """The names of the project of a Dataflowfile; none where there is no project. Never an error."""
    kept = _read(os.path.join(root, _FOLDER, f"outline-{file.replace('/', '%')}"))
    if kept is not None and kept[0] == _stamp(root, kept[1]):
        return kept[2]
    try:
        made, files = _load(root, file)
    except Exception:
        made, files = None, []  # a project that can't be loaded is as it was
    if made is None:
        return kept[2] if kept is not None else Outline((), {}, frozenset())
    _write(root, file, files, made)
    return made


def known_keys(root: str, file: str, dataset: Dataset) -> Iterable[tuple[str, ...]]:
    """The keys of the partitions of a dataset that were built, or have arrived; the newest of very many."""
    path = os.path.join(root, _FOLDER, "state.db")
    if not os.path.exists(path):
        return []
    import sqlite3

    try:
        with_uri = sqlite3.connect(
            f"file:{path.replace('?', '%3f').replace('#', '%23')}?mode=ro", uri=True, timeout=0.05
        )
        try:
            rows = with_uri.execute(_ARRIVED if dataset.is_source else _BUILT, (file, dataset.name, _MOST)).fetchall()
        finally:
            with_uri.close()
    except sqlite3.Error:
        return []
    return [tuple(str(row[0]).split("\x1f")) for row in rows]


_BUILT = """
SELECT trace.key FROM trace JOIN target ON target.id = trace.target
WHERE target.flow = ? AND target.name = ? ORDER BY trace.key DESC LIMIT ?
"""
_ARRIVED = "SELECT DISTINCT key FROM arrival WHERE flow = ? AND dataset = ? ORDER BY key DESC LIMIT ?"


def _load(root: str, file: str) -> tuple[Outline | None, list[str]]:
    from dbuild.core.model import ListDimension, TimeDimension
    from dbuild.project import load_project

    project, _ = load_project(file, root, {})
    if project is None:
        return None, []
    datasets = tuple(
        Dataset(
            each.name,
            each.name in project.sources,
            tuple(each.dimensions),
            tuple(each.tags),
            each.owner or "",
            _line(each.description or ""),
        )
        for each in project.datasets()
    )
    dimensions = project.dimensions.values()
    values = {each.name: each.values for each in dimensions if isinstance(each, ListDimension)}
    times = frozenset(each.name for each in dimensions if isinstance(each, TimeDimension))
    folders = [os.path.dirname(pattern) or "." for pattern in project.globs]
    return Outline(datasets, values, times), [file, *project.files, *folders]


def _line(text: str) -> str:
    return " ".join(text.split())


def _stamp(root: str, files: Iterable[str]) -> str:
    """What tells that files are as they were."""
    found = []
    for file in files:
        try:
            stat = os.stat(os.path.join(root, file))
            found.append(f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}")
        except OSError:
            found.append("-")
    return ",".join(found)


# -- the kept form: lines of fields with tabs between; the first three are the form, the stamp, the files ------------


def _read(path: str) -> tuple[str, list[str], Outline] | None:
    try:
        with open(path, encoding="utf-8") as stream:
            form, stamp, files, *lines = stream.read().split("\n")
        if form != _FORM:
            return None
        datasets: list[Dataset] = []
        values: dict[str, tuple[str, ...]] = {}
        times: set[str] = set()
        for line in lines:
            kind, name, *rest = line.split("\t")
            if kind == "values":
                values[name] = tuple(rest)
            elif kind == "time":
                times.add(name)
            else:
                dimensions, tags, owner, description = rest
                own = (_split(dimensions), _split(tags), owner, description)
                datasets.append(Dataset(name, kind == "source", *own))
    except (OSError, ValueError):
        return None
    return stamp, files.split("\t"), Outline(tuple(datasets), values, frozenset(times))


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("\x1f")) if text else ()


def _write(root: str, file: str, files: list[str], made: Outline) -> None:
    """Keeps an outline where a state is kept too; where that can't be, it is made anew the next time."""
    folder = os.path.join(root, _FOLDER)
    names = list(dict.fromkeys(files))
    lines = [_FORM, _stamp(root, names), "\t".join(names)]
    lines += ["\t".join(("values", name, *values)) for name, values in made.values.items()]
    lines += [f"time\t{name}" for name in sorted(made.times)]
    for each in made.datasets:
        kind = "source" if each.is_source else "target"
        own = ("\x1f".join(each.dimensions), "\x1f".join(map(_line, each.tags)), _line(each.owner), each.description)
        lines.append("\t".join((kind, each.name, *own)))
    path = os.path.join(folder, f"outline-{file.replace('/', '%')}")
    temporary = f"{path}.{os.getpid()}"
    try:
        if os.path.isdir(folder):
            with open(temporary, "w", encoding="utf-8") as stream:
                stream.write("\n".join(lines))
            os.replace(temporary, path)
    except (OSError, ValueError):
        return
