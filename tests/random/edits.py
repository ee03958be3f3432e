"""What people, clocks and accidents do to a project between two builds. Each edit says what it did; "" for nothing."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from tests.random.flows import DAYS, POISON, Key, Rows, Source, draw_rows, draw_rule
from tests.random.trial import Trial
from tests.random.writing import csv_text, guard_path, source_path

Edit = Callable[[random.Random, Trial], str]


def edit(rng: random.Random, trial: Trial) -> None:
    """One random edit, noted in the trial's diary."""
    edits, weights = zip(*_EDITS, strict=True)
    said = rng.choices(edits, weights)[0](rng, trial)
    if said:
        trial.diary.append(f"  {said}")
    trial.write_project()


def mend(trial: Trial) -> None:
    """Puts right all that makes recipes fail."""
    for name, key in sorted(trial.project.broken):
        (trial.root / guard_path(name, key)).unlink()
    trial.project.broken.clear()
    for source in trial.project.sources.values():
        for key, files in source.parts.items():
            for file in [name for name, rows in files.items() if POISON in rows]:
                files[file] = (1,)
                trial.write_part(source.name, key, file)
    trial.diary.append("  everything is mended")


# -- sources -------------------------------------------------------------------------------------------------------


def _pick(rng: random.Random, trial: Trial) -> tuple[Source, Key, str] | None:
    found = [
        (source, key, file)
        for source in trial.project.sources.values()
        for key in sorted(source.parts)
        for file in sorted(source.parts[key])
    ]
    return rng.choice(found) if found else None


def _place(trial: Trial, source: Source, key: Key, file: str) -> Path:
    return trial.root / source_path(source, key, file)


def _change_part(rng: random.Random, trial: Trial) -> str:
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, file = picked
    source.parts[key][file] = draw_rows(rng)
    return f"{trial.write_part(source.name, key, file)} := {source.parts[key][file]}"


def _change_slyly(rng: random.Random, trial: Trial) -> str:
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


def _rewrite_part(rng: random.Random, trial: Trial) -> str:
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


def _delete_part(rng: random.Random, trial: Trial) -> str:
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, _ = picked
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


def _complete(rng: random.Random, trial: Trial) -> str:
    """Adds what sources lack, all of it or one partition."""
    said = []
    for name in sorted(trial.project.sources):
        source = trial.project.sources[name]
        keys = [key for key in trial.source_keys(name) if key not in source.parts]
        keys = keys if rng.random() < 0.7 else keys[:1]
        said.append(_add_parts(trial, source, keys, lambda: draw_rows(rng)))
    return "; ".join(text for text in said if text)


def _add_day(rng: random.Random, trial: Trial) -> str:
    """The next day for one source or for all; sometimes one is skipped."""
    domain = trial.domain()
    last = domain["day"][-1] if domain["day"] else DAYS[0]
    day = (date.fromisoformat(last) + timedelta(days=rng.choice((1, 1, 1, 2)))).isoformat()
    sources = [source for source in trial.project.sources.values() if "day" in source.dimensions]
    if not sources or day > DAYS[-1]:
        return ""
    chosen = sources if rng.random() < 0.6 else [rng.choice(sources)]
    return "; ".join(
        _add_parts(trial, source, _keys_with(trial, source, "day", day), lambda: draw_rows(rng)) for source in chosen
    )


def _add_item(rng: random.Random, trial: Trial) -> str:
    """A key that wasn't there before, between the others or behind them."""
    sources = [source for source in trial.project.sources.values() if "item" in source.dimensions]
    item = rng.choice("vwxyz")
    if not sources or item in trial.domain()["item"]:
        return ""
    return "; ".join(
        _add_parts(trial, source, _keys_with(trial, source, "item", item), lambda: draw_rows(rng)) for source in sources
    )


def _drop_item(rng: random.Random, trial: Trial) -> str:
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


def _poison(rng: random.Random, trial: Trial) -> str:
    picked = _pick(rng, trial)
    if picked is None:
        return ""
    source, key, file = picked
    source.parts[key][file] = (1, POISON)
    return f"{trial.write_part(source.name, key, file)} is poisoned"


def _change_files(rng: random.Random, trial: Trial) -> str:
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


def _add_stray(rng: random.Random, trial: Trial) -> str:
    """Files beside a source's that belong to none of its partitions."""
    source = rng.choice(list(trial.project.sources.values()))
    values = {"day": "2012-12-31", "place": "nowhere"}
    parts = [values.get(dimension, "") for dimension in source.dimensions]
    name = f"{'/'.join(parts)}.csv" if parts and "" not in parts and not source.is_globbed else "notes.txt"
    trial.write(f"{source.folder}/{name}", csv_text(draw_rows(rng)))
    return f"{source.folder}/{name} belongs to nothing"


def _move_source(rng: random.Random, trial: Trial) -> str:
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


# -- recipes and declarations ----------------------------------------------------------------------------------------


def _edit_constant(rng: random.Random, trial: Trial) -> str:
    target = rng.choice(list(trial.project.targets.values()))
    target.constant = (target.constant + rng.randrange(1, 10)) % 10
    return f"the constant of {target.name} is {target.constant}"


def _restyle(rng: random.Random, trial: Trial) -> str:
    target = rng.choice(list(trial.project.targets.values()))
    target.style += 1
    trial.project.style += rng.randrange(2)
    return f"the text of {target.name} is laid out anew"


def _edit_rule(rng: random.Random, trial: Trial) -> str:
    """Another mapping for one dimension of one input."""
    choices = [
        (target, given, dimension)
        for target in trial.project.targets.values()
        for given in target.inputs
        for dimension in trial.project.dimensions_of(given.dataset)
    ]
    if not choices:
        return ""
    target, given, dimension = rng.choice(choices)
    rule = draw_rule(rng, trial.project, given.dataset, dimension, target.dimensions, target.kind, target.is_tabular)
    given.rules.pop(dimension, None)
    if rule:
        given.rules[dimension] = rule
    return f"{target.name} reads {given.dataset} with {dimension} = {rule or 'overlap'}"


def _edit_param(rng: random.Random, trial: Trial) -> str:
    params = trial.project.params
    name = rng.choice(("k", "k", "other", "bonus"))
    if name == "bonus" and name in params:
        del params[name]
        return "no param bonus any more"
    params[name] = params.get(name, 0) + rng.randrange(1, 4)
    return f"the param {name} is {params[name]}"


def _edit_used(rng: random.Random, trial: Trial) -> str:
    path = rng.choice(list(trial.project.uses))
    if rng.random() < 0.3:
        (trial.root / path).touch()
        return f"{path} is touched"
    trial.project.uses[path] = (trial.project.uses[path] + 1) % 5
    return f"{path} says {trial.project.uses[path]}"


def _edit_shared(rng: random.Random, trial: Trial) -> str:
    trial.project.shared = (trial.project.shared + 1) % 5
    return f"the shared module says {trial.project.shared}"


def _move_target(rng: random.Random, trial: Trial) -> str:
    target = rng.choice(list(trial.project.targets.values()))
    target.folder += "x"
    return f"{target.name} goes to {target.folder}"


def _add_place(rng: random.Random, trial: Trial) -> str:
    place = rng.choice("ABCD")
    if place in trial.project.places:
        return ""
    trial.project.places.insert(rng.randrange(len(trial.project.places) + 1), place)
    said = f"the places are {trial.project.places}"
    return f"{said}; {_complete(rng, trial)}" if rng.random() < 0.8 else said


def _drop_place(rng: random.Random, trial: Trial) -> str:
    """A place less, its files still there; sometimes another in its stead."""
    places = trial.project.places
    if len(places) < 2:
        return ""
    place = rng.choice(places)
    others = [one for one in "ABCD" if one not in places]
    if others and rng.random() < 0.5:
        places[places.index(place)] = rng.choice(others)
    else:
        places.remove(place)
    for target in trial.project.targets.values():
        for given in target.inputs:
            rule = given.rules.get("place")
            if isinstance(rule, tuple):
                given.rules["place"] = tuple(one for one in rule if one != place) or "all"
    said = f"the places are {places}"
    return f"{said}; {_complete(rng, trial)}" if rng.random() < 0.5 else said


def _edit_end(rng: random.Random, trial: Trial) -> str:
    """The days end elsewhere, whatever files there are."""
    ends = [None, *DAYS[1:7]]
    trial.project.last_day = rng.choice(ends)
    return f"the end of the days is {trial.project.last_day or 'open'}"


def _reorder_places(rng: random.Random, trial: Trial) -> str:
    rng.shuffle(trial.project.places)
    return f"the places are {trial.project.places}"


def _break(rng: random.Random, trial: Trial) -> str:
    nodes = [node for node in trial.wanted() if trial.project.targets[node[0]].is_guarded]
    if not nodes:
        return ""
    node = rng.choice(nodes)
    trial.project.broken.add(node)
    trial.write(guard_path(*node), "")
    trial.project.targets[node[0]].constant += 1
    return f"{node} breaks when it runs, and its recipe is edited"


def _mend(rng: random.Random, trial: Trial) -> str:
    mend(trial)
    return ""


# -- outputs and state -----------------------------------------------------------------------------------------------


def _damage_output(rng: random.Random, trial: Trial) -> str:
    made = trial.made_files()
    if not made:
        return ""
    place = trial.root / trial.memory.records[rng.choice(made)].path
    how = rng.choice(("truncated", "appended to", "emptied", "overwritten slyly", "deleted", "deleted", "a copy"))
    content, before = place.read_bytes(), place.stat()
    if how == "deleted":
        place.unlink()
    elif how == "overwritten slyly":
        place.write_bytes(bytes(byte ^ 1 for byte in content))
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif how == "a copy":
        shutil.copy(place, f"{place}.new")
        os.rename(f"{place}.new", place)
    else:
        place.write_bytes({"truncated": content[:-1], "appended to": content + b"7\n", "emptied": b""}[how])
    return f"{place} is {how}"


def _touch_output(rng: random.Random, trial: Trial) -> str:
    made = trial.made_files()
    if not made:
        return ""
    place = trial.root / trial.memory.records[rng.choice(made)].path
    place.touch()
    return f"{place} is touched"


def _delete_outputs(rng: random.Random, trial: Trial) -> str:
    target = rng.choice(list(trial.project.targets.values()))
    shutil.rmtree(trial.root / target.folder, ignore_errors=True)
    return f"{target.folder} is deleted"


def _lose_state(rng: random.Random, trial: Trial) -> str:
    state = trial.root / ".dbuild" / "state.db"
    if not state.exists():
        return ""
    how = rng.choice(("lost", "garbage", "cut off"))
    if how == "lost":
        shutil.rmtree(state.parent)
    else:
        state.write_bytes(b"no database" * 100 if how == "garbage" else state.read_bytes()[:50])
    trial.memory.records.clear()
    trial.memory.failed.clear()
    return f"the state is {how}"


_EDITS: list[tuple[Edit, float]] = [
    (_change_part, 6),
    (_change_slyly, 2),
    (_rewrite_part, 4),
    (_delete_part, 2),
    (_complete, 3),
    (_add_day, 4),
    (_add_item, 2),
    (_drop_item, 1),
    (_poison, 1),
    (_change_files, 2),
    (_add_stray, 1),
    (_move_source, 1),
    (_edit_constant, 3),
    (_restyle, 3),
    (_edit_rule, 3),
    (_edit_param, 3),
    (_edit_used, 2),
    (_edit_shared, 1),
    (_move_target, 1),
    (_add_place, 1),
    (_drop_place, 1),
    (_reorder_places, 1),
    (_edit_end, 1),
    (_break, 2),
    (_mend, 2),
    (_damage_output, 5),
    (_touch_output, 1),
    (_delete_outputs, 1),
    (_lose_state, 0.6),
]
