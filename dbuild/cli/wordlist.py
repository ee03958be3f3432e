"""Writes dbuild/cli/words.py: all commands and options as plain values, for completing them without loading any.

`python -m dbuild.cli.wordlist` writes it anew after a command or an option has changed.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from dbuild.cli.commands import COMMANDS
from dbuild.cli.group import dbuild
from dbuild.cli.topics import TOPICS
from dbuild.core.completion import Command, Option

FILE = Path(__file__).with_name("words.py")
_HEAD = '''"""All commands and options. Written by dbuild.cli.wordlist: change the commands, then run that."""

from __future__ import annotations

from dbuild.core.completion import Command, Option

'''


def words_text() -> str:
    """The text of words.py."""
    lines = [_HEAD + "COMMANDS = {"]
    for name in COMMANDS:
        command = command_words(name)
        lines.append(f"    {_text(name)}: Command(")
        lines += [f"        {_text(command.help)},", f"        {_text(command.takes)},", "        ("]
        for option in command.options:
            names = ", ".join(map(_text, option.names)) + ("," if len(option.names) == 1 else "")
            lines.append(f"            Option(({names}), {_text(option.takes)}, {_text(option.help)}),")
        lines += ["        ),", "    ),"]
    lines += ["}", "TOPICS = {", *(f"    {_text(name)}: {_text(topic.title)}," for name, topic in TOPICS.items()), "}"]
    return "\n".join(lines) + "\n"


def command_words(name: str) -> Command:
    """What completing a command needs to know of it."""
    command = dbuild.get_command(click.Context(dbuild), name)
    assert command is not None
    takes = ""
    options = []
    parent = click.Context(dbuild, **dbuild.context_settings)
    for parameter in command.get_params(click.Context(command, parent=parent)):
        if isinstance(parameter, click.Argument):
            takes = _arguments(parameter.metavar or "")
        elif isinstance(parameter, click.Option) and not parameter.hidden:
            options.append(_option(parameter))
    return Command(COMMANDS[name][1], takes, tuple(options))


def _arguments(metavar: str) -> str:
    if "stale|fresh" in metavar:
        return "marks"
    if "TOPIC" in metavar:
        return "topics"
    if "SOURCE" in metavar:
        return "datasets"
    if "TARGET" in metavar:
        return "targets"
    if "DIR" in metavar:
        return "folder"
    return metavar if re.fullmatch(r"[a-z|]+", metavar) else ""


def _option(option: click.Option) -> Option:
    names = tuple(sorted((*option.opts, *option.secondary_opts), key=lambda name: (not name.startswith("--"), name)))
    return Option(names, "" if option.is_flag or option.count else _value(option), _first_sentence(option.help or ""))


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    metavar = option.metavar or ""
    if "FILE" in metavar:
        return "file"
    if "DIR" in metavar:
        return "folder"
    if "DATASET" in metavar:
        return "datasets"
    return "targets" if "TARGET" in metavar else "text"


def _first_sentence(text: str) -> str:
    return re.split(r"[.;:](?:\s|$)", " ".join(text.split()))[0]


def _text(text: str) -> str:
    """A literal as the formatter has it."""
    quote = "'" if '"' in text and "'" not in text else '"'
    return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote


def main() -> None:
    """Writes the file."""
    FILE.write_text(words_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
