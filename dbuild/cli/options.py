"""Options that commands share, and where on the command line the command's name stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from dbuild.build import Settings

Decorated = TypeVar("Decorated", bound=Callable[..., object])

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


def _split_params(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f'"{value}" is not of the form NAME=VALUE', ctx, param)
        pairs.append((name, rest))
    return tuple(pairs)


class Common(NamedTuple):
    """What every command is told: where the project is, its params, and how to report."""

    directory: Sequence[str]
    file: str
    params: tuple[tuple[str, str], ...]
    is_json: bool
    is_quiet: bool
    is_verbose: bool

    def settings(self) -> Settings:
        """Where the project is. Several -C go on from each other, as in make. Raises UsageError for no folder."""
        from dbuild.build import Settings
        from dbuild.errors import UsageError

        folder = os.path.join(".", *self.directory) if self.directory else "."
        if self.directory and not os.path.isdir(folder):
            raise UsageError(
                f'there is no folder "{os.path.join(*self.directory)}"',
                hint="-C names the one that the Dataflowfile is in",
            )
        return Settings(folder, self.file, self.params, _given_moment(os.environ.get("DBUILD_NOW")))


def common_options(command: Callable[..., object]) -> Callable[..., object]:
    """Options of every command, which takes them as one value, `common`."""

    @wraps(command)
    def function(
        directory: Sequence[str],
        file: str,
        params: tuple[tuple[str, str], ...],
        json: bool,
        quiet: bool,
        verbose: bool,
        **own: object,
    ) -> object:
        return command(common=Common(directory, file, params, json, quiet, verbose), **own)

    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Say more: reasons, and the traceback of a fault."),
        click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
        click.option("--json", "json", is_flag=True, help="Report as JSON, one object a line."),
        click.option(
            "--param",
            "params",
            multiple=True,
            metavar="NAME=VALUE",
            callback=_split_params,
            help="Override a param of the project.",
        ),
        click.option("-f", "--file", default="Dataflowfile", metavar="FILE", help="Read FILE as the Dataflowfile."),
        click.option("-C", "--directory", multiple=True, metavar="DIR", help="Go to DIR first."),
    ):
        function = option(function)
    return function


def is_common(parameter: click.Parameter) -> bool:
    """Whether every command has this option."""
    return parameter.name in _COMMON or "--help" in parameter.opts


_COMMON = ("directory", "file", "params", "json", "quiet", "verbose")


def strict_option(function: Decorated) -> Decorated:
    """--strict, of the commands that see how partitions stand."""
    text = "Exit with 3 if something is waiting, late, provisional or (not after a build) stale."
    return click.option("--strict", is_flag=True, help=text)(function)


def provisional_option(function: Decorated) -> Decorated:
    """--no-provisional, of a build and its plan."""
    text = "Make nothing without what is missing: wait for it."
    return click.option("--no-provisional", "is_patient", is_flag=True, help=text)(function)


def reopen_option(function: Decorated) -> Decorated:
    """--reopen, of a build and its plan."""
    text = "Build also what is older than its freeze_after."
    return click.option("--reopen", "is_reopened", is_flag=True, help=text)(function)


def assume_option(function: Decorated) -> Decorated:
    """--assume-unchanged, of a build and of what shows how partitions stand."""
    text = "Don't look at its files: they are as they were. May be given several times."
    return click.option("--assume-unchanged", "assumed", multiple=True, metavar="DATASET", help=text)(function)


def build_options(function: Decorated) -> Decorated:
    """Options of a build, as in make."""
    function = strict_option(function)
    for option in (
        # What `dbuild watch` asks of the builds that it starts.
        click.option("--rest", "is_resting", is_flag=True, hidden=True, help="Don't try again at once what failed."),
        click.option("--events", type=int, metavar="FD", hidden=True, help="Tell all that happens to descriptor FD."),
        click.option("--texts", metavar="FILE", hidden=True, help="Take the project's files as FILE (JSON) has them."),
        click.option("--sandbox", "is_confined", is_flag=True, help="Let recipes open only what is declared (Linux)."),
        click.option("--trace", "is_traced", is_flag=True, help="Tell what recipes open that isn't declared."),
        click.option("--yes", is_flag=True, help="Build it although it is more than the budget."),
        click.option(
            "--profile", "is_profiled", is_flag=True, help="Tell where the time went: dbuild, workers, recipes."
        ),
        click.option("--timeline", metavar="FILE", help="Write who did what when, as ui.perfetto.dev shows it."),
        click.option(
            "--budget", metavar="N|TIME", help="Run nothing if it were more partitions (500), or longer (2h)."
        ),
        click.option("-B", "--force", is_flag=True, help="Build what is named although it is fresh."),
        click.option("-n", "--dry-run", is_flag=True, help="Show what would run, and why; run nothing."),
        reopen_option,
        provisional_option,
        assume_option,
        click.option("--fail-fast", is_flag=True, help="After a failure, end what runs too."),
        click.option("-k", "--keep-going", is_flag=True, help="After a failure, build all that doesn't need it."),
        click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Run N tasks at once (the cores)."),
    ):
        function = option(function)
    return function


def _given_moment(text: str | None) -> float | None:
    """The moment of DBUILD_NOW, for trying out what time brings; as in a file where it is @FILE. Raises UsageError."""
    if not text:
        return None
    if text.startswith("@"):
        return _given_moment(_first_line(text[1:]))
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        from dbuild.errors import UsageError

        raise UsageError(f'DBUILD_NOW is no moment: "{text}"', hint="as in DBUILD_NOW=2024-01-05T07:00") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.readline().strip()
    except OSError as error:
        from dbuild.errors import UsageError

        raise UsageError(f"the file of DBUILD_NOW can't be read: {error.strerror}: {path}") from None
