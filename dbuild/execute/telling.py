"""A worker's end of the pipe that tells what its recipes open."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dbuild.execute.audit import AuditHook
from dbuild.execute.witness import boundary, spelt


class Telling:
    """Says where tasks begin and end; with "hook:7" in place of "strace:7" also what they open."""

    def __init__(self, word: str) -> None:
        who, _, number = word.partition(":")
        self._descriptor = int(number)
        os.set_inheritable(self._descriptor, False)
        self._hook = AuditHook(self._descriptor) if who == "hook" else None

    @contextmanager
    def of(self, number: int) -> Iterator[None]:
        """What is opened meanwhile is of the task with that number."""
        os.write(self._descriptor, boundary("begin", number))
        if self._hook is not None:
            self._hook.begin()
        try:
            yield
        finally:
            if self._hook is not None:
                self._hook.is_listening = False
            self._tell_imported()
            os.write(self._descriptor, boundary("end", number))

    def _tell_imported(self) -> None:
        """Modules of the project, which may come from the code of the run: then no file of theirs was opened."""
        imports = sys.modules.get("dbuild.recipes.imports")
        if imports is not None:
            for file in imports.imported_files():
                os.write(self._descriptor, spelt("read", os.path.realpath(file)))
