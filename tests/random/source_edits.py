"""What happens to the files of sources between two builds. Each edit says what it did; "" for nothing."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.random.calendars import named
from tests.random.drawing import draw_rows
from tests.random.flows import POISON, Key, Rows, Source
from tests.random.identities import written
from tests.random.trial import Trial
from tests.random.writing import csv_text, source_path

_MOST_PERIODS = 8


def _pick(rng: random.Random, trial: Trial) -> tuple[Source, Key, str] | None:
    found = [
        (source, key, file)
        for source in trial.project.sources.values()
        for key in sorted(source.parts)
        for file in sorted(source.parts[key])
    ]
    return rng.choice(found) if found else None


def _place(trial: Trial, source: Source, key: Key, file: str) -> Path:
    return trial.root / source_path(trial.project, source, key, file)


def change_part(rng: random.Random, trial: Trial) -> str:
    """Other rows in one file."""
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, file = picked
    trial.undone = (source.name, key, file, source.parts[key][file])
    source.parts[key][file] = draw_rows(rng)
    return f"{trial.write_part(source.name, key, file)} := {source.parts[key][file]}"


def change_slyly(rng: random.Random, trial: Trial) -> str:
    """Another content of the same size, under the same mtime."""
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, file = picked
    rows = source.parts[key][file]
    if POISON in rows:
        return ""
    source.parts[key][file] = tuple((row + 1) % 10 for row in rows)
    place = _place(trial, source, key, file)
    before = place.stat()
    trial.write_part(source.name, key, file)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    return f"{place} := {source.parts[key][file]}, with its old mtime"


def rewrite_part(rng: random.Random, trial: Trial) -> str:
    """A file is written, replaced or touched, and says the same."""
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    place = _place(trial, *picked)
    how = rng.choice(("written", "replaced", "touched", "back in time"))
    if how == "written":
        trial.write_part(picked[0].name, *picked[1:])
    elif how == "replaced":
        shutil.copy(place, f"{place}.new")
        os.rename(f"{place}.new", place)
    else:
        os.utime(place, None if how == "touched" else (1_000_000_000, 1_000_000_000))
    return f"{place} {how}, its content the same"


def delete_part(rng: random.Random, trial: Trial) -> str:
    """A partition goes."""
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, _ = picked
    if source.name == trial.project.discoverer and len(source.parts) == 1:
        return ""  # without any item, inputs are empty, and have columns only where they are declared
    for file in source.parts.pop(key):
        _place(trial, source, key, file).unlink()
    return f"{source.name}@{','.join(key)} is gone"


def _add_parts(trial: Trial, source: Source, keys: list[Key], rows: Callable[[], Rows]) -> str:
    missing = [key for key in keys if key not in source.parts]
    for key in missing:
        file = "p0" if source.is_globbed else ""
        source.parts[key] = {file: rows()}
        trial.write_part(source.name, key, file)
    return f"{source.name} has now {missing}" if missing else ""


def complete(rng: random.Random, trial: Trial) -> str:
    """Adds what sources lack, all of it or one partition."""
    said = []
    for name in sorted(trial.project.sources):
        source = trial.project.sources[name]
        keys = [key for key in trial.source_keys(name) if key not in source.parts]
        keys = keys if rng.random() < 0.7 else keys[:1]
        said.append(_add_parts(trial, source, keys, lambda: draw_rows(rng)))
    return "; ".join(text for text in said if text)


def add_period(rng: random.Random, trial: Trial) -> str:
    """The next period for one source or for all; sometimes one is skipped."""
    project = trial.project
    names = [name for name in project.times if any(name in source.dimensions for source in project.sources.values())]
    if not names:
        return ""
    name = rng.choice(names)
    line, keys = project.line(name), trial.domain()[name]
    first = line.at(named(project.times[name].start, project.times[name].zone)[0])
    place = line.place(keys[-1]) + rng.choice((1, 1, 1, 2)) if keys else first
    sources = [source for source in project.sources.values() if name in source.dimensions]
    if place > first + _MOST_PERIODS:
        return ""
    chosen, key = sources if rng.random() < 0.6 else [rng.choice(sources)], line.periods[place].key
    return "; ".join(
        _add_parts(trial, source, _keys_with(trial, source, name, key), lambda: draw_rows(rng)) for source in chosen
    )


def add_item(rng: random.Random, trial: Trial) -> str:
    """A key that wasn't there before, between the others or behind them."""
    sources = [source for source in trial.project.sources.values() if "item" in source.dimensions]
    item = rng.choice("vwxyz")
    if not sources or item in trial.domain()["item"]:
        return ""
    return "; ".join(
        _add_parts(trial, source, _keys_with(trial, source, "item", item), lambda: draw_rows(rng)) for source in sources
    )


def drop_item(rng: random.Random, trial: Trial) -> str:
    """A key that was there goes from all sources."""
    items = trial.domain()["item"]
    if len(items) < 2:
        return ""
    item = rng.choice(items)
    for source in trial.project.sources.values():
        for key in [key for key in source.parts if "item" in source.dimensions and item in key]:
            for file in source.parts.pop(key):
                _place(trial, source, key, file).unlink()
    return f"the item {item} is gone"


def _keys_with(trial: Trial, source: Source, dimension: str, value: str) -> list[Key]:
    keys: list[Key] = [()]
    for name in source.dimensions:
        values = [value] if name == dimension else trial.domain()[name]
        keys = [(*key, one) for key in keys for one in values]
    return keys


def poison(rng: random.Random, trial: Trial) -> str:
    """A file that recipes fail on."""
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, file = picked
    trial.undone = (source.name, key, file, source.parts[key][file])
    source.parts[key][file] = (1, POISON)
    return f"{trial.write_part(source.name, key, file)} is poisoned"


def undo(rng: random.Random, trial: Trial) -> str:
    """The last change of a source is taken back."""
    del rng
    if trial.undone is None:
        return ""
    name, key, file, rows = trial.undone
    trial.undone = None
    parts = trial.project.sources[name].parts
    if file not in parts.get(key, {}):
        return ""
    parts[key][file] = rows
    return f"{trial.write_part(name, key, file)} is {rows} again"


def change_files(rng: random.Random, trial: Trial) -> str:
    """One file more or less of a partition that has several."""
    globbed = [source for source in trial.project.sources.values() if source.is_globbed and source.parts]
    if not globbed:
        return ""
    source = rng.choice(globbed)
    key = rng.choice(sorted(source.parts))
    files = source.parts[key]
    file = rng.choice(("p0", "p1", "p2"))
    if file not in files:
        files[file] = draw_rows(rng)
        return f"{trial.write_part(source.name, key, file)} is new"
    if len(files) < 2:
        return ""
    del files[file]
    _place(trial, source, key, file).unlink()
    return f"{_place(trial, source, key, file)} is gone"


def add_stray(rng: random.Random, trial: Trial) -> str:
    """Files beside a source's that belong to none of its partitions."""
    source = rng.choice(list(trial.project.sources.values()))
    values = {"place": "nowhere"}
    for name, time in trial.project.times.items():
        line = trial.project.line(name)
        before = line.periods[line.at(named(time.start, time.zone)[0]) - 1].key
        values[name] = written(trial.project, name, before, source.is_dated)
    parts = [values.get(dimension, "") for dimension in source.dimensions]
    name = f"{'/'.join(parts)}.csv" if parts and "" not in parts and not source.is_globbed else "notes.txt"
    trial.write(f"{source.folder}/{name}", csv_text(draw_rows(rng)))
    return f"{source.folder}/{name} belongs to nothing"


def move_source(rng: random.Random, trial: Trial) -> str:
    """The same files in another folder."""
    plain = [source for source in trial.project.sources.values() if not source.is_globbed]
    if not plain:
        return ""
    source = rng.choice(plain)
    before = trial.root / source.folder
    source.folder += "x"
    if before.exists():
        before.rename(trial.root / source.folder)
    return f"{source.name} moves to {source.folder}"
