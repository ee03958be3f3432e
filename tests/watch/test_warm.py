"""Other commands beside a running watch: they look only at what it names, and are never told wrong."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pytest

from dbuild.build import Settings, build
from dbuild.observe import listing, vouching
from tests.cli.sandbox import Sandbox
from tests.watch.watched import until_idle, watching

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux")
FLOW = """
[partitions.name]
discover = "raw"
[sources.raw]
path = "data/{name}/*.csv"
[sources.rest]
path = "rest/*/*.txt"
[targets.copy]
path = "out/copy/{name}.csv"
shell = "cat {raw} > {output}"
[targets.total]
path = "out/total.csv"
shell = "cat {copy} {rest} > {output}"
"""


@pytest.fixture
def project(tmp_path: Path) -> Sandbox:
    made = Sandbox(tmp_path / "project")
    made.write("Dataflowfile", FLOW)
    for name in "abc":
        for number in range(3):
            made.write(f"data/{name}/{number}.csv", f"{name} {number}\n")
    made.write("rest/first/0.txt", "rest\n")
    return made


def expected(project: Sandbox) -> str:
    """What the total comes to, by looking at the files without dbuild."""
    folders = sorted(path for path in (project.root / "data").iterdir() if any(path.glob("*.csv")))
    copies = ["".join(file.read_text() for file in sorted(folder.glob("*.csv"))) for folder in folders]
    return "".join([*copies, *(file.read_text() for file in sorted((project.root / "rest").glob("*/*.txt")))])


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that this process lists as a whole."""
    found: list[str] = []
    known = listing.list_slowly

    def noted(tree: listing.Tree) -> bytes:
        found.append(os.path.basename(tree.path))
        return known(tree)

    monkeypatch.setattr(listing, "list_slowly", noted)
    return found


def test_folders_are_not_listed_where_a_watch_vouches_for_them(project: Sandbox, listed: list[str]) -> None:
    settings = Settings(str(project.root))
    with watching(project):
        until_idle(project)
        for _ in range(2):  # the first asks for listings that the watch's own builds may not have told of
            listed.clear()
            assert build(settings, [], emit=lambda event: None).built == 0
        assert listed == []
    listed.clear()
    assert build(settings, [], emit=lambda event: None).built == 0
    assert sorted(listed) == ["copy", "data", "rest"]


def test_random_changes_are_never_missed(project: Sandbox, tmp_path: Path, listed: list[str]) -> None:
    """A watch that is kept from building answers another's builds; a look without it is the judge."""
    draw = random.Random(11)
    settings = Settings(str(project.root))
    with watching(project, "--once-per", "10h") as watched:
        outside = tmp_path / "outside.csv"
        outside.write_text("outside\n")
        for step in range(60):
            for _ in range(draw.randint(1, 3)):
                change(project.root, outside, draw, step)
            done = build(settings, [], emit=lambda event: None)
            assert not done.failed, step
            assert project.read("out/total.csv") == expected(project), step
        assert watched.process.poll() is None
    assert len(listed) < 60 * 3  # mostly it wasn't needed


def change(root: Path, outside: Path, draw: random.Random, step: int) -> None:
    """One thing that people and programs do to files."""
    data = root / "data"
    folders = sorted(path for path in data.iterdir() if path.is_dir() and not path.is_symlink())
    files = sorted(data.glob("*/*.csv"))
    match draw.randrange(12):
        case 0 | 1:
            (draw.choice(folders) / f"{draw.randrange(6)}.csv").write_text(f"new {step}\n")
        case 2 if len(files) > 4:
            draw.choice(files).unlink()
        case 3:
            with draw.choice(files).open("a") as file:
                file.write(f"more {step}\n")
        case 4:
            os.utime(draw.choice(files))
        case 5:
            (data / f"n{step}").mkdir(exist_ok=True)
            (data / f"n{step}" / "x.csv").write_text(f"folder {step}\n")
        case 6 if len(folders) > 2:
            shutil.rmtree(draw.choice(folders))
        case 7:
            chosen = draw.choice(folders)
            chosen.rename(chosen.with_name(f"r{step}"))
        case 8:
            made = root / f"made{step}"
            made.mkdir()
            (made / "y.csv").write_text(f"moved in {step}\n")
            made.rename(data / f"m{step}")
        case 9:
            os.link(outside, draw.choice(folders) / f"l{step}.csv")
            outside.write_text(f"outside {step}\n")
        case 10:
            (root / "rest" / f"d{step}").mkdir()
            (root / "rest" / f"d{step}" / "z.txt").write_text(f"deep {step}\n")
        case _:
            replaced = draw.choice(files)
            new = replaced.with_suffix(".new")
            new.write_text(f"replaced {step}\n")
            new.replace(replaced)


def test_a_watch_that_is_stuck_is_nobodys_delay(
    project: Sandbox, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked once; how long that may take is tried where watches are asked."""
    ask_first, asked = vouching.ask_first, []
    monkeypatch.setattr(vouching, "ask_first", lambda *given: asked.append(given) or ask_first(*given))
    settings = Settings(str(project.root))
    with watching(project) as watched:
        until_idle(project)
        build(settings, [], emit=lambda event: None)
        watched.process.send_signal(signal.SIGSTOP)
        try:
            project.write("data/a/0.csv", "while it is stuck\n")
            listed.clear()
            asked.clear()
            assert build(settings, [], emit=lambda event: None).built == 2
            assert len(asked) == 1
            assert "data" in listed
        finally:
            watched.process.send_signal(signal.SIGCONT)
    assert project.read("out/total.csv") == expected(project)
