"""Where the time of a build went: what dbuild did itself, its workers beside recipes, and the recipes.

It is made of the events that a timeline is drawn from, with what the processor worked read beside the clock. What one
phase does within another is its own, so the parts of a build add up to the whole.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

from dbuild.core.events import Event, Phase, Spent, Summary, TaskEnded, TaskRegrouped, TaskRetried, TaskStopped
from dbuild.ui.json import encode
from dbuild.ui.sinks import Sink
from dbuild.ui.stream import tell
from dbuild.ui.tables import Cell, Column, table
from dbuild.ui.text import clean, counted, duration
from dbuild.values import dataclass, field

_TASKS = ("execute", "publish", "record", "show")  # what dbuild does for tasks, beside what it does once
_ORDER = ("answer", "import", "lock", "recover", "load", "observe", "plan", "execute", "publish", "record", "show")
_WORKING = "execute"  # the phase in which workers live: what processes worked that end in it was for tasks
_OTHER = "other"
_NAMED = 5  # targets that have a line of their own
_ENOUGH = 20  # tasks of which one can be told what each takes
_HEADS = (
    Column("where the time went"),
    Column("wall", is_right=True),
    Column("processor", is_right=True),
    Column("times", is_right=True),
)


@dataclass(slots=True)
class Took:
    """What one part of a build took."""

    times: int = 0
    wall: float = 0.0  # seconds
    cpu: float = 0.0  # seconds of processors


@dataclass(slots=True)
class Profile:
    """Where the time of a build went, until now."""

    start: float = 0.0  # seconds of the processor before anything was timed
    phases: dict[str, Took] = field(default_factory=dict)
    workers: float = 0.0  # seconds of processors, of all that the workers did, recipes among it
    recipes: dict[str, Took] = field(default_factory=dict)  # by target

    @property
    def wall(self) -> float:
        """Seconds since the start of Python was over."""
        return sum(part.wall for part in self.phases.values())

    @property
    def own(self) -> float:
        """What dbuild's own process worked, in seconds."""
        return self.start + sum(part.cpu for part in self.phases.values())

    @property
    def recipe(self) -> Took:
        """All recipes together; several run at once, so their time may be more than that of the build."""
        each = self.recipes.values()
        return Took(sum(one.times for one in each), sum(one.wall for one in each), sum(one.cpu for one in each))

    @property
    def beside(self) -> float:
        """What workers worked beside recipes, in seconds: their start, imports, what is sent."""
        return max(0.0, self.workers - self.recipe.cpu)

    def of_each(self) -> tuple[float, float] | None:
        """What a task took of dbuild's own process, and of its worker beside the recipe; None without tasks."""
        tasks = self.recipe.times
        own = sum(self.phases[name].cpu for name in _TASKS if name in self.phases)
        return (own / tasks, self.beside / tasks) if tasks else None


class Profiler(Sink):
    """Times the phases of a build as events come, and tells the profile when all is over; events go on to a screen."""

    def __init__(
        self,
        screen: Sink,
        *,
        is_json: bool,
        clock: Callable[[], float] = time.monotonic,
        processor: Callable[[], float] = time.process_time,
        ended: Callable[[], float] | None = None,
    ) -> None:
        """`processor` tells the seconds that this process has worked, `ended` those of its processes that have ended.

        What it is told of phases stays here: no screen shows them.
        """
        self.profile = Profile()
        self._screen = screen
        self._is_json = is_json
        self._clock = clock
        self._processor = processor
        self._ended = ended or _ended
        self._open = [_OTHER]  # phases that have begun, each in the one before
        self.profile.phases[_OTHER] = Took()
        self._is_told = False
        self._at, self._own, self._children = clock(), processor(), self._ended()
        self.profile.start = self._own

    def __call__(self, event: Event) -> None:
        if isinstance(event, Phase):
            if event.is_over:
                self._leave()
            else:
                self._enter(event.name)
            return
        match event:
            case TaskEnded() | TaskRetried():
                self._add(event.target, event.spent, event.seconds)
            case TaskStopped() | TaskRegrouped():
                self._add(event.target, event.spent, 0.0)
            case Summary() if self._is_json:
                self._tell()  # the summary is the last of all lines
            case _:
                pass
        self._enter("show")
        self._screen(event)
        self._leave()
        if isinstance(event, Summary):
            self._tell()

    def close(self) -> None:
        """Tells also of a build that was cut off."""
        self._screen.close()
        self._tell()

    def _enter(self, name: str) -> None:
        self._note()
        self._open.append(name)
        part = self.profile.phases.get(name)
        if part is None:
            part = self.profile.phases[name] = Took()
        part.times += 1

    def _leave(self) -> None:
        self._note()
        if self._open.pop() == _WORKING:
            self.profile.workers += self._of_children()

    def _note(self) -> None:
        """What was done since the last time is of the phase that is open."""
        now, own = self._clock(), self._processor()
        part = self.profile.phases[self._open[-1]]
        part.wall += now - self._at
        part.cpu += own - self._own
        self._at, self._own = now, own
        if _WORKING not in self._open:
            part.cpu += self._of_children()  # what it has others do for it, as listing folders

    def _of_children(self) -> float:
        """What the processes worked that have ended since the last time."""
        before, self._children = self._children, self._ended()
        return self._children - before

    def _add(self, target: str, spent: Spent | None, seconds: float) -> None:
        if spent is None:
            return
        part = self.profile.recipes.get(target)
        if part is None:
            part = self.profile.recipes[target] = Took()
        part.times += 1
        part.wall += seconds
        part.cpu += spent.cpu

    def _tell(self) -> None:
        if self._is_told:
            return
        self._is_told = True
        self._note()
        if _WORKING in self._open:  # it was cut off
            self.profile.workers += self._of_children()
        if self._is_json:
            tell(sys.stdout, encode(profile_record(self.profile)))
        else:
            tell(sys.stderr, *profile_lines(self.profile), is_last=True)


def _ended() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def profile_lines(profile: Profile) -> list[str]:
    """The profile as a table, for people."""
    rows: list[list[Cell]] = [["start", "", fine_duration(profile.start), ""]]
    rows += [_row(name, profile.phases[name]) for name in _in_order(profile)]
    rows.append(["dbuild itself", fine_duration(profile.wall), fine_duration(profile.own), ""])
    each, recipes = profile.of_each(), profile.recipe
    if each is None:  # no recipe ran
        return table(_HEADS, rows)
    rows.append(["workers, beside recipes", "", fine_duration(profile.beside), ""])
    rows.append(_row("recipes", recipes))
    named = sorted(profile.recipes.items(), key=lambda found: (-found[1].wall, found[0]))
    rows += [_row(f"  {clean(name)}", part) for name, part in named[:_NAMED]]
    more = [f"  and {counted(len(named) - _NAMED, 'more target')}"] if len(named) > _NAMED else []
    if recipes.times >= _ENOUGH:
        own, beside = (f"{seconds * 1000:.2f}ms" for seconds in each)
        more.append(f"a task took {own} of dbuild itself, {beside} of its worker beside the recipe")
    return [*table(_HEADS, rows), *more]


def _row(name: str, part: Took) -> list[Cell]:
    return [name, fine_duration(part.wall), fine_duration(part.cpu), f"{part.times:,}" if part.times > 1 else ""]


def _in_order(profile: Profile) -> list[str]:
    """The phases in the order in which a build begins them, what is of none of them last."""
    return [*(name for name in _ORDER if name in profile.phases), _OTHER]


def fine_duration(seconds: float) -> str:
    """A length of time that may be short: 0.4ms, 12ms, 3.4s."""
    if seconds >= 0.9995:
        return duration(max(1.0, seconds))
    return f"{seconds * 1000:.1f}ms" if seconds < 0.00995 else f"{seconds * 1000:.0f}ms"


def profile_record(profile: Profile) -> dict[str, object]:
    """The profile as `--json` has it; all times in seconds."""
    each = profile.of_each()
    return {
        "event": "profile",
        "seconds": round(profile.wall, 6),
        "cpu": round(profile.own, 6),
        "start_cpu": round(profile.start, 6),
        "phases": [{"phase": name, **_took(profile.phases[name])} for name in _in_order(profile)],
        "workers_cpu": round(profile.workers, 6),
        "recipes": _took(profile.recipe),
        "targets": [{"target": name, **_took(part)} for name, part in profile.recipes.items()],
        "task_cpu": {"dbuild": round(each[0], 6), "worker": round(each[1], 6)} if each is not None else None,
    }


def _took(part: Took) -> dict[str, object]:
    return {"times": part.times, "seconds": round(part.wall, 6), "cpu": round(part.cpu, 6)}
