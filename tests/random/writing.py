"""A project as text: its Dataflowfile and its data files. Unaware of what recipes mean."""

from __future__ import annotations

import json

from tests.random.flows import KINDS, Given, Key, Project, Rows, Source, Target, Time
from tests.random.identities import placeholder, written
from tests.random.texts import command, module, remark, sql_text


def files_of(project: Project) -> dict[str, str]:
    """Every file of the project but the data, by path."""
    files = {"Dataflowfile": dataflowfile(project)}
    for target in project.targets.values():
        if target.kind == "python":
            files[f"steps/{target.name}.py"] = module(target)
        elif target.kind == "sql" and is_in_file(target):
            files[f"sql/{target.name}.sql"] = sql_text(project, target)
    files["steps/__init__.py"] = ""
    files["steps/shared.py"] = f"{remark(project.style)}BASE = {project.shared}\n"
    files |= {path: f"{number}\n" for path, number in project.uses.items()}
    return files


def is_in_file(target: Target) -> bool:
    """Whether an SQL recipe is kept in a file of its own."""
    return target.factor == 2


def source_path(project: Project, source: Source, key: Key, name: str) -> str:
    """The path of one file of a source's partition."""
    values = [written(project, dim, value, source.is_dated) for dim, value in zip(source.dimensions, key, strict=True)]
    parts = [*values, f"{name or 'whole'}"] if source.is_globbed or not key else values
    return f"{source.folder}/{'/'.join(parts)}.csv"


def csv_text(rows: Rows) -> str:
    """Rows as every CSV file here has them."""
    return "v\n" + "".join(f"{row}\n" for row in rows)


def dataflowfile(project: Project) -> str:
    """The Dataflowfile."""
    params = ", ".join(f"{name} = {value}" for name, value in project.params.items())
    parts = [f"[project]\nparams = {{ {params} }}", *_partitions(project), f"[pools]\ndb = {project.pool}"]
    parts += [_source(project, source) for source in project.sources.values()]
    parts += [_target(project, target) for target in project.targets.values()]
    return "\n\n".join(parts) + "\n"


def _partitions(project: Project) -> list[str]:
    parts = [_time(time) for time in project.times.values()]
    parts += [f"[partitions.{name}]\nvalues = {json.dumps(keys)}" for name, keys in _lists(project)]
    if project.discoverer:
        parts.append(f'[partitions.item]\ndiscover = "{project.discoverer}"')
    return parts


def _lists(project: Project) -> list[tuple[str, list[str]]]:
    return [("place", project.places), ("kind", KINDS)]


def _time(time: Time) -> str:
    start = time.start if "T" not in time.start else f'"{time.start}"'
    lines = [f"[partitions.{time.name}]", f'every = "{time.every}"', f"start = {start}"]
    lines += [f'end = "{time.end}"'] if time.end else []
    lines += [f'timezone = "{time.zone}"'] if time.zone != "UTC" else []
    return "\n".join(lines)


def _source(project: Project, source: Source) -> str:
    fields = [placeholder(project, dimension, source.is_dated) for dimension in source.dimensions]
    name = "*" if source.is_globbed else "whole"
    fields += [name] if source.is_globbed or not fields else []
    schema = 'schema = { v = "BIGINT" }\n' if source.has_schema else ""
    return f'[sources.{source.name}]\npath = "{source.folder}/{"/".join(fields)}.csv"\n{schema}'


def _target(project: Project, target: Target) -> str:
    lines = [f"[targets.{target.name}]", *_outputs(project, target), *target.remarks]
    if target.has_schema:
        lines.append('schema = { v = "BIGINT" }')
    if target.uses:
        lines.append(f'uses = ["{target.uses}"]')
    if target.times:
        lines += [f'retries = {{ times = {target.times}, delay = "1ms" }}', *_causes(target)]
    if target.kind == "python":
        lines.append(f'python = "steps.{target.name}:make"')
    elif target.kind == "shell":
        mark = "'''" if target.style % 2 else '"""'
        lines.append(f"shell = {mark}\n{command(project, target)}{mark}")
    elif is_in_file(target):
        lines.append(f'sql = "sql/{target.name}.sql"')
    else:
        lines.append(f'sql = """\n{sql_text(project, target)}"""')
    lines += [f"batch = {target.batch}"] if project.is_together(target) else []
    lines += [f"inputs.{given.name} = {_options(given)}" for given in target.inputs]
    return "\n".join(lines)


def _causes(target: Target) -> list[str]:
    """What is tried again: an exit status or an exception of guards, or what never happens."""
    if target.retry_on == "any":
        return []
    guard = '"RuntimeError"' if target.kind == "python" else "75"
    named = guard if target.retry_on == "guard" else '99, "timeout"'
    return [f"retry_on = [{named}]"]


def _options(given: Given) -> str:
    options = [f"{dim} = {json.dumps(rule)}" for dim, rule in given.rules.items()]
    options += [] if given.counts else ['impact = "none"']
    named = [f'from = "{given.reference}"'] if given.output or given.alias else []
    return f"{{ {', '.join(named + options)} }}" if options else f'"{given.reference}"'


def _outputs(project: Project, target: Target) -> list[str]:
    fields = [placeholder(project, dimension, target.is_dated) for dimension in target.dimensions]
    rest = f"{'/'.join(fields) or 'whole'}{'/' if target.makes == 'folder' else f'.{target.form}'}"
    match target.makes:
        case "view":
            return []
        case "action":
            return [f"partitions = {json.dumps(target.dimensions)}"] if target.dimensions else []
        case "several":
            paths = ", ".join(f'{name} = "{target.folder}/{name}/{rest}"' for name in target.outputs)
            return [f"path = {{ {paths} }}"]
        case _:
            return [f'path = "{target.folder}/{rest}"']
