"""One file of a project: its TOML as values, with the place of each. Unaware of what the keys mean."""

from __future__ import annotations

import re
from collections.abc import Iterable

import tomli

from dbuild.errors import Place, UserError, nearest
from dbuild.project.keys import ANY, KEYS, SECTIONS, UNSUPPORTED
from dbuild.project.kinds import mistyped
from dbuild.project.lines import KeyPath, Lines, read_key
from dbuild.project.reader import Reader

_POSITION = re.compile(r" \(at (?:line \d+, column \d+|end of document)\)$")

_THEIRS = {  # keys of targets, and what people who come from other tools write for them
    "path": ("out", "output", "outputs", "outs", "file"),
    "inputs": ("depends_on", "depends", "dependencies", "deps", "reads", "sources"),
    "shell": ("bash", "cmd", "command", "run", "script"),
    "sql": ("query", "select"),
    "needs": ("cores", "cpus", "gpus", "mem", "memory", "requires", "resources", "threads"),
    "retries": ("retry", "attempts"),
    "env": ("environment", "environ"),
}


class Document:
    """A file's values and their lines; mistakes are collected in `problems`, which a project's files share."""

    def __init__(
        self, file: str, values: dict[str, object], lines: Lines, problems: list[UserError], reader: Reader
    ) -> None:
        self.file = file
        self.values = values
        self.problems = problems
        self.reader = reader  # of the project's other files
        self._lines = lines

    def place(self, *path: str | int) -> Place:
        """Where a key, or an element of an array, is written."""
        return Place(self.file, self._lines.of(*path))

    def text_place(self, *path: str | int) -> Place:
        """Where the text of a string begins."""
        return Place(self.file, self._lines.of_text(*path))

    def report(self, what: str, path: KeyPath, hint: str | None = None) -> None:
        """Adds a mistake at a key."""
        self.problems.append(UserError(what, self.place(*path), hint))


class Table:
    """One table of a document, checked against the accepted keys: unknown keys and wrong types are reported.

    The typed getters give None for what is absent or of the wrong type.
    """

    def __init__(self, document: Document, section: str, path: KeyPath, values: dict[str, object]) -> None:
        self.document = document
        self.section = section
        self.path = path
        self.title = f"[{'.'.join(str(part) for part in path)}]"
        self._tried: set[str] = set()
        self._values = {name: value for name, value in values.items() if self._check(name, value)}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def is_tried(self, name: str) -> bool:
        """Whether a key is there, or was reported as mistyped or misspelt: then its absence is no second mistake."""
        return name in self._values or name in self._tried

    def string(self, name: str) -> str | None:
        """A text that isn't empty."""
        value = self._values.get(name)
        return value if isinstance(value, str) else None

    def strings(self, name: str) -> tuple[str, ...] | None:
        """A list of texts."""
        value = self._values.get(name)
        return tuple(value) if isinstance(value, list) else None

    def one_or_more(self, name: str) -> tuple[str, ...]:
        """A text, or a list of texts; none where the key isn't there."""
        one = self.string(name)
        return (one,) if one is not None else self.strings(name) or ()

    def value(self, name: str) -> object:
        """Any value, as TOML gives it."""
        return self._values.get(name)

    def table(self, name: str) -> dict[str, object] | None:
        """A table of anything."""
        value = self._values.get(name)
        return value if isinstance(value, dict) else None

    def inner(self, name: str) -> Table | None:
        """The table that a key's value is, checked as well; `name` is a section of the accepted keys."""
        value = self._values.get(name)
        return Table(self.document, name, (*self.path, name), value) if isinstance(value, dict) else None

    def names(self) -> tuple[str, ...]:
        """The keys that are there and right."""
        return tuple(self._values)

    def place(self, *names: str | int) -> Place:
        """Where a key of the table is written; without a name, the table."""
        return self.document.place(*self.path, *names)

    def report(self, what: str, *names: str | int, hint: str | None = None) -> None:
        """Adds a mistake at a key of the table; without a name, at the table."""
        self.document.report(what, (*self.path, *names), hint)

    def _check(self, name: str, value: object) -> bool:
        key = KEYS[self.section].get(name) or KEYS[self.section].get(ANY)
        if key is None:
            meant = report_unknown(self.document, self.section, (*self.path, name), KEYS[self.section])
            self._tried.update(known for known in KEYS[self.section] if meant and f'"{known}"' in meant)
            return False
        wrong = mistyped(key.kind, value)
        if wrong:
            self._tried.add(name)
            self.report(f'"{name}" of {self.title} must be {wrong}', name, hint=f"as in {name} = {key.example}")
        return not wrong


def report_unknown(document: Document, section: str, path: KeyPath, known: Iterable[str]) -> str | None:
    """Reports a key that a table can't have: of other versions, or unknown. Returns a hint at what may be meant."""
    name = str(path[-1])
    where = f" in [{'.'.join(str(part) for part in path[:-1])}]" if path[:-1] else ""
    if name in UNSUPPORTED.get(section, ()):
        document.report(f'"{name}"{where} is not supported by this version of dbuild', path, "remove it")
        return None
    choices = list(known)
    elsewhere = _elsewhere(name, section)
    meant = None if elsewhere else _translated(name, section) or nearest(name, choices)
    hint = elsewhere or meant or f"known are {', '.join(choices)}"
    document.report(f'unknown key "{name}"{where}', path, hint)
    return meant


def _translated(name: str, section: str) -> str | None:
    """A hint for a key of a target as other tools call it."""
    ours = next((key for key, theirs in _THEIRS.items() if name.lower() in theirs), None)
    return f'here it is "{ours}"' if ours and section == "targets" else None


def _elsewhere(name: str, section: str) -> str | None:
    """A hint at where a key belongs that is none of this section, but of another."""
    if name in SECTIONS:
        return f"it is a table of its own: [{name}]"
    if name in KEYS["inputs"] and section in ("sources", "targets", "defaults"):
        return f"it is said where an input is read: inputs.NAME = {{ {name} = {KEYS['inputs'][name].example} }}"
    if name in KEYS["sources"] and section in ("targets", "defaults"):
        return "it belongs into [sources.NAME]"
    if name in KEYS["expect"] and section == "sources":
        return f"it belongs into expect = {{ {name} = {KEYS['expect'][name].example} }}"
    if name == "environment" and section in ("", "defaults"):
        return "it belongs into [project] or [targets.NAME]"
    if name in KEYS["targets"] and section in ("", "project", "sources"):
        return f"it belongs into {'[defaults] or ' if name in KEYS['defaults'] else ''}[targets.NAME]"
    return None


def read_document(reader: Reader, file: str, problems: list[UserError]) -> Document | None:
    """A file of the project; None, and a problem, where it can't be read."""
    try:
        text = reader.text(file).replace("\r\n", "\n")
        return Document(file, tomli.loads(text), Lines(text), problems, reader)
    except FileNotFoundError:
        hint = nearest(file, reader.names()) or "dbuild init writes one; or name it with -f FILE"
        problems.append(UserError("there is no such file", Place(file), hint))
    except OSError as error:
        problems.append(UserError(f"can't be read: {error.strerror}", Place(file)))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.append(UserError("the file is not valid UTF-8", Place(file, line), "save it as UTF-8"))
    except tomli.TOMLDecodeError as error:
        problems.append(_syntax_error(error, file, text))
    except RecursionError:
        problems.append(UserError("arrays or tables are nested too deeply", Place(file)))
    except ValueError as error:
        problems.append(UserError(f"not valid TOML: {error}", Place(file)))
    return None


def _syntax_error(error: tomli.TOMLDecodeError, file: str, text: str) -> UserError:
    what = _POSITION.sub("", str(error))
    hint = "the format is TOML: toml.io"
    line = min(error.lineno, text.rstrip().count("\n") + 1)
    if what.startswith(("Expected", "Unclosed", "Unterminated")):
        hint = "a quote or bracket may be not closed, here or before"
    if what.startswith("Invalid value"):
        hint = 'texts stand in quotes ("…"), lists in brackets, tables in braces'
    if what.startswith("Cannot") and (earlier := _declared_before(text, line)):
        hint = f"it is declared at {Place(file, earlier)} already"
    return UserError(f"not valid TOML: {what[:1].lower()}{what[1:]}", Place(file, line), hint)


def _declared_before(text: str, line: int) -> int:
    """Where the key that stands on a line was declared before; 0 where that isn't found."""
    before, statement = text.split("\n")[: line - 1], text.split("\n")[line - 1].strip()
    try:
        lines = Lines("\n".join(before))
    except RecursionError:
        return 0
    parts, _ = read_key(statement, len(statement) - len(statement.lstrip("[")))
    path = parts if statement.startswith("[") else (*lines.table, *parts)
    return lines.of(*path) if lines.has(*path) else 0
