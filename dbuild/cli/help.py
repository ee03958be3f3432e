"""`dbuild help`: the documentation, and the help of commands."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import click

from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.cli.topics import TOPICS, Topic, topic_text
from dbuild.errors import UsageError, nearest
from dbuild.ui.json import print_record
from dbuild.ui.screen import print_long, width_of_output
from dbuild.ui.stream import is_screen, print_lines

HELP = """Show the documentation of a topic, or the help of a command; without a word, what there is.

\b
Examples:
  dbuild help                  topics and commands
  dbuild help partitions       a page of the documentation
  dbuild help late data        the same as late-data
  dbuild help why              the same as dbuild why --help
  dbuild help keys > keys.md   as Markdown
"""
_WIDEST = 100  # columns of text that are still easy to read


@spec.command("help", HELP)
@spec.argument("words", nargs=-1, metavar="[TOPIC|COMMAND]")
@common_options
def command(words: Sequence[str], common: Common) -> int:
    """Shows the page; the exit code."""
    from dbuild.cli.commands import COMMANDS
    from dbuild.cli.group import dbuild

    name = "-".join(words).lower().strip("-").removesuffix(".md")
    if not name:
        _list(json=common.is_json)
        return 0
    name = name if name in TOPICS or name in COMMANDS else name.replace("_", "-")
    if name in COMMANDS:
        found = dbuild.get_command(click.Context(dbuild), name)
        assert found is not None
        group = click.Context(dbuild, info_name="dbuild", **dbuild.context_settings)
        print_lines(found.get_help(click.Context(found, parent=group, info_name=name)))
        return 0
    if name not in TOPICS:
        hint = nearest(name, (*TOPICS, *COMMANDS)) or "dbuild help lists topics and commands"
        raise UsageError(f'there is no topic or command "{" ".join(words)}"', hint=hint)
    text = topic_text(TOPICS[name])
    if text is None:
        raise UsageError(f'the page of "{name}" isn\'t installed', hint="reinstall dbuild")
    _show(TOPICS[name], text)
    return 0


def _list(*, json: bool) -> None:
    from dbuild.cli.commands import COMMANDS

    if json:
        print_record({"topics": list(TOPICS), "commands": list(COMMANDS)})
        return
    formatter = click.HelpFormatter(width=min(width_of_output(), _WIDEST))
    with formatter.section("Topics (dbuild help TOPIC)"):
        formatter.write_dl([(name, topic.title) for name, topic in TOPICS.items()])
    with formatter.section("Commands (dbuild help COMMAND, or dbuild COMMAND --help)"):
        formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
    print_lines(*formatter.getvalue().strip("\n").splitlines())


def _show(topic: Topic, text: str) -> None:
    """A page as a terminal can show it; as it is where the output is none."""
    import sys

    if not sys.stdout.isatty():
        print_lines(text.rstrip("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    from dbuild.cli.manual import manual_page

    out = StringIO()
    width = min(width_of_output(), _WIDEST)
    has_colours = is_screen(sys.stdout)
    console = Console(
        file=out,
        theme=Theme({"markdown.code": "cyan"}),  # rich's own has a black background, also on white
        width=width,
        force_terminal=has_colours,
        no_color=not has_colours,
        color_system="standard" if has_colours else None,
    )
    console.print(Markdown(manual_page(topic, text, width), code_theme="ansi_dark", hyperlinks=False))
    print_long([line.rstrip() for line in out.getvalue().splitlines()])
