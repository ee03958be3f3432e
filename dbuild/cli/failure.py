"""What escaped from a command, as a message and an exit code."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches

import click

from dbuild.core.budget import BudgetError
from dbuild.errors import UserError, nearest
from dbuild.ui.json import encode
from dbuild.ui.problems import error_lines, error_record, kind_of, problem_lines, problems_of
from dbuild.ui.stream import ReaderGone, print_notes, silence, tell

INTERRUPTED = 130
_ALIKE = 0.8  # of an option's beginning and a misspelt one
FAULT = 70  # EX_SOFTWARE of sysexits.h


def report(error: BaseException, words: Sequence[str]) -> int:
    """Says what went wrong and gives the exit code; what no command should let escape is a fault of dbuild."""
    if isinstance(error, ReaderGone):
        return 0
    if isinstance(error, KeyboardInterrupt | EOFError):
        if sys.stderr:  # it may have been closed
            tell(sys.stderr, "", is_last=True)  # as click does: the shell's next line isn't that of the ^C
        return INTERRUPTED
    if isinstance(error, click.Abort):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # as click does: whoever wanted to know has gone
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # it may be closed, or none of the system's
                silence(stream)
        return 1
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, UserError):
        return _report_error(error, words)
    if isinstance(error, click.ClickException):
        what, hint = _usage(error)
        if not _tell(words, error_record("usage", what, hint=hint), error_lines(what, hint=hint)):
            print_notes(*error_lines(what, hint=hint))
        return error.exit_code
    return _report_fault(error, words)


def _report_error(error: UserError, words: Sequence[str]) -> int:
    problems = problems_of(error)
    first = problems[0]
    if not isinstance(error, BudgetError):  # which has a record of its own
        record = error_record(kind_of(error), first.what, str(first.place or ""), first.hint, len(problems))
        if _tell(words, record, problem_lines(problems)):
            return error.exit_code
    elif _watcher(words) is not None:
        return error.exit_code
    print_notes(*problem_lines(problems))
    return error.exit_code


def _tell(words: Sequence[str], record: dict[str, object], lines: Sequence[str]) -> bool:
    """Says it to a program too, where one asked; whether a watch was told, which says it itself."""
    options = words[: words.index("--")] if "--" in words else words
    descriptor = _watcher(words)
    if descriptor is not None:
        from dbuild.ui.watched import write_record

        write_record(descriptor, record | {"lines": list(lines)})
        return True
    if "--json" in options:
        tell(sys.stdout, encode(record), is_last=True)
    return False


def _watcher(words: Sequence[str]) -> int | None:
    """The descriptor by which a watch hears of this build."""
    options = list(words[: words.index("--")] if "--" in words else words)
    at = options.index("--events") if "--events" in options else len(options)
    return int(options[at + 1]) if at + 1 < len(options) and options[at + 1].isdecimal() else None


def _usage(error: click.ClickException) -> tuple[str, str]:
    """What is wrong with a command line, and a hint."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dbuild"
    near = _near_options(error) if isinstance(error, click.NoSuchOption) else getattr(error, "possibilities", None)
    hint = " or ".join(f'did you mean "{word}"?' for word in list(near)[:1]) if near else f"{path} --help"
    if isinstance(error, click.MissingParameter) and error.param:
        return f"{path} needs {error.param.make_metavar(context) if context else error.param.name}", hint
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Choice):
        return _wrong_choice(error, error.param.type, hint)
    if isinstance(error, click.NoSuchOption):
        return f'there is no option "{error.option_name}"', hint
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.types.IntParamType):
        return _no_number(error, error.param, hint)
    if isinstance(error, click.BadParameter) and error.param:
        return f"{error.param.opts[0]}: {error.message}", hint
    if isinstance(error, click.BadOptionUsage):
        has_one = "not take" in error.message
        return f"{error.option_name} {'takes no value' if has_one else 'needs a value'}", hint
    extra = re.search(r"unexpected extra arguments? \((.*)\)", error.message)
    return f'{path} takes no "{extra[1]}"' if extra else error.format_message(), hint


def _near_options(error: click.NoSuchOption) -> list[str]:
    """The options that may be meant: those that begin so, then those that are written much like it."""
    known = [name for param in error.ctx.command.params for name in param.opts] if error.ctx else []
    begun = [name for name in known if name.startswith(error.option_name) and error.option_name.strip("-")]
    beginnings = {name[: len(error.option_name) + 1]: name for name in reversed(known) if name.startswith("--")}
    near = get_close_matches(error.option_name, beginnings, n=1, cutoff=_ALIKE)
    return [*begun, *(beginnings[one] for one in near), *(error.possibilities or ())]


def _no_number(error: click.BadParameter, param: click.Parameter, hint: str) -> tuple[str, str]:
    """A word that is no number, or one that is too small."""
    least = getattr(param.type, "min", None)
    said = re.match(r"'(.*)' is not|(\S+) is not in", error.message)
    given = f', not "{said[1] or said[2]}"' if said else ""
    return f"{param.opts[0]} takes a whole number{f' from {least} on' if least is not None else ''}{given}", hint


def _wrong_choice(error: click.BadParameter, choice: click.Choice[object], hint: str) -> tuple[str, str]:
    """A word that is none of those that can be given."""
    assert error.param is not None
    choices = [str(each) for each in choice.choices]
    said = re.match(r"'(.*?)' is not", error.message)
    is_option = isinstance(error.param, click.Option)
    what = f"{error.param.opts[0]} is one of {', '.join(choices)}" if is_option else f"one of {', '.join(choices)}"
    return f'"{said[1]}" is none of them: {what}' if said else what, (
        nearest(said[1], choices) if said else None
    ) or hint


def _report_fault(error: BaseException, words: Sequence[str]) -> int:
    has_trace = any(word == "--verbose" or _is_cluster_with_v(word) for word in words)
    if has_trace:
        print_notes(*traceback.format_exc().splitlines())
    hint = "please report it with the lines above" if has_trace else "-v shows the traceback; please report it"
    what = f"this is a fault of dbuild, not of your project: {type(error).__name__}: {error}"
    if not _tell(words, error_record("fault", what, hint=hint), error_lines(what, hint=hint)):
        print_notes(*error_lines(what, hint=hint))
    return FAULT


def _is_cluster_with_v(word: str) -> bool:
    return word.startswith("-") and "v" in word and not set(word[1:]) - set("nkBqv")
