"""When a watch builds next; both clocks are values."""

from __future__ import annotations

import pytest

from dbuild.core.vigil import (
    CALM,
    FIRST_PAUSE,
    LONGEST_CALM,
    LONGEST_PAUSE,
    MOST_AT_ONCE,
    PATIENCE,
    SLOW_LOOK,
    Ended,
    Hours,
    Rules,
    Vigil,
)

NOON = 12 * 3600.0
COPY = frozenset({("copy", "{}")})


def settled(rules: Rules | None = None, due: float | None = None) -> Vigil:
    """A watch whose first build began at 0 s, found nothing to do, and ended at once."""
    vigil = Vigil(rules or Rules(), 0.0)
    vigil.begin(0.0)
    vigil.end(0.0, Ended("done", due=due))
    return vigil


def wait(vigil: Vigil, seconds: float, moment: float = 0.0, time_of_day: float = NOON) -> float:
    return vigil.wait(seconds, moment, time_of_day)


def test_it_begins_with_a_build() -> None:
    assert wait(Vigil(Rules(), 5.0), 5.0) == 0


def test_nothing_happens_while_nothing_changes() -> None:
    assert wait(settled(), 1.0) == 60  # the longest wait: then it only asks again
    assert wait(settled(), SLOW_LOOK - 5) == 5
    assert wait(settled(), SLOW_LOOK) == 0


def test_a_change_is_built_as_soon_as_it_is_calm() -> None:
    vigil = settled()
    vigil.hear(10.0)
    assert wait(vigil, 10.0) == pytest.approx(CALM)
    vigil.hear(10.05)
    assert wait(vigil, 10.1) == pytest.approx(CALM - 0.05)
    assert wait(vigil, 10.2) == 0


def test_changes_that_go_on_are_built_all_the_same() -> None:
    vigil = settled()
    for step in range(100):
        vigil.hear(10 + step * 0.02)
        if wait(vigil, 10 + step * 0.02) == 0:
            break
    assert step * 0.02 == pytest.approx(LONGEST_CALM)


def test_what_changes_during_a_build_is_for_the_next() -> None:
    vigil = settled()
    vigil.hear(10.0)
    vigil.begin(11.0)
    vigil.hear(12.0)
    vigil.end(20.0, Ended("done", COPY))
    assert wait(vigil, 20.0) == 0
    vigil.begin(20.0)
    vigil.end(20.1, Ended("done"))
    assert wait(vigil, 20.1) > 1


def test_the_clock_alone_is_a_reason() -> None:
    vigil = settled(due=1_000.0)
    assert wait(vigil, 1.0, moment=990.0) == 10
    assert wait(vigil, 1.0, moment=1_000.0) == 0
    assert wait(vigil, 1.0, moment=5_000.0) == 0  # a machine that slept


def test_a_clock_that_brings_nothing_is_asked_less_and_less() -> None:
    """Whatever a build says of when to look again, it makes no busy loop."""
    vigil, seconds, builds = settled(due=1_000.0), 1.0, 0
    while seconds < 3600:
        pause = wait(vigil, seconds, moment=2_000.0)
        if pause == 0:
            vigil.begin(seconds)
            vigil.end(seconds, Ended("done", due=1_000.0))
            builds += 1
        seconds += pause
    assert builds < 80


def test_trouble_with_the_machine_is_waited_out_ever_longer() -> None:
    vigil = settled()
    pauses = []
    for _ in range(12):
        vigil.begin(100.0)
        vigil.end(100.0, Ended("machine"))
        pauses.append(vigil._retry - 100.0)  # type: ignore[operator]
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    vigil.hear(100.0)
    assert wait(vigil, 100.0 + CALM) == 0  # a change is tried at once
    vigil.begin(101.0)
    vigil.end(101.0, Ended("done"))
    vigil.begin(101.0)
    vigil.end(101.0, Ended("machine"))
    assert wait(vigil, 101.0) == FIRST_PAUSE


def test_a_wrong_project_is_tried_when_it_changes_and_now_and_then() -> None:
    vigil = settled()
    vigil.begin(1.0)
    vigil.end(1.0, Ended("project"))
    assert wait(vigil, 1.0) == PATIENCE
    vigil.hear(5.0)
    assert wait(vigil, 5.0 + CALM) == 0


def test_a_refused_build_waits_for_a_change() -> None:
    vigil = settled()
    vigil.begin(1.0)
    vigil.end(1.0, Ended("refused"))
    assert wait(vigil, SLOW_LOOK - 1) == 1


def test_everything_is_looked_at_now_and_then_however_much_is_heard() -> None:
    vigil = settled()
    looks = []
    for seconds in range(60, int(2.5 * SLOW_LOOK), 60):
        vigil.hear(float(seconds))
        if vigil.begin(float(seconds)):
            looks.append(seconds)
        vigil.end(float(seconds), Ended("done"))
    assert looks == [SLOW_LOOK, 2 * SLOW_LOOK]


def test_builds_that_run_something_keep_their_distance() -> None:
    vigil = settled(Rules(once_per=600.0))
    vigil.hear(10.0)
    assert wait(vigil, 11.0) == 0  # the build before ran nothing
    vigil.begin(11.0)
    vigil.end(12.0, Ended("done", COPY))
    vigil.hear(20.0)
    assert wait(vigil, 600.0) == pytest.approx(11.0)
    assert wait(vigil, 611.0) == 0


@pytest.mark.parametrize(
    ("hours", "time_of_day", "left"),
    [
        (Hours(8 * 3600, 9 * 3600), 8 * 3600 - 1, 0),
        (Hours(8 * 3600, 9 * 3600), 8 * 3600, 3600),
        (Hours(8 * 3600, 9 * 3600), 9 * 3600 - 0.5, 0.5),
        (Hours(8 * 3600, 9 * 3600), 9 * 3600, 0),
        (Hours(22 * 3600, 6 * 3600), 23 * 3600, 7 * 3600),
        (Hours(22 * 3600, 6 * 3600), 5 * 3600, 3600),
        (Hours(22 * 3600, 6 * 3600), 12 * 3600, 0),
    ],
)
def test_quiet_hours(hours: Hours, time_of_day: float, left: float) -> None:
    assert hours.left(time_of_day) == left


def test_nothing_begins_in_quiet_hours() -> None:
    vigil = settled(Rules(quiet=(Hours(8 * 3600, 9 * 3600),)))
    vigil.hear(10.0)
    assert wait(vigil, 20.0, time_of_day=9 * 3600 - 30) == 30
    assert wait(vigil, 50.0, time_of_day=9 * 3600) == 0


def test_builds_that_make_each_other_necessary_are_slowed_down() -> None:
    vigil, seconds = settled(), 1.0
    vigil.hear(seconds)
    for _ in range(MOST_AT_ONCE):
        assert not vigil.is_circling
        seconds += 1
        vigil.begin(seconds)
        vigil.hear(seconds + 1)  # a recipe changes what it reads
        vigil.end(seconds + 2, Ended("done", COPY))
        seconds += 2
    assert vigil.is_circling
    assert vigil.repeated == COPY
    assert wait(vigil, seconds) == pytest.approx(2.0)  # as long as the build took


def test_a_build_that_finds_nothing_to_do_ends_the_row() -> None:
    vigil, seconds = settled(), 1.0
    for _ in range(3 * MOST_AT_ONCE):
        vigil.hear(seconds)
        vigil.begin(seconds + 1)
        vigil.hear(seconds + 1.5)  # its own outputs
        vigil.end(seconds + 2, Ended("done", COPY))
        vigil.begin(seconds + 2)
        vigil.end(seconds + 2, Ended("done"))
        seconds += 3
    assert not vigil.is_circling
