"""Who stands behind a run: the author of the commit that is built, or the user where there is none."""

from __future__ import annotations

import getpass
import os
import socket

from dbuild.core.graph import Flow
from dbuild.observe.git import compare_with_commit, head_of
from dbuild.state.ledger import Maker


def user() -> str:
    """The name of the user who runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return f"user {os.getuid()}"


def find_maker(flow: Flow) -> Maker:
    """Who wrote what this project is made of, as far as git knows all of it; else who runs it, and where."""
    files = code_files(flow)
    kept = compare_with_commit(flow.project.root, files)
    head = head_of(flow.project.root) if kept else None
    if head is None:
        return Maker(f"{user()}@{socket.gethostname()}")
    return Maker(head.author, head.id, len(kept) < len(files) or not all(kept.values()))


def code_files(flow: Flow) -> tuple[str, ...]:
    """The files of a project that say what is built and how, those inside it, relative to its folder."""
    used = (path for step in flow.steps.values() for path in (*step.target.uses, *step.analysis.files))
    files = dict.fromkeys((*flow.project.files, *used))
    return tuple(path for path in files if not os.path.isabs(path) and not path.startswith(".."))
