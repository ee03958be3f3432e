"""The story of examples/pricing, played against a watch that runs: each arrival repairs what it touches."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.build.test_pricing import EARLY, EXAMPLE, STEPS, SUMS
from tests.cli.sandbox import Sandbox
from tests.watch.watched import name_of, until_idle, watching


def arrive(project: Sandbox, moment: str) -> None:
    shutil.copytree(EXAMPLE / "arrivals" / moment, project.root / "data", dirs_exist_ok=True)
    project.write("now", f"{moment}:00\n")


def shop(root: Path) -> Sandbox:
    made = Sandbox(root)
    for name in ("Dataflowfile", "report.py"):
        made.write(name, (EXAMPLE / name).read_text())
    return made


def outputs(project: Sandbox) -> dict[str, str]:
    out = project.root / "out"
    return {str(path.relative_to(out)): path.read_text() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_each_arrival_repairs_what_it_touches(tmp_path: Path) -> None:
    project = shop(tmp_path / "pricing")
    first, *moments = STEPS
    arrive(project, first)
    with watching(project, DBUILD_NOW=f"@{project.root / 'now'}") as watched:
        for moment in moments:
            until_idle(project)
            # While it is stopped, all of an arrival comes at once, with the clock: exactly one build sees it.
            watched.process.send_signal(signal.SIGSTOP)
            arrive(project, moment)
            watched.process.send_signal(signal.SIGCONT)
            start = len(watched.said)
            watched.until("summary")
            ran = [name_of(record) for record in watched.said[start:] if record["event"] == "task"]
            wanted = [part.replace("@", "@2024-01-") for part in STEPS[moment].split()]
            assert sorted(ran) == sorted([*wanted, *(SUMS if moment != EARLY else SUMS[1:])]), moment
        until_idle(project)
        assert watched.stop() == 0
        assert not [record for record in watched.rest() if record["event"] == "task"]
    clean = shop(tmp_path / "clean")
    for moment in STEPS:
        arrive(clean, moment)
    assert clean.run(DBUILD_NOW=moment).returncode == 0
    assert outputs(project) == outputs(clean)


def test_a_deadline_that_passes_is_a_reason_to_build(tmp_path: Path) -> None:
    """Nothing comes, and yet there is something to do: what was awaited is missing from six o'clock on."""
    project = shop(tmp_path / "pricing")
    for moment in ("2024-01-04T07", EARLY):
        arrive(project, moment)
    with watching(project, DBUILD_NOW=f"@{project.root / 'now'}") as watched:
        until_idle(project)
        assert [record["missing"] for record in watched.said if record["event"] == "waiting"] == [["prices@2024-01-04"]]
        project.write("now", "2024-01-05T05:59:59\n")
        until_idle(project)
        project.write("now", "2024-01-05T06:00:01\n")
        watched.until("summary")
        assert watched.until("provisional")["stand_ins"] == ["prices@2024-01-03"]
    built = [name_of(record) for record in watched.said if record["event"] == "task"]
    assert built.count("valuation@2024-01-04") == 1
