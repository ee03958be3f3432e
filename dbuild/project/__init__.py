"""A Dataflowfile and what it includes -> core.model.Project, each thing with its line. Observes nothing else."""

from __future__ import annotations

from dbuild.project.keys import AcceptedKey, accepted_keys
from dbuild.project.loader import load_project

__all__ = ["AcceptedKey", "accepted_keys", "load_project"]
