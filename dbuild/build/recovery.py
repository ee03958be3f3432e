"""What a build finds of one that was cut off: intents of what it had finished, and unfinished outputs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from dbuild.build.settings import Settings
from dbuild.build.shortcut import journal_path
from dbuild.build.snapshots import SNAPSHOT
from dbuild.build.survey import Survey
from dbuild.core.events import Event, Notice
from dbuild.core.graph import Flow
from dbuild.errors import UserError
from dbuild.observe.listing import is_temporary
from dbuild.state.store import FOLDER, State


def recover(settings: Settings, state: State, emit: Callable[[Event], None]) -> None:
    """Takes over what a killed build had finished: outputs in place whose content a recorded intent vouches for."""
    path = journal_path(settings)
    try:
        if os.path.getsize(path) == 0:
            return
    except OSError:
        return
    from dbuild.execute.publish import flush, read_intents
    from dbuild.observe.machine import boot_identity

    adopted = []
    for target, key, trace in read_intents(path, boot_identity()):
        try:
            found = [_digest(os.path.join(settings.root, output.path)) for output in trace.outputs]
        except (UserError, OSError):
            continue
        if found == [output.digest for output in trace.outputs]:
            adopted.append((target, key, trace))
    if adopted:
        flush([os.path.join(settings.root, output.path) for _, _, trace in adopted for output in trace.outputs])
        with state.transaction():
            state.put_traces(adopted)
        emit(Notice(f"a build was cut off: {len(adopted)} partitions that it had finished are kept", "info"))
    os.truncate(path, 0)


def _digest(path: str) -> bytes:
    """The digest of an output, a file or a folder (whose path ends with a slash). Raises UserError, OSError."""
    from dbuild.observe.digests import hash_file, hash_folder

    return hash_folder(path)[0] if path.endswith("/") else hash_file(path)[0]


def sweep(settings: Settings, state: State, flow: Flow, survey: Survey) -> None:
    """Removes the unfinished outputs that are in the listed folders, and after a run that was cut off all others."""
    left = survey.temporaries()
    was_cut_off = state.has_cut_off()
    if was_cut_off:
        # What stands alone isn't found by listings: one look into the folders around it, and not again.
        places = [one for name in flow.steps for one in survey.locations[name]]
        single = [one.pattern.path(()) for one in places if not one.pattern.dimensions]
        for folder in {os.path.dirname(os.path.join(settings.root, path.rstrip("/"))) for path in single}:
            left.extend(path for path in _files(folder) if is_temporary(os.path.basename(path)))
        # Folders without a file, which listings don't show either.
        for root, depth in {(one.root, one.pattern.depth) for one in places if one.pattern.dimensions}:
            left.extend(_temporary_folders(os.path.join(settings.root, root), depth))
        left.extend(path for path in _files(os.path.join(settings.root, FOLDER, "logs")) if path.endswith(".tmp"))
        own = os.path.join(settings.root, FOLDER)
        left.extend(path for path in _files(own) if os.path.basename(path).startswith(SNAPSHOT))
    if left:
        from dbuild.execute.publish import discard

        for path in left:
            discard(path)
    if was_cut_off:
        with state.transaction():
            state.doubt_listings({one.root for one in places})
            state.end_cut_off()


def _temporary_folders(root: str, depth: int) -> Iterator[str]:
    """Those in a folder, as many levels deep as outputs lie there."""
    for folder, names, _ in os.walk(root):
        found = [name for name in names if is_temporary(name)]
        is_deepest = folder.removeprefix(root).count("/") + 1 >= depth
        names[:] = [] if is_deepest else [name for name in names if name not in found]
        yield from (os.path.join(folder, name) for name in found)


def _files(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []
