"""What can stand where the cursor is on a command line. Words and names in, candidates out; unaware of shells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

FILES, FOLDERS = ":files", ":folders"  # what a shell completes better
_SHOWN = 40  # keys of time up to which each is a candidate of its own; of more, months or years
_LENGTHS = (4, 7, 10, 13, 16)  # of years, months, days, hours, minutes as keys
_RELATIVE = {"today": "the day of this moment", "yesterday": "the day before", "-7d..": "from 7 days ago on"}
_MARKS = {"stale": "build once more", "fresh": "take it as it is", "frozen": "leave it as it is"}


class Option(NamedTuple):
    """An option of a command."""

    names: tuple[str, ...]
    takes: str  # "" nothing, "file", "folder", "targets", "datasets", "text", or choices joined by |
    help: str


class Command(NamedTuple):
    """A command, as far as completing it goes."""

    help: str
    takes: str  # what its arguments are: "targets", "datasets", "marks", "folder", "topics", "" or choices joined by |
    options: tuple[Option, ...]


class Dataset(NamedTuple):
    """A source or target."""

    name: str
    is_source: bool
    dimensions: tuple[str, ...]
    tags: tuple[str, ...]
    owner: str
    description: str


class Outline(NamedTuple):
    """What a project has names for."""

    datasets: tuple[Dataset, ...]
    values: Mapping[str, tuple[str, ...]]  # of dimensions that are lists
    times: frozenset[str]  # dimensions that are times

    def dataset(self, name: str) -> Dataset | None:
        """The source or target of that name."""
        return next((each for each in self.datasets if each.name == name), None)


class Candidate(NamedTuple):
    """What could be written, and what it means."""

    text: str
    help: str = ""


class Line(NamedTuple):
    """A command line as far as the cursor."""

    command: str  # "" where none is named (yet): a build
    awaiting: Option | None  # the option whose value the cursor is on
    current: str
    arguments: tuple[str, ...]  # words before the cursor that are no options and no command
    file: str
    folders: tuple[str, ...]  # of -C


def read_line(words: Sequence[str], commands: Mapping[str, Command]) -> Line:
    """The line of words, without the program's name; the last is the one that the cursor is on."""
    *before, current = words or [""]
    known = {
        name: option for each in reversed(list(commands.values())) for option in each.options for name in option.names
    }
    command, file = "", "Dataflowfile"
    folders: list[str] = []
    arguments: list[str] = []
    awaiting: Option | None = None
    is_plain = False
    for word in before:
        if awaiting is not None:
            file = word if "--file" in awaiting.names else file
            folders += [word] if "--directory" in awaiting.names else []
            awaiting = None
        elif word == "--":
            is_plain, command = True, command or "build"
        elif word.startswith("-") and word != "-" and not is_plain:
            awaiting = _awaiting(word, known)
        elif not command and not arguments and word in commands and not is_plain:
            command = word
            known |= {name: option for option in commands[word].options for name in option.names}
        else:
            arguments.append(word)
    return Line(command, awaiting, current, tuple(arguments), file, tuple(folders))


def _awaiting(word: str, known: Mapping[str, Option]) -> Option | None:
    """The option that takes the next word as its value."""
    if word.startswith("--"):
        option = known.get(word)
        return option if option is not None and option.takes else None
    for place, letter in enumerate(word[1:], 1):
        option = known.get(f"-{letter}")
        if option is not None and option.takes:
            return option if place == len(word) - 1 else None
    return None


def candidates(
    line: Line,
    commands: Mapping[str, Command],
    topics: Mapping[str, str],
    outline: Callable[[], Outline],
    keys: Callable[[Dataset], Iterable[tuple[str, ...]]],
) -> list[Candidate]:
    """What the word at the cursor could be, in the order in which it is shown; or FILES or FOLDERS alone.

    `outline` and `keys`, which gives the keys that a dataset is known to have, are only asked where they are needed.
    """
    command = commands[line.command or "build"]
    if line.awaiting is not None:
        found = _values(line.awaiting.takes, line, topics, commands, outline, keys)
    elif line.current.startswith("-"):
        found = (Candidate(name, option.help) for option in command.options for name in option.names)
    else:
        found = _values(command.takes, line, topics, commands, outline, keys)
        if not line.command and not line.arguments:
            found = [*(Candidate(name, each.help) for name, each in commands.items()), *found]
    return [each for each in found if each.text.startswith(line.current) or each.text in (FILES, FOLDERS)]


def _values(
    takes: str,
    line: Line,
    topics: Mapping[str, str],
    commands: Mapping[str, Command],
    outline: Callable[[], Outline],
    keys: Callable[[Dataset], Iterable[tuple[str, ...]]],
) -> Iterable[Candidate]:
    match takes:
        case "" | "text":
            return []
        case "file":
            return [Candidate(FILES)]
        case "folder":
            return [Candidate(FOLDERS)]
        case "topics":
            named = {name: command.help for name, command in commands.items()}
            return [Candidate(name, text) for name, text in {**topics, **named}.items()]
        case "targets" | "datasets" | "marks":
            marks = [Candidate(*each) for each in _MARKS.items()] if takes == "marks" and line.arguments else []
            return [*_selections(line.current, outline(), keys, with_sources=takes == "datasets"), *marks]
        case _:
            return [Candidate(choice) for choice in takes.split("|")]


# -- TARGET[@KEYS] ---------------------------------------------------------------------------------------------------


def _selections(
    text: str, outline: Outline, keys: Callable[[Dataset], Iterable[tuple[str, ...]]], *, with_sources: bool
) -> Iterator[Candidate]:
    """What selectors a text can become."""
    up = "+" if text.startswith("+") else ""
    body = text.removeprefix("+")
    name, at, typed = body.partition("@")
    if at:
        dataset = outline.dataset(name)
        if dataset is not None and dataset.dimensions:
            known = _Keys(outline, dataset, keys)
            yield from (Candidate(f"{up}{name}@{key}", told) for key, told in known.completed(typed))
        return
    shown = [each for each in outline.datasets if with_sources or not each.is_source or body]
    for each in shown:
        if not each.is_source or with_sources:
            yield Candidate(f"{up}{each.name}", each.description or ("source" if each.is_source else "target"))
        else:
            yield Candidate(f"{up}{each.name}+", "all that is made from it")
        if each.name == body and each.dimensions and not (each.is_source and not with_sources):
            yield Candidate(f"{up}{each.name}@", "some of its partitions")
    for tag in dict.fromkeys(tag for each in outline.datasets for tag in each.tags):
        yield Candidate(f"{up}tag:{written_word(tag)}", "what has the tag")
    for owner in dict.fromkeys(each.owner for each in outline.datasets if each.owner):
        yield Candidate(f"{up}owner:{written_word(owner)}", "what is theirs")


def written_word(text: str) -> str:
    """A tag or owner as a part of a word: `?` stands for what a shell would take for the end of it."""
    return "".join("?" if character in " \t\n'\"\\$`&|;<>()" else character for character in text)


class _Keys:
    """Completes KEYS of one dataset."""

    def __init__(
        self, outline: Outline, dataset: Dataset, keys: Callable[[Dataset], Iterable[tuple[str, ...]]]
    ) -> None:
        self._outline = outline
        self._dataset = dataset
        self._known = keys
        self._columns: list[tuple[str, ...]] | None = None

    def completed(self, typed: str) -> Iterator[tuple[str, str]]:
        """KEYS that begin like those that were typed, and what they mean."""
        choices, sign, choice = typed.rpartition("@")
        parts, comma, part = choice.rpartition(",")
        before = f"{choices}{sign}{parts}{comma}"
        place = choice.count(",")
        dimensions = self._dataset.dimensions
        name, equals, rest = part.partition("=")
        if equals:
            if name in dimensions:
                yield from ((f"{before}{name}={text}", told) for text, told in self._of(name, rest))
            return
        own = dimensions[place] if place < len(dimensions) else None
        if own is not None and "=" not in parts:
            yield from ((f"{before}{text}", told) for text, told in self._of(own, part))
        if len(dimensions) > 1:
            yield from ((f"{before}{each}=", f"by {each}") for each in dimensions if f"{each}=" not in parts)
        if not self._dataset.is_source:
            from dbuild.core.keytext import STANDINGS  # needs what only keys need

            yield from ((f"{before}{word}", "all that stand so") for word in STANDINGS)

    def _of(self, dimension: str, typed: str) -> Iterator[tuple[str, str]]:
        """Values of a dimension behind what was typed of its part, which may have values and ranges before."""
        cut = max(typed.rfind("+") + 1, typed.rfind("..") + 2 if ".." in typed else 0)
        before, token = typed[:cut], typed[cut:]
        if dimension not in self._outline.times:
            from dbuild.core.keytext import written_key

            values = self._outline.values.get(dimension) or sorted(set(self._column(dimension)))
            yield from ((f"{before}{written_key(value)}", dimension) for value in values)
            return
        found = sorted({key for key in self._column(dimension) if key.startswith(token)}, reverse=True)
        yield from ((f"{before}{key}", dimension) for key in _shortened(found, token))
        if not before:
            yield from _RELATIVE.items()

    def _column(self, dimension: str) -> tuple[str, ...]:
        if self._columns is None:
            keys = list(self._known(self._dataset))
            width = len(self._dataset.dimensions)
            self._columns = list(zip(*(key for key in keys if len(key) == width), strict=True)) or [()] * width
        return self._columns[self._dataset.dimensions.index(dimension)]


def _shortened(keys: Sequence[str], token: str) -> list[str]:
    """Keys of time; where they are many, the longer periods in which they lie."""
    if len(keys) <= _SHOWN:
        return list(keys)
    found: list[str] = []
    for length in _LENGTHS:
        if length <= len(token):
            continue
        shorter = list(dict.fromkeys(key[:length] for key in keys))
        if found and len(shorter) > _SHOWN:
            break
        found = shorter
        if len(shorter) > 1 and len(shorter) > _SHOWN:
            break
    return found
