"""What of a statement's form means something: what can be said in two ways, with the same result, is said in one.

DuckDB's tree is most of the way there. What is left are words of CREATE, orders that are the default, and the case of
types. The last two count where the text of an expression without a name becomes the name of a column.
"""

from __future__ import annotations

from typing import Any

_SYNONYMS = {"temporary": "temp", "function": "macro"}
_LONGEST_HEAD = 5  # words before the name of what is created: CREATE OR REPLACE TEMP MACRO
_DEFAULTS = {"type": "ASCENDING", "null_order": "NULLS LAST"}  # of a session whose own nobody changes


def meaning_of(form: list[Any]) -> list[Any]:
    """A statement's form (`Statement.form`) without what makes no difference."""
    head, trees = form
    words = min(len(head), _LONGEST_HEAD) if head[:1] == ["create"] else 0
    plain = [*(_SYNONYMS.get(word, word) for word in head[:words]), *head[words:]]
    return [plain, _meant(trees)]


def _meant(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_meant(item) for item in tree]
    if not isinstance(tree, dict) or tree.get("type") == "PIVOT":  # which makes columns of expressions
        return tree
    found = {key: _chosen(value) if key == "select_list" else _meant(value) for key, value in tree.items()}
    if "null_order" in tree:
        found |= {key: default for key, default in _DEFAULTS.items() if tree.get(key) == "ORDER_DEFAULT"}
    if tree.get("class") == "TYPE" and isinstance(tree.get("type_name"), str):
        found |= {"type_name": tree["type_name"].upper(), "qualified_name": str(tree.get("qualified_name")).upper()}
    return found


def _chosen(items: list[Any]) -> list[Any]:
    """The columns of a SELECT: those without a name have the text that they are written in as theirs."""
    return [_meant(item) if isinstance(item, dict) and item.get("alias") else item for item in items]
