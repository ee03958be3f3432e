"""The small project of the command line's tests."""

from tests.cli.conftest import sandbox

__all__ = ["sandbox"]
