"""Which commands there are, and which of them a command line calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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

_VALUED = (
    "--jobs",
    "--budget",
    "--timeline",
    "--directory",
    "--file",
    "--param",
    "--why",
    "--until",
    "--texts",
    "--events",
    "--exec",
    "--not-between",
    "--once-per",
    "--poll",
    "--assume-unchanged",
)
_VALUED_LETTERS = "jCf"


def find_command(words: Sequence[str], commands: Collection[str]) -> list[str]:
    """The command line with the command's name first; `build` where no command is named.

    So `dbuild -C dir status` is `dbuild status -C dir`. Words that are options' values name nothing, and after `--`
    all words are targets.
    """
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        if words[at] == "--version":
            return ["--version"]
        at += 2 if _takes_next(words[at]) else 1
    if at < len(words) and words[at] in commands:
        return [words[at], *words[:at], *words[at + 1 :]]
    if at >= len(words) and not {"-h", "--help"}.isdisjoint(words):
        return ["--help"]
    return ["build", *words]


def _takes_next(word: str) -> bool:
    if word.startswith("--"):
        return word in _VALUED
    found = [position for position, letter in enumerate(word) if letter in _VALUED_LETTERS]
    return bool(found) and found[0] == len(word) - 1
