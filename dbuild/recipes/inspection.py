"""What a script reads and whether it stays inside: a walk over the trees of its statements.

Whatever is not known to be harmless is refused: functions that give tables unless they compute them from their
arguments alone, queries that write, and the few scalar functions that look at the session. Nothing is bound or run.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from dbuild.core.model import Reference
from dbuild.errors import UserError
from dbuild.recipes.statements import Script, Statement
from dbuild.recipes.syntax import Origin, Tree, table_functions
from dbuild.values import dataclass, field

_PURE_TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"}
)
_FILE_FUNCTIONS = ("read_", "parquet_", "sniff_", "glob")
_SESSION_FUNCTIONS = frozenset(
    {
        "current_connection_id",
        "current_query",
        "current_query_id",
        "current_setting",
        "current_transaction_id",
        "currval",
        "getenv",
        "in_search_path",
        "json_execute_serialized_sql",
        "json_serialize_plan",
        "nextval",
        "pg_sleep",
        "setseed",
        "setval",
        "sleep_ms",
        "txid_current",
        "write_log",
    }
)
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_POSITIONLESS = 2**63
_INPUTS_HINT = "a recipe reads its inputs and nothing else: declare a source for it and name that"


@dataclass(slots=True)
class Findings:
    """What the statements of one script name; names in lower case."""

    reads: list[Reference] = field(default_factory=list)
    params: dict[str, None] = field(default_factory=dict)
    problems: list[UserError] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # columns that are named
    takes_all: bool = False  # whether columns are also taken without being named (a star, a NATURAL JOIN, a PIVOT …)
    ctes: set[str] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)  # of what stands in a FROM
    calls: set[str] = field(default_factory=set)  # functions, macros among them
    borrowed: set[str] = field(default_factory=set)  # macros of files that are called
    created: dict[str, str] = field(default_factory=dict)  # what the statements make: "table", "view" or "macro"

    @property
    def wanted(self) -> frozenset[str] | None:
        """The names of columns that the script can see; None: all that there are."""
        tables = {reference.name.lower() for reference in self.reads} | self.ctes | self.aliases
        # A table's name as a value is a struct of all its columns.
        return None if self.takes_all or tables & self.names else frozenset(self.names)

    def include(self, other: Findings) -> None:
        """Add what a macro that the script calls names."""
        self.reads += other.reads
        self.takes_all = self.takes_all or other.takes_all
        for mine, more in ((self.names, other.names), (self.ctes, other.ctes), (self.aliases, other.aliases)):
            mine |= more
        self.calls |= other.calls


Scope = frozenset[str]


def inspect(script: Script, macros: Container[str] = frozenset()) -> Findings:
    """All that the script's statements read and bind, and the mistakes in them; `macros` are there from files."""
    findings = Findings()
    for statement in script.statements:
        _Walk(script, statement, macros, findings).run()
        if statement.name:
            _declare(script, statement, findings)
    return findings


def inspect_macro(script: Script, statement: Statement, macros: Container[str]) -> Findings:
    """The same of one statement of a file of macros."""
    findings = Findings()
    _Walk(script, statement, macros, findings).run()
    _declare(script, statement, findings)
    return findings


def _declare(script: Script, statement: Statement, findings: Findings) -> None:
    name = statement.name.lower()
    place = script.place(statement.start)
    if statement.kind == "macro" and name in table_functions():
        findings.problems.append(UserError(f'"{name}" is a function of DuckDB', place, "give the macro another name"))
    elif statement.kind != "macro" and any(read.name.lower() == name for read in findings.reads):
        what = f'"{statement.name}" is both an input and created here'
        findings.problems.append(UserError(what, place, "give what is created another name"))
    findings.created[name] = statement.kind


class _Walk:
    """One pass over a statement's trees, with a stack of its own: trees may be deeper than Python's."""

    def __init__(self, script: Script, statement: Statement, macros: Container[str], findings: Findings) -> None:
        self._script = script
        self._statement = statement
        self._macros = macros
        self._created = findings.created
        self._found = findings
        self._origin = Origin(0)
        self._stack: list[tuple[Any, Scope]] = []
        self._reads: list[tuple[int, str]] = []

    def run(self) -> None:
        for tree, origin in self._statement.trees:
            self._origin = origin
            self._stack.append((tree, frozenset()))
            while self._stack:
                node, scope = self._stack.pop()
                if isinstance(node, list):
                    self._stack.extend((child, scope) for child in node)
                elif isinstance(node, dict):
                    self._visit(node, scope)
        for position, name in sorted(self._reads):  # in the order of the text, whatever the order of the walk
            self._found.reads.append(Reference(name, self._script.place(position)))

    def _visit(self, node: Tree, scope: Scope) -> None:
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE"):
            if kind not in _QUERIES:
                self._problem(node, f"{kind.split('_')[0]} can't be used here", "a recipe only reads")
                return
            scope = self._with_ctes(node, scope)
        if node.get("alias"):
            self._note_alias(node)
        if node.get("function_name"):
            self._call(str(node["function_name"]).lower())
        match kind:
            case "BASE_TABLE":
                self._read(node, scope)
            case "TABLE_FUNCTION":
                self._call_table(node)
            case "SHOW_REF":
                self._show(node)
            case "STAR" | "PIVOT" | "POSITIONAL_REFERENCE":
                self._found.takes_all = True
            case "COLUMN_REF":
                self._found.names.update(part.lower() for part in node.get("column_names", ()))
            case "JOIN":
                self._join(node)
            case "FUNCTION" if node.get("class") == "FUNCTION":
                self._call_scalar(node)
            case "VALUE_PARAMETER":
                self._bind(node)
        self._descend(node, scope)

    def _descend(self, node: Tree, scope: Scope) -> None:
        skipped = {"cte_map"} | ({"function"} if node.get("type") == "TABLE_FUNCTION" else set())
        self._stack.extend((v, scope) for k, v in node.items() if k not in skipped and isinstance(v, (dict, list)))
        if node.get("type") == "TABLE_FUNCTION":
            self._stack.append((node["function"].get("arguments", []), scope))

    def _with_ctes(self, node: Tree, scope: Scope) -> Scope:
        """The scope inside a query: each CTE sees those before it, and itself where it is recursive."""
        for entry in node.get("cte_map", {}).get("map", ()):
            name = entry["key"].lower()
            self._stack.append((entry["value"], scope))
            scope |= {name}
            self._found.ctes.add(name)
        if node.get("type") in ("RECURSIVE_CTE_NODE", "CTE_NODE"):
            name = str(node.get("cte_name", "")).lower()
            scope |= {name, f"recurring.{name}"}
            self._found.ctes.add(name)
        return scope

    def _note_alias(self, node: Tree) -> None:
        if node.get("type") in ("BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST"):
            self._found.aliases.add(str(node["alias"]).lower())

    def _position(self, node: Tree) -> int:
        position = int(node.get("query_location", _POSITIONLESS))
        return self._statement.start if position >= _POSITIONLESS else self._origin.position(position)

    def _problem(self, node: Tree, what: str, hint: str | None) -> None:
        self._found.problems.append(UserError(what, self._script.place(self._position(node)), hint))

    def _read(self, node: Tree, scope: Scope) -> None:
        path = node.get("qualified_name", {}).get("path") or [node["table_name"]]
        name = ".".join(path)
        if name.lower() in scope or (len(path) == 1 and self._created.get(name.lower(), "macro") != "macro"):
            return
        if len(path) > 2:
            hint = "a dataset is named by itself, a named output as target.output"
            self._problem(node, f'"{name}" has three parts', hint)
        elif self._source_text(node).startswith(("'", "E'", "e'", "$")) or (len(path) == 1 and "." in name):
            self._problem(node, f'the file "{name}" can\'t be read', _INPUTS_HINT)
        else:
            self._reads.append((self._position(node), name))

    def _source_text(self, node: Tree) -> str:
        data = self._script.recipe.text.encode()
        position = int(node.get("query_location", _POSITIONLESS))
        start = self._origin.position(position)
        return "" if position >= _POSITIONLESS else data[start : start + 2].decode(errors="replace")

    def _call(self, name: str) -> None:
        self._found.calls.add(name)
        if name in self._macros and self._created.get(name) != "macro":
            self._found.borrowed.add(name)

    def _call_table(self, node: Tree) -> None:
        name = str(node["function"].get("function_name", "")).lower()
        self._call(name)
        if name in _PURE_TABLE_FUNCTIONS or name in self._macros or self._created.get(name) == "macro":
            return
        if name.startswith(_FILE_FUNCTIONS) or name.endswith("_scan"):
            self._problem(node, f"{name}() can't be used here", _INPUTS_HINT)
        else:
            known = ", ".join(sorted(_PURE_TABLE_FUNCTIONS))
            self._problem(node, f"{name}() can't be used here", f"the table functions that may be used are {known}")

    def _call_scalar(self, node: Tree) -> None:
        name = str(node.get("function_name", "")).lower()
        if name in _SESSION_FUNCTIONS or name.startswith("read_"):
            self._problem(node, f"{name}() can't be used here", "a result may depend on inputs and params alone")

    def _show(self, node: Tree) -> None:
        self._found.takes_all = True
        if node.get("query") is None:
            self._problem(node, "SHOW can't be used here", "a recipe reads its inputs and nothing else")

    def _join(self, node: Tree) -> None:
        self._found.names.update(str(name).lower() for name in node.get("using_columns", ()))
        if node.get("ref_type") == "NATURAL":
            self._found.takes_all = True

    def _bind(self, node: Tree) -> None:
        name = str(node.get("identifier", ""))
        if name.isdigit():
            self._problem(node, "a parameter without a name", "write $name: a dimension of the target or a param")
        elif self._statement.kind in ("view", "macro"):
            hint = {"view": "create a TEMP TABLE instead", "macro": "give it to the macro as an argument"}
            self._problem(node, f"${name} can't be used in a {self._statement.kind}", hint[self._statement.kind])
        else:
            self._found.params[name] = None
