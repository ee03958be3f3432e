"""DuckDB's errors as errors of a recipe: what it says, the causes that retries go by, and what helps."""

from __future__ import annotations

from dbuild.errors import Place, RecipeError
from dbuild.recipes.sqltext import message
from dbuild.recipes.tracebacks import causes_of

MEMORY_HINT = 'let the target have more: needs = { memory = "4GB" }'


def failure(error: Exception, place: Place | None = None, lead: str = "") -> RecipeError:
    """What an error of DuckDB or of a file says, after `lead`; a lack of memory is a cause of its own, with a hint."""
    causes = causes_of(error)
    if type(error).__name__ == "OutOfMemoryException":
        return RecipeError(lead + message(error), place, MEMORY_HINT, (*causes, "memory"))
    return RecipeError(lead + message(error), place, causes=causes)
