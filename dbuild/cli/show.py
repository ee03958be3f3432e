"""`dbuild show`: a recipe as it would run, and the first rows of what it made."""

from __future__ import annotations

from collections.abc import Sequence

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.errors import UsageError
from dbuild.ui.doubts import Doubts
from dbuild.ui.json import print_record
from dbuild.ui.show import show_lines, show_record
from dbuild.ui.stream import print_lines

HELP = """Show a recipe as it would run for one partition, its inputs and outputs, and the first rows of these.

SQL is shown with the views and macros that it reads and the values that it binds, a command with its environment,
Python with the text of its function. Secrets are shown as ***. Of several partitions it is the newest that was built.

\b
Examples:
  dbuild show daily@2013-01-05             one partition
  dbuild show daily@failed                 the newest that failed
  dbuild show model --rows 3               fewer rows
  dbuild show report --debug-shell         a shell where its command would run
"""


@spec.command("show", HELP)
@spec.argument("targets", nargs=-1, required=True, metavar="TARGET[@KEYS]...")
@spec.option("--rows", type=spec.whole_from(0), default=10, metavar="N", help="Show the first N rows (10).")
@spec.option("--debug-shell", is_flag=True, help="Open a shell in the environment of its command.")
@common_options
def command(
    targets: Sequence[str],
    rows: int,
    debug_shell: bool,
    common: Common,
) -> int:
    """Shows the recipe, or opens the shell; the exit code."""
    settings = common.settings()
    if debug_shell:
        if len(targets) > 1:
            raise UsageError("--debug-shell is for one target", hint=f"dbuild show {targets[0]} --debug-shell")
        return building.open_shell(settings, targets[0])
    for number, shown in enumerate(building.show(settings, targets, rows, Doubts(is_quiet=common.is_quiet))):
        if common.is_json:
            print_record(show_record(shown))
        else:
            print_lines(*[""] * bool(number), *show_lines(shown))
    return 0
