"""What is edited while a build runs counts for the next one: its Python code is what it was at the beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.build.workshop import Workshop

# `first` runs before `second` and changes files; `second` imports what it needs only when it runs.
FLOW = """
[targets.first]
path = "out/first.txt"
shell = "sh change.sh; echo 1 > {output}"
uses = []
[targets.second]
path = "out/second.txt"
python = "recipes:make"
inputs = ["first"]
"""
MAKE = """
def make(first, output):
    from late import value
    output.write_text(value())
"""
LATE = "def value():\n    return 'old'\n"


def shop_of(tmp_path: Path, change: str, late: str = LATE, make: str = MAKE, **files: str) -> Workshop:
    """A project of which a recipe changes something, once, while it is built."""
    once = f"[ -e once ] || {{ touch once; {change}; }}\n"
    more = {name.replace("_S_", "/"): text for name, text in files.items()}
    return Workshop(tmp_path / "shop", FLOW, **{"change.sh": once, "recipes.py": make, "late.py": late, **more})


def test_a_module_that_is_imported_late_is_as_it_was(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "sed -i.bak s/old/new/ late.py")
    assert shop.build(jobs=1).errors == {}
    assert (shop.read("out/second.txt"), "new" in shop.read("late.py")) == ("old", True)
    assert shop.build().ran == ["second"]
    assert shop.read("out/second.txt") == "new"
    assert shop.build().ran == []
    assert [path.name for path in shop.path(".dbuild").glob("code.*")] == []


@pytest.mark.parametrize(
    "change", ["rm late.py", "echo 'x = = 1' > late.py", "mkdir late; echo 'value = str' > late/__init__.py"]
)
def test_a_module_that_goes_or_breaks_serves_to_the_end(tmp_path: Path, change: str) -> None:
    shop = shop_of(tmp_path, change)
    assert shop.build(jobs=1).errors == {}
    assert shop.read("out/second.txt") == "old"


def test_a_package_that_is_moved_away_serves_to_the_end(tmp_path: Path) -> None:
    make = MAKE.replace("late import", "pack.inner.late import")
    shop = shop_of(tmp_path, "mv pack other", make=make, **{"pack/inner/late.py": LATE})
    assert shop.build(jobs=1).errors == {}
    assert shop.read("out/second.txt") == "old"
    assert "No module named 'pack'" in shop.build(force=True, keep_going=True).errors["second"]


def test_tracebacks_and_inspect_show_what_ran(tmp_path: Path) -> None:
    late = "import inspect\ndef value():\n    text = inspect.getsource(value)\n    raise ValueError(text)  # told\n"
    shop = shop_of(tmp_path, "printf '# one\\n# two\\ndef value():\\n    return 3\\n' > late.py", late)
    error = shop.build(jobs=1, keep_going=True).errors["second"]
    assert 'File "late.py", line 4, in value\n    raise ValueError(text)  # told' in error
    assert "ValueError: def value():\n    text = inspect" in error


def test_bytecode_of_another_time_is_not_taken_nor_left(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "sed -i.bak s/old/new/ late.py")
    shop.build(jobs=1)
    assert list(shop.root.rglob("__pycache__")) == []


def test_a_module_that_comes_to_stand_before_another_is_noticed(tmp_path: Path) -> None:
    make = "def make(first, output):\n    import colorsys\n    output.write_text(str(colorsys.ONE_THIRD))\n"
    shop = shop_of(tmp_path, "echo 'ONE_THIRD = 3' > colorsys.py", make=make)
    error = shop.build(jobs=1, keep_going=True).errors["second"]
    assert "the code of recipes:make changed while the build ran" in error
    assert shop.build().ran == ["second"]
    assert shop.read("out/second.txt") == "3"


def test_a_folder_that_code_puts_on_the_path_is_code_too(tmp_path: Path) -> None:
    make = "import sys\nsys.path.insert(0, 'hidden')\n" + MAKE.replace("late", "kept")
    shop = shop_of(tmp_path, "sed -i.bak s/old/new/ hidden/kept.py", make=make, **{"hidden/kept.py": LATE})
    assert shop.build(jobs=1).errors == {}
    assert shop.read("out/second.txt") == "old"
    assert shop.build().ran == ["second"]
    assert shop.read("out/second.txt") == "new"
    assert shop.build().ran == []


def test_what_no_closure_knows_comes_from_the_files(tmp_path: Path) -> None:
    make = "import sys\nsys.path.insert(0, '../elsewhere')\n" + MAKE.replace("late", "kept")
    shop = shop_of(tmp_path, "true", make=make, **{"../elsewhere/kept.py": LATE})
    assert shop.build(jobs=1).errors == {}
    assert shop.read("out/second.txt") == "old"


def test_files_that_are_used_cannot_be_kept_as_they_were(tmp_path: Path) -> None:
    flow = FLOW.replace('inputs = ["first"]', 'inputs = ["first"]\nuses = ["limits.txt"]')
    make = "def make(first, output):\n    open('limits.txt', 'a').write('more')\n    output.write_text('x')\n"
    shop = Workshop(tmp_path / "shop", flow, **{"change.sh": "true", "recipes.py": make, "limits.txt": ""})
    error = shop.build(jobs=1, keep_going=True).errors["second"]
    assert "limits.txt changed while the recipe ran" in error


def test_statements_and_macros_are_of_the_beginning_too(tmp_path: Path) -> None:
    flow = """
[project]
macros = ["macros.sql"]
[targets.first]
path = "out/first.csv"
shell = "sed -i.bak s/old/new/ macros.sql q.sql; printf 'v\\\\n1\\\\n' > {output}"
[targets.second]
path = "out/second.csv"
sql = "q.sql"
"""
    shop = Workshop(tmp_path / "shop", flow)
    shop.write("macros.sql", "CREATE MACRO said(x) AS 'old';")
    shop.write("q.sql", "SELECT said(v) AS a, 'old' AS b FROM first")
    assert shop.build(jobs=1).errors == {}
    assert shop.read("out/second.csv") == "a,b\nold,old\n"
    assert shop.build(jobs=1).ran == ["second"]
    assert shop.read("out/second.csv") == "a,b\nnew,new\n"
    assert shop.build().ran == []


@pytest.mark.usefixtures("real_processes")  # it is the build that starts the worker
def test_what_a_killed_build_leaves_of_it_is_swept(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, "true", make="import os\ndef make(first):\n    os.kill(os.getppid(), 9)\n")
    assert shop.run("--jobs", "1").returncode == -9
    assert len(list(shop.path(".dbuild").glob("code.*"))) == 1
    shop.write("recipes.py", "def make(first, output):\n    output.write_text('x')\n")
    assert shop.build().ran == ["second"]
    assert list(shop.path(".dbuild").glob("code.*")) == []
