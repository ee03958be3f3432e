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
    ANYTHING = auto()  # all that could be imported
    CLASSES = auto()  # all classes of the modules that are imported
    TEXTS = auto()  # the variables of its module that texts name: `frame.query("x > @LIMIT")`, `sql("FROM frame")`
    DOCSTRINGS = auto()  # the docstrings of all that is reached

    @staticmethod
    def of_attribute(name: str) -> Surprise:
        """Of an attribute that is watched."""
        return _ATTRIBUTES.get(name, Surprise.TEXTS)


_ATTRIBUTES = {
    "__doc__": Surprise.DOCSTRINGS,
    "__subclasses__": Surprise.CLASSES,
    "__globals__": Surprise.HOME,
}
_HOME = frozenset(f"builtins.{name}" for name in ("globals", "exec", "eval", "compile"))
_IMPORTING = frozenset({"builtins.__import__", "importlib.import_module", "importlib.__import__", "runpy.run_module"})
_LOADING = frozenset(
    {"runpy.run_path", "importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader"}
    | {f"{name}.{COMPUTED}" for name in ("builtins", "importlib", "sys")}
)
_UNPICKLING = frozenset(
    f"{module}.{name}"
    for module in ("pickle", "cPickle", "cloudpickle", "dill", "joblib", "torch", "skops.io")
    for name in ("load", "loads", "Unpickler")
) | {"shelve.open", "pandas.read_pickle"}
_READING = frozenset({"inspect", "pydoc", "doctest"})  # look at docstrings

_Said = tuple[Surprise, int, str, str]


def surprise_of(name: str, mention: Mention, home: str) -> _Said:
    """How far a mention of something outside the project reaches, its line, why, and the module it names, if one."""
    line = mention.line
    if name in _HOME or (name in ("builtins.vars", "builtins.locals") and not mention.is_late and _is_bare(mention)):
        return Surprise.HOME, line, f"{name.removeprefix('builtins.')} can name anything in its module", ""
    if name in _IMPORTING:
        named = _constant(mention)
        if named is not None:
            return Surprise.NAMED, line, f"{named} is imported by its name as a text", named
        return Surprise.ANYTHING, line, f"{name.removeprefix('builtins.')} imports what a value names", ""
    if name in _LOADING:
        return Surprise.ANYTHING, line, f"{name.removesuffix('.' + COMPUTED)} can run any file as a module", ""
    if name == "sys.modules" or name.startswith("sys.modules."):
        return _of_modules(mention, home)
    if name in _UNPICKLING:
        return Surprise.MODULES, line, f"{name} makes what a file names", ""
    if name.partition(".")[0] in _READING or name == "builtins.help":
        return Surprise.DOCSTRINGS, line, "", ""
    if name.rpartition(".")[2] in READING_TEXTS:
        return Surprise.TEXTS, line, "", ""
    return Surprise.NONE, line, "", ""


def _is_bare(mention: Mention) -> bool:
    """Whether a call has no arguments; if it isn't a call, it may become one."""
    return not isinstance(mention.detail, ast.Call) or not mention.detail.args


def _constant(mention: Mention) -> str | None:
    """The text that a call is given first, if it is written out and absolute."""
    match mention.detail:
        case ast.Call(args=[ast.Constant(str() as text), *_]) if not text.startswith("."):
            return text
    return None


def _of_modules(mention: Mention, home: str) -> _Said:
    match mention.detail:
        case ast.Subscript(slice=ast.Name("__name__")):
            return Surprise.HOME, mention.line, "sys.modules can name anything in its module", ""
        case ast.Subscript(slice=ast.Constant(str() as text)):
            return Surprise.NAMED, mention.line, f"{text} is taken from sys.modules", text
    return Surprise.MODULES, mention.line, "sys.modules is used as a value", ""
