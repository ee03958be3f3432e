"""What a build says it didn't have to do is what the traces say that it took."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import savings
from dbuild.state.opening import open_state
from dbuild.state.store import State
from tests.build.workshop import DAYS, Workshop

FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/{{day}}.txt"
shell = "cut -c1 {{raw}} > {{output}}"
[targets.total]
path = "total.txt"
shell = "cat {{copy}} > {{output}}"
"""


def seconds(shop: Workshop) -> dict[str, float]:
    state = open_state(str(shop.root), "Dataflowfile", is_reader=True)
    try:
        return {key or "total": took for name in ("copy", "total") for key, took in state.seconds(name).items()}
    finally:
        state.close()


@pytest.mark.parametrize("few", [1000, 2, 0])
def test_saved_is_what_the_fresh_took_when_they_last_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Whether their traces are looked up, those of all others, or all."""
    monkeypatch.setattr(savings, "_FEW", few)
    shop = Workshop(tmp_path / "p", FLOW)
    shop.days("data", "01-01", "01-02", "01-03", "01-04", "01-05", text="a\n")
    first = shop.build().summary
    assert (first.saved_seconds, first.spared) == (0.0, 0)
    assert len(first.slowest) == 3
    assert [took for _, _, took in first.slowest] == sorted((took for _, _, took in first.slowest), reverse=True)
    before = seconds(shop)
    shop.write("data/2013-01-02.txt", "another line that begins alike\n")
    second = shop.build().summary
    assert (second.built, second.fresh, second.spared) == (1, 5, 1)
    fresh = sum(took for key, took in before.items() if key != "2013-01-02")
    assert second.saved_seconds == pytest.approx(fresh)
    shop.write("data/2013-01-03.txt", "b\n")
    before = seconds(shop)
    third = shop.build("copy@2013-01-01..2013-01-03").summary
    assert (third.built, third.fresh) == (1, 2)
    assert third.saved_seconds == pytest.approx(before["2013-01-01"] + before["2013-01-02"])
    assert shop.build("copy").summary.saved_seconds is None  # nothing ran, and nobody looked


def test_of_few_that_run_their_own_traces_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path / "p", FLOW)
    shop.days("data", "01-01", "01-02", "01-03", "01-04", "01-05", text="a\n")
    shop.build()
    shop.write("data/2013-01-02.txt", "b\n")
    asked: list[str] = []
    look_up = State.seconds_at

    def hear(state: State, target: str, keys: list[str]) -> list[float]:
        asked.extend(keys)
        return look_up(state, target, keys)

    monkeypatch.setattr(State, "seconds_at", hear)
    assert shop.build().summary.fresh == 4
    assert asked == ["2013-01-02"]
