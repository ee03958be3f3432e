"""Which failures are tried again, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.backoff import LONGEST, delay_of, may_retry, rest_of
from dbuild.core.model import Retries

jitters = st.floats(0, 1, exclude_max=True)


def test_a_delay_doubles_until_it_is_five_minutes() -> None:
    retries = Retries(times=20, delay=3.0)
    assert [delay_of(retries, attempt, 0.5) for attempt in range(1, 10)] == [3, 6, 12, 24, 48, 96, 192, 300, 300]
    assert delay_of(retries, 10**6, 0.5) == LONGEST


def test_a_rest_doubles_until_it_is_an_hour() -> None:
    assert [rest_of(failures) / 60 for failures in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert rest_of(10**6) == 3600


@given(st.floats(0, 1000), st.integers(1, 100), jitters)
def test_jitter_moves_a_delay_by_a_quarter_and_never_beyond_the_longest(
    delay: float, attempt: int, jitter: float
) -> None:
    retries = Retries(times=100, delay=delay)
    middle = delay_of(retries, attempt, 0.5)
    assert 0.75 * middle <= delay_of(retries, attempt, jitter) <= min(LONGEST, 1.25 * middle)


@given(st.integers(1, 12), jitters, jitters)
def test_more_jitter_is_more_delay(attempt: int, one: float, other: float) -> None:
    retries = Retries(times=12, delay=1.0)
    low, high = sorted((one, other))
    assert delay_of(retries, attempt, low) <= delay_of(retries, attempt, high)


def test_no_delay_stays_none() -> None:
    assert delay_of(Retries(times=3, delay=0.0), 3, 0.9) == 0


@pytest.mark.parametrize(
    ("on", "causes", "expected"),
    [
        ((), ("exit 1",), True),
        ((), ("ConnectionError", "OSError"), True),
        ((), (), False),  # not the recipe's failure
        (("exit 75",), ("exit 75",), True),
        (("exit 75",), ("exit 7",), False),
        (("exit 75", "timeout"), ("timeout",), True),
        (("OSError",), ("ConnectionError", "OSError"), True),
        (("OSError",), (), False),
    ],
)
def test_causes_decide(on: tuple[str, ...], causes: tuple[str, ...], expected: bool) -> None:
    assert may_retry(Retries(times=1, on=on), 1, causes) is expected


def test_a_task_is_tried_again_as_often_as_was_said() -> None:
    assert [may_retry(Retries(times=2), attempt, ("exit 1",)) for attempt in (1, 2, 3)] == [True, True, False]
    assert not may_retry(Retries(), 1, ("exit 1",))
