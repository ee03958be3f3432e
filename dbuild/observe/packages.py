"""The installed distributions, as data: their versions, whose modules are whose, and what each of them requires.

To read what all of them say of themselves takes a tenth of a second or more, so it is read once, and kept for as long
as the folders of the import path hold the same distributions.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from dbuild.observe.importpath import folders
from dbuild.observe.markers import holds, normal
from dbuild.values import dataclass

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^]]*)\])?([^;]*)(?:;(.*))?", re.DOTALL)
_MODULE = re.compile(r"([^\W\d]\w*)(?:\.py|\.pyd|(?:\.[\w-]+)*\.so)?")


@dataclass(frozen=True, slots=True)
class Package:
    """One installed distribution."""

    name: str  # as it calls itself
    version: str
    modules: tuple[str, ...]  # at the top
    requires: tuple[tuple[str, tuple[str, ...], str], ...]  # name and extras in their normal forms, marker
    is_editable: bool = False  # its code lies in a working copy, and counts as the project's own


class Packages:
    """All that are installed."""

    def __init__(self, found: Iterable[Package]) -> None:
        self.all = tuple(found)

    @cached_property
    def by_name(self) -> dict[str, Package]:
        """By the normal form of their names; of several, the first on the import path, as Python imports it."""
        return {normal(package.name): package for package in reversed(self.all)}

    @cached_property
    def by_module(self) -> dict[str, tuple[str, ...]]:
        """Whose a module at the top is: normal names. Of a namespace package these are several."""
        found: dict[str, tuple[str, ...]] = {}
        for name, package in self.by_name.items():
            for module in package.modules:
                found[module] = (*found.get(module, ()), name)
        return found

    def versions(self, modules: Iterable[str]) -> dict[str, str]:
        """Name -> version of what these modules belong to, and of all that this requires; sorted by name.

        Modules of Python itself, of nobody, and dbuild's are left out; so is what is required and isn't installed, and
        what is installed in editable form.
        """
        owners = (self.by_module.get(module, ()) for module in modules if module not in sys.stdlib_module_names)
        found = self._required(name for names in owners for name in names if name != "dbuild")
        return {name: self.by_name[name].version for name in sorted(found) if not self.by_name[name].is_editable}

    def _required(self, names: Iterable[str]) -> set[str]:
        """Distributions and all that they require, by normal names."""
        open_names: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in names]
        known: dict[str, frozenset[str]] = {}
        while open_names:
            name, extras = open_names.pop()
            before = known.get(name)
            if name not in self.by_name or (before is not None and before.issuperset(extras)):
                continue
            known[name] = (before or frozenset()).union(extras)
            for required, asked, marker in self.by_name[name].requires:
                if not marker or holds(marker, known[name]):
                    open_names.append((required, asked))
        return set(known)

    def text(self) -> str:
        """All of it, for `packages_of`."""
        return json.dumps([(p.name, p.version, p.modules, p.requires, p.is_editable) for p in self.all])


def packages_of(text: str) -> Packages:
    """What `Packages.text` gave."""
    return Packages(
        Package(name, version, tuple(modules), tuple((n, tuple(e), m) for n, e, m in requires), editable)
        for name, version, modules, requires, editable in json.loads(text)
    )


def read_packages(root: str) -> Packages:
    """All distributions, as they say of themselves; what can't be read is left out."""
    from importlib.metadata import distributions

    found = (_read(distribution) for distribution in distributions(path=list(folders(root))))
    return Packages(package for package in found if package)


def _read(distribution: Distribution) -> Package | None:
    try:
        fields = _fields(distribution)
        name, version = fields.get("name"), fields.get("version")
        if not name or not version:
            return None
        requires = tuple(filter(None, map(_requirement, fields["requires-dist"])))
        modules = tuple(sorted(_modules(distribution)))
        return Package(name[0], version[0], modules, requires, _is_editable(distribution))
    except (OSError, ValueError, KeyError):  # half of it removed, or written by hand
        return None


def _fields(distribution: Distribution) -> dict[str, list[str]]:
    """What its metadata say, without the description, which may be long. Older tools have requirements elsewhere."""
    text = distribution.read_text("METADATA")
    if text is None:
        found = {name: [str(distribution.metadata[name])] for name in ("Name", "Version")}
        return {"name": found["Name"], "version": found["Version"], "requires-dist": distribution.requires or []}
    fields: dict[str, list[str]] = {"requires-dist": []}
    for line in text.replace("\r\n", "\n").partition("\n\n")[0].split("\n"):
        name, colon, value = line.partition(":")
        if colon and not line[:1].isspace():
            fields.setdefault(name.lower(), []).append(value.strip())
    return fields


def _requirement(text: str) -> tuple[str, tuple[str, ...], str] | None:
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        return None
    name, extras, _, marker = found.groups()
    asked = tuple(sorted(normal(extra.strip()) for extra in (extras or "").split(",") if extra.strip()))
    return normal(name), asked, (marker or "").strip()


def _modules(distribution: Distribution) -> set[str]:
    """The modules and packages at the top of what it installed: by its record, else by the list of older tools."""
    record = distribution.read_text("RECORD")
    if record:
        tops = {line.split("/", 1)[0].split(",", 1)[0] for line in record.splitlines()}
    else:
        tops = set((distribution.read_text("top_level.txt") or "").split())
    found = (_MODULE.fullmatch(top.strip('"')) for top in tops)
    return {match[1] for match in found if match and match[1] != "__pycache__"}


def _is_editable(distribution: Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    if text is None:
        return False
    found = json.loads(text)
    info = found.get("dir_info") if isinstance(found, dict) else None
    return isinstance(info, dict) and bool(info.get("editable"))
