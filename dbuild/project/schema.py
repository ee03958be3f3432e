"""The JSON Schema of a Dataflowfile, for editors, made from the accepted keys.

It is kept beside this module, so that nothing has to be made to read it. After a change of the keys:

    python -m dbuild.project.schema > dbuild/project/dataflowfile.schema.json

Editors know old and new drafts, so it uses only what all have, and patterns that every engine reads. It says no to
nothing that the loader takes; the loader says more, of names and of what belongs together.
"""

from __future__ import annotations

import json
from datetime import date

import tomli

from dbuild.core.grain import UNITS
from dbuild.project.arrivals import BUSINESS, WEEKDAYS
from dbuild.project.dimensions import EVERY
from dbuild.project.environment import PREFIX
from dbuild.project.keys import ANY, KEYS, READER_OPTIONS, RESERVED, AcceptedKey
from dbuild.project.limits import CAUSE
from dbuild.project.names import IDENTIFIER
from dbuild.project.policies import POLICIES
from dbuild.project.quantities import DURATION, SIZE, TIME
from dbuild.project.rules import SINCE, WINDOW

Schema = dict[str, object]

_SECTIONS = {
    "project": "The project as a whole.",
    "defaults": "What targets take that don't say it themselves.",
    "pools": "What tasks share: at most so much of each is taken at once.",
    "partitions": "Dimensions: what datasets are cut into, and so what is rebuilt alone.",
    "sources": "Files that others write; dbuild observes them and never writes them.",
    "targets": "Datasets that recipes make.",
}
_NAMED = ("partitions", "sources", "targets")
_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_STRING: Schema = {"type": "string", "minLength": 1}
_LIST: Schema = {"type": "array", "items": _STRING}
_NAMES: Schema = {"pattern": f"^{IDENTIFIER}$"}
_KEY: Schema = {"type": "string", "pattern": r"^[^/\u0000-\u001f\u007f-\u009f]+$", "not": {"enum": [".", ".."]}}
_DATE = r"^[0-9]{4}(-(Q[1-4]|W[0-9]{2}|[0-9]{2}(-[0-9]{2}([T ][0-9]{2}(:[0-9]{2}(:00)?)?)?)?))?$"
_RULE: Schema = {
    "description": "Which partitions along a dimension are read.",
    "anyOf": [
        {"const": "all"},
        {"type": "string", "pattern": "^ *previous *$"},
        {"type": "string", "pattern": "^ *last +0*[1-9][0-9]* *$"},
        {"type": "string", "pattern": f"^ *since +({'|'.join(SINCE)}) *$"},
        {"type": "string", "pattern": f"^{WINDOW}$"},
        {**_LIST, "minItems": 1},
    ],
    "examples": ["-6d..0d", "previous", "last 7", "since month", "all", ["JFK"]],
}
_TYPES = {str: "string", bool: "boolean", int: "integer"}


def json_schema() -> Schema:
    """The JSON Schema, made anew."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dataflowfile",
        "description": "What dbuild builds: partitions, sources, targets.",
        "type": "object",
        "properties": {name: _section(name, said) for name, said in _SECTIONS.items()},
        "additionalProperties": False,
    }


def _section(name: str, said: str) -> Schema:
    if name not in _NAMED:
        return {"description": said, **_table(name)}
    reserved = sorted(RESERVED | (frozenset(KEYS["inputs"]) if name == "partitions" else set()))
    return {
        "description": said,
        "type": "object",
        "propertyNames": {**_NAMES, "not": {"enum": reserved}},
        "additionalProperties": _table(name) | _DEMANDS[name],
    }


def _table(section: str) -> Schema:
    """The table of a section: its keys, and free names where it has them."""
    keys = KEYS[section]
    made: Schema = {
        "type": "object",
        "properties": {name: _described(key) for name, key in keys.items() if name != ANY},
        "additionalProperties": _described(keys[ANY]) if ANY in keys else False,
    }
    if ANY in keys:
        made["propertyNames"] = {**_NAMES, "not": {"enum": sorted(RESERVED | ({"cpus"} - set(keys)))}}
    return made


def _described(key: AcceptedKey) -> Schema:
    example = tomli.loads(f"x = {key.example}")["x"]
    special = _SPECIAL.get((key.section, key.name)) or _SPECIAL.get(("", key.name))
    return {"description": key.description, **(special or _kind(key)), "examples": [_plain(example)]}


def _plain(value: object) -> object:
    """An example as JSON has it."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _kind(key: AcceptedKey) -> Schema:
    match key.kind:
        case "strings":
            return _LIST
        case "names":
            return {"anyOf": [_STRING, _LIST]}
        case "date":
            return {"type": "string", "pattern": _DATE}
        case "inputs":
            return {"anyOf": [_LIST, _inputs()]}
        case "outputs":
            named = {"type": "object", "propertyNames": _NAMES, "additionalProperties": _TEXT, "minProperties": 1}
            return {"anyOf": [_TEXT, named]}
        case "number":
            return {"type": "number", "exclusiveMinimum": 0}
        case "count" | "times":
            return {"type": "integer", "minimum": 1 if key.kind == "count" else 0}
        case "batch":
            return {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}
        case "size" | "duration":
            return _QUANTITIES[key.kind]
        case "retries":
            times: Schema = {"type": "integer", "minimum": 0}
            return {"anyOf": [times, {**_table("retries"), "required": ["times"]}]}
        case "timeout":
            return {"anyOf": [_QUANTITIES["duration"], {**_table("timeout"), "required": ["after"]}]}
        case "discovery":
            return {"anyOf": [_TEXT, {**_table("discover"), "required": ["sql"]}]}
        case "environment":
            listed = {**_LIST, "minItems": 1}
            return {"anyOf": [{"const": "ignore"}, listed, {**_table("environment"), "required": ["cmd"]}]}
        case "table" if key.name == "needs":
            return _table("needs")
        case "table" if key.name == "expect":
            return {**_table("expect"), "minProperties": 1, "allOf": [_neither(*pair) for pair in _APART]}
        case "time":
            return {"type": "string", "pattern": f"^(?:{TIME})$"}
        case "dates":
            return {"anyOf": [_TEXT, {"type": "array", "items": {"type": "string", "pattern": _WHOLE_DATE}}]}
        case "days":
            days: Schema = {"type": "string", "pattern": f"^(?:{'|'.join(map(_any_case, WEEKDAYS))})$"}
            return {"anyOf": [{"const": BUSINESS}, {"type": "array", "items": days, "minItems": 1}]}
        case "routes":
            named = {"type": "object", "propertyNames": _NAMES, "additionalProperties": _TEXT, "minProperties": 1}
            return {"anyOf": [_TEXT, named]}
        case "causes":
            return {"type": "array", "items": {"anyOf": _CAUSES}, "minItems": 1}
        case _:
            return _TEXT


def _neither(one: str, other: str) -> Schema:
    """That a table doesn't have both keys."""
    return {"not": {"required": [one, other]}}


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


def _inputs() -> Schema:
    entry: Schema = {
        "type": "object",
        "properties": {name: _described(key) for name, key in KEYS["inputs"].items()},
        "additionalProperties": _RULE,
    }
    return {
        "type": "object",
        "propertyNames": {"pattern": rf"^{IDENTIFIER}(\.{IDENTIFIER})?$", "not": {"enum": sorted(RESERVED)}},
        "additionalProperties": {"anyOf": [_STRING, entry]},
    }


def _options() -> Schema:
    known: dict[str, Schema] = {}
    for kind, options in READER_OPTIONS.items():
        for name, types in options.items():
            said = f"{known[name]['description']}, {kind.upper()}" if name in known else f"For {kind.upper()}"
            least: Schema = {"minimum": 0} if int in types else {}
            known[name] = {"description": said, "type": [_TYPES[each] for each in types], **least}
    return {"type": "object", "properties": known, "additionalProperties": False}


_APART = (("hours", "at"), ("hours", "days"), ("hours", "business_days"), ("days", "business_days"))
_WHOLE_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_VARIABLE: Schema = {**_NAMES, "not": {"pattern": f"^{PREFIX}"}}
_CAUSES = [{"type": "integer", "minimum": 1, "maximum": 255}, {"type": "string", "pattern": f"^(?:{CAUSE})$"}]
_QUANTITIES: dict[str, Schema] = {
    "size": {"type": "string", "pattern": f"^(?:{SIZE})$"},
    "duration": {"type": "string", "pattern": f"^(?:{DURATION})$"},
}
# Keys about which more is known than the kind of their value; those of no section, wherever they stand.
_SPECIAL: dict[tuple[str, str], Schema] = {
    ("project", "params"): {
        "type": "object",
        "propertyNames": {**_NAMES, "not": {"enum": sorted(RESERVED)}},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    },
    ("partitions", "every"): {"anyOf": [{"enum": list(UNITS)}, {"type": "string", "pattern": f"^(?:{EVERY})$"}]},
    ("partitions", "end"): {"anyOf": [{"enum": ["now"]}, {"type": "string", "pattern": _DATE}]},
    ("partitions", "values"): {"type": "array", "items": _KEY, "minItems": 1, "uniqueItems": True},
    ("inputs", "impact"): {"enum": ["none"]},
    ("inputs", "missing"): {"enum": list(POLICIES)},
    ("sources", "gone"): {"enum": ["keep"]},
    ("targets", "python"): {"type": "string", "pattern": rf"^{IDENTIFIER}(\.{IDENTIFIER})*:{IDENTIFIER}$"},
    ("targets", "partitions"): {"type": "array", "items": _STRING, "uniqueItems": True},
    ("", "read"): _options(),
    ("", "schema"): {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
    ("", "env"): {
        "type": "object",
        "propertyNames": _VARIABLE,
        "additionalProperties": {"type": ["string", "number", "boolean"], "pattern": r"^[^\u0000]*$"},
    },
    ("", "secrets"): {"type": "array", "items": {"type": "string", **_VARIABLE}},
}
# What a table has to have.
_DEMANDS: dict[str, Schema] = {
    "partitions": {
        "oneOf": [{"required": ["every", "start"]}, {"required": ["values"]}, {"required": ["discover"]}],
    },
    "sources": {"required": ["path"]},
    "targets": {
        "oneOf": [{"required": ["sql"]}, {"required": ["python"]}, {"required": ["shell"]}],
        "not": {"required": ["shell", "batch"]},
    },
}

if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
