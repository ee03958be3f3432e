"""The pictures of the documentation are what commands show of a project with a past.

DBUILD_KEEP_SCREENS=1 writes them anew; look at each (in a browser) before it is committed.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from dbuild.core.events import Beat, Key, RunStarted, Summary, TaskEnded, TaskSkipped, TaskStarted
from dbuild.ui.live import Size
from dbuild.ui.picture import picture
from dbuild.ui.progress import Progress
from dbuild.ui.teller import Teller
from tests.build.workshop import Workshop
from tests.cli.pictures import NOW, correct, image, rows_of, shops
from tests.cli.terminals import Terminal

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images"
COLUMNS = 100
ANEW = "another screen: DBUILD_KEEP_SCREENS=1 pytest tests/cli/test_pictures.py draws it anew; look at it"
# By the name of its file: a command whose whole screen it shows.
SCREENS = {
    "status": "status --graph",
    "late": "late prices",
    "history": "history forecast",
    "stats": "stats",
    "why": "why monthly@2024-04",
    "plan": "plan",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = shops(tmp_path_factory.mktemp("pictures") / "p")
    correct(made)
    return made


def kept(name: str, text: str) -> str:
    """An image as it is kept; written first where that is asked for."""
    path = IMAGES / f"{name}.svg"
    if os.environ.get("DBUILD_KEEP_SCREENS"):
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def screen(made: Workshop, command: str) -> str:
    """What a command writes to a terminal, with its colours."""
    unwanted = ("COLUMNS", "LINES", "PAGER")
    environment = {name: value for name, value in made.environment().items() if name not in unwanted}
    environment |= {"DBUILD_NOW": NOW, "TZ": "UTC", "PAGER": "cat"}
    with Terminal(made.root, environment, *command.split(), columns=COLUMNS, rows=100) as terminal:
        assert terminal.finish() == 0
        return terminal.output.decode()


@pytest.mark.parametrize("name", SCREENS)
def test_a_picture_is_the_screen_of_its_command(shop: Workshop, name: str) -> None:
    text = image(f"dbuild {SCREENS[name]}", screen(shop, SCREENS[name]), COLUMNS)
    assert text == kept(name, text), ANEW


# -- of a build: its clock and what happens are values -------------------------------------------------------------


def _day(value: str) -> Key:
    return (("day", value),)


def _running() -> tuple[Progress, list[str]]:
    """A build of twelve weeks after two minutes: one partition has failed, three take longer."""
    progress, lines = Progress(), []
    teller = Teller(is_quiet=False, is_verbose=False, names_tasks=False, has_summary=True)
    log = ".dbuild/logs/8/priced@2024-05-02.log"
    error, tail = "KeyError: 'salt'", ('  File "recipes.py", line 7, in priced', "    price = prices[item]")
    failed = TaskEnded("priced", _day("2024-05-02"), "failed", True, 4.1, error, tail, log)
    events = [
        (RunStarted("8", 512, 0, 4), 0.0),
        *((TaskSkipped("sales", _day(str(number))), 1.0) for number in range(317)),
        (failed, 40.0),
        (TaskStarted("forecast", (), "", 95.0), 61.0),
        (TaskStarted("trend", _day("2024-05-20"), "", 12.0), 112.0),
        (TaskStarted("sales", _day("2024-05-21"), "", 4.0), 119.5),
        (TaskStarted("monthly", (("month", "2024-04"),), ""), 117.0),
        (Beat(83.0, "about", 6), 119.0),
    ]
    for event, moment in events:
        progress.take(event, moment)
        lines += teller.lines(event)
    return progress, lines


def _ending() -> list[str]:
    slowest = (("forecast", (), 99.2), ("monthly", (("month", "2024-04"),), 41.0), ("trend", _day("2024-05-20"), 12.4))
    counts = {"built": 384, "fresh": 127, "failed": 1, "waiting": 0, "blocked": 0, "restored": 0, "provisional": 6}
    return Teller(is_quiet=False, is_verbose=False, names_tasks=False, has_summary=True).lines(
        Summary("8", **counts, seconds=201.0, slowest=slowest, saved_seconds=5290.0, spared=61)  # type: ignore[arg-type]
    )


def test_the_picture_of_a_build_is_what_a_terminal_shows_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbuild.ui.stream.is_screen", lambda stream: True)
    progress, lines = _running()
    during = [*lines, *(line.text for line in picture(progress, 120.0, Size(COLUMNS, 24)))]
    text = image("dbuild -k", "\n".join(during), COLUMNS)
    assert text == kept("build", text), ANEW
    text = image("dbuild -k", "\n".join([*lines, *_ending()]), COLUMNS)
    assert text == kept("build-end", text), ANEW


# -- all of them ---------------------------------------------------------------------------------------------------


def test_every_picture_is_shown_by_a_page_and_loads_nothing() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {Path(link).name for page in pages for link in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text())}
    assert shown == {path.name for path in IMAGES.iterdir()}
    for path in IMAGES.iterdir():
        text = path.read_text(encoding="utf-8")
        ElementTree.fromstring(text)
        assert not re.search(r"https?://(?!www\.w3\.org)|<script|@import", text)


def test_colours_become_styles() -> None:
    rows = rows_of("\x1b[32m●\x1b[0m \x1b[1ma\x1b[0m b\r\n\x1b[1;31mc\x1b[0m")
    assert [[(piece.text, piece.style) for piece in row] for row in rows] == [
        [("●", "green"), (" ", ""), ("a", "bold"), (" b", "")],
        [("c", "red")],
    ]
