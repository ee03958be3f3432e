"""The command `dbuild`: finds the command that is meant, loads it alone, and turns what escapes into an exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

import click

from dbuild import __version__
from dbuild.cli.options import build_options, common_options, find_command, is_common

# Each command with its module and a line for the list of commands: nothing is imported to print help.
COMMANDS = {
    "build": ("dbuild.cli.build", "Build targets (the default)."),
    "plan": ("dbuild.cli.plan", "Show what a build would run, and why."),
    "status": ("dbuild.cli.status", "Show how every dataset stands."),
    "why": ("dbuild.cli.why", "Explain why a partition is, or isn't, to be built."),
    "why-not": ("dbuild.cli.whynot", "Explain why a partition doesn't run."),
    "show": ("dbuild.cli.show", "Show a recipe as it would run, and its first rows."),
    "init": ("dbuild.cli.init", "Write a Dataflowfile for a folder of data files."),
    "lint": ("dbuild.cli.lint", "Check the project's files without running anything."),
    "list": ("dbuild.cli.list", "List the datasets."),
    "late": ("dbuild.cli.late", "Show what is late, and what was built without it."),
    "watch": ("dbuild.cli.watch", "Build whenever something has changed, until stopped."),
    "log": ("dbuild.cli.log", "Show past runs, their tasks, and what a recipe printed."),
    "history": ("dbuild.cli.history", "Show what happened to a dataset or a partition."),
    "stats": ("dbuild.cli.stats", "Show what takes long, what was saved, what is stored."),
    "query": ("dbuild.cli.query", "Ask what is known of runs and partitions with SQL."),
    "mark": ("dbuild.cli.mark", "Say that partitions are stale, fresh or frozen."),
    "clean": ("dbuild.cli.clean", "Remove what dbuild made."),
    "help": ("dbuild.cli.help", "Show the documentation, or the help of a command."),
    "completion": ("dbuild.cli.completion", "Print what bash, zsh or fish need to complete command lines."),
}
HELP = """Make for data: builds the targets of a Dataflowfile, and after that only what is stale.

\b
Examples:
  dbuild                          all that the project builds by default
  dbuild monthly@2013-01 -j 4     one partition, and what it needs
  dbuild -n                       what would run, and why
  dbuild status --graph           how everything stands
"""


class Grouped(click.Command):
    """A command whose help has what is its own first, and then what every command takes."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {"Options": [], "Options of every command": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups["Options of every command" if is_common(parameter) else "Options"].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class Commands(click.Group):
    """Loads a command when it is called; words that name no command are targets to build."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found: click.Command = import_module(COMMANDS[cmd_name][0]).command
        found.__class__ = Grouped
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, find_command(args, COMMANDS))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands (each has --help)"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] [TARGET[@KEYS]]...")
        formatter.write_usage(ctx.command_path, "[OPTIONS] COMMAND [ARGS]...", "       ")


@click.group(cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dbuild", message="%(prog)s %(version)s")
@build_options
@common_options
def dbuild(**_: object) -> None:
    """The group's options are here for its help; each command takes them itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code; messages are on standard error."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what the encoding lacks is written as an escape, never an error
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # by whoever started it: nobody could wait for a recipe
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        code = dbuild.main(words, prog_name="dbuild", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:  # loaded only here, so that a good command line doesn't pay for it
        from dbuild.cli.failure import report

        return report(error, words)
