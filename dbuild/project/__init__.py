"""A Dataflowfile and what it includes -> core.model.Project, each thing with its line. Observes nothing else."""

from __future__ import annotations

from dbuild.project.keys import AcceptedKey, accepted_keys
from dbuild.project.loader import load_project, read_texts

__all__ = ["AcceptedKey", "accepted_keys", "load_project", "read_texts", "schema_text"]


def schema_text() -> str:
    """The JSON Schema of a Dataflowfile, as dbuild.project.schema made it when it was kept."""
    import os

    with open(os.path.join(os.path.dirname(__file__), "dataflowfile.schema.json"), encoding="utf-8") as stream:
        return stream.read()
