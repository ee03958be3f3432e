"""DuckDB's errors as errors of a recipe: what it says, the causes that retries go by, and what helps."""

from __future__ import annotations

from dbuild.errors import Place, RecipeError
from dbuild.recipes.causes import causes_of
from dbuild.recipes.sqltext import message

MEMORY_HINT = 'let the target have more: needs = { memory = "4GB" }'


def failure(error: Exception, place: Place | None = None, lead: str = "") -> RecipeError:
    """What an error of DuckDB or of a file says, after `lead`; a lack of memory is a cause of its own, with a hint."""
    original = _original(error)
    causes = causes_of(original)
    if type(original).__name__ == "OutOfMemoryException":
        return RecipeError(lead + message(error), place, MEMORY_HINT, (*causes, "memory"))
    return RecipeError(lead + message(error), place, causes=causes)


def _original(error: Exception) -> Exception:
    """DuckDB's error inside one of Arrow's: rows that come in a stream fail with an OSError of its words."""
    if not isinstance(error, OSError):
        return error
    import duckdb

    name = str(error).partition(" Error: ")[0].replace(" ", "").lower() + "exception"
    kinds = {known.lower(): kind for known, kind in vars(duckdb).items() if known.endswith("Exception")}
    found: Exception = kinds[name](str(error)) if name in kinds else error
    return found
