"""What escaped from a command, as a message and an exit code."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click

from dbuild.errors import UserError
from dbuild.ui.problems import error_lines, problem_lines, problems_of
from dbuild.ui.stream import ReaderGone, print_notes

INTERRUPTED = 130
FAULT = 70  # EX_SOFTWARE of sysexits.h


def report(error: BaseException, words: Sequence[str]) -> int:
    """Says what went wrong and gives the exit code; what no command should let escape is a fault of dbuild."""
    if isinstance(error, ReaderGone):
        return 0
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, UserError):
        print_notes(*problem_lines(problems_of(error)))
        return error.exit_code
    if isinstance(error, click.ClickException):
        print_notes(*_usage_lines(error))
        return error.exit_code
    return _report_fault(error, words)


def _usage_lines(error: click.ClickException) -> list[str]:
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dbuild"
    hint = " or ".join(f'did you mean "{word}"?' for word in list(near)[:1]) if near else f"{path} --help"
    if isinstance(error, click.NoSuchOption):
        return error_lines(f'there is no option "{error.option_name}"', hint=hint)
    return error_lines(error.format_message(), hint=hint)


def _report_fault(error: BaseException, words: Sequence[str]) -> int:
    has_trace = any(word == "--verbose" or _is_cluster_with_v(word) for word in words)
    if has_trace:
        print_notes(*traceback.format_exc().splitlines())
    hint = "please report it with the lines above" if has_trace else "-v shows the traceback; please report it"
    what = f"this is a fault of dbuild, not of your project: {type(error).__name__}: {error}"
    print_notes(*error_lines(what, hint=hint))
    return FAULT


def _is_cluster_with_v(word: str) -> bool:
    return word.startswith("-") and "v" in word and not set(word[1:]) - set("nkBqv")
