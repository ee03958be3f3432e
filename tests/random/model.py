"""The oracle: which tasks a build has to run and what every partition has to hold, from the author's view alone.

A few obvious lines for each rule of the design, over plain dicts and lists; nothing of dbuild is used here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.random.domains import Domain, Seen, domain_of, needed_for, ordered, read_by, references
from tests.random.flows import POISON, Held, Key, Node, Project, Rows, Target
from tests.random.identities import counted, found_in, identities, path_of
from tests.random.meanings import evaluate, looked_up_now, meaning, outputs_of, params_read, rows_read
from tests.random.memory import Content, Expected, Identities, Memory, Record, There
from tests.random.words import words_of

Contents = Callable[[str], Content | None]  # what is at a path now


class Prospect:
    """What a build of some partitions has to do. `there` and `content` tell what is on disk before it.

    `unsure` are those of which a plan says that they will or may run: one that reads a failed input whose changes
    don't count is blocked then, and else as fresh as it was.
    """

    def __init__(
        self,
        project: Project,
        memory: Memory,
        wanted: Iterable[Node],
        forced: set[Node],
        there: There,
        content: Contents,
        unsure: set[Node],
    ) -> None:
        self.expected = Expected()
        self._unsure = unsure
        self._project = project
        self._memory = memory
        self._domain = domain_of(project)
        self._words = words_of(project, memory, self._domain)
        self._forced = forced
        self._there = there
        self._content = content
        self._needed = needed_for(project, wanted, self._domain, self._words.frozen)
        for target in project.built:
            for key in ordered(project, target, self._domain):
                if (target.name, key) in self._needed:
                    self._judge(target, key)

    def _judge(self, target: Target, key: Key) -> None:
        node, expected = (target.name, key), self.expected
        if node in self._words.frozen:
            self._hold(target, node)
            return
        reads = [(name, one) for name, _, one in references(self._project, target, key, self._domain)]
        counted = [
            (name, one) for name, _, one in references(self._project, target, key, self._domain, is_counted=True)
        ]
        expected.reads[node] = [one for one in reads if one[0] in self._project.targets]
        expected.follows[node] = [one for one in counted if one[0] in self._project.targets]
        if any(self._is_held_back(one) for one in reads):
            expected.waiting.add(node)
        elif any(one in expected.failed or one in expected.blocked for one in counted):
            expected.blocked.add(node)
        else:
            self._settle(target, node, any(one in expected.failed or one in expected.blocked for one in reads))

    def _hold(self, target: Target, node: Node) -> None:
        """What is frozen is there or isn't, and nothing of it runs."""
        if any(self._there(node, output) is None for output in target.outputs):
            self.expected.waiting.add(node)
        else:
            self.expected.fresh.add(node)
            self.expected.frozen.add(node)

    def _is_held_back(self, node: Node) -> bool:
        if node[0] in self._project.sources:
            return node[1] not in self._project.sources[node[0]].parts
        return node in self.expected.waiting

    def _settle(self, target: Target, node: Node, is_behind: bool) -> None:
        recipe = meaning(self._project, target)
        inputs = identities(self._project, target, node[1], self._domain, self._then)
        paths = {output: path_of(self._project, target, node[1], output) for output in target.outputs}
        is_fresh = self._is_fresh(target, node, recipe, inputs, paths)
        if is_behind and (not is_fresh or node in self._unsure):
            self.expected.blocked.add(node)
            return
        if is_fresh:
            self.expected.fresh.add(node)
            return
        rows = rows_read(self._project, target, lambda seen: self._fetch(target, node[1], seen))
        self.expected.attempts[node] = _attempts(self._project, target, node, rows)
        if self.expected.attempts[node] == 0:
            self.expected.attempts[node] = _allowed(target, "poison" if POISON in rows else "guard")
            self.expected.failed.add(node)
            return
        made = evaluate(self._project, target, rows)
        lookups = params_read(self._project, target, rows)[1]
        self.expected.built[node] = Record(recipe, lookups, inputs, made, outputs_of(target, made), paths)

    def _is_fresh(self, target: Target, node: Node, recipe: object, inputs: Identities, paths: dict[str, str]) -> bool:
        record = self._memory.records.get(node)
        return (
            record is not None
            and node not in self._forced
            and node not in self._words.stale
            and node not in self._memory.failed
            and record.recipe == recipe
            and record.params == looked_up_now(self._project, target, record.params)
            and counted(self._project, target, record.inputs) == counted(self._project, target, inputs)
            and record.paths == paths
            and all(self._content(path) == record.contents[output] for output, path in paths.items())
        )

    def _then(self, node: Node, output: str) -> Held | bytes | None:
        """What will be in an output when it is read."""
        built = self.expected.built.get(node)
        return built.held[output] if built is not None else self._there(node, output)

    def _fetch(self, target: Target, key: Key, seen: Seen) -> Rows:
        found = []
        for one in read_by(self._project, target, key, seen.given, self._domain):
            held = found_in(self._project, seen.given.dataset, seen.given.output, one, self._then)
            assert isinstance(held, tuple), f"{seen.given.reference}@{one} holds {held!r}, which nobody can read"
            found += [row for _, rows in held for row in rows]
        return tuple(found)


def _attempts(project: Project, target: Target, node: Node, rows: Rows) -> int:
    """How many attempts it takes to succeed; 0 where that can't be."""
    failing = project.failing.get(node, 0) if target.is_guarded else 0
    return 0 if POISON in rows or failing >= _allowed(target, "guard") else failing + 1


def _allowed(target: Target, cause: str) -> int:
    """How many attempts there may be where all fail for this cause."""
    return 1 + target.times if target.retry_on in ("any", cause) else 1


def clean(
    project: Project, nodes: Iterable[Node], domain: Domain, given: dict[Node, dict[str, Held]]
) -> dict[Node, dict[str, Held]]:
    """What a clean build would make of these partitions, with what people want to stay as it is.

    Their inputs are all there and healthy.
    """
    made: dict[Node, dict[str, Held]] = dict(given)

    def there(node: Node, output: str) -> Held:
        if node not in made:
            target = project.targets[node[0]]
            made[node] = outputs_of(
                target, evaluate(project, target, rows_read(project, target, fetching(target, node)))
            )
        return made[node][output]

    def fetching(target: Target, node: Node) -> Callable[[Seen], Rows]:
        def fetch(seen: Seen) -> Rows:
            keys = read_by(project, target, node[1], seen.given, domain)
            found = [found_in(project, seen.given.dataset, seen.given.output, key, there) for key in keys]
            return tuple(row for held in found if isinstance(held, tuple) for _, rows in held for row in rows)

        return fetch

    return {node: {output: there(node, output) for output in project.targets[node[0]].outputs} for node in nodes}
