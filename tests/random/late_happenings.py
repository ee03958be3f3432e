"""What happens to the files of a model of late data: they arrive, are corrected, marked, withdrawn; hours pass."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from tests.random.late import File, Model, Row
from tests.random.late_flows import DAYS, Shape

KINDS = ("arrive", "arrive", "correct", "correct", "withdraw", "wait", "mark")
WAITS = (timedelta(seconds=20), timedelta(hours=3), timedelta(hours=12), timedelta(hours=30))


def begin(model: Model, random: Random) -> None:
    """The files that are there at first."""
    for source in sources_of(model.shape):
        for day in DAYS[:4]:
            if random.random() < 0.75 or (source, day) == ("a", DAYS[0]):
                _write(model, random, source, day)


def sources_of(shape: Shape) -> tuple[str, ...]:
    """The names of a flow's sources."""
    return ("a", "b") if shape.e is None else ("a", "b", "e")


def happen(model: Model, random: Random) -> None:
    """One thing happens, mostly to the files that may be missed."""
    kind = random.choice(KINDS)
    if kind == "wait":
        model.now += random.choice(WAITS)
        return
    source = random.choice(("a", "b", "b", "e") if model.shape.e is not None else ("a", "b", "b"))
    files = model.files[source]
    absent = [day for day in DAYS if day not in files and day <= model.now.date()]
    if kind == "arrive" or not files:
        if absent:
            _write(model, random, source, random.choice(absent))
        return
    day = random.choice(sorted(files))
    if kind == "withdraw":
        del files[day]
    elif kind == "mark":
        files[day].is_marked = not files[day].is_marked
    elif source == "e":
        files[day] = File(_corrected(random, files[day]), model.now)
    else:
        _write(model, random, source, day)


def _write(model: Model, random: Random, source: str, day: date) -> None:
    """A file with one of few contents, so that some come back to what they were."""
    age = timedelta(seconds=random.choice((0, 15, 3600)))
    if source == "e":
        content: str | tuple[Row, ...] = tuple(_row(random, day) for _ in range(random.randrange(4)))
    else:
        content = f"{source} {day} {random.randrange(4)}\n"
    known = model.files[source].get(day)
    is_marked = known.is_marked if known is not None else random.random() < 0.7
    model.files[source][day] = File(content, model.now - age, is_marked)


def _row(random: Random, day: date) -> Row:
    """A row, mostly of the day of its file; of others before, some days ahead, or of none."""
    moved = random.choice((0, 0, 0, -1, -2, 1, 2, 60, None))
    return None if moved is None else day + timedelta(days=moved), random.randrange(5)


def _corrected(random: Random, file: File) -> tuple[Row, ...]:
    """Its rows, less one, or one of them moved to another day, with another value or place, or one more."""
    assert not isinstance(file.content, str)
    rows = list(file.content)
    kind = random.choice(("remove", "move", "change", "turn", "add"))
    if kind == "turn":
        random.shuffle(rows)
    elif kind == "add" or not rows:
        rows.append(_row(random, random.choice(DAYS)))
    else:
        at = random.randrange(len(rows))
        day, value = rows.pop(at)
        if kind == "move":
            rows.insert(at, (random.choice(DAYS), value))
        elif kind == "change":
            rows.insert(at, (day, value + 1))
    return tuple(rows)
