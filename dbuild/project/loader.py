"""A project's files -> core.model.Project, and every mistake in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from dbuild.core.model import Dimension, DiscoveredDimension, Environment, Project, PythonRecipe, Reference, Target
from dbuild.core.naming import is_pattern
from dbuild.core.overlap import Component
from dbuild.core.selection import parse_selector
from dbuild.errors import Place, ProjectError, UserError, nearest
from dbuild.project.arrivals import read_arrival
from dbuild.project.collisions import Claim, find_collisions
from dbuild.project.datasets import Shared, read_default_params, read_source, read_target
from dbuild.project.dimensions import Surroundings, read_dimension
from dbuild.project.document import Document, Table, read_document
from dbuild.project.environment import read_variables
from dbuild.project.holidays import read_holidays
from dbuild.project.inputs import Datasets, Offer
from dbuild.project.limits import read_policy
from dbuild.project.names import check_datasets, check_former, check_sections, named_tables, single_table
from dbuild.project.options import read_default_options, read_timezone
from dbuild.project.outputs import OutputPaths, read_outputs
from dbuild.project.params import override_params, read_params
from dbuild.project.paths import Axes, DatasetPath, read_path
from dbuild.project.reader import Reader
from dbuild.project.recipe import read_uses
from dbuild.project.requirements import read_environment
from dbuild.project.resources import Pools, read_needs, read_pools
from dbuild.project.texts import read_macros


def load_project(
    file: str, directory: str, overrides: Mapping[str, str], texts: Mapping[str, str] | None = None
) -> tuple[Project | None, list[UserError]]:
    """The project that `file` (relative to `directory`) declares, and all mistakes in it, in the order of their places.

    With mistakes, the project is what could be understood, and has every declared dataset. It is None where a file of
    it couldn't be read as TOML. The project's root is the folder of `file`. `overrides` are texts for params. `texts`,
    as `read_texts` gives them, are taken in place of what the files hold now.
    """
    root, name = os.path.split(os.path.abspath(os.path.join(directory, file)))
    return _load(root, name, overrides, Reader(root, texts))


def read_texts(file: str, directory: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """The texts of all files that declare a project, by their paths relative to its root: what `load_project` takes.

    These are the Dataflowfile, what it includes, and the files of SQL, macros and holidays that they name; not the
    modules and `uses` of recipes. Raises ProjectError where there is a mistake in them.
    """
    root, name = os.path.split(os.path.abspath(os.path.join(directory, file)))
    reader = Reader(root)
    _, problems = _load(root, name, overrides, reader)
    if problems:
        raise ProjectError(problems)
    return reader.taken


def read_asked(
    file: str, directory: str, overrides: Mapping[str, str], texts: Mapping[str, str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that declare a project, as far as its mistakes let them be known, and patterns that name such files.

    Also those that can't be read, or aren't there. Takes what `load_project` takes.
    """
    root, name = os.path.split(os.path.abspath(os.path.join(directory, file)))
    reader = Reader(root, texts)
    _load(root, name, overrides, reader)
    return tuple(reader.asked), tuple(reader.patterns)


def _load(root: str, name: str, overrides: Mapping[str, str], reader: Reader) -> tuple[Project | None, list[UserError]]:
    problems: list[UserError] = []
    main = read_document(reader, name, problems)
    if main is None:
        return None, problems
    project = single_table(main, "project")
    included, is_whole = _read_included(project, problems)
    made = _assemble(root, [main, *included], project, is_whole, overrides)
    problems.sort(key=lambda problem: (problem.place is None, problem.place or Place(""), problem.what))
    return made if is_whole else None, problems


def _read_included(project: Table, problems: list[UserError]) -> tuple[list[Document], bool]:
    """The included files in the order of their patterns, and whether all could be read."""
    reader = project.document.reader
    files: list[str] = []
    for position, pattern in enumerate(project.strings("include") or ()):
        found = reader.matching(pattern)
        if not found:
            hint = "include names files relative to the project's folder; globs are allowed"
            project.report(f"no file matches include = {pattern!r}", "include", position, hint=hint)
        files.extend(found)
    wanted = [file for file in dict.fromkeys(files) if file != project.document.file]
    for file in wanted:
        if not file.isprintable():  # bytes that aren't UTF-8 among them: no screen could show the file's mistakes
            project.report(f"the included file {file!a} has a name that can't be shown", "include", hint="rename it")
    wanted = [file for file in wanted if file.isprintable()]
    documents = [read_document(reader, file, problems) for file in wanted]
    return [document for document in documents if document], None not in documents


def _assemble(
    root: str, documents: Sequence[Document], project: Table, is_whole: bool, overrides: Mapping[str, str]
) -> Project:
    """The project of some documents, the first of which has [project]; mistakes go to the documents' problems."""
    main = documents[0]
    check_sections(documents)
    sources, targets = named_tables(documents, "sources"), named_tables(documents, "targets")
    check_datasets(sources, targets)
    around = Surroundings(read_timezone(project, "UTC"), read_macros(project), {})
    axes = _read_axes(named_tables(documents, "partitions"), around)
    check_former(sources, targets)
    origins = {name: read_path(table, axes, root) for name, table in sources.items()}
    outputs = {name: read_outputs(table, axes, root) for name, table in targets.items()}
    holidays = read_holidays(project)
    arrivals = {name: read_arrival(table, origins[name], axes, root, holidays) for name, table in sources.items()}
    params = read_params(project, axes.dimensions)
    override_params(params, overrides, main.problems)
    defaults = single_table(main, "defaults")
    offers = {name: Offer.of_target(targets[name], made) for name, made in outputs.items()}
    offers |= {name: Offer.of_source(path) for name, path in origins.items()}
    pools = read_pools(single_table(main, "pools"))
    datasets = Datasets(offers, axes.dimensions, is_whole)
    shared = _read_shared(root, around, defaults, params, pools, datasets, read_environment(project, root))
    made = {name: read_target(name, table, outputs[name], shared) for name, table in targets.items()}
    _check_retry_on(defaults, targets)
    files = {file: place for file, (_, place) in shared.macros.items()} | around.files
    for named in (*(named for _, named in made.values()), holidays.files, *(each.files for each in arrivals.values())):
        files |= named
    _check_discovered(axes.dimensions, origins, targets, main.problems, is_whole)
    claims = [
        *_source_claims(sources, origins, "path", axes),
        *_source_claims(sources, {name: each.marker for name, each in arrivals.items()}, "ready", axes),
        *_output_claims(targets, outputs, axes),
        *_file_claims(root, documents, files, [target for target, _ in made.values()]),
    ]
    main.problems.extend(find_collisions(claims))
    return Project(
        name=project.string("name") or os.path.basename(root) or "project",
        root=root,
        file=main.file,
        files=tuple(dict.fromkeys([*(document.file for document in documents), *files])),
        dimensions=dict(axes.dimensions),
        sources={name: read_source(name, table, origins[name], arrivals[name]) for name, table in sources.items()},
        targets={name: target for name, (target, _) in made.items()},
        params=params,
        default=_read_default(project, sources, targets, is_whole),
        globs=_globs(project, [target for target, _ in made.values()]),
        place=Place(main.file),
        pools=pools.sizes,
        memory=pools.memory,
    )


def _globs(project: Table, targets: Sequence[Target]) -> tuple[str, ...]:
    patterns = [*(project.strings("include") or ()), *(path for target in targets for path in target.files)]
    return tuple(dict.fromkeys(pattern for pattern in patterns if set(pattern) & set("*?[")))


def _read_axes(tables: Mapping[str, Table], around: Surroundings) -> Axes:
    made = {name: read_dimension(name, table, around) for name, table in tables.items()}
    dimensions = {name: dimension for name, dimension in made.items() if dimension is not None}
    for name, table in tables.items():
        if name.endswith("_end") and name.removesuffix("_end") in tables:
            other = name.removesuffix("_end")
            what = f'"{name}" is what recipes call the end of "{other}" ({tables[other].place()})'
            table.report(what, hint="rename this dimension")
    return Axes.of(dimensions, tuple(tables))


def _read_shared(
    root: str,
    around: Surroundings,
    defaults: Table,
    params: Mapping[str, object],
    pools: Pools,
    datasets: Datasets,
    environment: Environment | None,
) -> Shared:
    return Shared(
        root=root,
        defaults=defaults,
        timezone=read_timezone(defaults, around.timezone),
        uses=read_uses(defaults, root),
        read=read_default_options(defaults),
        params=params,
        default_params=read_default_params(defaults, params),
        datasets=datasets,
        macros=around.macros | read_macros(defaults),
        pools=pools,
        needs=read_needs(defaults, pools),
        policy=read_policy(defaults),
        variables=read_variables(defaults),
        environment=environment,
    )


def _check_retry_on(defaults: Table, targets: Mapping[str, Table]) -> None:
    if "retry_on" in defaults and not any(table.is_tried("retries") for table in (defaults, *targets.values())):
        what = '"retry_on" of [defaults] is for targets with "retries", and none has them'
        defaults.report(what, "retry_on", hint="add retries = 2, or remove it")


def _check_discovered(
    dimensions: Mapping[str, Dimension],
    origins: Mapping[str, DatasetPath],
    targets: Mapping[str, Table],
    problems: list[UserError],
    is_whole: bool,
) -> None:
    """Reports discovered dimensions whose source doesn't exist or hasn't their keys in its path."""
    for name, dimension in dimensions.items():
        if not isinstance(dimension, DiscoveredDimension):
            continue
        found = origins.get(dimension.source)
        if found is None and (is_whole or dimension.source in targets):
            kind = "a target: keys are discovered in sources" if dimension.source in targets else "no source"
            hint = nearest(dimension.source, origins) or f"declare it as [sources.{dimension.source}]"
            what = f'"{dimension.source}", where the keys of "{name}" are to be discovered, is {kind}'
            problems.append(UserError(what, dimension.place, hint))
        elif found is not None and found.pattern is not None and name not in found.dimensions:
            what = f'the path of source "{dimension.source}" has no "{{{name}}}" to discover the keys of "{name}" from'
            problems.append(UserError(what, dimension.place, f'put "{{{name}}}" into "{found.text}"'))


def _read_default(
    project: Table, sources: Mapping[str, Table], targets: Mapping[str, Table], is_whole: bool
) -> tuple[Reference, ...]:
    """The selectors of `default`. What a pattern or KEYS mean is told when the flow is linked."""
    taken: dict[str, Reference] = {}
    for position, text in enumerate(project.strings("default") or ()):
        try:
            selector = parse_selector(text)
        except UserError as error:
            project.report(f"default: {error.what}", "default", position, hint=error.hint)
            continue
        name = selector.name
        if name in targets or is_pattern(name) or (name in sources and selector.is_down):
            taken.setdefault(text, Reference(text, project.place("default", position)))
        elif is_whole or name in sources:
            kind = "a source: nothing makes it" if name in sources else "no target"
            hint = nearest(name, targets) or f"targets are declared as [targets.{name}]"
            hint = f"{name}+ stands for all that is made from it" if name in sources else hint
            project.report(f'"{name}" of default is {kind}', "default", position, hint=hint)
    return tuple(taken.values())


def _source_claims(
    tables: Mapping[str, Table], paths: Mapping[str, DatasetPath | None], key: str, axes: Axes
) -> Iterator[Claim]:
    for name, path in paths.items():
        if path is not None and path.pattern is not None:
            yield Claim("source", name, path.text, path.pattern.components(axes.values), tables[name].place(key))


def _output_claims(tables: Mapping[str, Table], outputs: Mapping[str, OutputPaths], axes: Axes) -> Iterator[Claim]:
    for name, made in outputs.items():
        for output, path in made.paths.items():
            if path.pattern is not None:
                components = path.pattern.components(axes.values)
                place = tables[name].place("path", *([output] if output else []))
                yield Claim("target", name, path.text, components, place, path.pattern.is_folder)


def _file_claims(
    root: str, documents: Sequence[Document], files: Mapping[str, Place], targets: Sequence[Target]
) -> Iterator[Claim]:
    """The project's own files, which no output may replace."""
    own = {document.file: Place(document.file) for document in documents} | dict(files)
    for target in targets:
        for file in target.files:
            own.setdefault(file, target.place)
        if isinstance(target.recipe, PythonRecipe):
            module = target.recipe.module.replace(".", "/")
            for file in (f"{module}.py", f"{module}/__init__.py"):
                if file not in own and os.path.isfile(os.path.join(root, file)):
                    own[file] = target.recipe.place
    for file, place in own.items():
        yield Claim("file", file, file, tuple(Component([part]) for part in file.split("/")), place)
