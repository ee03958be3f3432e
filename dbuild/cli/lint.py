"""`dbuild lint`: every mistake of a project, without running anything."""

from __future__ import annotations

from dbuild import build as building
from dbuild.cli import spec
from dbuild.cli.common import Common
from dbuild.cli.options import common_options
from dbuild.errors import UserError
from dbuild.project import schema_text
from dbuild.ui.json import print_record
from dbuild.ui.problems import note_lines, problem_lines, problems_of, problems_record
from dbuild.ui.stream import print_lines, print_notes
from dbuild.ui.text import counted

HELP = """Check the Dataflowfile, what it includes and the recipes; run nothing. Exits with 2 if there is a mistake.

\b
Examples:
  dbuild lint             every mistake with its file, line and a hint
  dbuild lint --json      for an editor
  dbuild lint --schema > Dataflowfile.schema.json
                          what a Dataflowfile may have, for editors
"""


@spec.command("lint", HELP)
@spec.option("--schema", is_flag=True, help="Print the JSON Schema of the Dataflowfile, for editors; check nothing.")
@common_options
def command(
    schema: bool,
    common: Common,
) -> int:
    """Shows the mistakes, or the schema; the exit code."""
    if schema:
        print_lines(schema_text().rstrip("\n"))
        return 0
    problems: tuple[UserError, ...] = ()
    notes: tuple[UserError, ...] = ()
    try:
        settings = common.settings()
        flow = building.lint(settings)
        sizes = f"{counted(len(flow.project.sources), 'source')}, {counted(len(flow.project.targets), 'target')}"
        found = f"no mistakes: {sizes}"
        notes = building.lint_notes(settings, flow)
    except UserError as error:
        problems = problems_of(error)
        found = counted(len(problems), "mistake")
    if common.is_json:
        print_record(problems_record(problems, notes))
    else:
        print_notes(*problem_lines(problems), *(() if common.is_quiet else (*note_lines(notes), found)))
    return max((problem.exit_code for problem in problems), default=0)
