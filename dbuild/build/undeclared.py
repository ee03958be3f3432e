"""What the recipes of a run opened, held against what their targets declare: told at its end, target by target."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence

from dbuild.build.likeness import Looking
from dbuild.build.locations import SINGLES, Location
from dbuild.build.world import World
from dbuild.core.events import Deed, Touched, Traced
from dbuild.core.model import ShellRecipe
from dbuild.core.task import Result, Sight, Task
from dbuild.core.undeclared import Declared, is_below, judge
from dbuild.observe.surroundings import areas_of, scratch_folders, tool_folders
from dbuild.state.store import FOLDER

_MOST = 5_000  # files of a target that are told
_LOGGED = 200  # files of a task that its log tells
_LAG = 0.02  # seconds that a file system's clock may be behind


def areas_in(world: World) -> tuple[str, ...]:
    """The folders in which files have to be declared: the project's, and those of datasets elsewhere."""
    places = [one for own in world.survey.locations.values() for one in own]
    return areas_of(world.survey.root, (os.path.join(world.survey.root, _place(one)) for one in places))


def _place(location: Location) -> str:
    return location.pattern.path(()) if location.root == SINGLES else location.folder


class Undeclared:
    """What the tasks of one run touched without a word in the Dataflowfile, and which inputs they never opened."""

    def __init__(self, world: World, looking: Looking) -> None:
        self._world = world
        self.looking = looking
        self._root = os.path.realpath(world.survey.root)
        self._tasks: dict[str, dict[tuple[str, Deed], int]] = {}  # target -> path, what it did -> in how many tasks
        self._given: dict[str, dict[str, int]] = {}  # target -> inputs -> how many tasks had something of them
        self._opened: dict[str, set[str]] = {}  # target -> inputs that some task opened, or may have
        self._left_out = 0
        self._looked_at = 0

    def take(self, task: Task, result: Result, ended: float) -> list[str]:
        """Looks at a task that `ended` then (seconds since the epoch); lines that tell of it, for its log."""
        if task.bounds is None or (isinstance(task.recipe, ShellRecipe) and not self.looking.sees_programs):
            return []
        self._looked_at += 1
        judged = judge(_declared(task), result.sights)
        verified = dict.fromkeys(_verified(judged.undeclared, ended - result.seconds - _LAG))
        found = [(deed, path) for deed, path in verified if deed != "list" or self._dataset_in(task.target, path)]
        known = self._tasks.setdefault(task.target, {})
        for deed, path in found:
            if (path, deed) in known or len(known) < _MOST:
                known[path, deed] = known.get((path, deed), 0) + 1
            else:
                self._left_out += 1
        self._take_inputs(task, judged.opened, is_known=result.is_all_seen and result.error is None)
        return [_line(self._touched(task.target, deed, path, 1)) for deed, path in found[:_LOGGED]]

    def _take_inputs(self, task: Task, opened: Collection[str], *, is_known: bool) -> None:
        names = [given.name for given in task.all_inputs if given.paths and "/" not in given.name]  # not those of views
        given = self._given.setdefault(task.target, {})
        for name in dict.fromkeys(names):
            given[name] = given.get(name, 0) + 1
        self._opened.setdefault(task.target, set()).update(opened if is_known else names)

    def explained(self, task: Task, error: str, printed: Sequence[str]) -> str:
        """An error; of a confined task with what it was refused, where its last lines tell, and what to do."""
        if not task.is_confined:
            return error
        from dbuild.execute.refusals import refused

        found = refused(task, (*error.splitlines(), *printed))
        lines = []
        for path, is_written in found:
            hint = self._hint(task.target, "write" if is_written else "read", os.path.realpath(path))
            verb = "write" if is_written else "open"
            lines.append(f"the sandbox didn't let it {verb} {self._shown(path)}, which isn't declared\n  hint: {hint}")
        return "\n".join([error, *lines])

    def told(self) -> Traced:
        """All of it, by target and path."""
        found: list[Touched] = []
        for target, touched in sorted(self._tasks.items()):
            found += (self._touched(target, deed, path, tasks) for (path, deed), tasks in sorted(touched.items()))
            found += self._unread(target)
        return Traced(tuple(found), self._looked_at, self._left_out)

    def _unread(self, target: str) -> Iterator[Touched]:
        for name, tasks in self._given[target].items():
            if name not in self._opened[target]:
                hint = f'if the recipe doesn\'t need it, take "{name}" out of its inputs'
                yield Touched(target, "unread", name, tasks, hint)

    # -- in words ------------------------------------------------------------------------------------------------------

    def _touched(self, target: str, deed: Deed, path: str, tasks: int) -> Touched:
        return Touched(target, deed, self._shown(path), tasks, self._hint(target, deed, path))

    def _shown(self, path: str) -> str:
        for root in (self._root, self._world.survey.root):
            if is_below(path, [root]):
                return os.path.relpath(path, root)
        return path

    def _hint(self, target: str, deed: Deed, path: str) -> str:
        """What to write in the Dataflowfile."""
        if deed in ("write", "remove"):
            return self._hint_at_writing(target, path)
        dataset = self._dataset_in(target, path) if deed == "list" else self._dataset_of(path)
        if not dataset:
            has_some = bool(self._world.flow.steps[target].target.uses)
            shown = self._shown(path)
            return f'add "{shown}" to its uses' if has_some else f'uses = ["{shown}"]'
        if dataset == target:
            return 'it is made by this target: let it read its own "previous" partition as an input'
        given = next((one.name for one in self._world.flow.steps[target].inputs if one.dataset == dataset), None)
        if given is not None:
            return f'it is another partition of its input "{given}": widen that input\'s mapping'
        has_some = bool(self._world.flow.steps[target].target.inputs)
        return f'add "{dataset}" to its inputs' if has_some else f'inputs = ["{dataset}"]'

    def _hint_at_writing(self, target: str, path: str) -> str:
        dataset = self._dataset_of(path)
        if dataset == target:
            return "let it write to the path that it is given as its output"
        if dataset:
            return f'it is a file of "{dataset}": only what declares it as its output may make it'
        return "declare it as an output, or write it to a temporary folder"

    def _dataset_of(self, path: str) -> str:
        """The dataset that a file belongs to; "" for none."""
        relative = os.path.relpath(path, self._root)
        for own in self._world.survey.locations.values():
            for one in own:
                written = path if os.path.isabs(one.pattern.text) else relative
                if one.pattern.key(written) is not None:
                    return one.dataset
        return ""

    def _dataset_in(self, target: str, folder: str) -> str:
        """A dataset that has its files in or below a folder and that a target doesn't read; "" for none.

        The project's own folder, which Python lists to import anything, and those of its own files don't count.
        """
        known = {target, *(one.dataset for one in self._world.flow.steps[target].inputs)}
        for own in self._world.survey.locations.values():
            for one in own:
                place = os.path.realpath(os.path.join(self._root, one.folder))
                if place != self._root and one.dataset not in known and is_below(folder, [place]):
                    return one.dataset
        return ""


def _line(touched: Touched) -> str:
    verb = {"read": "read", "list": "listed", "write": "wrote", "remove": "removed"}[touched.deed]
    return f"dbuild: it {verb} {touched.path}, which it doesn't declare: {touched.hint}"


def _declared(task: Task) -> Declared:
    """What a task may touch, by the real paths."""
    bounds = task.bounds
    assert bounds is not None
    real = _RealPaths()
    return Declared(
        bounds.areas,
        {real.of(path): given.name for given in task.all_inputs for path in given.paths},
        frozenset(map(real.of, bounds.code)),
        tuple(real.of(output.private or output.path) for output in task.all_outputs),
        (os.path.join(os.path.realpath(task.root), FOLDER), *tool_folders(bounds.areas)),
        scratch_folders(),
    )


class _RealPaths:
    """Real paths of many files of few folders."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> str:
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)


def _verified(sights: Collection[Sight], began: float) -> Iterator[tuple[Deed, str]]:
    """What of that still shows: temporary files are nobody's business, and a database may have been read alone."""
    for kind, path in sights:
        try:
            found = os.stat(path)
        except OSError:
            if kind == "remove":
                yield kind, path
            continue
        deed: Deed = "read"
        if kind == "write" or (kind == "change" and max(found.st_mtime, found.st_ctime) >= began):
            deed = "write"
        elif kind == "list" or stat.S_ISDIR(found.st_mode):
            deed = "list"
        elif not stat.S_ISREG(found.st_mode):
            continue
        if kind != "remove":  # else it was made anew
            yield deed, path
