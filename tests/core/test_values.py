"""Classes of values behave as those of `dataclasses`, and cost next to nothing to define."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pydoc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest

from dbuild import values

Make = Callable[..., Any]


@values.dataclass(frozen=True, slots=True)
class Sent:
    """At the top of a module, as pickles find it."""

    name: str
    parts: tuple[int, ...] = ()


@values.dataclass(frozen=True)
class Open:
    """Without slots, so that it may keep what it finds."""

    name: str = "x"


def point(dataclass: Make, field: Make, **flags: bool) -> Any:
    """The same class by either of them."""

    class Point:
        """A point."""

        x: int
        y: int = 2
        names: list[str] = field(default_factory=list)
        hidden: str = field(default="h", repr=False, compare=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

    return dataclass(**flags)(Point)


FLAGS = [
    {"frozen": True, "slots": True},
    {"slots": True},
    {"frozen": True},
    {"frozen": True, "slots": True, "eq": False},
    {"frozen": True, "slots": True, "order": True},
    {},
]


def told(question: Callable[[Any, Any], object], cls: object, module: object) -> str:
    """What comes of it, in words."""
    try:
        said = repr(question(cls, module))
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    return said.replace("point.<locals>.", "").split(" at 0x")[0]


def matched(cls: Any, one: object) -> object:
    match one:
        case cls(x, y):  # type: ignore[misc]
            return x, y
    return None


def heirs(cls: Any) -> object:
    """How classes below it behave: one that adds nothing, one that is made otherwise."""

    class Plain(cls):  # type: ignore[misc]
        pass

    class Other(cls):  # type: ignore[misc]
        def __init__(self, z: int) -> None:
            super().__init__(z, z)

    is_equal = Plain(1) == cls(1), cls(1) == Plain(1), Plain(1) == Plain(1), Other(1) == Other(1)
    signatures = [str(inspect.signature(each)) for each in (Plain, Other)]
    return Plain(1), Other(3), is_equal, signatures, Plain.__match_args__


def replaced(module: Any) -> Make:
    """The function that gives a changed copy."""
    found: Make = module.replace
    return found


@pytest.mark.parametrize("many", [1, 100], ids=["many", "few"])
@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: "+".join(flags) or "plain")
def test_values_behave_as_dataclasses(flags: dict[str, bool], many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those with so many fields that they are set in another way."""
    monkeypatch.setattr(values, "_MANY", many)
    here, there = (point(one.dataclass, one.field, **flags) for one in (values, dataclasses))
    questions: list[Callable[[Any, Any], object]] = [
        lambda cls, module: cls(1),
        lambda cls, module: cls(1, 3, names=["a"], hidden="b"),
        lambda cls, module: cls(),
        lambda cls, module: cls(1, 2, [], "", 5),
        lambda cls, module: cls(-1),
        lambda cls, module: cls(1) == cls(1, hidden="other"),
        lambda cls, module: cls(1) == cls(2),
        lambda cls, module: cls(1) == (1, 2, []),
        lambda cls, module: cls(1) < cls(2),
        lambda cls, module: cls(1) >= cls(1),
        lambda cls, module: cls(1) < 2,
        lambda cls, module: hash(cls(1, names=())) == hash(cls(1, names=())),
        lambda cls, module: setattr(cls(1), "x", 2),
        lambda cls, module: delattr(cls(1), "x"),
        lambda cls, module: replaced(module)(cls(1, 5), y=6),
        lambda cls, module: replaced(module)(cls(1), z=6),
        lambda cls, module: dataclasses.replace(cls(1, 5), y=6),
        lambda cls, module: dataclasses.asdict(cls(1, 5)),
        lambda cls, module: [(one.name, one.type, one.repr) for one in dataclasses.fields(cls(1))],
        lambda cls, module: cls.__match_args__,
        lambda cls, module: cls.__slots__,
        lambda cls, module: cls(1).__dict__,
        lambda cls, module: cls(1).names is cls(1).names,
        lambda cls, module: cls.y if not hasattr(cls, "__slots__") else None,
        lambda cls, module: copy.deepcopy(cls(1, names=["a"])),
        lambda cls, module: cls.__hash__ is None,
        lambda cls, module: copy.copy(cls(1, names=["a"])),
        lambda cls, module: cls(1, x=2),
        lambda cls, module: cls(1, other=2),
        lambda cls, module: cls(y=2),
        lambda cls, module: str(inspect.signature(cls)),
        lambda cls, module: pydoc.render_doc(cls, renderer=pydoc.plaintext).splitlines()[3],
        lambda cls, module: matched(cls, cls(1, 3)),
        lambda cls, module: weakref.ref(cls(1))() is None,
        lambda cls, module: dataclasses.is_dataclass(cls(1)),
        lambda cls, module: dataclasses.astuple(cls(1, 5)),
        lambda cls, module: copy.replace(cls(1, 5), y=6) if hasattr(copy, "replace") else None,  # from 3.13 on
        lambda cls, module: inspect.signature(cls(1)),
        lambda cls, module: heirs(cls),
        lambda cls, module: cls.__init__.__qualname__ if cls(1) else None,
        lambda cls, module: cls.__doc__,
    ]
    for number, question in enumerate(questions):
        assert told(question, here, values) == told(question, there, dataclasses), number


def test_what_is_frozen_takes_no_other_attributes() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'other'"):
        Sent("a").other = 1  # type: ignore[attr-defined]


def test_a_class_inherits_fields_and_methods_of_its_own_stay() -> None:
    def family(module: Any) -> Any:
        class Parent:
            a: int
            b: int = 1

            def __repr__(self) -> str:
                return "mine"

        parent = module.dataclass(frozen=True, slots=True)(Parent)

        class Child(parent):  # type: ignore[misc]
            b: int = 5
            c: int = 2

        return parent, module.dataclass(frozen=True, slots=True)(Child)

    for parent, child in (family(values), family(dataclasses)):
        assert repr(parent(1)) == "mine"
        assert repr(child(1)).endswith("Child(a=1, b=5, c=2)")
        assert child.__slots__ == ("c",)
        assert child(1) != parent(1, 5)


Held = TypeVar("Held")


def test_a_generic_class_is_one() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Box(Generic[Held]):
        content: Held

    assert Box[int](3) == Box(3)
    assert Box[int].__args__ == (int,)  # type: ignore[attr-defined]


MISTAKES: dict[str, Callable[[Any], object]] = {
    "a mutable default": lambda module: module.dataclass(type("X", (), {"__annotations__": {"a": list}, "a": []})),
    "a default before": lambda module: below(module, {}, {}, a=1),
    "frozen below open": lambda module: below(module, {}, {"frozen": True}),
    "open below frozen": lambda module: below(module, {"frozen": True}, {}),
}


def below(module: Any, first: dict[str, bool], then: dict[str, bool], **defaults: int) -> object:
    parent = module.dataclass(**first)(type("Parent", (), {"__annotations__": {"a": int}, **defaults}))
    return module.dataclass(**then)(type("Child", (parent,), {"__annotations__": {"b": int}}))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_where_a_class_is_defined(mistake: str) -> None:
    kinds = []
    for module in (values, dataclasses):
        with pytest.raises((TypeError, ValueError)) as raised:
            MISTAKES[mistake](module)
        kinds.append(raised.type)
    assert kinds[0] is kinds[1]


def test_several_threads_may_be_the_first_to_call() -> None:
    switched = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(40):
            cls, found, gate = point(values.dataclass, values.field, frozen=True), set(), threading.Barrier(4)

            def call(cls: Any = cls, found: set[object] = found, gate: threading.Barrier = gate) -> None:
                gate.wait()
                found.add((repr(cls(1)), cls(1) == cls(1), cls(1) == cls(2)))

            threads = [threading.Thread(target=call) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert {(equal, other) for _, equal, other in found} == {(True, False)}
            assert len(found) == 1
    finally:
        sys.setswitchinterval(switched)


def test_values_are_pickled_and_kept_without_slots() -> None:
    one = Sent("a", (1, 2))
    assert pickle.loads(pickle.dumps(one)) == one
    assert pickle.loads(pickle.dumps(Open("b"))) == Open("b")
    assert vars(Open("b")) == {"name": "b"}


def test_to_define_a_class_compiles_nothing() -> None:
    code = """
import sys
from dbuild.values import dataclass, field
heard = []
sys.addaudithook(lambda event, _: heard.append(event) if event in ("compile", "exec") else None)
@dataclass(frozen=True, slots=True, order=True)
class One:
    a: int
    b: dict[str, int] = field(default_factory=dict)
before = len(heard)
One(1)
one = len(heard)
One(2)
print(before, one > 0, len(heard) - one, "dataclasses" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0", "True", "0", "False"]


@values.dataclass(frozen=True, slots=True)
class Wide:
    """With so many fields that they are set in another way."""

    a: int
    b: int
    c: int = 3
    d: list[int] = values.field(default_factory=list)
    kind: str = "wide"


@values.dataclass(frozen=True, slots=True)
class Wider(Wide):
    """With a field of its own."""

    f: int = 6


def test_a_value_of_many_fields_is_of_its_class_and_stays_as_it_is() -> None:
    class Same(Wide):
        __slots__ = ()

    class Loose(Wide):
        pass

    for cls in (Wide, Wider, Same, Loose):
        one, other = cls(1, 2, kind="x"), cls(1, 2, kind="x")
        assert type(one) is cls
        assert (one.a, one.b, one.c, one.d, one.kind) == (1, 2, 3, [], "x")
        assert one == other
        assert one.d is not other.d
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.a = 2  # type: ignore[misc]
    assert Wider(1, 2, f=7).f == 7
    loose = Loose(1, 2)
    with pytest.raises(TypeError, match="missing"):
        Wide(1)  # type: ignore[call-arg]
    assert not hasattr(Wide(1, 2), "__dict__")
    assert loose.__dict__ == {}
