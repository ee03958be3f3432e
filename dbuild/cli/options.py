"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from dbuild.cli import spec
from dbuild.cli.common import Common

if TYPE_CHECKING:
    import click

Decorated = TypeVar("Decorated", bound=Callable[..., object])


def _split_params(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name:
            from click import BadParameter

            raise BadParameter(f'"{value}" is not of the form NAME=VALUE', ctx, param)
        pairs.append((name, rest))
    return tuple(pairs)


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
        spec.option("-v", "--verbose", is_flag=True, help="Say more: reasons, and the traceback of a fault."),
        spec.option("-q", "--quiet", is_flag=True, help="Say nothing but errors."),
        spec.option("--json", "json", is_flag=True, help="Report as JSON, one object a line."),
        spec.option(
            "--param",
            "params",
            multiple=True,
            metavar="NAME=VALUE",
            callback=_split_params,
            help="Override a param of the project.",
        ),
        spec.option("-f", "--file", default="Dataflowfile", metavar="FILE", help="Read FILE as the Dataflowfile."),
        spec.option("-C", "--directory", multiple=True, metavar="DIR", help="Go to DIR first."),
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
    return spec.option("--strict", is_flag=True, help=text)(function)


def provisional_option(function: Decorated) -> Decorated:
    """--no-provisional, of a build and its plan."""
    text = "Make nothing without what is missing: wait for it."
    return spec.option("--no-provisional", "is_patient", is_flag=True, help=text)(function)


def reopen_option(function: Decorated) -> Decorated:
    """--reopen, of a build and its plan."""
    text = "Build also what is older than its freeze_after."
    return spec.option("--reopen", "is_reopened", is_flag=True, help=text)(function)


def assume_option(function: Decorated) -> Decorated:
    """--assume-unchanged, of a build and of what shows how partitions stand."""
    text = "Don't look at its files: they are as they were. May be given several times."
    return spec.option("--assume-unchanged", "assumed", multiple=True, metavar="DATASET", help=text)(function)


def build_options(function: Decorated) -> Decorated:
    """Options of a build, as in make."""
    function = strict_option(function)
    for option in (
        # What `dbuild watch` asks of the builds that it starts.
        spec.option("--rest", "is_resting", is_flag=True, hidden=True, help="Don't try again at once what failed."),
        spec.option("--events", type=int, metavar="FD", hidden=True, help="Tell all that happens to descriptor FD."),
        spec.option("--texts", metavar="FILE", hidden=True, help="Take the project's files as FILE (JSON) has them."),
        spec.option("--sandbox", "is_confined", is_flag=True, help="Let recipes open only what is declared (Linux)."),
        spec.option("--trace", "is_traced", is_flag=True, help="Tell what recipes open that isn't declared."),
        spec.option("--yes", is_flag=True, help="Build it although it is more than the budget."),
        spec.option(
            "--profile", "is_profiled", is_flag=True, help="Tell where the time went: dbuild, workers, recipes."
        ),
        spec.option("--timeline", metavar="FILE", help="Write who did what when, as ui.perfetto.dev shows it."),
        spec.option("--budget", metavar="N|TIME", help="Run nothing if it were more partitions (500), or longer (2h)."),
        spec.option("-B", "--force", is_flag=True, help="Build what is named although it is fresh."),
        spec.option("-n", "--dry-run", is_flag=True, help="Show what would run, and why; run nothing."),
        reopen_option,
        provisional_option,
        assume_option,
        spec.option("--fail-fast", is_flag=True, help="After a failure, end what runs too."),
        spec.option("-k", "--keep-going", is_flag=True, help="After a failure, build all that doesn't need it."),
        spec.option("-j", "--jobs", type=spec.whole_from(1), metavar="N", help="Run N tasks at once (the cores)."),
    ):
        function = option(function)
    return function
