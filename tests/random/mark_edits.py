"""What people say of partitions between two builds, and the time that passes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, timedelta

from dbuild.build import mark
from dbuild.core.mark import Saying
from dbuild.errors import UserError
from tests.random.flows import Key, Target
from tests.random.memory import Mark
from tests.random.output_edits import makes_sense
from tests.random.scales import pace_of
from tests.random.trial import Mismatch, Trial
from tests.random.words import Refused, chosen_by, holding, say

_WORDS = {"stale": 4.0, "frozen": 2.5, "fresh": 5.0, "clear": 2.5}


def say_something(rng: random.Random, trial: Trial) -> str:
    """A word on a partition, on some that have a value in common, or on a whole target."""
    (word,) = rng.choices(list(_WORDS), list(_WORDS.values()))
    target = rng.choice(trial.project.built)
    text, sides = _draw_keys(rng, trial, target)
    held = _held(trial)
    if word == "clear" and held and rng.random() < 0.8:
        target, sides = rng.choice(held)
        text = f"@{','.join(f'{name}={value}' for name, value in sides)}" if sides else ""
    until = trial.memory.hours + 1 if word in ("frozen", "fresh") and rng.random() < 0.4 else None
    if word == "fresh" and rng.random() < 0.6:  # what it is for: an edit that is said to change nothing
        target.constant += 1
    made = Mark(trial.memory.tick(), target.name, sides, not text, word, until)
    nodes = sorted(chosen_by(trial.project, made, trial.domain()))
    if word in ("frozen", "fresh") and not all(
        trial.there(node, output) is None or makes_sense(trial, node, output)
        for node in nodes
        for output in target.outputs
    ):
        return ""
    return _say(trial, made, f"{target.name}{text}", inputs_too=rng.random() < 0.3)


def _held(trial: Trial) -> list[tuple[Target, tuple[tuple[str, str], ...]]]:
    """The words that hold, each by its target and keys."""
    return [
        (target, mark.sides)
        for target in trial.project.built
        for mark, _ in holding(trial.project, trial.memory, target.name, trial.domain())
    ]


def _draw_keys(rng: random.Random, trial: Trial, target: Target) -> tuple[str, tuple[tuple[str, str], ...]]:
    nodes = trial.wanted(target.name)
    if not target.dimensions or not nodes or rng.random() < 0.35:
        return "", ()
    key: Key = rng.choice(nodes)[1]
    own = tuple(zip(target.dimensions, key, strict=True))
    if rng.random() < 0.6:
        return f"@{','.join(key)}", own
    dimension, value = rng.choice(own)
    return f"@{dimension}={value}", ((dimension, value),)


def _say(trial: Trial, made: Mark, argument: str, *, inputs_too: bool) -> str:
    """The same to the model and to dbuild, which have to be of one mind on whether it can be said."""
    memory = trial.memory
    said = f"{argument} is marked {made.word}{' with its inputs' if inputs_too and made.word == 'fresh' else ''}"
    said += f" until {made.until} h" if made.until is not None else ""
    try:
        say(trial.project, memory, made, trial.domain(), trial.there, inputs_too=inputs_too)
        refused = ""
    except Refused as error:
        refused = str(error)
    for node in memory.replaced.get(made.moment, {}):
        record = memory.records[node]
        contents = {output: trial.content(path) for output, path in record.paths.items()}
        memory.records[node] = replace(record, contents={k: one for k, one in contents.items() if one is not None})
    trial.write_project()
    until = trial.began.replace(tzinfo=UTC).timestamp() + made.until * 3600 if made.until is not None else None
    try:
        mark(trial.settings, [argument], Saying(made.word, "because", until, inputs_too), lambda event: None)  # type: ignore[arg-type]
    except UserError as error:
        if not refused:
            raise Mismatch(f"{said}: it is refused ({error})") from None
        return f"{said}, which is refused: {refused}"
    if refused:
        raise Mismatch(f"{said}: it should have been refused, because {refused}")
    return said


def wait(rng: random.Random, trial: Trial) -> str:
    """Time passes, and words end."""
    project, hours = trial.project, max(1, rng.choice((1, 1, 2)) * pace_of(trial.project))
    is_near = project.now + timedelta(hours=hours) < project.reach[1]  # else nothing follows the clock
    if not is_near and (project.now < project.reach[1] or all(mark.until is None for mark in trial.memory.marks)):
        return ""
    trial.pass_time(hours)
    return f"it is {project.now}"
