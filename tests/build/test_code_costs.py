"""How often the files of Python code are read and parsed: once where it has to be, and not at all to do nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.build.workshop import Workshop

MODULES = 12
# Says of a command which Python files of the project it opened, and how many texts it parsed.
LISTENER = """
import json, os, sys
root, told = os.getcwd(), {"opened": [], "parsed": 0}
def hear(event, given):
    if event == "open" and isinstance(given[0], str) and given[0].endswith(".py"):
        path = os.path.abspath(given[0])
        if path.startswith(root + os.sep):
            told["opened"].append(os.path.relpath(path, root))
    if event == "compile" and given[1] == "<unknown>":
        told["parsed"] += 1
sys.addaudithook(hear)
sys.argv = ["dbuild", *sys.argv[1:]]
from dbuild.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    sys.stderr.write("\\n" + json.dumps(told))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """Six targets over twelve modules, of which each imports the one before."""
    flow = "".join(
        f'[targets.t{number}]\npath = "out/{number}.txt"\npython = "steps.part{number}:make"\n'
        for number in range(MODULES - 6, MODULES)
    )
    made = Workshop(tmp_path / "shop", flow)
    for number in range(MODULES):
        before = f"from steps import part{number - 1} as before" if number else "before = None"
        made.write(f"steps/part{number}.py", f"{before}\nX = {number}\ndef make(output): output.write_text(str(X))\n")
    made.write("steps/__init__.py", "")
    return made


def heard(shop: Workshop, *words: str) -> tuple[dict[str, int], int]:
    """How often a command opens each file, and how many texts it parses."""
    done = subprocess.run(
        [sys.executable, "-c", LISTENER, *words],
        cwd=shop.root,
        env=shop.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stderr.splitlines()[-1])
    return dict(Counter(told["opened"])), told["parsed"]


def test_each_module_is_read_and_parsed_once(shop: Workshop) -> None:
    files = [*(f"steps/part{number}.py" for number in range(MODULES)), "steps/__init__.py"]
    assert heard(shop, "lint") == (dict.fromkeys(files, 1), len(files))
    opened, parsed = heard(shop)
    assert set(opened) == set(files) and parsed == len(files)
    assert max(opened.values()) <= 3  # to be analysed, to be digested by the survey, to be kept as a text


def test_what_is_known_of_code_is_not_found_again(shop: Workshop) -> None:
    shop.build()
    shop.build()  # the folder of the outputs could be a package: what was found is looked at again
    for words in (("plan",), ("status",), ("lint",), ("build",)):
        opened, parsed = heard(shop, *words)
        assert set(opened.values()) <= {1} and parsed == 0, words
    shop.swap("steps/part11.py", "X = 11", "X = 12")  # one target has it
    opened, parsed = heard(shop, "lint")
    assert set(opened.values()) == {1} and parsed == MODULES + 1


def test_to_do_nothing_no_code_is_read(shop: Workshop) -> None:
    shop.build()
    for _ in range(4):  # the first ones look again at what was too young, the others leave an answer
        assert shop.build().ran == []
    assert heard(shop) == ({}, 0)
