"""--trace and --sandbox on the command line: what is said, how much of it, and how the command ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dbuild.core.events import Touched, Traced
from dbuild.ui.undeclared import traced_lines
from tests.build.test_undeclared import needs_landlock, needs_strace
from tests.cli.sandbox import Sandbox

READS = 'warning: total reads config.yml, which it doesn\'t declare: uses = ["config.yml"]'


@pytest.fixture
def careless(sandbox: Sandbox) -> Sandbox:
    """A project with a target that reads a file that nothing declares."""
    text = sandbox.read("Dataflowfile").replace("cat {copy} > {output}", "cat {copy} config.yml > {output}")
    sandbox.write("Dataflowfile", text)
    sandbox.write("config.yml", "a: 1\n")
    return sandbox


@needs_strace
def test_it_is_told_at_the_end_and_is_no_failure(careless: Sandbox) -> None:
    done = careless.run("--trace", "total")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-2:-1] == [READS]
    assert done.stderr.splitlines()[-1].startswith("4 built, 0 fresh in ")
    done = careless.run("-B", "--trace", "copy")
    assert "traced 3 tasks: nothing opened that isn't declared" in done.stderr.splitlines()
    assert READS not in careless.run("-qB", "--trace", "total").stderr


@needs_strace
def test_strict_ends_with_3(careless: Sandbox) -> None:
    assert careless.run("--trace", "--strict", "total").returncode == 3
    assert careless.run("--trace", "--strict", "total").returncode == 0  # nothing ran
    assert careless.run("-B", "--trace", "--strict", "copy").returncode == 0


@needs_strace
def test_json(careless: Sandbox) -> None:
    *_, found, summary = careless.json("--trace", "total")
    assert found == {
        "event": "undeclared",
        "target": "total",
        "what": "read",
        "path": "config.yml",
        "partitions": 1,
        "hint": 'uses = ["config.yml"]',
    }
    assert summary["undeclared"] == 1


@needs_landlock
def test_the_sandbox_says_what_it_refused(careless: Sandbox) -> None:
    done = careless.run("--sandbox", "total")
    assert done.returncode == 1
    assert "\n".join(done.stderr.splitlines()[-6:-1]) == (
        "failed total (TIME); its output is in .dbuild/logs/1/total.log\n"
        "  | cat: config.yml: Permission denied\n"
        "  exited with status 1\n"
        "  the sandbox didn't let it open config.yml, which isn't declared\n"
        '    hint: uses = ["config.yml"]'
    ).replace("TIME", done.stderr.partition("failed total (")[2].partition(")")[0])
    assert not (careless.root / "out/total.txt").exists()


def test_long_lists_are_cut() -> None:
    many = tuple(Touched("x", "read", f"{n}\x1b.txt", n, "uses = […]") for n in range(1, 31))
    unread = Touched("y", "unread", "a", 2, "…")
    lines = traced_lines(Traced((*many, unread), 5, 7))
    assert len(lines) == 8
    assert lines[1].endswith("x reads 2\\x1b.txt, which it doesn't declare (2 partitions): uses = […]")
    assert lines[5] == "  and 25 files more of x (-v lists them)"
    assert lines[6].endswith('y never opens its input "a" (2 partitions): …')
    assert lines[7] == "and 7 files more, too many to be listed"
    assert len(traced_lines(Traced((*many, unread), 5, 0), is_verbose=True)) == 31
    wide = Traced(tuple(Touched(f"x{n}", "write", "a", 1, "…") for n in range(12)), 5, 0)
    assert len(traced_lines(wide)) == 11
    assert traced_lines(wide)[-1] == "and files of 2 targets more (-v lists them)"
    assert traced_lines(Traced((), 0, 0)) == []


@needs_strace
@needs_landlock
def test_the_page_s_example_says_what_it_says(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/undeclared.md").read_text()
    blocks = dict(re.findall(r"```(toml|sh|console)\n(.*?)```", page, re.DOTALL))
    shop = Sandbox(tmp_path / "shop")
    files = {"Dataflowfile": blocks["toml"], "price.sh": blocks["sh"], "rates.conf": "rate=2\n", "items.csv": "a\n"}
    for path, text in (files | {"data/2024-01-01.csv": "1\n", "data/2024-01-02.csv": "2\n"}).items():
        shop.write(path, text)
    shown = [line for line in blocks["console"].splitlines() if not line.startswith(("$", "built"))]
    said = [
        *shop.run("--trace").stderr.splitlines(),
        *shop.run("-B", "--sandbox", "invoices@2024-01-01").stderr.splitlines(),
    ]
    said = [line for line in said if not line.startswith("built")]
    assert [re.sub(r"[\d.]+s", "", line) for line in said] == [re.sub(r"[\d.]+s", "", line) for line in shown]
