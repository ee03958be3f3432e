"""How much is tried where properties are tested."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", deadline=None, max_examples=40, database=None)
settings.load_profile("core")
