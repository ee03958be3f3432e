"""By what names failures go: what `retry_on` can name."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from dbuild.errors import Place, RecipeError
from tests.execute.crews import crew


@pytest.mark.parametrize(
    ("text", "causes"),
    [("exit 75", ("exit 75",)), ("kill -SEGV $$", ("killed", "signal SIGSEGV")), ("true", ())],
)
def test_of_a_command(tmp_path: Path, text: str, causes: tuple[str, ...]) -> None:
    with crew(tmp_path) as made:
        assert made.run(made.shell(text)).causes == causes


@pytest.mark.parametrize(
    ("body", "causes"),
    [
        ("raise TimeoutError('late')", ("TimeoutError", "OSError", "Exception")),
        (
            "import json\njson.loads('{')",
            ("JSONDecodeError", "json.decoder.JSONDecodeError", "ValueError", "Exception"),
        ),
        ("import sys\nsys.exit(75)", ("SystemExit", "exit 75")),
        ("import os\nos._exit(3)", ("killed", "exit 3")),
    ],
)
def test_of_a_function(tmp_path: Path, body: str, causes: tuple[str, ...]) -> None:
    with crew(tmp_path) as made:
        assert made.run(made.python(body)).causes == causes


def test_of_a_query(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        assert "ConversionException" in made.run(made.sql("SELECT 'x'::INTEGER AS n", "a.csv")).causes


def test_they_are_sent_between_processes() -> None:
    error = RecipeError("what", Place("file", 3), "hint", ("exit 75",))
    again = pickle.loads(pickle.dumps(error))
    assert (again.what, again.place, again.hint, again.causes) == ("what", Place("file", 3), "hint", ("exit 75",))
    assert RecipeError("what").causes == ()


def test_a_variable_that_is_read_too_early_has_a_hint(tmp_path: Path) -> None:
    with crew(tmp_path) as made:
        task = made.python("pass", env=(("MODE", "fast"),))
        source = tmp_path / "recipe1.py"
        source.write_text("import os\nMODE = os.environ['MODE']\n" + source.read_text())
        result = made.run(task)
    assert result.error is not None
    assert "MODE is set while the function runs" in result.error
