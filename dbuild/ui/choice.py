"""Which screen the events of a build go to."""

from __future__ import annotations

import sys

from dbuild.ui.plain import PlainSink
from dbuild.ui.sinks import Sink
from dbuild.ui.stream import is_screen


def sink(json: bool, quiet: bool, verbose: bool, events: int | None = None) -> Sink:
    """JSON lines if asked for; a live screen where standard error is one; else plain lines.

    With `events`, the descriptor of a watch that hears of everything, what it says itself is left out.
    """
    if events is not None:
        from dbuild.ui.watched import WatchedSink

        return WatchedSink(sink(json, quiet, verbose), events)
    if json:
        from dbuild.ui.json import JsonSink

        return JsonSink(is_quiet=quiet, is_verbose=verbose)
    if quiet or not is_screen(sys.stderr):
        return PlainSink(is_quiet=quiet, is_verbose=verbose)
    from dbuild.ui.terminal import TerminalSink

    return TerminalSink(is_verbose=verbose)
