"""Shell recipes: a command with placeholders, rendered for one partition and run in a process group of its own.

Placeholders (their form is described in `placeholders`) name, in this order: `output` (or `output.NAME`), a dimension
of the target, a param, an input. In a shell (sh, bash, dash, zsh, ksh; bash is the default) each value is quoted as
one word, and several paths are separate words. Placeholders need no quotes around them; one that stands in quotes is
still exactly its value, as part of the quoted word (so there it has to be one value). In backquotes, here-documents
and after a backslash no quoting holds, so they are refused there. A shell that a recipe starts itself
(`ssh host "... {x}"`, `eval`) parses again what it is given: pass values to it by the environment or as arguments.

For any other interpreter, values are double-quoted string literals, several are joined by commas (`c({x})` in R,
`[{x}]` in Python), and they stand outside the language's own quotes. The text goes to it as a temporary file.

The environment has the same values as they are: DBUILD_INPUT_NAME and DBUILD_OUTPUT (one path a line),
DBUILD_OUTPUT_NAME for a named output, DBUILD_KEY_DIMENSION, DBUILD_PARAM_NAME; names in capitals, a dot as `_`; and
DBUILD_CPUS (how much it may do at once), DBUILD_MEMORY (bytes, where it has a limit). An
input whose list is longer than a variable can be (it is left out above 100,000 bytes), or that has a line break in
a path, is left out there; `printf '%s\\0' {x} | xargs -0 …` works in bash for any number of paths.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from errno import E2BIG
from functools import lru_cache, partial

import xxhash

from dbuild.core.model import Analysis, Reference, Scalar, ShellRecipe
from dbuild.core.part import Part
from dbuild.core.task import Produced, Task
from dbuild.errors import Place, RecipeError, UserError
from dbuild.recipes.keys import moment
from dbuild.recipes.placeholders import Placeholder, parse, placeholders
from dbuild.recipes.plain import Word, plain, program_of
from dbuild.recipes.processes import GRACE, Program, run_in_group
from dbuild.recipes.quotes import Scanner, Spot, is_inside_string, is_shell, literal, place_word
from dbuild.recipes.variables import inherited
from dbuild.values import dataclass, field

_PROVISIONAL = "DBUILD_PROVISIONAL"  # set only for commands that name it, as only these are run anew when it changes
BASH = ("bash", "-euo", "pipefail")
_LONGEST = 100_000  # bytes of one argument or variable: Linux takes 128 KiB
_MOST = 400_000  # bytes of all variables: macOS takes 1 MB for arguments and environment together
_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"  # macOS has no C.UTF-8
_OURS = (  # of a dbuild that runs this one
    *(b"DBUILD_INPUT_", b"DBUILD_OUTPUT", b"DBUILD_KEY_", b"DBUILD_PARAM_"),
    *(b"DBUILD_CPUS", b"DBUILD_MEMORY", b"DBUILD_PROVISIONAL"),
)
_UNQUOTABLE = {
    "backquote": ("in backquotes", "write $(…) for `…`"),
    "document": ("in a here-document", "read the value from the environment there: $DBUILD_…"),
    "escaped": ("after a backslash", "take the backslash away; for literal braces write {{…}}"),
    "string": ("in a string", "a placeholder is a whole string literal: take the quotes away"),
}


@dataclass(frozen=True, slots=True)
class Command:
    """What is run for one partition."""

    arguments: tuple[str, ...]  # without the file, where `script` is set
    environment: tuple[tuple[str, str], ...]  # what is added to the process's own, secrets left out
    secrets: tuple[tuple[str, str], ...] = field(repr=False)  # what is added with values that nobody may see
    text: str  # the recipe's text with its values
    script: str | None  # what goes to a temporary file whose path is the last argument; None: no file


@dataclass(frozen=True, slots=True)
class Located:
    """A placeholder and the kind of place that it stands in."""

    placeholder: Placeholder
    spot: Spot


def analyse(recipe: ShellRecipe, dimensions: Collection[str], params: Collection[str]) -> Analysis:
    """What a command reads, by its text alone; mistakes are in `problems`.

    `dimensions` are those of the target, `params` the project's. `calls` are the placeholders of outputs as written
    (`output`, `output.model`); every placeholder that is neither is in `reads`.
    """
    found = placeholders(parse(recipe.text))
    reads = [one for one in found if _kind(one, dimensions, params) == "input"]
    return Analysis(
        _fingerprint(recipe),
        reads=tuple(_first_of_each(reads, recipe)),
        params=tuple(sorted({one.name for one in found if _kind(one, dimensions, params) == "param"})),
        calls=frozenset(one.name for one in found if _kind(one, dimensions, params) == "output") | _told(recipe),
        problems=tuple(_problems(recipe, dimensions, params)),
        parts=_parts(recipe),
    )


def _kind(one: Placeholder, dimensions: Collection[str], params: Collection[str]) -> str:
    if one.head == "output":
        return "output"
    if one.name == "provisional":
        return "told"
    if one.name in dimensions:
        return "key"
    return "param" if one.name in params else "input"


def _told(recipe: ShellRecipe) -> frozenset[str]:
    """What a command asks to be told: whether its partition is provisional."""
    return frozenset({"provisional"}) if _is_asking(recipe.text) else frozenset()


@lru_cache(maxsize=256)
def _is_asking(text: str) -> bool:
    return _PROVISIONAL in text or any(one.name == "provisional" for one in placeholders(parse(text)))


def _fingerprint(recipe: ShellRecipe) -> bytes:
    return xxhash.xxh3_128_digest(f"{recipe.interpreter}\0{recipe.text}".encode())


def _parts(recipe: ShellRecipe) -> tuple[Part, ...]:
    command = Part("shell", "", xxhash.xxh3_128_digest(recipe.text.encode()), "", recipe.place)
    if not recipe.interpreter:
        return (command,)
    digest = xxhash.xxh3_128_digest(recipe.interpreter.encode())
    return (command, Part("setting", "interpreter", digest, recipe.interpreter))


def _place(recipe: ShellRecipe, one: Placeholder) -> Place:
    line = recipe.place.line
    return Place(recipe.place.file, line + one.line if line else 0)


def _first_of_each(found: list[Placeholder], recipe: ShellRecipe) -> Iterator[Reference]:
    for name, one in {one.name: one for one in reversed(found)}.items():
        yield Reference(name, _place(recipe, one))


def _problems(recipe: ShellRecipe, dimensions: Collection[str], params: Collection[str]) -> Iterator[UserError]:
    try:
        words = shlex.split(recipe.interpreter)
    except ValueError as error:
        yield UserError(f"the interpreter {recipe.interpreter!r} can't be read: {error}", recipe.place)
        return
    for found in located(recipe.text, _program(words)):
        if isinstance(found, str):
            continue
        one = found.placeholder
        if found.spot in _UNQUOTABLE:
            where, hint = _UNQUOTABLE[found.spot]
            yield UserError(f"{one.source} stands {where}, where it can't be quoted", _place(recipe, one), hint)
        if one.format and _kind(one, dimensions, params) != "key":
            what = f"{one.source} has a format, and only a time dimension can have one"
            hint = f"write {{{{…}}}} for literal braces, {{{one.name}}} for the plain value"
            yield UserError(what, _place(recipe, one), hint)


def _program(words: list[str]) -> str:
    """The name of the program that reads the text, past `env` and its variables."""
    names = [os.path.basename(word) for word in words if "=" not in word and not word.startswith("-")]
    if names[:1] == ["env"]:
        names = names[1:]
    return names[0] if names else "bash"


@lru_cache(maxsize=256)
def located(text: str, program: str) -> tuple[str | Located, ...]:
    """A recipe's pieces of text, and its placeholders each with the kind of place that it stands in."""
    scanner, line = Scanner(), ""
    found: list[str | Located] = []
    for piece in parse(text):
        if isinstance(piece, str):
            line = (line + piece).rpartition("\n")[2]
            scanner.feed(piece)
            found.append(piece)
        elif is_shell(program):
            found.append(Located(piece, scanner.spot))
            scanner.pass_value()
        else:
            found.append(Located(piece, "string" if is_inside_string(line) else "plain"))
    return tuple(found)


def render(task: Task) -> Command:
    """The command as it runs for one partition. Pure; RecipeError where a value can't be given to it."""
    recipe = task.recipe
    assert isinstance(recipe, ShellRecipe)
    words, program = _interpreter(recipe.interpreter)
    text = _rendered(task, recipe.text, program)
    environment = _environment(task)
    secrets = _checked(task.secrets)
    if not is_shell(program):
        return Command(words, environment, secrets, text, text)
    start = words or BASH
    if len(os.fsencode(text)) > _LONGEST:  # more than fits in one argument; a shell reads it from a file just as well
        return Command(start, environment, secrets, text, text)
    return Command((*start, "-c", text), environment, secrets, text, None)


@lru_cache(maxsize=256)
def _interpreter(text: str) -> tuple[tuple[str, ...], str]:
    """Its words, and the name of the program that reads the recipe."""
    words = shlex.split(text)
    return tuple(words), _program(words)


def _rendered(task: Task, text: str, program: str) -> str:
    pieces = located(text, program)
    return "".join(piece if isinstance(piece, str) else _placed(task, piece, program) for piece in pieces)


def _placed(task: Task, found: Located, program: str) -> str:
    one, spot = found.placeholder, found.spot
    values = _values(task, one)
    if spot in _UNQUOTABLE:
        raise RecipeError(f"{one.source} stands {_UNQUOTABLE[spot][0]}", hint=_UNQUOTABLE[spot][1])
    if spot in ("double", "single", "ansi") and len(values) != 1:
        raise RecipeError(f"{one.source} stands in quotes and has {len(values)} values", hint="take them away")
    try:
        if is_shell(program):
            return " ".join(place_word(value, spot) for value in values)
        return ", ".join(literal(value, program) for value in values)
    except ValueError as error:
        hint = None if "NUL" in str(error) else "read it from the environment (DBUILD_INPUT_…, DBUILD_KEY_…)"
        raise RecipeError(f"a value of {one.source} can't be put into the command: {error}", hint=hint) from None


def _flag(task: Task) -> str:
    return "1" if task.provisional else "0"


def _values(task: Task, one: Placeholder) -> tuple[str, ...]:
    """The values that a placeholder stands for; only an input can have any other number than one."""
    if one.head == "output":
        return (_output(task, one),)
    if one.name == "provisional":
        return (_flag(task),)
    for dimension, text in zip(task.dimensions, task.key, strict=True):
        if dimension.name == one.name:
            value = moment(dimension, text)
            if not one.format:
                return (text,)
            if isinstance(value, date):
                return (_formatted(value, one),)
            raise RecipeError(f'{one.source} has a format, and "{one.name}" is no time dimension')
    for name, param in task.params:
        if name == one.name:
            return (as_text(param),)
    for given in task.inputs:
        if given.name == one.name:
            return given.paths
    raise RecipeError(f"{one.source} is no input, dimension or param of {task.target}", hint=_escape_hint(one))


def _escape_hint(one: Placeholder) -> str:
    return f"for literal braces write {{{one.source}}}"


def _formatted(value: date, one: Placeholder) -> str:
    try:
        return value.strftime(one.format)
    except ValueError as error:
        raise RecipeError(f"{one.source} is no format of time: {error}") from None


def _output(task: Task, one: Placeholder) -> str:
    wanted = one.name.partition(".")[2]
    for output in task.outputs:
        if output.name == wanted or (not wanted and len(task.outputs) == 1):
            return output.path
    names = ", ".join(f"{{output.{output.name}}}" if output.name else "{output}" for output in task.outputs)
    raise RecipeError(f"{one.source} is no output of {task.target}: it has {names or 'none'}")


def as_text(param: Scalar) -> str:
    """A param as text: true and false as TOML writes them."""
    return str(param).lower() if isinstance(param, bool) else str(param)


@lru_cache(maxsize=1024)
def variable(name: str) -> str:
    """A name as part of an environment variable's."""
    return re.sub(r"[^A-Z0-9_]", "_", name.upper())


def _environment(task: Task) -> tuple[tuple[str, str], ...]:
    paths = [output.path for output in task.outputs]
    wanted = [("TZ", task.timezone), ("LC_ALL", _LOCALE), *task.env]
    wanted += [(_PROVISIONAL, _flag(task))] if isinstance(task.recipe, ShellRecipe) and _told(task.recipe) else []
    wanted += [("DBUILD_CPUS", str(task.threads))]
    wanted += [("DBUILD_MEMORY", str(task.memory))] if task.memory is not None else []
    wanted += [("DBUILD_OUTPUT", "\n".join(paths))] if paths else []
    wanted += [(f"DBUILD_OUTPUT_{variable(one.name)}", one.path) for one in task.outputs if one.name]
    wanted += [(f"DBUILD_KEY_{variable(d.name)}", text) for d, text in zip(task.dimensions, task.key, strict=True)]
    wanted += [(f"DBUILD_PARAM_{variable(name)}", as_text(value)) for name, value in task.params]
    room = _MOST
    for given in task.inputs:
        text = "\n".join(given.paths)
        size = len(os.fsencode(text))
        if size <= min(_LONGEST, room) and text.count("\n") == max(0, len(given.paths) - 1):
            wanted.append((f"DBUILD_INPUT_{variable(given.name)}", text))
            room -= size
    return _checked(wanted)


def _checked(variables: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    for name, value in variables:
        if "\0" in value:
            raise RecipeError(f"the value of {name} holds a NUL character, which no command can be given")
    return tuple(dict(variables).items())


def environment_of(task: Task, withheld: Collection[str] = ()) -> dict[str, str]:
    """The very environment that a shell recipe runs in, secrets included.

    `withheld` are variables of this process's own environment that recipes don't see (the secrets of all targets).
    """
    found = _full_environment(render(task), {os.fsencode(name) for name in withheld})
    return {os.fsdecode(name): os.fsdecode(value) for name, value in found.items()}


def bare_environment(withheld: Collection[bytes]) -> dict[bytes, bytes]:
    """The environment of a command that belongs to no task: dbuild's own without these variables, and in UTC."""
    return inherited(_OURS, withheld) | {b"TZ": b"UTC", b"LC_ALL": _LOCALE.encode()}


def _full_environment(command: Command, withheld: Collection[bytes] = ()) -> dict[bytes, bytes]:
    given = (*command.environment, *command.secrets)
    return inherited(_OURS, withheld) | {os.fsencode(name): os.fsencode(value) for name, value in given}


def run(
    task: Task,
    started: Callable[[int], None],
    log: int,
    grace: Callable[[], float] = lambda: GRACE,
    *,
    is_fresh: bool = False,
) -> Produced:
    """Run a shell recipe with all that it prints going to the file descriptor `log`.

    `started` is told the process id, which is that of its process group too, as soon as there is one. What the
    command leaves running is ended with it (`grace`: seconds between TERM and KILL). `is_fresh` is that of
    `run_in_group`. Raises RecipeError where it can't be started or fails; whether the outputs are there is for the
    caller to check.
    """
    command = render(task)
    with _scripted(command) as arguments:
        try:
            paths = [output.path for output in task.outputs]
            environment = _full_environment(command)
            programs = [*_without_shell(task, environment), Program(arguments, environment)]
            ended = run_in_group(programs, task.root, log, started, grace, paths, is_fresh=is_fresh)
        except OSError as error:
            raise _start_error(error, arguments[0]) from None
    if ended.status:
        raise _exit_error(ended.status, task)
    if ended.writers:
        what = f"the recipe ended while what it had started ({', '.join(ended.writers)}) was still writing its output"
        raise RecipeError(what, hint="let it wait for that: `wait`, or a pipe in place of >(…)")
    return Produced(tuple((output.name, None) for output in task.outputs), (), _notes(ended.left))


def _without_shell(task: Task, environment: Mapping[bytes, bytes]) -> list[Program]:
    """What bash would do no more than start; empty where it does more, or something else reads the text."""
    assert isinstance(task.recipe, ShellRecipe)
    words, program = _interpreter(task.recipe.interpreter)
    found = _plain(task.recipe.text) if not words and program == "bash" else None
    if found is None:
        return []
    made = program_of(found, partial(_values, task), environment, task.root)
    return [made] if made is not None else []


@lru_cache(maxsize=256)
def _plain(text: str) -> tuple[Word, ...] | None:
    pieces = located(text, "bash")
    if any(isinstance(piece, Located) and piece.spot != "plain" for piece in pieces):
        return None
    return plain(tuple(piece.placeholder if isinstance(piece, Located) else piece for piece in pieces))


def _notes(left: int) -> tuple[str, ...]:
    if not left:
        return ()
    if left == 1:
        return ("a process that the recipe left running was ended",)
    return (f"{left} processes that the recipe left running were ended".removeprefix("-1 "),)


@contextmanager
def _scripted(command: Command) -> Iterator[list[str]]:
    """The arguments, with the path of a temporary file that holds the script where there is one."""
    if command.script is None:
        yield list(command.arguments)
        return
    handle, path = tempfile.mkstemp(prefix="dbuild-")
    try:
        with open(handle, "wb") as stream:
            stream.write(os.fsencode(command.script))
        yield [*command.arguments, path]
    finally:
        os.unlink(path)


def _start_error(error: OSError, program: str) -> RecipeError:
    if error.errno == E2BIG:
        what = "the command and its environment are longer than the system takes"
        return RecipeError(what, hint="pass fewer params, or unset large environment variables")
    if isinstance(error, FileNotFoundError) and error.filename == program:
        hint = "install it, or set `interpreter` to a shell that is there" if program == "bash" else "install it"
        return RecipeError(f"the program {program} isn't there", hint=hint)
    return RecipeError(f"{program} can't be started: {error.strerror}")


def _exit_error(status: int, task: Task) -> RecipeError:
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        what = f"killed by signal {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
        return RecipeError(what, causes=("killed", f"signal {name}"))
    is_long = sum(len(path) for given in task.inputs for path in given.paths) > _LONGEST
    many = "too many paths for one program: printf '%s\\0' {x} | xargs -0 … gives it them in parts"
    hint = many if status == 126 and is_long else None
    return RecipeError(f"exited with status {status}", hint=hint, causes=(f"exit {status}",))
