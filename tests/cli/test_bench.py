"""The benchmark command: that it goes through, on the smallest of workloads. What it measures is no matter here."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench import rounds
from tests.bench.__main__ import main
from tests.bench.measuring import Measure
from tests.bench.table import BEGIN, END

ROOT = Path(__file__).parents[2]


def test_a_workload_goes_through_the_phases_and_into_a_page(tmp_path: Path) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    kept = "### hash\n\nlately\n"
    page.write_text(f"Before.\n\n{BEGIN}\n\n### graph: 3 × 2\n\nlong ago\n\n{kept}\n{END}\n\nAfter.\n")
    words = ["graph=3x2", "--runs=1", "--tools=dbuild,plain loop", "--phases=cold,one changed,one recipe changed"]
    places = [f"--folder={tmp_path}", f"--write={page}", f"--json={figures}"]
    subprocess.run([sys.executable, "-m", "tests.bench", *words, *places], cwd=ROOT, check=True, capture_output=True)
    cells = json.loads(figures.read_text())["graph: 3 × 2"]["cells"]
    assert [(cell["tool"], cell["phase"], cell["outcome"]) for cell in cells if cell["runs"]] == [
        ("dbuild", "cold", "ok"),
        ("dbuild", "one changed", "ok"),
        ("dbuild", "one recipe changed", "ok"),
        ("plain loop", "cold", "ok"),
    ]
    text = page.read_text()
    assert text.startswith(f"Before.\n\n{BEGIN}\n\n### graph: 3 × 2\n")
    assert text.endswith(f" |\n\n{kept}\n{END}\n\nAfter.\n")
    assert "| plain loop |" in text
    assert "long ago" not in text
    assert {path.name for path in tmp_path.iterdir()} == {"page.md", "figures.json"}


def test_hashing_is_measured_alone(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    words = ["hash=1,3", "--runs=1", "--tools=dbuild", f"--folder={tmp_path}", f"--json={figures}"]
    subprocess.run([sys.executable, "-m", "tests.bench", *words], cwd=ROOT, check=True, capture_output=True)
    cells = json.loads(figures.read_text())["hash"]["cells"]
    assert [(cell["phase"], cell["outcome"]) for cell in cells if cell["tool"] == "dbuild"] == [
        ("one file of 1 MiB", "ok"),
        ("3 files of 4 KiB", "ok"),
    ]


def test_what_was_too_slow_for_a_small_workload_is_not_tried_with_a_larger_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "figures.json"
    words = ["wide=2,2000", "--runs=1", "--tools=dbuild,plain loop", "--phases=cold", "--limit=40", f"--json={figures}"]
    real = rounds.measure

    def measured(command: Sequence[str], *given: Any) -> Measure:
        return replace(real(command, *given), wall=0.01 if "loop.py" in command else 1.0)

    monkeypatch.setattr(rounds, "measure", measured)
    monkeypatch.setattr(sys, "argv", ["bench", *words, f"--folder={tmp_path}"])
    main()
    told = json.loads(figures.read_text())
    found = {cell["tool"]: (cell["outcome"], len(cell["runs"])) for cell in told["wide: 2,000"]["cells"]}
    assert found == {"dbuild": ("limit", 0), "plain loop": ("ok", 1)}
    assert "| dbuild | > 40 s |" in capsys.readouterr().out
