"""The command `dbuild`: finds the command that is meant, loads it alone, and turns what escapes into an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from dbuild.cli.commands import COMMANDS, find_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; messages are on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the encoding lacks is written as an escape, never an error
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # by whoever started it: nobody could wait for a recipe
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        code = _call(words)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:  # loaded only here, so that a good command line doesn't pay for it
        from dbuild.cli.failure import report

        return report(error, words)


def _call(words: Sequence[str]) -> object:
    """Calls the command that is meant; what that gives."""
    name, *others = find_command(words, COMMANDS)
    if name in COMMANDS:
        declared = import_module(COMMANDS[name][0]).command
        given = declared.read(others)
        if given is not None:
            return declared.function(**given)
    from dbuild.cli.group import dbuild

    return dbuild.main(words, prog_name="dbuild", standalone_mode=False)
