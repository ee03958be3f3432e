"""What becomes of outputs and of the state behind dbuild's back. Each edit says what it did; "" for nothing."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

from tests.random.domains import domain_of
from tests.random.flows import Held, Node
from tests.random.identities import path_of
from tests.random.trial import Trial
from tests.random.words import words_of
from tests.random.writing import csv_text


def damage_output(rng: random.Random, trial: Trial) -> str:
    """Somebody edits, cuts or deletes an output."""
    made = trial.made_outputs()
    if not made:
        return ""
    node, output = rng.choice(made)
    place = trial.root / trial.memory.records[node].paths[output]
    return f"{place} is {_damage_folder(rng, place) if place.is_dir() else _damage_file(rng, place)}"


def _damage_file(rng: random.Random, place: Path) -> str:
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
    return how


def _damage_folder(rng: random.Random, place: Path) -> str:
    files = sorted(file for file in place.rglob("*") if file.is_file())
    how = rng.choice(("deleted", "short of a file", "renamed within"))
    if how == "deleted":
        shutil.rmtree(place)
    elif how == "short of a file":
        rng.choice(files).unlink()
    else:
        file = rng.choice(files)
        file.rename(file.with_name(f"q{file.name}"))
    return how


def add_stray(rng: random.Random, trial: Trial) -> str:
    """A file in a folder that a recipe made, which isn't the recipe's."""
    folders = [
        trial.root / trial.memory.records[node].paths[output]
        for node, output in trial.made_outputs()
        if trial.memory.records[node].paths[output].endswith("/")
    ]
    if not folders:
        return ""
    place = rng.choice(folders) / rng.choice(("stray.csv", "sub/stray.csv", "more/stray.csv"))
    place.parent.mkdir(exist_ok=True)
    place.write_text(csv_text((5,)))
    return f"{place} has strayed in"


def rewrite_output(rng: random.Random, trial: Trial) -> str:
    """Somebody writes other rows, well-formed, into an output."""
    made = [(node, output) for node, output in trial.made_outputs() if _is_csv(trial, node, output)]
    if not made:
        return ""
    node, output = rng.choice(made)
    place = trial.root / trial.memory.records[node].paths[output]
    place.write_text(csv_text((rng.randrange(10),)))
    return f"{place} is written by hand"


def _is_csv(trial: Trial, node: Node, output: str) -> bool:
    return trial.memory.records[node].paths[output].endswith(".csv")


def touch_output(rng: random.Random, trial: Trial) -> str:
    """An output with another mtime."""
    made = trial.made_outputs()
    if not made:
        return ""
    node, output = rng.choice(made)
    place = trial.root / trial.memory.records[node].paths[output]
    place.touch()
    return f"{place} is touched"


def delete_outputs(rng: random.Random, trial: Trial) -> str:
    """All outputs of a target go."""
    target = rng.choice(list(trial.project.targets.values()))
    shutil.rmtree(trial.root / target.folder, ignore_errors=True)
    return f"{target.folder} is deleted"


def lose_state(rng: random.Random, trial: Trial) -> str:
    """The state goes, or is damaged."""
    state = trial.root / ".dbuild" / "state.db"
    if not state.exists():
        return ""
    how = rng.choice(("lost", "garbage", "cut off"))
    if how == "lost":
        shutil.rmtree(state.parent)
    else:
        state.write_bytes(b"no database" * 100 if how == "garbage" else state.read_bytes()[:50])
    trial.memory.forget()
    return f"the state is {how}"


def clear_away(trial: Trial) -> None:
    """Deletes frozen outputs that nobody could read: what a recipe makes of nonsense isn't for the model to say."""
    words = words_of(trial.project, trial.memory, domain_of(trial.project))
    for node in sorted(words.frozen):
        for output in trial.project.targets[node[0]].outputs:
            if trial.there(node, output) is not None and not makes_sense(trial, node, output):
                place = trial.root / path_of(trial.project, trial.project.targets[node[0]], node[1], output)
                shutil.rmtree(place) if place.is_dir() else place.unlink()


def makes_sense(trial: Trial, node: Node, output: str) -> bool:
    """Whether what is in an output can be told: its numbers, and the types that its recipe gave them."""
    target = trial.project.targets[node[0]]
    found: Held | bytes | None = trial.there(node, output)
    is_typed = target.kind == "sql" and target.form in ("csv", "json")
    return isinstance(found, tuple) and not (is_typed and node not in trial.memory.records)
