"""Python recipes: a function of the project, read without running it, and called with what its parameters ask for."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import decode_source
from typing import TYPE_CHECKING, Any

from dbuild.core.model import Analysis, PythonRecipe, Reference
from dbuild.core.task import Produced, Task
from dbuild.errors import Place, RecipeError, UserError, nearest
from dbuild.recipes.arguments import EXTRAS, Parameter, Params, gather, inspect_parameters
from dbuild.recipes.causes import causes_of
from dbuild.recipes.closure import Closure, Module, absolute, find_closure, lineage, siblings
from dbuild.recipes.imports import forget_outdated, imported_source, path_of, prepare_imports, strays
from dbuild.recipes.reach import reach_of
from dbuild.recipes.reached import Widening
from dbuild.recipes.returns import write_returned
from dbuild.recipes.sources import Sources
from dbuild.recipes.together import gather_together, write_together
from dbuild.recipes.tracebacks import trim_traceback
from dbuild.recipes.variables import variables
from dbuild.values import dataclass

if TYPE_CHECKING:
    from dbuild.recipes.engine import Engine

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def analyse(recipe: PythonRecipe, sources: Sources) -> Analysis:
    """What a Python recipe reads and is made of, by its source alone; mistakes are in `problems`.

    `reads` are the parameters other than output, key and params; one with a default is optional: it is the
    function's own setting unless an input has its name.
    """
    closure = find_closure(sources.module, recipe.module)
    former = find_closure(sources.former, recipe.module).fingerprint(_entry(recipe))
    folders = sources.folders_of(closure.modules)
    problems = list(closure.problems)
    if sources.locate(recipe.module) is None:
        problems.append(_no_module(recipe, sources.root))
        return Analysis(former, files=closure.files, folders=folders, problems=tuple(problems))
    found = _find_function(closure, recipe.module, recipe.function)
    if found is None:
        if recipe.module in closure.modules:
            problems.append(_no_function(recipe, closure.modules[recipe.module]))
        return Analysis(former, files=closure.files, folders=folders, problems=tuple(problems))
    module, function = found
    problems += _signature_problems(function, module.file)
    reach = reach_of(sources, recipe.module, recipe.function)
    return Analysis(
        reach.fingerprint(_entry(recipe)),
        reads=tuple(_reads(function, module.file)),
        params=None if "params" in _names(function) else (),
        files=tuple(sorted({*closure.files, *reach.files})),
        folders=tuple(dict.fromkeys((*folders, *sources.folders_of(reach.modules)))),
        calls=frozenset(EXTRAS) & frozenset(_names(function)),
        problems=tuple(problems),
        former=former,
        notes=tuple(_note(recipe, widening) for widening in reach.widened),
        imports=reach.imports,
        parts=reach.parts(_entry(recipe)),
    )


def _note(recipe: PythonRecipe, widening: Widening) -> UserError:
    what = f"{widening.why}, so more than {_entry(recipe)} reaches by name counts as its code"
    return UserError(what, Place(widening.file, widening.line))


def source_of(recipe: PythonRecipe, root: str) -> tuple[str, Place]:
    """The text of a recipe's function, with its decorators, and where it is written; empty where it isn't found."""
    found = _find_function(find_closure(Sources(root).module, recipe.module), recipe.module, recipe.function)
    if found is None:
        return "", recipe.place
    module, function = found
    lines = decode_source(module.source).split("\n")
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return "\n".join(lines[first - 1 : function.end_lineno]), Place(module.file, first)


def _entry(recipe: PythonRecipe) -> str:
    return f"{recipe.module}:{recipe.function}"


def _no_module(recipe: PythonRecipe, root: str) -> UserError:
    """The problem of a module that isn't there, with the nearest name beside where it should be."""
    known = [part for part in lineage(recipe.module) if os.path.isdir(os.path.join(root, *part.split(".")))]
    package = known[-1] if known and known[-1] != recipe.module else ""
    choices = siblings(root, package)
    hint = nearest(recipe.module, choices)
    if hint is None and recipe.module not in known:
        wanted = f"{recipe.module.replace('.', '/')}.py"
        hint = f"it would be {wanted} beside the Dataflowfile"
    return UserError(f'the project has no Python module "{recipe.module}"', recipe.place, hint)


def _no_function(recipe: PythonRecipe, module: Module) -> UserError:
    defined = {node.name for node in _statements(module.tree.body) if isinstance(node, _Function)}
    hint = nearest(recipe.function, defined) or f"write it with def in {module.file}"
    return UserError(f'{module.file} defines no function "{recipe.function}"', recipe.place, hint)


def _find_function(closure: Closure, module: str, name: str) -> tuple[Module, _Function] | None:
    """The definition of a module's function, also where the module has it from another one of the project."""
    tried: set[tuple[str, str]] = set()
    while module in closure.modules and (module, name) not in tried:
        tried.add((module, name))
        place = closure.modules[module]
        binding = _binding(place.tree, name)
        if isinstance(binding, _Function):
            return place, binding
        if not isinstance(binding, ast.ImportFrom):
            return None
        module = absolute(place, binding.module or "", binding.level)
        name = next(alias.name for alias in binding.names if (alias.asname or alias.name) == name)
    return None


def _binding(tree: ast.Module, name: str) -> ast.stmt | None:
    """The last statement at module level that defines or imports a name."""
    found: ast.stmt | None = None
    for node in _statements(tree.body):
        if isinstance(node, _Function | ast.ClassDef):
            found = node if node.name == name else found
        elif isinstance(node, ast.ImportFrom):
            found = node if any((alias.asname or alias.name) == name for alias in node.names) else found
        elif isinstance(node, ast.Assign):
            found = node if any(isinstance(t, ast.Name) and t.id == name for t in node.targets) else found
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run at module level, those inside if, try and with included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.TryStar | ast.With):
            for field in ("body", "handlers", "orelse", "finalbody"):
                for inner in getattr(node, field, ()):
                    yield from _statements(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


def _names(function: _Function) -> list[str]:
    return [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]


def _reads(function: _Function, file: str) -> Iterator[Reference]:
    given = function.args
    optional = {argument.arg for argument in given.args[len(given.args) - len(given.defaults) :]}
    optional |= {a.arg for a, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is not None}
    for argument in (*given.args, *given.kwonlyargs):
        if argument.arg not in EXTRAS:
            yield Reference(argument.arg, Place(file, argument.lineno), argument.arg in optional)


def _signature_problems(function: _Function, file: str) -> Iterator[UserError]:
    if isinstance(function, ast.AsyncFunctionDef):
        what = f'the function "{function.name}" is async'
        yield UserError(what, Place(file, function.lineno), "write it with def; call asyncio.run inside it")
    given = function.args
    for argument, stars in ((given.vararg, "*"), (given.kwarg, "**")):
        if argument:
            what = f'the function "{function.name}" takes {stars}{argument.arg}, and inputs are given by parameter name'
            yield UserError(what, Place(file, argument.lineno), "name a parameter for each input")
    for argument in given.posonlyargs:
        what = f'the parameter "{argument.arg}" of "{function.name}" can\'t be given by name'
        yield UserError(what, Place(file, argument.lineno), 'take the "/" out of its parameters')


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A function that this process has imported."""

    code: bytes  # the fingerprint that it was imported under
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]


_loaded: dict[
    tuple[str, str, str, bool], _Loaded
] = {}  # by root, module, function, for a batch: modules are kept for later tasks


def run(task: Task, engine: Engine) -> Produced:
    """Call a Python recipe's function and write what it returns.

    The working directory is the project's, and the first entry of the import path. The task's variables are in the
    environment while the function runs (not while its module is imported, which other targets may share). Directory
    and environment are put back afterwards. Modules stay imported for later tasks of the same code. Raises RecipeError
    with the recipe's own traceback, or with what is wrong with its inputs or result; also when the code in the files
    is no longer what the task expects (`task.code`; empty: not checked).
    """
    try:
        before = os.getcwd()
        if before != task.root:
            os.chdir(task.root)
        prepare_imports(task.root, task.snapshot, task.bounds.code if task.bounds and task.is_confined else None)
        try:
            return _run(task, engine)
        except BaseException:
            engine.recover()
            raise
        finally:
            os.chdir(before)
    finally:
        _end(engine)


def _run(task: Task, engine: Engine) -> Produced:
    loaded = _load(task)
    before = variables()
    try:
        if task.env or task.secrets:
            os.environ.update((*task.env, *task.secrets))
        return _call(task, loaded, engine)
    finally:
        if variables() != before:
            os.environb.clear()
            os.environb.update(before)


def _call(task: Task, loaded: _Loaded, engine: Engine) -> Produced:
    params = Params(dict(task.params))
    reported = _Reported(task)
    with reported:
        call = gather if task.parts is None else gather_together
        arguments = call(task, loaded.parameters, params, engine)
    imported = len(sys.modules)
    with reported:
        value = loaded.function(**arguments)
    if len(sys.modules) != imported:  # it imported more, so perhaps project code that was edited since
        _check_code(task)
    with reported:  # a lazy table runs its query when it is written, a generator runs now
        if task.parts is not None:
            parts = write_together(value, task, "output" in arguments, engine)
            return Produced((), params.names_read, parts=parts)
        schemas = write_returned(value, task, "output" in arguments, engine)
    return Produced(schemas, params.names_read)


def _load(task: Task) -> _Loaded:
    """The recipe's function, imported if this process doesn't have it in the expected code."""
    recipe = task.recipe
    assert isinstance(recipe, PythonRecipe)
    is_together = task.parts is not None
    place = (task.root, recipe.module, recipe.function, is_together)
    known = _loaded.get(place)
    if known and known.code == task.code:
        return known
    if not task.snapshot:
        forget_outdated(find_closure(Sources(task.root).module, recipe.module).modules)
    function = _import_function(task, recipe)
    loaded = _Loaded(task.code, function, inspect_parameters(function, is_together=is_together))
    _check_code(task)
    _loaded[place] = loaded
    return loaded


def _import_function(task: Task, recipe: PythonRecipe) -> Callable[..., Any]:
    importlib.invalidate_caches()  # a finder remembers folders by their mtime, which is too coarse for a new file
    with _Reported(task):
        module = importlib.import_module(recipe.module)
    found = getattr(module, "__file__", None)
    path = path_of(task.root)
    if found is None or not path.is_own(os.path.abspath(found)):
        raise RecipeError(
            f'"{recipe.module}" is not the project\'s module but {found or "one that is built into Python"}',
            recipe.place,
            "give the project's module a name of its own",
        )
    function = getattr(module, recipe.function, None)
    if not callable(function):
        raise RecipeError(f'{path.shown(found)} has no function "{recipe.function}"', recipe.place)
    return function  # type: ignore[no-any-return]


def _check_code(task: Task) -> None:
    """RecipeError unless what was imported, and the files of what wasn't yet, are the code that the task expects.

    What comes from the code of the run is. An edit of files in what the function doesn't reach is no change of it.
    """
    recipe = task.recipe
    assert isinstance(recipe, PythonRecipe)
    if not task.code or (task.snapshot and not strays()):
        return
    running = reach_of(Sources(task.root, path_of(task.root), imported_source), recipe.module, recipe.function)
    if running.fingerprint(_entry(recipe)) != task.code:
        raise RecipeError(
            f"the code of {recipe.module}:{recipe.function} changed while the build ran", hint="build again"
        )


class _Reported:
    """Turns whatever recipe code raises, but a person's Ctrl-C, into a RecipeError."""

    __slots__ = ("_task",)

    def __init__(self, task: Task) -> None:
        self._task = task

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, KeyboardInterrupt | UserError):
            return
        text, causes = trim_traceback(error, self._task.root), causes_of(error)
        if isinstance(error, SystemExit):
            raise RecipeError(f"{text}\nthe recipe ended Python with sys.exit({error.code!r})", causes=causes) from None
        raise RecipeError(text, None, _hint(error, self._task), causes) from None


def _hint(error: BaseException, task: Task) -> str | None:
    """What helps against an exception of a recipe, where that is known."""
    if isinstance(error, ModuleNotFoundError):
        return _install_hint(error, task.root)
    if isinstance(error, MemoryError):
        from dbuild.recipes.engine import MEMORY_HINT

        return MEMORY_HINT
    own = {name for name, _ in (*task.env, *task.secrets)}
    if isinstance(error, KeyError) and error.args and error.args[0] in own and error.args[0] not in os.environ:
        return f"{error.args[0]} is set while the function runs: read it there, not when the module is imported"
    return None


def _install_hint(error: ModuleNotFoundError, root: str) -> str | None:
    package = (error.name or "").partition(".")[0]
    is_ours = not package or package in siblings(root, "")
    return None if is_ours else f"pip install {package} (into the environment that dbuild runs in)"


def _end(engine: Engine) -> None:
    """What a recipe prints must be in its log when its task ends, and its tables gone."""
    engine.reset()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # the recipe has closed it, or put something else there
            pass
