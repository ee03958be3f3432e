"""A draft as the text of a Dataflowfile, with comments on what was found and what could be said besides."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from dbuild.core.families import first_key
from dbuild.core.proposal import Dimension, Draft, Source
from dbuild.core.rhythm import Rhythm
from dbuild.core.unit import write_start
from dbuild.project.beginnings import Beginning, merged_dimensions

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MOST_COLUMNS = 60  # that a schema is written for
_INLINE = 3  # columns of a schema that fits into a line
_DATES = ("day", "week")


def draft_text(draft: Draft, beginnings: Sequence[Beginning], project: str, due: str = "") -> str:
    """The text of a Dataflowfile. `due` is the time of day at which sources' files are due, where that is known."""
    blocks = [
        "# What dbuild init found here, as a flow to begin with. Nothing in it is final: change it, then dbuild lint.\n"
        f"\n[project]\nname = {_text(project)}",
        *(_dimension_block(each) for each in draft.dimensions),
        *(_longer_block(name, every, start) for name, (every, start) in merged_dimensions(draft, beginnings).items()),
        *(_source_block(each, due) for each in draft.sources),
        *(_target_block(each) for each in beginnings),
    ]
    return "\n\n".join(blocks) + "\n"


def _dimension_block(dimension: Dimension) -> str:
    lines = [f"[partitions.{dimension.name}]"]
    rhythm = dimension.axis.rhythm
    if rhythm is not None:
        lines += [f"every = {_text(rhythm.every)}", f"start = {_moment(rhythm)}"]
        if dimension.has_end:
            last = write_start(rhythm.unit, rhythm.last)
            lines.append(f"end = {_text(last)}".ljust(32) + " # some lie in the future, which would be left out else")
        else:
            lines[-1] = lines[-1].ljust(32) + " # no `end`: to the newest that there is"
        if not dimension.axis.is_sure:
            lines.insert(0, "# Days and months may be the other way round in these names: nothing tells.")
    elif dimension.axis.is_listed:
        lines.append(f"values = [{', '.join(map(_text, dimension.axis.values))}]")
    else:
        first, *_, last = dimension.axis.values
        said = f"discover = {_text(dimension.source)}"
        lines.append(f"{said.ljust(32)} # those that its files have: {first} … {last}")
    if dimension.is_guessed:
        lines.insert(0, "# Nothing told what these are: give it a better name.")
    return "\n".join(lines)


def _moment(rhythm: Rhythm) -> str:
    """The start of a rhythm as TOML: a date where it is one."""
    if rhythm.unit in ("minute", "hour"):
        is_midnight = not (rhythm.first.hour or rhythm.first.minute)
        return f"{rhythm.first:%Y-%m-%d}" if is_midnight else f"{rhythm.first:%Y-%m-%dT%H:%M:00}"
    is_date = rhythm.unit in _DATES or rhythm.step > 1
    return f"{rhythm.first:%Y-%m-%d}" if is_date else _text(write_start(rhythm.unit, rhythm.first))


def _longer_block(name: str, every: str, start: str) -> str:
    return f"[partitions.{name}]\nevery = {_text(every)}\nstart = {start if every == 'day' else _text(start)}"


def _source_block(source: Source, due: str) -> str:
    lines = [f"# {found_text(source)}", f"[sources.{source.name}]", f"path = {_text(source.path)}"]
    content = source.content
    if content.read:
        lines.append(f"read = {{ {', '.join(f'{name} = {_value(value)}' for name, value in content.read)} }}")
    lines += _expectation(source, due)
    lines += _schema(source)
    return "\n".join(lines)


def found_text(source: Source) -> str:
    """What was found of a source, in a line."""
    family = source.family
    parts = [_counted(len(family.paths), "file")]
    for axis, name in zip(family.axes, source.dimensions, strict=True):
        if axis.rhythm is None:
            parts.append(f"{name} {listed(axis.values)}")
        elif axis.rhythm.first == axis.rhythm.last:
            parts.append(first_key(axis))
        else:
            parts.append(f"{first_key(axis)} … {write_start(axis.rhythm.unit, axis.rhythm.last)}")
    gaps = gaps_text(source)
    return ", ".join([*parts, gaps] if gaps else parts) + "."


def gaps_text(source: Source) -> str:
    """What of a source's partitions isn't there, from the first to the last; "" where it is one file."""
    if source.is_on_business_days:
        return "none on weekends"
    if not source.dimensions:
        return ""
    if not source.has_gaps:
        return "none missing"
    expected = 1
    for axis in source.family.axes:
        expected *= len(axis.values) if axis.rhythm is None else axis.rhythm.expected
    absent = expected - source.family.present
    return f"{absent:,} missing" if absent > 0 else "some missing"


def listed(values: Sequence[str], most: int = 6) -> str:
    """Values in a line, cut in the middle of many."""
    return ", ".join(values) if len(values) <= most else f"{', '.join(values[: most - 2])} … {values[-1]}"


def _expectation(source: Source, due: str) -> list[str]:
    """When files are due: as far as it is known, else how it would be said."""
    if not any(axis.rhythm is not None for axis in source.family.axes):
        return []
    if source.is_on_business_days:
        said = ['on = "business days"', *([f'at = "{due}"'] if due else [])]
        return [f"expect = {{ {', '.join(said)} }}"]
    if due:
        return [f'expect = {{ at = "{due}" }}'.ljust(32) + " # on the next day; late after it"]
    return ['# expect = { at = "06:00" }      # when the next file is due: missed after it, awaited before']


def _schema(source: Source) -> list[str]:
    """The columns of CSV and JSON files, where all that were looked at agree, and all types are plain."""
    content = source.content
    if not content.columns or not source.path.removesuffix(".gz").removesuffix(".zst").endswith(_TEXTS):
        return []
    if not content.is_alike:
        return ["# Its files don't have the same columns: SQL can't read them together."]
    is_plain = all(re.fullmatch(r"[A-Z ]+(?:\(\d+,\d+\))?", kind) and kind != "JSON" for _, kind in content.columns)
    if not is_plain or len(content.columns) > _MOST_COLUMNS:
        return []
    pairs = [f"{_name(name)} = {_text(kind)}" for name, kind in content.columns]
    line = f"schema = {{ {', '.join(pairs)} }}"
    note = ["# Types differ between its files; these take all that were looked at."] if content.is_widened else []
    if len(pairs) <= _INLINE or len(line) <= 110:
        return [*note, line]
    return ["", *note, f"[sources.{source.name}.schema]", *pairs]


_TEXTS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")


def _target_block(target: Beginning) -> str:
    lines = [f"# {target.comment}", f"[targets.{target.name}]", f"path = {_text(target.path)}"]
    if target.recipe == "sql":
        is_plain = '"""' not in target.text and "\\" not in target.text
        lines.append(f'sql = """\n{target.text}\n"""' if is_plain else f"sql = {_text(target.text)}")
    else:
        lines.append(f"shell = {_text(target.text)}")
    if target.skips:
        said = f'inputs.{target.skips} = {{ missing = "skip" }}'
        lines.append(f"{said.ljust(46)} # what isn't there is left out, until it comes")
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _name(text: str) -> str:
    return text if _BARE.fullmatch(text) else _text(text)


def _text(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: str | bool | int) -> str:
    return _text(value) if isinstance(value, str) else str(value).lower()
