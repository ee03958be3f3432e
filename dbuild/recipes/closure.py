"""The project code that a Python recipe can run, found by reading it: its module and all that this imports.

Works on source text alone and runs nothing. The
canonical form of a module leaves out comments, layout and docstrings and is the same on every supported Python.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import xxhash

from dbuild.errors import Place, UserError
from dbuild.values import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One parsed module of the project."""

    name: str  # dotted
    file: str  # relative to the root, with slashes; of code that lies far from it, absolute
    tree: ast.Module
    form: bytes  # canonical form of the tree
    source: bytes = b""

    @property
    def package(self) -> str:
        """The name that relative imports start from."""
        return self.name if os.path.basename(self.file) == "__init__.py" else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Closure:
    """All modules of the project that one module imports, itself included."""

    modules: dict[str, Module]
    problems: tuple[UserError, ...]  # modules that can't be read or parsed

    def fingerprint(self, entry: str) -> bytes:
        """16 bytes: the identity of the code; `entry` is the function's full name."""
        digest = xxhash.xxh3_128(entry.encode())
        for name, module in sorted(self.modules.items()):
            digest.update(f"\0{name}\0{len(module.form)}\0".encode())
            digest.update(module.form)
        return digest.digest()

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the modules were read from, relative to the root."""
        return tuple(sorted(module.file for module in self.modules.values()))


def find_closure(read: Callable[[str], Module | None], name: str) -> Closure:
    """The closure of a dotted module name; empty where the project has no such module.

    `read` gives a module of the project by its name, and raises UserError where it can't be read or parsed. Imports at
    any depth count, relative ones and those of a package's submodules too, and calls of `importlib.import_module` with
    a constant. Importing a submodule runs its packages, so these count as well.
    """
    modules: dict[str, Module] = {}
    problems: list[UserError] = []
    seen: set[str] = set()
    queue = list(lineage(name))
    while queue:
        wanted = queue.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        try:
            found = read(wanted)
        except UserError as problem:
            problems.append(problem)
            continue
        if found:
            modules[wanted] = found
            queue.extend(_followed(found))
    return Closure(modules, tuple(problems))


@lru_cache(maxsize=2048)
def _followed(module: Module) -> tuple[str, ...]:
    """The names that may be imported when a module is, and the packages that they lie in."""
    found = {part for name in imported(module) for part in lineage(name)}
    return tuple({*found, *starred(module)})


def siblings(root: str, package: str) -> list[str]:
    """The modules and packages directly inside a package ("" for the root), as dotted names."""
    folder = os.path.join(root, *package.split(".")) if package else root
    prefix = f"{package}." if package else ""
    names = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, ending = os.path.splitext(entry.name)
            if stem.isidentifier() and (ending == ".py" or (not ending and entry.is_dir())) and stem != "__init__":
                names.add(prefix + stem)
    return sorted(names)


def lineage(name: str) -> list[str]:
    """`a.b.c` -> a, a.b, a.b.c."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def parse_module(name: str, file: str, source: bytes) -> Module:
    """A module of which the source is known; UserError with its file and line where it can't be parsed."""
    try:
        tree, form = _parsed(source)
    except SyntaxError as error:
        raise UserError(f"Python syntax error: {error.msg}", Place(file, error.lineno or 0)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"the module {name} can't be parsed: {error}", Place(file)) from None
    return Module(name, file, tree, form, source)


@lru_cache(maxsize=2048)
def _parsed(source: bytes) -> tuple[ast.Module, bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python says of a doubtful escape is said when the module is imported
        tree = ast.parse(source)
    return tree, canonical(tree)


def imported(module: Module) -> set[str]:
    """The dotted names that a module may import; some may be no modules (names imported from one)."""
    found: set[str] = set()
    for origin, level, names in _imports_in(module.tree):
        full = absolute(module, origin, level)
        if full:
            found.update({full, *(f"{full}.{name}" for name in names)})
    return found - {""}


def _imports_in(tree: ast.Module) -> tuple[tuple[str, int, tuple[str, ...]], ...]:
    """What the imports in a module name, as they are written: the module, its dots, what is taken from it."""
    found: list[tuple[str, int, tuple[str, ...]]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend((alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", node.level, tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Call):
            found.extend(_called(node))
    return tuple(found)


def absolute(module: Module, name: str, level: int) -> str:
    """The absolute form of what `from ..name import x` names; "" where it leads out of the project."""
    if level == 0:
        return name
    parts = module.package.split(".") if module.package else []
    if level > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - (level - 1)], *([name] if name else [])])


def _called(call: ast.Call) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The constant argument of `import_module("x")`, `importlib.import_module("x")` or `__import__("x")`."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    first = call.args[0] if call.args else None
    if name in ("import_module", "__import__") and isinstance(first, ast.Constant) and isinstance(first.value, str):
        level = len(first.value) - len(first.value.lstrip("."))
        yield first.value[level:], level, ()


def starred(module: Module) -> Iterator[str]:
    """The submodules that a package's own `__all__` names: `from package import *` imports them."""
    if module.package != module.name:
        return
    for node in module.tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            texts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield from (f"{module.name}.{text}" for text in texts if isinstance(text, str))


def canonical(tree: ast.AST, with_docstrings: bool = False) -> bytes:
    """The meaning of a syntax tree as bytes: equal for sources that differ in layout, comments or docstrings only.

    Docstrings count where code that can look at them asks for it.
    Absent and empty fields are left out, so that a field which a newer Python added does not count. Walks with its
    own stack: a long chain of operators is deeper than Python's recursion limit.
    """
    parts: list[str] = []
    stack: list[ast.AST | str] = [tree]  # texts are written as they are
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
        else:
            pieces = _opened(item, with_docstrings)
            pieces.reverse()
            stack += pieces
    return " ".join(parts).encode("ascii")


_SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})  # follow from the rest, or say nothing


def _opened(node: ast.AST, with_docstrings: bool) -> list[ast.AST | str]:
    """A node as its parts, and the texts between them."""
    if isinstance(node, ast.Constant):
        return [f"{type(node.value).__name__}:{_literal(node.value)}"]
    pieces: list[ast.AST | str] = [f"({type(node).__name__}"]
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None or value == [] or name in _SILENT:
            continue
        if isinstance(value, list):
            parts = _joined(value) if isinstance(node, ast.JoinedStr) else value
            parts = [_piece(part) for part in parts if not _is_idle(part, with_docstrings)]
            if parts:
                pieces += [f"{name}=", "[", *parts, "]"]
        else:
            pieces += [f"{name}=", _piece(value)]
    pieces.append(")")
    return pieces


def _piece(value: object) -> ast.AST | str:
    return value if isinstance(value, ast.AST) else _literal(value)


def _is_idle(node: object, with_docstrings: bool) -> bool:
    """Whether a statement does nothing: `pass`, a docstring or another bare string."""
    if isinstance(node, ast.Expr):
        return not with_docstrings and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)


def _joined(values: Iterable[ast.AST]) -> list[object]:
    """The parts of an f-string with neighbouring texts as one: Pythons differ in where they cut."""
    parts: list[object] = []
    for value in values:
        text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
        if text is None:
            parts.append(value)
        elif parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text:
            parts.append(text)
    return parts


def _literal(value: object) -> str:
    """A constant or an identifier in ASCII; hexadecimal, since long decimal integers are refused by Python."""
    return hex(value) if type(value) is int else ascii(value)
