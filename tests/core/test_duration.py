"""How long a task is expected to run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbuild.core.duration import estimate, first_guess


def test_what_is_known_best_counts() -> None:
    assert estimate(3.0, 5.0, 10**9) == 3.0
    assert estimate(0.0, 5.0, 10**9) == 0.0  # a measured duration, however short
    assert estimate(None, 5.0, 10**9) == 5.0
    assert estimate(None, None, 10**9) == first_guess(10**9)


@given(st.integers(0, 10**15), st.integers(1, 10**12))
def test_a_bigger_input_takes_longer(size: int, more: int) -> None:
    assert 0 < first_guess(size) <= first_guess(size + more)
    assert first_guess(size) < first_guess(2 * size + 10**6)
