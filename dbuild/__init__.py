"""dbuild: make for data."""

from typing import TYPE_CHECKING

__version__ = "0.2.0"
__all__ = ["Key", "__version__"]

if TYPE_CHECKING:
    from dbuild.recipes.keys import Key


def __getattr__(name: str) -> object:
    """`dbuild.Key` is loaded when it is asked for, so that importing dbuild costs nothing."""
    if name == "Key":
        from dbuild.recipes.keys import Key

        return Key
    raise AttributeError(f"module 'dbuild' has no attribute {name!r}")
