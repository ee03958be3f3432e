"""Commands as they are declared, in click's words: click itself is loaded for what needs more than words and flags.

To import it is a sixth of a build that has nothing to do. So a command line of any number of words, and of flags as
they are spelt, is read here; one argument, options with values, abbreviations, mistakes and help are click's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    import click

Function = TypeVar("Function", bound=Callable[..., object])
ClickCommand = TypeVar("ClickCommand", bound="click.Command")

_DECLARED = "__declared__"  # the attribute of a function with its parameters, the last one first


class Kind(NamedTuple):
    """One of click's types, by its name, and what it is made with."""

    name: str
    limits: tuple[object, ...] = ()
    settings: Mapping[str, object] = {}


def whole_from(least: int) -> Kind:
    """A whole number that is no less."""
    return Kind("IntRange", settings={"min": least})


def one_of(words: Iterable[str]) -> Kind:
    """One of some words."""
    return Kind("Choice", (list(words),))


class Parameter(NamedTuple):
    """An argument or an option, with click's settings for it."""

    is_argument: bool
    names: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the function calls it: its bare name, or the one with the most dashes."""
        bare = [name for name in self.names if name.isidentifier()]
        return bare[0] if bare else max(self.names, key=lambda name: name[:2] == "--").lstrip("-").replace("-", "_")

    @property
    def is_flag(self) -> bool:
        return bool(self.settings.get("is_flag"))

    @property
    def absent(self) -> object:
        """What the function is given where a command line doesn't have it."""
        if self.settings.get("multiple") or self.settings.get("nargs") == -1:
            return ()
        return self.settings.get("default", False if self.is_flag else None)

    def clicked(self) -> click.Parameter:
        """The same for click."""
        import click

        settings = dict(self.settings)
        kind = settings.get("type")
        if isinstance(kind, Kind):
            settings["type"] = getattr(click, kind.name)(*kind.limits, **kind.settings)
        return click.Argument(self.names, **settings) if self.is_argument else click.Option(self.names, **settings)


class Declared:
    """A command: what it takes, and the function that is called with it."""

    __slots__ = ("function", "name", "parameters", "text")

    def __init__(self, name: str, text: str, function: Callable[..., object]) -> None:
        """`text` is its help."""
        self.name = name
        self.text = text
        self.function = function
        self.parameters = parameters_of(function)

    def read(self, words: Sequence[str]) -> dict[str, object] | None:
        """What the function is to be called with for these words; None where only click can tell."""
        given = {parameter.name: parameter.absent for parameter in self.parameters}
        flags = {name: one.name for one in self.parameters if one.is_flag for name in one.names if name[0] == "-"}
        given.update((flags[word], True) for word in words if word in flags)
        others = tuple(word for word in words if word not in flags)
        arguments = [parameter for parameter in self.parameters if parameter.is_argument]
        if not arguments:
            return given if not others else None
        (argument,) = arguments
        is_sure = argument.settings.get("nargs") == -1 and (others or not argument.settings.get("required"))
        if not is_sure or any(word[:1] == "-" for word in others):
            return None
        return given | {argument.name: others}

    def clicked(self, kind: type[ClickCommand]) -> ClickCommand:
        """The same for click."""
        parameters = [parameter.clicked() for parameter in self.parameters]
        return kind(self.name, callback=self.function, params=parameters, help=self.text)


def command(name: str, text: str) -> Callable[[Callable[..., object]], Declared]:
    """Declares a command with its help."""
    return lambda function: Declared(name, text, function)


def argument(*names: str, **settings: Any) -> Callable[[Function], Function]:
    """Declares what is given without a name."""
    return lambda function: _with(function, Parameter(True, names, settings))


def option(*names: str, **settings: Any) -> Callable[[Function], Function]:
    """Declares an option."""
    return lambda function: _with(function, Parameter(False, names, settings))


def parameters_of(function: Callable[..., object]) -> list[Parameter]:
    """What was declared of a function, in order."""
    return list(reversed(getattr(function, _DECLARED, ())))


def _with(function: Function, parameter: Parameter) -> Function:
    setattr(function, _DECLARED, [*getattr(function, _DECLARED, ()), parameter])
    return function
