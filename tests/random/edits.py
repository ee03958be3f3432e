"""What people, clocks and accidents do to a project between two builds."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.random import mark_edits, output_edits, recipe_edits, source_edits
from tests.random.flows import POISON
from tests.random.texts import GUARDS, label
from tests.random.trial import Trial

Edit = Callable[[random.Random, Trial], str]


def edit(rng: random.Random, trial: Trial) -> None:
    """One random edit, noted in the trial's diary."""
    edits, weights = zip(*_EDITS, strict=True)
    said = rng.choices(edits, weights)[0](rng, trial)
    if said:
        trial.diary.append(f"  {said}")
    output_edits.clear_away(trial)
    trial.write_project()


def mend(trial: Trial) -> None:
    """Puts right all that makes recipes fail."""
    for node in sorted(trial.project.failing):
        (trial.root / GUARDS / label(*node)).unlink(missing_ok=True)
    trial.project.failing.clear()
    for source in trial.project.sources.values():
        for key, files in source.parts.items():
            for file in [name for name, rows in files.items() if POISON in rows]:
                files[file] = (1,)
                trial.write_part(source.name, key, file)
    trial.diary.append("  everything is mended")


def _mend(rng: random.Random, trial: Trial) -> str:
    del rng
    mend(trial)
    return ""


_EDITS: list[tuple[Edit, float]] = [
    (source_edits.change_part, 6),
    (source_edits.change_slyly, 2),
    (source_edits.rewrite_part, 3),
    (source_edits.delete_part, 2),
    (source_edits.complete, 3),
    (source_edits.undo, 2),
    (source_edits.add_period, 4),
    (source_edits.add_item, 2),
    (source_edits.drop_item, 1),
    (source_edits.poison, 2),
    (source_edits.change_files, 2),
    (source_edits.add_stray, 1),
    (source_edits.move_source, 1),
    (recipe_edits.edit_constant, 3),
    (recipe_edits.edit_view, 5),
    (recipe_edits.restyle, 3),
    (recipe_edits.edit_rule, 3),
    (recipe_edits.edit_param, 3),
    (recipe_edits.edit_used, 2),
    (recipe_edits.edit_shared, 1),
    (recipe_edits.edit_retries, 1),
    (recipe_edits.edit_remarks, 2),
    (recipe_edits.move_target, 1),
    (recipe_edits.add_place, 1),
    (recipe_edits.drop_place, 1),
    (recipe_edits.reorder_places, 1),
    (recipe_edits.edit_end, 1.5),
    (recipe_edits.edit_start, 1.5),
    (recipe_edits.edit_zone, 0.7),
    (recipe_edits.edit_impact, 1.5),
    (recipe_edits.break_down, 6),
    (_mend, 2),
    (mark_edits.say_something, 14),
    (mark_edits.wait, 3),
    (output_edits.damage_output, 5),
    (output_edits.rewrite_output, 2),
    (output_edits.add_stray, 3),
    (output_edits.touch_output, 1),
    (output_edits.delete_outputs, 1),
    (output_edits.lose_state, 0.6),
]
