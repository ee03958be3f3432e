"""Packages that seem to be installed: a folder of the import path, for this process and for the workers."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "site-packages"
        self.folder.mkdir(parents=True)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has this process, and what it starts, import from it."""
        monkeypatch.setattr(sys, "path", [*sys.path, str(self.folder)])
        monkeypatch.setenv("PYTHONPATH", str(self.folder))

    def install(self, name: str, version: str, *requires: str, module: str = "", editable: bool = False) -> None:
        """Installs a package of one module, in place of another version of it."""
        self.remove(name)
        module = module or name.replace("-", "_")
        (self.folder / f"{module}.py").write_text(f"VERSION = {version!r}\n")
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requires)]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n")
        if editable:
            (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')

    def remove(self, name: str) -> None:
        """Removes what says that a package is installed; its module stays."""
        for info in self.folder.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(info)
