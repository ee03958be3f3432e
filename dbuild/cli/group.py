"""All commands as click has them: for options with values, for mistakes, and for help."""

from __future__ import annotations

from importlib import import_module

import click

from dbuild import __version__
from dbuild.cli.commands import COMMANDS, find_command
from dbuild.cli.options import build_options, common_options, is_common
from dbuild.cli.spec import Declared, parameters_of

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
        declared: Declared = import_module(COMMANDS[cmd_name][0]).command
        return declared.clicked(Grouped)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, find_command(args, COMMANDS))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands (each has --help)"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] [TARGET[@KEYS]]...")
        formatter.write_usage(ctx.command_path, "[OPTIONS] COMMAND [ARGS]...", "       ")


@build_options
@common_options
def _called(**_: object) -> None:
    """The group's options are here for its help; each command takes them itself."""


dbuild = Commands(
    "dbuild",
    callback=_called,
    params=[parameter.clicked() for parameter in parameters_of(_called)],
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, prog_name="dbuild", message="%(prog)s %(version)s")(dbuild)
dbuild.params.insert(0, dbuild.params.pop())  # before the others in its help
