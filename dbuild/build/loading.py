"""From files to a flow: the project is read, its recipes are analysed (or their kept analyses taken), names are linked.

Runs no code and no SQL of the project.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dbuild.build.environments import Installed, Memos, with_installed
from dbuild.build.settings import Settings
from dbuild.core.events import LookedAt
from dbuild.core.graph import Flow, link
from dbuild.core.model import (
    Analysis,
    Project,
    PythonRecipe,
    Recipe,
    Reference,
    ShellRecipe,
    SqlRecipe,
    Target,
)
from dbuild.core.part import Part
from dbuild.core.queries import queries_of
from dbuild.errors import Place, ProjectError, UserError
from dbuild.observe.digests import digest_bytes
from dbuild.observe.machine import engine_stamp
from dbuild.project import load_project
from dbuild.state.store import State
from dbuild.values import replace

if TYPE_CHECKING:
    from dbuild.recipes.sources import Sources

_FORM = 9  # of kept analyses: another number, and none that was kept before is taken


def read_project(settings: Settings) -> tuple[Project, list[UserError]]:
    """The project and the mistakes in its files. Raises ProjectError where nothing could be read."""
    project, problems = load_project(settings.flow, settings.root, dict(settings.params), settings.texts)
    if project is None:
        raise ProjectError(problems)
    return project, problems


def files_declaring(settings: Settings, error: UserError) -> LookedAt:
    """What of a project whose flow couldn't be loaded is to be looked at again: its files, and those with mistakes."""
    from dbuild.project.loader import read_asked

    files, globs = read_asked(settings.flow, settings.root, dict(settings.params), settings.texts)
    problems = error.problems if isinstance(error, ProjectError) else (error,)
    wrong = (problem.place.file for problem in problems if problem.place)
    return LookedAt(tuple(dict.fromkeys((*files, *wrong))), (), globs)


class Code:
    """The Python code of a project: nothing of it is looked at before it is asked for."""

    def __init__(self, root: str) -> None:
        self._root = root

    @cached_property
    def sources(self) -> Sources:
        from dbuild.recipes.sources import Sources

        return Sources(self._root)


def load_flow(settings: Settings, state: State, keep: Memos, code: Code | None = None) -> Flow:
    """The flow. Raises ProjectError with every mistake in it, in the files, the recipes and between them.

    `code` has what was read of the project's Python code afterwards.
    """
    from dbuild.core.domain import axes_of, domains_of, mappings_of
    from dbuild.core.selection import default_problems

    project, problems = read_project(settings)
    project = replace(
        project,
        targets={name: _with_files(project.root, target) for name, target in project.targets.items()},
        globs=(*project.globs, *_folders_used(project)),
    )
    problems.extend(problem for target in project.targets.values() for problem in _nameless(target))
    recipes = project.targets | {query.name: query for query in queries_of(project).values()}
    code = code or Code(project.root)
    analyses = {name: analyse(project, target, state, keep, code) for name, target in recipes.items()}
    linked, more = link(project, analyses)
    problems.extend(more)
    flow, unknown = with_installed(linked, Installed(project.root, state, keep))
    problems.extend(unknown)
    flow, unroutable = _with_spellings(flow, state, keep)
    problems.extend(unroutable)
    if not problems:
        axes = axes_of(project, {})
        mappings, problems = mappings_of(flow, axes)
        if not problems and project.default:
            domains, _ = domains_of(flow, axes, mappings, {}, settings.moment)
            problems.extend(default_problems(flow, domains, settings.moment))
    if problems:
        raise ProjectError(problems)
    return flow


def _with_files(root: str, target: Target) -> Target:
    """The target with all files that `uses` and its environment name."""
    if not target.files:
        return target
    given = target.environment
    return replace(
        target,
        uses=_expanded(root, target.uses),
        environment=replace(given, files=_expanded(root, given.files)) if given else None,
    )


def idle_patterns(settings: Settings) -> list[UserError]:
    """What is good to know of patterns of files, in `uses` and `environment`, that nothing matches, each once."""
    project, _ = read_project(settings)
    said: dict[tuple[Place, str], UserError] = {}
    for target in project.targets.values():
        given = target.environment
        patterns = [("uses", path, target.place) for path in target.uses]
        patterns += [("environment", path, given.place) for path in given.files] if given else []
        for key, path, place in patterns:
            if set(path) & set("*?[") and not _expanded(project.root, (path,)):
                said.setdefault((place, path), UserError(f'{key}: no file matches "{path}"', place))
    return list(said.values())


def _nameless(target: Target) -> Iterator[UserError]:
    """Files that a target uses, and whose names are no text: the state can't keep them."""
    for path in target.files:
        shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if shown != path:
            what = f'"{target.name}" uses {shown}, whose name is no UTF-8 text'
            yield UserError(what, target.place, "give it another name, or name the files that it uses without it")


def _expanded(root: str, uses: tuple[str, ...]) -> tuple[str, ...]:
    """The files of a list: globs matched, folders with all that is in them."""
    from glob import glob

    found: list[str] = []
    for name in _named(root, uses):
        inside = sorted(glob(_all_in(name), root_dir=root, recursive=True)) if _is_folder(root, name) else [name]
        found.extend(file for file in inside if not _is_folder(root, file))
    return tuple(dict.fromkeys(found))


def _folders_used(project: Project) -> Iterator[str]:
    """For each folder that is named a pattern of all that is in it: what comes there counts too."""
    paths = dict.fromkeys(path for target in project.targets.values() for path in target.files)
    folders = (name for name in _named(project.root, paths) if _is_folder(project.root, name))
    return map(_all_in, dict.fromkeys(folders))


def _named(root: str, paths: Iterable[str]) -> Iterator[str]:
    """Files and folders that paths or globs name; a path also where there is nothing."""
    for path in paths:
        if set(path) & set("*?["):
            from glob import glob

            yield from sorted(glob(path, root_dir=root, recursive=True))
        else:
            yield path


def _all_in(folder: str) -> str:
    from glob import escape

    return f"{escape(folder)}/**"


def _is_folder(root: str, path: str) -> bool:
    return os.path.isdir(os.path.join(root, path))


def analyse(project: Project, target: Target, state: State, keep: Memos, code: Code) -> Analysis:
    """What a target's recipe says of itself, taken from the state where its text was analysed before."""
    match target.recipe:
        case SqlRecipe() as recipe:
            return _analyse_sql(recipe, state, keep)
        case PythonRecipe() as recipe:
            return _analyse_python(recipe, code.sources, state, keep)
        case ShellRecipe() as recipe:
            from dbuild.recipes import shell

            return shell.analyse(recipe, project.dimensions.keys(), project.params.keys())


def _analyse_sql(recipe: SqlRecipe, state: State, keep: Memos) -> Analysis:
    subject = _subject("sql", recipe, engine_stamp())
    kept = state.memo("analysis", subject)
    if kept is not None:
        return load_analysis(kept)
    from dbuild.recipes import sql

    analysis = sql.analyse(recipe)
    keep("analysis", subject, dump_analysis(analysis))
    return analysis


def _analyse_python(recipe: PythonRecipe, sources: Sources, state: State, keep: Memos) -> Analysis:
    """A kept analysis holds as long as its modules have the same content and no module was added beside them."""
    subject = _subject("python", recipe, f"{sys.version_info[:2]} {sources.path}")
    kept = state.memo("python", subject)
    if kept is not None:
        witness, _, text = kept.partition("\n")
        analysis = load_analysis(text)
        if witness == sources.witness(analysis.files, analysis.folders):
            return analysis
    from dbuild.recipes import python

    analysis = python.analyse(recipe, sources)
    witness = sources.witness(analysis.files, analysis.folders)
    keep("python", subject, f"{witness}\n{dump_analysis(analysis)}")
    return analysis


def _with_spellings(flow: Flow, state: State, keep: Memos) -> tuple[Flow, list[UserError]]:
    """The flow with how the texts of `by` were first written, and those that don't say of a row where it belongs.

    Texts that mean the same have one spelling: what is kept of where rows go doesn't depend on layout.
    """
    spellings: dict[str, str] = {}
    problems: list[UserError] = []
    for given in (given for step in flow.steps.values() for given in step.inputs):
        for _, expression in given.by:
            form, problem = _look_at_route(expression, given.place, state, keep)
            problems += [problem] if problem else []
            known = state.memo("spelling", form)
            if known is None:
                keep("spelling", form, expression)
            spellings[expression] = expression if known is None else known
    return replace(flow, spellings=spellings), problems


def _look_at_route(expression: str, place: Place, state: State, keep: Memos) -> tuple[bytes, UserError | None]:
    """The identity of what a text of `by` means, and what is wrong with it; what was found of a text is kept."""
    subject = digest_bytes(f"{_FORM}\0{engine_stamp()}\0{expression}".encode("utf-8", "surrogateescape"))
    kept = state.memo("routing", subject)
    if kept is None:
        from dbuild.recipes.expressions import form_of, problem_of

        found = problem_of(expression, place)
        kept = json.dumps([form_of(expression).hex(), *((found.what, found.hint) if found else ())])
        keep("routing", subject, kept)
    form, *wrong = json.loads(kept)
    return bytes.fromhex(form), UserError(wrong[0], place, wrong[1]) if wrong else None


def _subject(kind: str, recipe: Recipe, stamp: str) -> bytes:
    from dbuild import __version__

    return digest_bytes(f"{__version__}\0{_FORM}\0{kind}\0{stamp}\0{recipe!r}".encode("utf-8", "surrogateescape"))


def dump_analysis(analysis: Analysis) -> str:
    """An analysis as JSON."""
    return json.dumps(
        [
            analysis.fingerprint.hex(),
            [[r.name, r.place.file, r.place.line, r.is_optional] for r in analysis.reads],
            analysis.params,
            analysis.files,
            sorted(analysis.calls),
            _dumped(analysis.problems),
            analysis.is_single,
            analysis.former.hex(),
            _dumped(analysis.notes),
            [_dumped_part(part) for part in analysis.parts],
            analysis.imports,
            analysis.folders,
        ]
    )


def load_analysis(text: str) -> Analysis:
    """What `dump_analysis` wrote."""
    fingerprint, reads, params, files, calls, problems, is_single, former, notes, parts, *rest = json.loads(text)
    imports, folders = rest
    return Analysis(
        bytes.fromhex(fingerprint),
        tuple(Reference(name, Place(file, line), optional) for name, file, line, optional in reads),
        tuple(params) if params is not None else None,
        tuple(files),
        frozenset(calls),
        _restored(problems),
        is_single,
        bytes.fromhex(former),
        _restored(notes),
        tuple(map(_restored_part, parts)),
        tuple(imports),
        tuple(folders),
    )


def _dumped_part(part: Part) -> list[object]:
    place = part.place or Place("")
    return [part.kind, part.name, part.digest.hex(), part.value, place.file, place.line, part.lines]


def _restored_part(found: list[Any]) -> Part:
    kind, name, digest, value, file, line, lines = found
    return Part(kind, name, bytes.fromhex(digest), value, Place(file, line) if file else None, lines)


def _dumped(said: Iterable[UserError]) -> list[list[object]]:
    return [[each.what, *((each.place.file, each.place.line) if each.place else ("", 0)), each.hint] for each in said]


def _restored(said: Iterable[tuple[str, str, int, str | None]]) -> tuple[UserError, ...]:
    return tuple(UserError(what, Place(file, line) if file else None, hint) for what, file, line, hint in said)
