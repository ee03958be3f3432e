"""The flow: recipes linked to the datasets that they read, in an order in which they can be built.

Unaware of partitions and of files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from dbuild.core.batching import batch_problems, is_keys
from dbuild.core.chain import dimension_of
from dbuild.core.model import (
    Analysis,
    Input,
    Project,
    PythonRecipe,
    Reference,
    ShellRecipe,
    Source,
    SqlRecipe,
    Target,
    TimeDimension,
)
from dbuild.core.queries import queries_of, query_problems
from dbuild.core.views import Step, binding_problems, reading_problems, see_through, view_problems
from dbuild.errors import UserError, nearest
from dbuild.values import dataclass, field

__all__ = ["Flow", "Step", "link"]


@dataclass(frozen=True, slots=True)
class Flow:
    """A project whose names all lead somewhere, without cycles."""

    project: Project
    steps: dict[str, Step]  # in building order
    readers: dict[str, tuple[str, ...]]  # dataset -> the targets that read it, views among them
    views: dict[str, Step] = field(default_factory=dict)  # what is read through, and never built
    order: tuple[str, ...] = ()  # all targets in building order, views among them
    queries: dict[str, Step] = field(default_factory=dict)  # dimension -> the SQL that finds its keys
    spellings: dict[str, str] = field(default_factory=dict)  # text of a `by` -> how what it means was first written

    def step(self, name: str) -> Step | None:
        """The step of a target or view; None for a source."""
        return self.steps.get(name) or self.views.get(name)

    def upstream(self, names: Iterable[str]) -> set[str]:
        """These datasets and all that they need, the views between them among them."""
        return _closure(names, self._needs)

    def _needs(self, name: str) -> Iterable[str]:
        step = self.step(name)
        return (*step.reads, *(given.dataset for given in step.inputs)) if step else ()

    def downstream(self, names: Iterable[str]) -> set[str]:
        """These datasets and all that is made from them."""
        return _closure(names, lambda name: self.readers.get(name, ()))


def _closure(names: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left.extend(following(name))
    return seen


def link(project: Project, analyses: Mapping[str, Analysis]) -> tuple[Flow, list[UserError]]:
    """The flow of a project, and every mistake found on the way (recipes' own mistakes among them).

    `analyses` has those of all targets, and of the targets that `queries_of` makes.
    """
    problems: list[UserError] = []
    linked: dict[str, Step] = {}
    folded = {name.lower(): name for name in (*project.sources, *project.targets)}
    for name, target in project.targets.items():
        analysis = analyses[name]
        problems.extend(analysis.problems)
        linked[name] = Step(target, _inputs(project, target, analysis, folded, problems), analysis)
        problems.extend(view_problems(project, linked[name]))
        problems.extend(binding_problems(project, target, analysis))
        problems.extend(_output_problems(target, analysis))
        problems.extend(reading_problems(project, linked[name]))
    asked = queries_of(project)
    for query in asked.values():
        analysis = analyses[query.name]
        problems.extend(analysis.problems)
        linked[query.name] = Step(query, _inputs(project, query, analysis, folded, problems), analysis)
    order = _order(linked, problems)
    whole, more = see_through(project, order, linked)
    problems.extend(problem for step in whole.values() for problem in batch_problems(project, step))
    queries = {dimension: whole.pop(query.name) for dimension, query in asked.items()}
    problems.extend(query_problems(project, queries))
    steps = {name: step for name, step in whole.items() if not step.target.is_view}
    views = {name: step for name, step in whole.items() if step.target.is_view}
    return Flow(project, steps, _readers(whole), views, tuple(whole), queries), [*problems, *more]


def _readers(steps: Mapping[str, Step]) -> dict[str, tuple[str, ...]]:
    readers: dict[str, list[str]] = {}
    for name, step in steps.items():
        for dataset in dict.fromkeys((*step.reads, *(given.dataset for given in step.inputs))):
            readers.setdefault(dataset, []).append(name)
    return {name: tuple(found) for name, found in readers.items()}


def _inputs(
    project: Project, target: Target, analysis: Analysis, folded: Mapping[str, str], problems: list[UserError]
) -> tuple[Input, ...]:
    """`folded` has the names of all datasets without case."""
    found = {given.name: given for given in target.inputs}
    own_names = {given.name.lower(): given.name for given in target.inputs}
    read: set[str] = set()
    for reference in analysis.reads:
        declared = reference.name if reference.name in found else own_names.get(reference.name.lower())
        if declared:
            read.add(declared)
            continue
        given = _implied(project, reference, folded)
        if given is not None:
            found.setdefault(given.name, given)
            read.add(given.name)
        elif not reference.is_optional and not is_keys(target, reference.name):
            problems.append(_unknown(project, target, reference))
    if not analysis.problems and not isinstance(target.recipe, ShellRecipe):
        problems.extend(_unread(target, given) for given in target.inputs if given.name not in read)
    own = [given for given in found.values() if given.dataset == target.name]
    if not own or _is_chain(project, target, own):
        return tuple(found.values())
    problems.extend(_reads_itself(project, target, given) for given in own)
    return tuple(given for given in found.values() if given not in own)


def _is_chain(project: Project, target: Target, own: list[Input]) -> bool:
    """Whether a target that reads itself reads earlier partitions only."""
    declared = {name: project.dimensions[name] for name in target.dimensions if name in project.dimensions}
    return dimension_of(declared, own) is not None


def _reads_itself(project: Project, target: Target, given: Input) -> UserError:
    times = [name for name in target.dimensions if isinstance(project.dimensions.get(name), TimeDimension)]
    entry = f'inputs.{given.name} = {{ {times[0]} = "previous" }}' if times else ""
    hint = f"its earlier partitions it may read: {entry}" if times else None
    return UserError(f'target "{target.name}" reads itself', given.place, hint)


def _unread(target: Target, given: Input) -> UserError:
    if isinstance(target.recipe, PythonRecipe):
        what = f'the function {target.recipe.function} has no parameter "{given.name}" for that input'
        return UserError(what, given.place, "add the parameter, or remove the input")
    return UserError(
        f'the SQL of target "{target.name}" does not read the input "{given.name}"',
        given.place,
        "inputs of SQL are what it reads FROM; remove this entry",
    )


def _implied(project: Project, reference: Reference, folded: Mapping[str, str]) -> Input | None:
    """The input that a recipe's text names without a declaration; names are compared as SQL does, without case."""
    dataset, _, output = reference.name.partition(".")
    found = project.dataset(dataset)
    if found is None:
        found = project.dataset(folded.get(dataset.lower(), ""))
    if found is None or (output and not _has_output(found, output)):
        return None
    if isinstance(found, Target) and not output and len(found.outputs) == 1:
        output = found.outputs[0].name
    return Input(reference.name, found.name, output, (), reference.place)


def _has_output(dataset: Source | Target, output: str) -> bool:
    return isinstance(dataset, Target) and any(made.name == output for made in dataset.outputs)


def _unknown(project: Project, target: Target, reference: Reference) -> UserError:
    names = [*project.sources, *project.targets, *(given.name for given in target.inputs)]
    match target.recipe:
        case SqlRecipe():
            what = f'"{reference.name}" is neither a dataset nor a table of this SQL'
            other = f"declare it as [sources.{reference.name}] or [targets.{reference.name}]"
        case ShellRecipe():
            what = f'the placeholder "{{{reference.name}}}" is no dataset, dimension or param'
            names += ["output", *project.dimensions, *project.params]
            other = f"write {{{{{reference.name}}}}} for plain text in braces"
        case _:
            what = f'the parameter "{reference.name}" is no dataset'
            names += ["output", "key", "params"]
            other = "a recipe's parameters are its inputs, and output, key, params"
    return UserError(what, reference.place, nearest(reference.name, names) or other)


def _output_problems(target: Target, analysis: Analysis) -> Iterator[UserError]:
    """The placeholders of a command that stand for an output which its target hasn't."""
    if not isinstance(target.recipe, ShellRecipe):
        return
    names = [f"output.{made.name}" if made.name else "output" for made in target.outputs]
    known = {*names, "output"} if len(names) == 1 else set(names)
    for call in sorted(analysis.calls - known - {"provisional"}):
        what = f'the placeholder "{{{call}}}" is no output of target "{target.name}"'
        hint = f"it has {', '.join(f'{{{name}}}' for name in names)}" if names else "an action has none; give it a path"
        yield UserError(what, target.recipe.place, hint)


def _order(steps: Mapping[str, Step], problems: list[UserError]) -> list[str]:
    """Targets so that each comes after what it reads; a cycle becomes a problem that names it.

    Depth-first with an explicit stack: chains may be deeper than Python's recursion limit.
    """
    order: list[str] = []
    done: dict[str, bool] = {}  # False while on the path
    for root in steps:
        path = [(root, iter(_needs(steps, root)))] if root not in done else []
        if path:
            done[root] = False
        while path:
            name, needs = path[-1]
            following = next(needs, None)
            if following is None:
                path.pop()
                done[name] = True
                order.append(name)
            elif following not in done:
                done[following] = False
                path.append((following, iter(_needs(steps, following))))
            elif not done[following]:
                names = [step for step, _ in path]
                circle = [*names[names.index(following) :], following]
                problems.append(
                    UserError(
                        f"these targets read each other in a circle: {' -> '.join(reversed(circle))}",
                        steps[following].target.place,
                        "break the circle: one of them has to read something else",
                    )
                )
    return order


def _needs(steps: Mapping[str, Step], name: str) -> list[str]:
    own = (given.dataset for given in steps[name].inputs if given.dataset in steps)
    return [dataset for dataset in dict.fromkeys(own) if dataset != name]
