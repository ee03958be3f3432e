"""A project as text: its Dataflowfile, SQL files, Python modules and data files. Unaware of what recipes mean."""

from __future__ import annotations

import json

from tests.random.flows import POISON, START, Given, Key, Project, Rows, Source, Target

_PATHS = "broken"  # the folder whose files make guarded tasks fail


def files_of(project: Project) -> dict[str, str]:
    """Every file of the project but the data, by path."""
    files = {"Dataflowfile": dataflowfile(project)}
    for target in project.targets.values():
        if target.kind == "python":
            files[f"steps/{target.name}.py"] = _module(target)
        elif target.kind == "sql" and is_in_file(target):
            files[f"sql/{target.name}.sql"] = sql_text(target)
    files["steps/__init__.py"] = ""
    files["steps/shared.py"] = f"{_remark(project.style)}BASE = {project.shared}\n"
    files |= {path: f"{number}\n" for path, number in project.uses.items()}
    return files


def is_in_file(target: Target) -> bool:
    """Whether an SQL recipe is kept in a file of its own."""
    return target.factor == 2


def guard_path(name: str, key: Key) -> str:
    """The file that makes a guarded task fail."""
    return f"{_PATHS}/{name}-{'-'.join(key)}"


def source_path(source: Source, key: Key, name: str) -> str:
    """The path of one file of a source's partition."""
    parts = [*key, f"{name or 'whole'}"] if source.is_globbed or not key else [*key]
    return f"{source.folder}/{'/'.join(parts)}.csv"


def csv_text(rows: Rows) -> str:
    """Rows as every CSV file here has them."""
    return "v\n" + "".join(f"{row}\n" for row in rows)


def dataflowfile(project: Project) -> str:
    """The Dataflowfile."""
    params = ", ".join(f"{name} = {value}" for name, value in project.params.items())
    parts = [f"[project]\nparams = {{ {params} }}", *_partitions(project)]
    parts += [_source(source) for source in project.sources.values()]
    parts += [_target(project, target) for target in project.targets.values()]
    return "\n\n".join(parts) + "\n"


def _partitions(project: Project) -> list[str]:
    end = f"end = {project.last_day}\n" if project.last_day else ""
    parts = [
        f'[partitions.day]\nevery = "day"\nstart = {START}\n{end}',
        f'[partitions.month]\nevery = "month"\nstart = {START}',
        f"[partitions.place]\nvalues = {json.dumps(project.places)}",
    ]
    if project.discoverer:
        parts.append(f'[partitions.item]\ndiscover = "{project.discoverer}"')
    return parts


def _source(source: Source) -> str:
    fields = [f"{{{dimension}}}" for dimension in source.dimensions]
    name = "*" if source.is_globbed else "whole"
    fields += [name] if source.is_globbed or not fields else []
    schema = 'schema = { v = "BIGINT" }\n' if source.has_schema else ""
    return f'[sources.{source.name}]\npath = "{source.folder}/{"/".join(fields)}.csv"\n{schema}'


def _target(project: Project, target: Target) -> str:
    lines = [f"[targets.{target.name}]", f'path = "{_path(target)}"']
    if target.has_schema:
        lines.append('schema = { v = "BIGINT" }')
    if target.uses:
        lines.append(f'uses = ["{target.uses}"]')
    if target.kind == "python":
        lines.append(f'python = "steps.{target.name}:make"')
    elif target.kind == "shell":
        mark = "'''" if target.style % 2 else '"""'
        lines.append(f"shell = {mark}\n{_command(target)}{mark}")
    elif is_in_file(target):
        lines.append(f'sql = "sql/{target.name}.sql"')
    else:
        lines.append(f'sql = """\n{sql_text(target)}"""')
    lines += [f"inputs.{given.dataset} = {_options(given)}" for given in target.inputs]
    return "\n".join(lines)


def _options(given: Given) -> str:
    rules = ", ".join(f"{dim} = {json.dumps(rule)}" for dim, rule in given.rules.items())
    return f"{{ {rules} }}" if rules else f'"{given.dataset}"'


def _path(target: Target) -> str:
    fields = [
        "{day:%Y/%m/%d}" if target.is_dated and dimension == "day" else f"{{{dimension}}}"
        for dimension in target.dimensions
    ]
    return f"{target.folder}/{'/'.join(fields) or 'whole'}.{target.form}"


def _remark(style: int) -> str:
    return ("", "# a remark\n\n", '"""Words for people."""\n\n# more of them\n')[style % 3]


# -- recipes -------------------------------------------------------------------------------------------------------


def sql_text(target: Target) -> str:
    """The recipe in SQL, laid out in one of three ways."""
    constant = f"{target.constant}" + (" + $k" if target.reads == "always" else "")
    checked = f"CASE WHEN v = {POISON} THEN CAST(error('poison') AS BIGINT) ELSE v END"
    tables = " UNION ALL ".join(f"SELECT {checked} AS v FROM {given.dataset}" for given in target.inputs)
    number = {
        "count": f"count(v) + {constant}",
        "sum": f"coalesce(sum(v), 0) % 7 + {constant}",
        "least": f"coalesce(min(v % {target.factor}), 0) + {constant}",
        "distinct": "v",
    }[target.operation]
    if target.operation == "distinct":
        tables = f"SELECT v % {target.factor} AS v FROM ({tables}) UNION SELECT {constant}"
    order = " ORDER BY v" if target.operation == "distinct" else ""
    text = f"SELECT CAST({number} AS BIGINT) AS v FROM ({tables}){order}"
    if target.style % 3 == 1:
        return f"-- what it is for\n{text.replace(' FROM ', chr(10) + '  FROM ')} -- the end\n"
    if target.style % 3 == 2:
        return f"{text.replace('SELECT', 'select').replace('FROM', 'from')}\n/* no more */\n"
    return f"{text}\n"


def _command(target: Target) -> str:
    names = " ".join(f"{{{given.dataset}}}" for given in target.inputs)
    everything = f"cat /dev/null {names}"
    bare = f"{everything} | sed /v/d"
    made = {
        "merge": f"({bare}; echo $c) | sort -n | uniq",
        "first": f"({bare}; echo $c) | sort -n | sed -n 1,2p",
        "total": f"echo $(( ($({everything} | awk '{{{{ s += $1 }}}} END {{{{ print s + 0 }}}}') + c) % 5 ))",
        "joined": f"({bare}; echo $c) | sed -n 1,3p",
    }[target.operation]
    lines = [f"{everything} | awk '$1 == {POISON} {{{{ bad = 1 }}}} END {{{{ exit bad }}}}'"]
    if target.is_guarded:
        lines.append(f"test ! -e {guard_path(target.name, tuple(f'{{{dim}}}' for dim in target.dimensions))}")
    lines.append(f"c={target.constant}")
    if target.reads == "always":
        lines += ["k={k}", "c=$((c + k))"]
    if target.uses:
        lines.append(f"c=$((c + $(cat {target.uses})))")
    lines.append(f"(echo v; {made}) > {{output}}")
    return "\n".join(lines) + "\n"


_RESULTS = {
    "spread": "sorted({row * FACTOR % 10 for row in rows} | {c})",
    "fold": "[fold(rows, c)]",
    "tally": "[len(rows), c]",
}
_LOOKUPS = {
    "always": '    c += params["k"]',
    "odd": '    if sum(rows) % 2:\n        c += params["k"]',
    "absent": '    c += params.get("bonus", 0)',
    "all": "    c += sum(params.values())",
}
_FOLD = """
def fold(rows, number):
    for row in rows:
        number = (number * FACTOR + row) % 1009
    return number

"""


def _module(target: Target) -> str:
    form = "duckdb.DuckDBPyRelation" if target.is_tabular else "list[Path]"
    arguments = [f"{given.dataset}: {form}" for given in target.inputs]
    arguments += ["key"] if target.is_guarded else []
    arguments += ["params"] if target.reads != "none" else []
    lines = [_remark(target.style), "from pathlib import Path"]
    lines += ["import duckdb"] if target.is_tabular else []
    lines += ["from steps.shared import BASE"] if target.is_shared else []
    lines += [f"FACTOR = {target.factor}", _FOLD, f"def make({', '.join(arguments)}):"]
    lines += ['    """Makes it."""'] if target.style % 3 == 1 else []
    if target.is_guarded:
        lines.append(f'    if Path("{guard_path(target.name, ())}" + str(key).replace(",", "-")).exists():')
        lines.append('        raise RuntimeError("broken")')
    lines.append("    rows = []")
    for given in target.inputs:
        taken = f"[row[0] for row in {given.dataset}.select('v').fetchall()]"
        read = f"[int(row) for path in {given.dataset} for row in path.read_text().split()[1:]]"
        lines.append(f"    rows += {taken if target.is_tabular else read}")
    lines += [f"    if {POISON} in rows:", '        raise ValueError("poison")', f"    c = {target.constant}"]
    lines += [_LOOKUPS[target.reads]] if target.reads != "none" else []
    lines += [f'    c += int(Path("{target.uses}").read_text())'] if target.uses else []
    lines += ["    c += BASE"] if target.is_shared else []
    lines.append(f"    made = {_RESULTS[target.operation]}")
    lines.append('    return "v\\n" + "".join(f"{row}\\n" for row in made)')
    return "\n".join(lines) + "\n"
