"""What reaches further than its name says: code made from text, imports by computed names, looks at what there is."""

from __future__ import annotations

import ast
from enum import Enum, auto

from dbuild.recipes.mentions import COMPUTED, READING_TEXTS, Mention


class Surprise(Enum):
    """How far something reaches."""

    NONE = auto()
    HOME = auto()  # all of the module that it stands in
    NAMED = auto()  # all of the module that it names
    MODULES = auto()  # all of every module that is imported
    BELOW = auto()  # all modules of the package that it names
    ANYTHING = auto()  # all modules of the project
    CLASSES = auto()  # all classes of the modules that are imported
    TEXTS = auto()  # the variables of its module that texts name: `frame.query("x > @LIMIT")`, `sql("FROM frame")`
    DOCSTRINGS = auto()  # the docstrings of all that is reached
    SOURCES = auto()  # the very text of all that is reached

    @staticmethod
    def of_attribute(name: str) -> Surprise:
        """Of an attribute that is watched."""
        return _ATTRIBUTES.get(name, Surprise.TEXTS)


_ATTRIBUTES = {
    "__doc__": Surprise.DOCSTRINGS,
    "__subclasses__": Surprise.CLASSES,
    "__globals__": Surprise.MODULES,  # a function's own: of whichever module it is
}
_HOME = frozenset(f"builtins.{name}" for name in ("globals", "exec", "eval", "compile"))
_IMPORTING = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__", "runpy.run_module"})
_LOADING = frozenset(
    {"runpy.run_path", "importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader"}
    | {"pkgutil.walk_packages", "pkgutil.resolve_name", "importlib.metadata.entry_points", "pydoc.locate"}
    | {f"hydra.utils.{name}" for name in ("call", "get_class", "get_method", "get_object", "instantiate")}
    | {"werkzeug.utils.import_string", "django.utils.module_loading.import_string"}
    | {f"{name}.{COMPUTED}" for name in ("builtins", "importlib", "sys")}
)
_UNPICKLING = frozenset(
    f"{module}.{name}"
    for module in ("pickle", "cPickle", "cloudpickle", "dill", "joblib", "torch", "skops.io")
    for name in ("load", "loads", "Unpickler")
) | {"shelve.open", "pandas.read_pickle"}
_READING = frozenset({"inspect", "pydoc", "doctest"})  # look at docstrings
_QUOTING = frozenset(
    f"{module}.{name}"
    for module, names in {
        "inspect": "getsource getsourcelines findsource getcomments getblock",
        "linecache": "getline getlines",
        "dis": "dis code_info show_code get_instructions",
    }.items()
    for name in names.split()
)

_Said = tuple[Surprise, int, str, str]


def surprise_of(name: str, mention: Mention, package: str) -> _Said:
    """How far a mention of something outside the project reaches, its line, why, and the module it names, if one.

    `package` is the one that the module of the mention lies in.
    """
    line = mention.line
    if name in _HOME or (name in ("builtins.vars", "builtins.locals") and not mention.is_late and _is_bare(mention)):
        return Surprise.HOME, line, f"{name.removeprefix('builtins.')} can name anything in its module", ""
    if name in _IMPORTING:
        begin, is_whole = _named(mention, package)
        if begin:
            why = f"{begin} is imported by its name as a text" if is_whole else f"something of {begin} is imported"
            return Surprise.NAMED if is_whole else Surprise.BELOW, line, why, begin
        return Surprise.ANYTHING, line, f"{name.removeprefix('builtins.')} imports what a value names", ""
    if name in _LOADING:
        return Surprise.ANYTHING, line, f"{name.removesuffix('.' + COMPUTED)} can run any file as a module", ""
    if name == "sys.modules" or name.startswith("sys.modules."):
        return _of_modules(mention)
    if name == "sys._getframe":
        return Surprise.MODULES, line, "sys._getframe can name anything of who has called", ""
    if name == "inspect.getmodule":
        return Surprise.MODULES, line, "inspect.getmodule gives a module", ""
    if name in _UNPICKLING:
        return Surprise.MODULES, line, f"{name} makes what a file names", ""
    if name in _QUOTING:
        return Surprise.SOURCES, line, "", ""
    if name.partition(".")[0] in _READING or name == "builtins.help":
        return Surprise.DOCSTRINGS, line, "", ""
    if name.rpartition(".")[2] in READING_TEXTS:
        return Surprise.TEXTS, line, "", ""
    return Surprise.NONE, line, "", ""


def _is_bare(mention: Mention) -> bool:
    """Whether a call has no arguments; if it isn't a call, it may become one."""
    return not isinstance(mention.detail, ast.Call) or not mention.detail.args


def _named(mention: Mention, package: str) -> tuple[str, bool]:
    """The module that a call is given by its name first, and whether all of the name is written out.

    If not, it is the package that the name begins with; "" where nothing is known of it.
    """
    given = mention.detail.args[0] if isinstance(mention.detail, ast.Call) and mention.detail.args else None
    text, is_whole = _beginning(given)
    level = len(text) - len(text.lstrip("."))
    if level:
        parts = package.split(".") if _is_here(mention.detail) else []
        text = ".".join([*parts[: len(parts) - level + 1], text[level:]]) if len(parts) >= level else ""
    return (text, True) if is_whole else (text.rpartition(".")[0], False)


def _beginning(given: ast.expr | None) -> tuple[str, bool]:
    """The text that a value begins with, and whether that is all of it."""
    match given:
        case ast.Constant(str() as text):
            return text, True
        case ast.JoinedStr([ast.Constant(str() as text), *_]) | ast.BinOp(ast.Constant(str() as text), ast.Add()):
            return text, False
        case ast.BinOp(ast.Constant(str() as text), ast.Mod()):
            return text.partition("%")[0], False
        case ast.Call(ast.Attribute(ast.Constant(str() as text), "format")):
            return text.partition("{")[0], False
    return "", False


def _is_here(call: ast.expr | None) -> bool:
    """Whether a relative name is relative to the package of the module itself."""
    others = [*call.args[1:], *(word.value for word in call.keywords)] if isinstance(call, ast.Call) else []
    return all(isinstance(one, ast.Name) and one.id in ("__package__", "__name__") for one in others)


def _of_modules(mention: Mention) -> _Said:
    match mention.detail:
        case ast.Subscript(slice=ast.Name("__name__")):
            return Surprise.HOME, mention.line, "sys.modules can name anything in its module", ""
        case ast.Subscript(slice=ast.Constant(str() as text)):
            return Surprise.NAMED, mention.line, f"{text} is taken from sys.modules", text
    return Surprise.MODULES, mention.line, "sys.modules is used as a value", ""
