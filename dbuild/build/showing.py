"""`dbuild show`: a recipe as it would run for one partition, with what it reads, and the first rows of what it made."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from itertools import islice

from dbuild.build.allotments import Allotments
from dbuild.build.doubt import Doubt, ignore
from dbuild.build.interrupts import interruptible
from dbuild.build.likeness import views_of
from dbuild.build.looks import Looked, datasets_of, forget, look, reading
from dbuild.build.plans import idle_text
from dbuild.build.settings import Settings
from dbuild.build.standings import Standings
from dbuild.build.tasks import TaskMaker, last_of
from dbuild.core.graph import Step
from dbuild.core.model import PythonRecipe, ShellRecipe, SqlRecipe
from dbuild.core.partitions import Index
from dbuild.core.report import Shown, ShownInput, ShownOutput
from dbuild.core.selection import meanings, views_named
from dbuild.core.task import Column, Task, TaskInput, TaskOutput, TaskView
from dbuild.core.trace import joined_key
from dbuild.errors import Place, UsageError, UserError
from dbuild.observe.machine import cores, memory
from dbuild.recipes.engine import Engine
from dbuild.values import dataclass, replace

_PATHS = 3  # that are named of an input
_WIDEST = 2000  # characters of a line of text
_HIDDEN = "***"
_VIEW = "shown"  # what a view is called by the task that shows it


def show(settings: Settings, arguments: Sequence[str], rows: int, doubt: Doubt = ignore) -> tuple[Shown, ...]:
    """The recipes of what is named as they would run, with inputs, outputs and the first `rows` of what is there.

    Of each target one partition: the newest of the chosen ones that was built, else the newest. Runs nothing of the
    project, but for a view, whose rows are what it selects from the newest partitions of what it reads. Raises
    UserError.
    """
    with reading(settings) as state:
        looked = look(settings, state, [], forget, everything=True)
        looked.tell(doubt)
        views, rest = views_named(looked.flow, arguments)
        partitions = _partitions(looked, rest) if rest else {}
        with interruptible():
            steps = looked.flow.steps
            return (
                *(_show_view(looked, looked.flow.views[name], rows) for name in views),
                *(_show(looked, steps[name], index, rows, note) for name, (index, note) in partitions.items()),
            )


def _show(looked: Looked, step: Step, index: Index, rows: int, note: str) -> Shown:
    notes = [note] if note else []
    try:
        task = _as_final(_maker(looked).prepare(step.target.name, index, 0, ()).task)
    except UserError as error:  # an input that isn't there: what is written can still be shown
        notes.append(f"{error.what}: shown without what it would read")
        task = _as_final(_maker(looked).outline(step.target.name, index))
    return _shown(looked, step, task, rows, notes)


def open_shell(settings: Settings, argument: str) -> int:
    """Opens a shell in the very environment that the shell recipe of `X[@K]` gets; its exit status.

    What is written to the output's temporary path is removed when it ends. Raises UserError.
    """
    with reading(settings) as state:
        looked = look(settings, state, [], forget, everything=True)
        partitions = _partitions(looked, [argument])
        if len(partitions) > 1:
            what = f'"{argument}" names {len(partitions)} targets'
            raise UsageError(what, hint=f"--debug-shell is for one, such as {next(iter(partitions))}")
        ((name, (index, _)),) = partitions.items()
        if not isinstance(looked.flow.steps[name].target.recipe, ShellRecipe):
            raise UsageError(f'"{name}" is no shell recipe', hint="--debug-shell is for those")
        maker = _maker(looked)
        task = maker.prepare(name, index, os.getpid(), ()).task
        maker.make_folders(task)
    return _run_shell(looked, task)


def _run_shell(looked: Looked, task: Task) -> int:
    from dbuild.execute.publish import discard
    from dbuild.recipes.shell import environment_of

    targets = looked.flow.project.targets.values()
    environment = environment_of(task, {name for target in targets for name in target.secrets})
    try:
        for output in task.outputs:
            if output.format == "folder":
                os.makedirs(output.path, exist_ok=True)
        return subprocess.run(["bash", "--norc", "-i"], cwd=task.root, env=environment, check=False).returncode
    except FileNotFoundError:
        raise UserError("the program bash isn't there", hint="install it") from None
    finally:
        for output in task.outputs:
            discard(output.path)


def _maker(looked: Looked) -> TaskMaker:
    project = looked.flow.project
    return TaskMaker(looked.world, 0, Allotments(project, cores(), memory()))


def _partitions(looked: Looked, arguments: Sequence[str]) -> dict[str, tuple[Index, str]]:
    """Target -> its partition that is meant, and a note where others are meant too. Raises UsageError for none."""
    flow, world = looked.flow, looked.world
    meant, empty = meanings(flow, world.domains, arguments, world.now, Standings(world, datasets_of(flow, arguments)))
    found: dict[str, tuple[Index, str]] = {}
    for name, one in meant.items():
        built = world.keyed(name, world.state.runs_by_key(name)) & one.partitions
        last = last_of(built if built else one.partitions)
        if last is not None:
            count = len(one.partitions) if one.keys else 1
            kind = "the newest that was built" if built else "the newest"
            found[name] = last, f"{kind} of the {count:,} partitions that are named" if count > 1 else ""
    if not found:
        names = " ".join(arguments)
        is_bare = meant and not any(one.keys for one in meant.values())
        what = f'"{names}" has no partitions yet' if is_bare else f'"{names}" chooses nothing that there is'
        raise UsageError(idle_text(empty[0]) if empty else what, hint="dbuild status shows what there is")
    return found


def _as_final(task: Task) -> Task:
    """The task with its outputs where they end up: the temporary names of a run would be of no use to a reader."""
    return replace(task, outputs=tuple(replace(output, path=output.final) for output in task.outputs))


def _shown(looked: Looked, step: Step, task: Task, rows: int, notes: list[str]) -> Shown:
    engine = Engine(looked.folders())
    try:
        said = _said(task, engine, notes)
        outputs = tuple(_output(looked, step, task, output, engine, rows) for output in task.outputs)
    finally:
        engine.close()
    root = looked.world.survey.root
    return Shown(
        target=task.target,
        key=tuple(zip(step.target.dimensions, task.key, strict=True)),
        kind={SqlRecipe: "sql", PythonRecipe: "python", ShellRecipe: "shell"}[type(task.recipe)],
        place=str(said.place),
        recipe=said.text,
        values=said.values,
        environment=said.environment,
        inputs=tuple(_input(step, given, root) for given in task.inputs),
        outputs=outputs,
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """A recipe as text."""

    text: str
    values: tuple[str, ...]  # what is bound, or how it is run
    environment: tuple[tuple[str, str], ...]
    place: Place


def _said(task: Task, engine: Engine, notes: list[str]) -> _Said:
    hidden = tuple((name, _HIDDEN) for name, _ in task.secrets)
    match task.recipe:
        case SqlRecipe() as recipe:
            from dbuild.recipes.rendering import render

            try:
                rendered = render(task, engine)
            except UserError as error:
                notes.append(error.what)
                return _Said(recipe.text, (), (), recipe.place)
            return _Said(rendered.text, rendered.values, (), recipe.place)
        case PythonRecipe() as recipe:
            from dbuild.recipes.python import source_of

            text, place = source_of(recipe, task.root)
            params = tuple(f"params[{name!r}] = {value!r}" for name, value in task.params)
            return _Said(text, params, (*task.env, *hidden), place)
        case ShellRecipe() as recipe:
            from dbuild.recipes import shell

            try:
                command = shell.render(task)
            except UserError as error:
                notes.append(error.what)
                return _Said(recipe.text, (), (*task.env, *hidden), recipe.place)
            program = command.arguments if command.script is not None else command.arguments[:-1]
            run_by = f"run by {shlex.join(program)}"
            return _Said(command.text, (run_by,), (*command.environment, *hidden), recipe.place)


def _input(step: Step, given: TaskInput, root: str) -> ShownInput:
    declared = next(one for one in step.inputs if one.name == given.name)
    dataset = f"{declared.dataset}.{declared.output}" if declared.output else declared.dataset
    paths = tuple(os.path.relpath(path, root) for path in given.paths[:_PATHS])
    return ShownInput(given.name, dataset, len(set(given.keys)), paths, len(given.paths))


# -- outputs -----------------------------------------------------------------------------------------------------------


def _output(looked: Looked, step: Step, task: Task, output: TaskOutput, engine: Engine, rows: int) -> ShownOutput:
    path = os.path.relpath(output.final, task.root)
    if output.format == "folder":
        return _folder(output, path, rows)
    try:
        size = os.stat(output.final).st_size
    except OSError:
        return ShownOutput(output.name, path, None)
    if output.format:
        try:
            return _table(looked, step, task, output, engine, rows, ShownOutput(output.name, path, size))
        except UserError:
            pass  # a JSON document is no table: its text is shown
    return ShownOutput(output.name, path, size, lines=tuple(_lines(output.final, rows)))


def _table(
    looked: Looked, step: Step, task: Task, output: TaskOutput, engine: Engine, rows: int, bare: ShownOutput
) -> ShownOutput:
    from dbuild.recipes.preview import preview

    read, schema = step.target.read, step.target.schema or _schema(looked, task, output)
    columns, found, total = preview(engine, output.final, output.format, schema, read, rows)
    return replace(bare, columns=columns, rows=found, total=total)


def _schema(looked: Looked, task: Task, output: TaskOutput) -> tuple[Column, ...] | None:
    trace = looked.world.trace(task.target, joined_key(task.key))
    made = trace.outputs if trace else ()
    return next((record.schema for record in made if record.name == output.name), None)


def _lines(path: str, limit: int) -> Iterator[str]:
    """The first lines of a text; none of what is no text."""
    try:
        with open(path, encoding="utf-8") as stream:
            for line in islice(stream, limit):
                if "\0" in line:
                    return
                yield line.rstrip("\n")[:_WIDEST]
    except (OSError, UnicodeDecodeError):
        return


def _folder(output: TaskOutput, path: str, limit: int) -> ShownOutput:
    names: list[str] = []
    size = 0
    for folder, _, files in os.walk(output.final):
        for name in sorted(files):
            names.append(os.path.relpath(os.path.join(folder, name), output.final))
            size += os.lstat(os.path.join(folder, name)).st_size
    more = (f"and {len(names) - limit:,} more",) if len(names) > limit else ()
    lines = (*sorted(names)[:limit], *more)
    return ShownOutput(output.name, f"{path}/", size if os.path.isdir(output.final) else None, lines=lines)


# -- views -------------------------------------------------------------------------------------------------------------


def _show_view(looked: Looked, step: Step, rows: int) -> Shown:
    """A view's SELECT, and the first rows of what it gives for the newest partitions of what it reads."""
    view = step.target
    assert isinstance(view.recipe, SqlRecipe)
    notes: list[str] = []
    name = _VIEW
    inputs = tuple(_maker(looked).newest_inputs(step, name))
    inner = tuple(replace(one, name=f"{name}/{one.name}") for one in views_of(looked.flow, step))
    project = looked.flow.project
    params = tuple(
        (param, project.params[param]) for param in looked.world.declarations.params_of(step) if param in project.params
    )
    recipe = SqlRecipe(f"FROM {name}", view.recipe.place)
    task = Task(
        *(0, view.name, (), (), recipe, b"", inputs, (), params, view.timezone, looked.world.survey.root),
        views=(*inner, TaskView(name, view.recipe)),
    )
    found = _view_rows(looked, task, rows, notes)
    shown = tuple(
        ShownInput(
            one.name.removeprefix(f"{name}/"),
            declared.dataset,
            len(set(one.keys)),
            tuple(os.path.relpath(path, task.root) for path in one.paths[:_PATHS]),
            len(one.paths),
        )
        for one, declared in zip(inputs, step.inputs, strict=True)
    )
    values = tuple(f"${param} = {value!r}" for param, value in params)
    place = str(view.recipe.place)
    return Shown(view.name, (), "view", place, view.recipe.text.strip(), values, (), shown, found, tuple(notes))


def _view_rows(looked: Looked, task: Task, rows: int, notes: list[str]) -> tuple[ShownOutput, ...]:
    from dbuild.recipes.engine import columns_of
    from dbuild.recipes.preview import first_rows
    from dbuild.recipes.views import relations

    engine = Engine(looked.folders())
    try:
        engine.set_timezone(task.timezone)
        table = relations(task, [_VIEW], engine)[_VIEW]
        columns, found = columns_of(table), first_rows(table, rows)
    except UserError as error:
        notes.append(error.what)
        return ()
    finally:
        engine.close()
    notes.append("the rows are those of the newest partitions of what it reads")
    return (ShownOutput("", "", None, columns, found),)
