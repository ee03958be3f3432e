"""Recipes as texts in SQL, shell and Python. What they mean is said in `meanings`."""

from __future__ import annotations

from tests.random.flows import POISON, Key, Project, Target
from tests.random.meanings import FILES

# Folders that dbuild doesn't look at.
GUARDS = "broken"  # how many attempts of guarded tasks are yet to fail
ATTEMPTS = "tries"  # a line for each attempt of a guarded task
DEEDS = "done"  # what actions did, a line each time


def label(name: str, key: Key) -> str:
    """A partition as the name of a file."""
    return f"{name}-{'-'.join(key)}"


def remark(style: int) -> str:
    """Words for people at the beginning of a module."""
    return ("", "# a remark\n\n", '"""Words for people."""\n\n# more of them\n')[style % 3]


# -- SQL -----------------------------------------------------------------------------------------------------------


def sql_text(project: Project, target: Target) -> str:
    """The recipe in SQL, laid out in one of three ways."""
    text = _view(target) if target.is_view else _query(project, target)
    if target.style % 3 == 1:
        return f"-- what it is for\n{text.replace(' FROM ', chr(10) + '  FROM ')} -- the end\n"
    if target.style % 3 == 2:
        return f"{text.replace('SELECT', 'select').replace('FROM', 'from')}\n/* no more */\n"
    return f"{text}\n"


def _view(target: Target) -> str:
    added = f"{target.constant}" + (" + $k" if target.reads == "always" else "")
    tables = " UNION ALL ".join(f"SELECT v FROM {given.name}" for given in target.inputs)
    shifted = f"CASE WHEN v = {POISON} THEN v ELSE (v * {target.factor} + {added}) % 10 END"
    return f"SELECT CAST({shifted} AS BIGINT) AS v FROM ({tables}) WHERE v = {POISON} OR v % {target.factor} <> 1"


def _query(project: Project, target: Target) -> str:
    constant = f"{target.constant}" + (" + $k" if target.reads == "always" else "")
    checked = f"CASE WHEN v = {POISON} THEN CAST(error('poison') AS BIGINT) ELSE v END"
    if project.is_together(target):
        return _together_query(project, target, constant, checked)
    tables = " UNION ALL ".join(f"SELECT {checked} AS v FROM {given.name}" for given in target.inputs)
    own = "".join(f"${dim} AS {dim}, " for dim in target.dimensions) if target.has_keys else ""
    number = _number(target, constant)
    if target.operation == "distinct":
        tables = f"SELECT v % {target.factor} AS v FROM ({tables}) UNION SELECT {constant}"
    order = " ORDER BY v" if target.operation == "distinct" else ""
    return f"SELECT {own}CAST({number} AS BIGINT) AS v FROM ({tables}){order}"


def _together_query(project: Project, target: Target, constant: str, checked: str) -> str:
    """The same of several partitions: rows find theirs by a join with the keys."""
    dims = ", ".join(target.dimensions)
    parts = []
    for given in target.inputs:
        shared = [dim for dim in target.dimensions if dim in project.dimensions_of(given.dataset)]
        join = f"JOIN {given.name} USING ({', '.join(shared)})" if shared else f"CROSS JOIN {given.name}"
        parts.append(f"SELECT {', '.join(f'keys.{dim}' for dim in target.dimensions)}, {checked} AS v FROM keys {join}")
    tables = " UNION ALL ".join(parts)
    if target.operation == "distinct":
        tables = f"SELECT {dims}, v % {target.factor} AS v FROM ({tables}) UNION SELECT {dims}, {constant} FROM keys"
        return f"SELECT {dims}, CAST(v AS BIGINT) AS v FROM ({tables}) ORDER BY v"
    number = _number(target, constant)
    return f"SELECT {dims}, CAST({number} AS BIGINT) AS v FROM keys LEFT JOIN ({tables}) USING ({dims}) GROUP BY {dims}"


def _number(target: Target, constant: str) -> str:
    return {
        "count": f"count(v) + {constant}",
        "sum": f"coalesce(sum(v), 0) % 7 + {constant}",
        "least": f"coalesce(min(v % {target.factor}), 0) + {constant}",
        "distinct": "v",
    }[target.operation]


# -- shell ---------------------------------------------------------------------------------------------------------


def command(project: Project, target: Target) -> str:
    """The recipe as a command."""
    own = label(target.name, tuple(f"{{{dim}}}" for dim in target.dimensions))
    names = " ".join(
        f"$({_FIND.format(given.name)})" if project.form_of(given.dataset) == "folder" else f"{{{given.name}}}"
        for given in target.inputs
    )
    everything = f"cat /dev/null {names}"
    bare = f"{everything} | sed /v/d"
    made = {
        "merge": f"({bare}; echo $c) | sort -n | uniq",
        "first": f"({bare}; echo $c) | sort -n | sed -n 1,2p",
        "total": f"echo $(( ($({everything} | awk '{{{{ s += $1 }}}} END {{{{ print s + 0 }}}}') + c) % 5 ))",
        "joined": f"({bare}; echo $c) | sed -n 1,3p",
    }[target.operation]
    lines = [f"echo once >> {ATTEMPTS}/{own}"] if target.is_guarded else []
    lines.append(f"{everything} | awk '$1 == {POISON} {{{{ bad = 1 }}}} END {{{{ exit bad }}}}'")
    if target.is_guarded:
        lines += [f"n=$(cat {GUARDS}/{own} 2> /dev/null || echo 0)"]
        lines += [f"if test $n -gt 0; then echo $((n - 1)) > {GUARDS}/{own}; exit 75; fi"]
    lines.append(f"c={target.constant}")
    if target.reads == "always":
        lines += ["k={k}", "c=$((c + k))"]
    if target.uses:
        lines.append(f"c=$((c + $(cat {target.uses})))")
    lines += [f"m=$({made})", *_written(target, own)]
    return "\n".join(lines) + "\n"


_FIND = "for d in {{{}}}; do find $d -type f | LC_ALL=C sort; done"
_DIVIDE = """
{{
    f = d "/" (($1 % 3) ? "p" ($1 % 3) : "sub/p0") ".csv"
    if (!(f in seen)) {{ print "v" > f; seen[f] = 1 }}
    print > f
}}
"""


def _written(target: Target, own: str) -> list[str]:
    match target.makes:
        case "several":
            gist = 'echo $(( $(echo "$m" | wc -l) % 2 ))'
            return ['(echo v; echo "$m") > {output.main}', f"(echo v; {gist}) > {{output.gist}}"]
        case "folder":
            return ["mkdir {output}/sub", f"echo \"$m\" | awk '{_DIVIDE.strip()}' d={{output}} -"]
        case "action":
            return [f'echo "$m" | paste -sd , - >> {DEEDS}/{own}']
        case _:
            return ['(echo v; echo "$m") > {output}']


# -- Python --------------------------------------------------------------------------------------------------------

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


def text(rows):
    return "v\\n" + "".join(f"{row}\\n" for row in rows)


def files(path):
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]

"""


def module(target: Target) -> str:
    """The recipe as a module with a function."""
    form = "duckdb.DuckDBPyRelation" if target.is_tabular else "list[Path]"
    arguments = [f"{given.name}: {form}" for given in target.inputs]
    arguments += ["key"] if target.is_guarded or target.makes == "action" else []
    arguments += ["params"] if target.reads != "none" else []
    arguments += ["output"] if target.makes == "folder" else []
    lines = [remark(target.style), "from pathlib import Path"]
    lines += ["import duckdb"] if target.is_tabular else []
    lines += ["from steps.shared import BASE"] if target.is_shared else []
    lines += [
        f"FACTOR = {target.factor}",
        _FOLD,
        f"def {'one' if target.is_together else 'make'}({', '.join(arguments)}):",
    ]
    lines += ['    """Makes it."""'] if target.style % 3 == 1 else []
    if target.is_guarded or target.makes == "action":
        lines.append(f'    own = "{label(target.name, ())}" + str(key).replace(",", "-")')
    if target.is_guarded:
        lines.append(f'    with open("{ATTEMPTS}/" + own, "a") as attempts:')
        lines.append('        attempts.write("once\\n")')
    lines.append("    rows = []")
    for given in target.inputs:
        taken = f"[row[0] for row in {given.name}.select('v').fetchall()]"
        read = f"[int(row) for path in {given.name} for file in files(path) for row in file.read_text().split()[1:]]"
        lines.append(f"    rows += {taken if target.is_tabular else read}")
    lines += [f"    if {POISON} in rows:", '        raise ValueError("poison")']
    lines += _GUARD if target.is_guarded else []
    lines += [f"    c = {target.constant}"]
    lines += [_LOOKUPS[target.reads]] if target.reads != "none" else []
    lines += [f'    c += int(Path("{target.uses}").read_text())'] if target.uses else []
    lines += ["    c += BASE"] if target.is_shared else []
    lines += [f"    made = {_RESULTS[target.operation]}", *_returned(target)]
    return "\n".join([*lines, *_together(target)]) + "\n"


def _together(target: Target) -> list[str]:
    """A function that makes several partitions, one after the other, by what makes one; in one of three ways."""
    if not target.is_together:
        return []
    inputs = [given.name for given in target.inputs]
    rest = ["params"] if target.reads != "none" else []
    is_folder = target.makes == "folder"
    arguments = [f"{name}: dict[str, list[Path]]" for name in inputs] + rest + (["output"] if is_folder else [])
    each = [f"{name}={name}[key]" for name in inputs] + [f"{name}={name}" for name in rest]
    call = f"one({', '.join(each + (['output=output[key]'] if is_folder else []))})"
    ends = [f"    return {{key: {call} for key in keys}}", f"    for key in keys:\n        yield key, {call}"]
    end = f"    for key in keys:\n        {call}" if is_folder else ends[target.factor % 2]
    return ["", "", f"def make({', '.join([*arguments, 'keys'])}):", end]


_GUARD = [
    f'    guard = Path("{GUARDS}/" + own)',
    "    left = int(guard.read_text()) if guard.exists() else 0",
    "    if left > 0:",
    "        guard.write_text(str(left - 1))",
    '        raise RuntimeError("broken")',
]


def _returned(target: Target) -> list[str]:
    match target.makes:
        case "several":
            return ['    return {"main": text(made), "gist": text([len(made) % 2])}']
        case "folder":
            return [
                '    (output / "sub").mkdir()',
                f"    for rest, name in enumerate({FILES!r}):",
                "        if part := [row for row in made if row % 3 == rest]:",
                "            (output / name).write_text(text(part))",
            ]
        case "action":
            return [f'    with open("{DEEDS}/" + own, "a") as deeds:', '        print(*made, sep=",", file=deeds)']
        case _:
            return ["    return text(made)"]
