"""What people edit in recipes and in what is declared. Each edit says what it did; "" for nothing."""

from __future__ import annotations

import random

from tests.random.calendars import is_shown, named
from tests.random.drawing import draw_batch, draw_remarks, draw_retries, draw_rule
from tests.random.flows import Project, Time
from tests.random.scales import draw_own_rule
from tests.random.source_edits import complete
from tests.random.texts import GUARDS, label
from tests.random.trial import Trial

ALWAYS = 999


def edit_constant(rng: random.Random, trial: Trial) -> str:
    """A number in a recipe."""
    target = rng.choice(list(trial.project.targets.values()))
    target.constant = (target.constant + rng.randrange(1, 10)) % 10
    return f"the constant of {target.name} is {target.constant}"


def restyle(rng: random.Random, trial: Trial) -> str:
    """The layout of a recipe."""
    target = rng.choice(list(trial.project.targets.values()))
    target.style += 1
    trial.project.style += rng.randrange(2)
    return f"the text of {target.name} is laid out anew"


def edit_rule(rng: random.Random, trial: Trial) -> str:
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
    if given.dataset == target.name:
        if dimension not in trial.project.times:
            return ""
        rule = draw_own_rule(rng, trial.project, dimension)
    else:
        rule = draw_rule(rng, trial.project, given.dataset, dimension, target)
    given.rules.pop(dimension, None)
    if rule:
        given.rules[dimension] = rule
    return f"{target.name} reads {given.dataset} with {dimension} = {rule or 'overlap'}"


def edit_param(rng: random.Random, trial: Trial) -> str:
    """A param comes, goes, or has another value."""
    params = trial.project.params
    name = rng.choice(("k", "k", "other", "bonus"))
    if name == "bonus" and name in params:
        del params[name]
        return "no param bonus any more"
    params[name] = params.get(name, 0) + rng.randrange(1, 4)
    return f"the param {name} is {params[name]}"


def edit_used(rng: random.Random, trial: Trial) -> str:
    """A file that recipes use."""
    path = rng.choice(list(trial.project.uses))
    if rng.random() < 0.3:
        (trial.root / path).touch()
        return f"{path} is touched"
    trial.project.uses[path] = (trial.project.uses[path] + 1) % 5
    return f"{path} says {trial.project.uses[path]}"


def edit_shared(rng: random.Random, trial: Trial) -> str:
    """A module that recipes import."""
    trial.project.shared = (trial.project.shared + 1) % 5
    return f"the shared module says {trial.project.shared}"


def move_target(rng: random.Random, trial: Trial) -> str:
    """Outputs go to another folder."""
    target = rng.choice([target for target in trial.project.built if target.outputs] or trial.project.built)
    target.folder += "x"
    return f"{target.name} goes to {target.folder}"


def add_place(rng: random.Random, trial: Trial) -> str:
    """A place more."""
    place = rng.choice("ABCD")
    if place in trial.project.places:
        return ""
    trial.project.places.insert(rng.randrange(len(trial.project.places) + 1), place)
    said = f"the places are {trial.project.places}"
    return f"{said}; {complete(rng, trial)}" if rng.random() < 0.8 else said


def drop_place(rng: random.Random, trial: Trial) -> str:
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
    return f"{said}; {complete(rng, trial)}" if rng.random() < 0.5 else said


def edit_impact(rng: random.Random, trial: Trial) -> str:
    """The changes of an input count, or don't any more."""
    choices = [(target, given) for target in trial.project.targets.values() for given in target.inputs]
    if not choices:
        return ""
    target, given = rng.choice(choices)
    given.counts = not given.counts
    return f"for {target.name} {given.name} counts {'' if given.counts else 'no more'}"


def edit_end(rng: random.Random, trial: Trial) -> str:
    """A dimension of time ends elsewhere, whatever files there are."""
    project = trial.project
    time = rng.choice(list(project.times.values()))
    line = project.line(time.name)
    first = line.at(named(time.start, time.zone)[0])
    ends: list[str | None] = [line.periods[first + step].key for step in range(1, 6)]
    if any(time.name in source.dimensions for source in project.sources.values()):
        ends += [None, None]
    time.end = rng.choice([*ends, "now", "now", "now"] if project.now < project.reach[1] else ends)
    return f"the end of {time.name} is {time.end or 'open'}"


def edit_start(rng: random.Random, trial: Trial) -> str:
    """A dimension of time starts a period or two earlier or later."""
    project = trial.project
    time = rng.choice(list(project.times.values()))
    line = project.line(time.name)
    place = line.at(named(time.start, time.zone)[0]) + rng.choice((-1, -1, 1, 2))
    wall = line.periods[place].wall
    start = wall.isoformat(timespec="minutes") if "T" in time.start else wall.date().isoformat()
    ends = time.end not in (None, "now") and line.place(time.end or "") < place
    if ends or not is_shown(start, time.zone) or line.at(named(start, time.zone)[0]) != place:
        return ""
    time.start = start
    return f"{time.name} starts at {start}"


def edit_zone(rng: random.Random, trial: Trial) -> str:
    """The periods of a dimension are those of other clocks: keys that look the same mean something else."""
    project = trial.project
    time = rng.choice(list(project.times.values()))
    zone = rng.choice([one.zone for one in project.times.values()] + ["UTC", "Asia/Tokyo"])
    if zone == time.zone or not is_shown(time.start, zone) or time.end not in (None, "now"):
        return ""
    if not _fits(project, time, zone):
        return ""
    time.zone = zone
    return f"{time.name} is of {zone}"


def _fits(project: Project, time: Time, zone: str) -> bool:
    """Whether rules can stay as they are: none has keys, or a window that may reach less far than a period."""
    for target in project.targets.values():
        for given in target.inputs:
            rule = given.rules.get(time.name)
            if isinstance(rule, tuple) or (rule is not None and ".." in rule and zone != "UTC"):
                return False
    return True


def reorder_places(rng: random.Random, trial: Trial) -> str:
    """The places in another order."""
    rng.shuffle(trial.project.places)
    return f"the places are {trial.project.places}"


def break_down(rng: random.Random, trial: Trial) -> str:
    """A task that will fail: a few times, or until it is mended."""
    nodes = [node for node in trial.wanted() if trial.project.targets[node[0]].is_guarded]
    if not nodes:
        return ""
    node = rng.choice(nodes)
    target = trial.project.targets[node[0]]
    trial.project.failing[node] = rng.choice((1, 1, 1, 2, 3, ALWAYS))
    trial.write(f"{GUARDS}/{label(*node)}", f"{trial.project.failing[node]}\n")
    if rng.random() < 0.6:
        target.times, target.retry_on = rng.choice((1, 2)), rng.choice(("any", "guard"))
    target.constant += 1
    return f"{node} fails {trial.project.failing[node]} times, and its recipe is edited"


def edit_retries(rng: random.Random, trial: Trial) -> str:
    """Other retries, for other causes."""
    target = rng.choice(trial.project.built)
    draw_retries(rng, target)
    return f"{target.name} is tried again {target.times} times for {target.retry_on}"


def edit_remarks(rng: random.Random, trial: Trial) -> str:
    """What is said of a target and doesn't count."""
    target = rng.choice(list(trial.project.targets.values()))
    target.remarks = draw_remarks(rng, is_view=target.is_view)
    target.batch = target.batch and draw_batch(target, trial.builds + 1)
    trial.project.pool = rng.choice((1, 2))
    return f"of {target.name} is said {target.remarks}; db = {trial.project.pool}"


def edit_view(rng: random.Random, trial: Trial) -> str:
    """A number in a view that is read."""
    read = {given.dataset for target in trial.project.targets.values() for given in target.inputs}
    views = [target for target in trial.project.targets.values() if target.is_view and target.name in read]
    if not views:
        return ""
    view = rng.choice(views)
    view.constant = (view.constant + rng.randrange(1, 10)) % 10
    return f"the constant of the view {view.name} is {view.constant}"
