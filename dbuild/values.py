"""Classes of values: what the standard library's `dataclasses` makes of a class, at a fraction of what that takes.

There, each class costs about seven compilations when it is defined, which was most of the time in which a command
started. Here a method is written when it is first called, which for most classes of a command is never. What comes out
behaves the same: `dataclasses.fields`, `asdict` and `replace` work on it, and type checkers read it as theirs. Of what
dataclasses can do, only what is used here is there: all fields are arguments, and none is a ClassVar.

What differs: fields are compared as tuples in every Python, as the library did up to 3.12, so an object that isn't
equal to itself is equal in its place; what subclasses of frozen classes add is frozen too; a value that contains itself
is shown with one more turn of itself; a method that nobody called yet has the signature `(*given, **named)`, and
`__init__` no annotations, while the class has its signature; a class without a docstring has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace

    __all__ = ["dataclass", "field", "replace"]
else:
    _MISSING = object()
    _MANY = 5  # fields of a frozen class with slots from which `_open` pays

    class _Field:
        """How a field is declared."""

        __slots__ = ("compare", "default", "factory", "kind", "repr")

        def __init__(self, default: Any, factory: Any, is_shown: bool, is_compared: bool) -> None:
            self.default = default
            self.factory = factory
            self.repr = is_shown
            self.compare = is_compared
            self.kind: Any = None

    class _Form:
        """What a class is to have, and its methods as they are written for it."""

        __slots__ = ("cls", "fields", "flags")

        def __init__(self, fields: dict[str, _Field], flags: dict[str, bool]) -> None:
            self.cls: type = object
            self.fields = fields
            self.flags = flags

        def put_methods(self) -> None:
            """Gives the class its methods, but for those that it has of its own."""
            own = vars(self.cls)
            is_hashed = self.flags["eq"] and self.flags["frozen"]
            # A class that has __eq__ and no __hash__ gets a __hash__ of None from Python.
            has_hash = own.get("__hash__", _MISSING) is not _MISSING and not (
                own["__hash__"] is None and "__eq__" in own
            )
            wanted = ["__init__", "__repr__"]
            if self.flags["eq"]:
                wanted.append("__eq__")
            if self.flags["order"]:
                wanted += _ORDER
            for name in wanted:
                if name not in own:
                    setattr(self.cls, name, self._late(name))
            if self.flags["eq"] and not has_hash:
                self.cls.__hash__ = self._late("__hash__") if is_hashed else None

        def _late(self, name: str) -> Any:
            """The method until it is called."""

            def late(*given: Any, **named: Any) -> Any:
                written = self._write(name)
                setattr(self.cls, name, written)
                return written(*given, **named)

            late.__name__ = name
            return late

        def _write(self, name: str) -> Any:
            known: dict[str, Any] = {"_set": object.__setattr__, "_missing": _MISSING}
            if name == "__init__":
                head, body = self._initial(known)
            elif name == "__repr__":
                head, body = "self", self._shown()
            elif name == "__hash__":
                head, body = "self", [f"return hash({self._compared('self')})"]
            else:
                sign = {"__eq__": "==", **_ORDER}[name]
                same = f"{self._compared('self')} {sign} {self._compared('other')}"
                head = "self, other"
                body = [f"return {same} if other.__class__ is self.__class__ else NotImplemented"]
            text = f"def {name}({head}):\n" + "".join(f" {line}\n" for line in body or ["pass"])
            exec(text, known)  # noqa: S102 (of names of fields alone)
            made = known[name]
            made.__qualname__ = f"{self.cls.__qualname__}.{name}"
            made.__module__ = self.cls.__module__
            return made

        def _initial(self, known: dict[str, Any]) -> tuple[str, list[str]]:
            heads, body = ["self"], []
            for name, one in self.fields.items():
                if one.factory is not _MISSING:
                    known[f"_factory_{name}"] = one.factory
                    heads.append(f"{name}=_missing")
                    body.append(f"if {name} is _missing: {name} = _factory_{name}()")
                elif one.default is not _MISSING:
                    known[f"_default_{name}"] = one.default
                    heads.append(f"{name}=_default_{name}")
                else:
                    heads.append(name)
            names = list(self.fields)
            if not self.flags["frozen"]:
                body += [f"self.{name} = {name}" for name in names]
            elif len(names) < _MANY or "__slots__" not in vars(self.cls):
                body += [f"_set(self, {name!r}, {name})" for name in names]
            else:
                known["_Open"] = _open(self.cls)
                body += ["_kind = self.__class__", "try:", " _set(self, '__class__', _Open)"]
                body += [
                    "except TypeError:",
                    *(f" _set(self, {name!r}, {name})" for name in names),
                ]
                body += ["else:", *(f" self.{name} = {name}" for name in names), " self.__class__ = _kind"]
            if hasattr(self.cls, "__post_init__"):
                body.append("self.__post_init__()")
            return ", ".join(heads), body

        def _shown(self) -> list[str]:
            shown = ", ".join(f"{name}={{self.{name}!r}}" for name, one in self.fields.items() if one.repr)
            return [f'return f"{{self.__class__.__qualname__}}({shown})"']

        def _compared(self, whose: str) -> str:
            return "(" + "".join(f"{whose}.{name}, " for name, one in self.fields.items() if one.compare) + ")"

    class _Signature:
        """What `inspect.signature` asks a class for, and `help`; not where a subclass is made otherwise."""

        __slots__ = ("_form",)

        def __init__(self, form: _Form) -> None:
            self._form = form

        def __get__(self, instance: object, owner: type) -> Any:
            cls = self._form.cls
            if instance is not None or owner.__init__ is not cls.__init__ or owner.__new__ is not cls.__new__:
                raise AttributeError("__signature__")
            import inspect

            return inspect.signature(_standard(self._form))

    class _Standard:
        """What the standard library's functions for dataclasses ask a class for, made when they do."""

        __slots__ = ("_form", "_name")

        def __init__(self, form: _Form, name: str) -> None:
            self._form = form
            self._name = name

        def __get__(self, instance: object, owner: type) -> Any:
            return getattr(_standard(self._form), self._name)

    def _standard(form: _Form) -> type:
        """The class as the standard library makes it."""
        import dataclasses

        fields = []
        for name, one in form.fields.items():
            given = {"default": one.default, "default_factory": one.factory}
            said = {key: value for key, value in given.items() if value is not _MISSING}
            fields.append((name, one.kind, dataclasses.field(**said, repr=one.repr, compare=one.compare)))
        return dataclasses.make_dataclass(form.cls.__name__, fields, **form.flags)

    _ORDER = {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}

    def dataclass(cls=None, /, *, eq=True, order=False, frozen=False, slots=False):
        """As `dataclasses.dataclass`."""

        def made(cls: type) -> type:
            return _make(cls, {"eq": eq, "order": order, "frozen": frozen}, has_slots=slots)

        return made if cls is None else made(cls)

    def field(*, default=_MISSING, default_factory=_MISSING, repr=True, compare=True):  # noqa: A002 (its name there)
        """As `dataclasses.field`."""
        return _Field(default, default_factory, repr, compare)

    def replace(one, /, **changes):
        """As `dataclasses.replace`."""
        for name in one.__match_args__:
            if name not in changes:
                changes[name] = getattr(one, name)
        return one.__class__(**changes)

    def _make(cls: type, flags: dict[str, bool], *, has_slots: bool) -> type:
        fields: dict[str, _Field] = {}
        for base in reversed(cls.__mro__[1:]):
            form = vars(base).get("__form__")
            if form is not None:
                if form.flags["frozen"] is not flags["frozen"]:
                    raise TypeError(f"{cls.__name__} and {base.__name__} have to be frozen both, or neither")
                fields.update(form.fields)
        for name, kind in cls.__annotations__.items():
            fields[name] = _declared(cls, name, kind, has_slots=has_slots)
        _check_order(fields)
        form = _Form(fields, flags)
        if has_slots:
            cls = _with_slots(cls, fields)
        form.cls = cls
        cls.__form__ = form
        cls.__match_args__ = tuple(fields)
        if "__init__" not in vars(cls):
            cls.__signature__ = _Signature(form)
        if "__replace__" not in vars(cls):
            cls.__replace__ = replace  # for copy.replace, from Python 3.13 on
        cls.__dataclass_fields__ = _Standard(form, "__dataclass_fields__")
        cls.__dataclass_params__ = _Standard(form, "__dataclass_params__")
        if flags["frozen"]:
            cls.__setattr__ = _refuse_to_set
            cls.__delattr__ = _refuse_to_delete
            if has_slots and "__getstate__" not in vars(cls):
                cls.__getstate__ = _state_of
                cls.__setstate__ = _set_state
        form.put_methods()
        return cls

    def _declared(cls: type, name: str, kind: object, *, has_slots: bool) -> _Field:
        """A field by its annotation and what stands behind it, which goes where a slot takes its place."""
        default = vars(cls).get(name, _MISSING)
        found = default if isinstance(default, _Field) else _Field(default, _MISSING, True, True)
        found.kind = kind
        if found.default.__class__.__hash__ is None:
            given = found.default.__class__
            raise ValueError(f"mutable default {given} for field {name} is not allowed: use default_factory")
        if default is not _MISSING and (has_slots or found.default is _MISSING):
            delattr(cls, name)
        elif default is not found.default:
            setattr(cls, name, found.default)
        return found

    def _check_order(fields: dict[str, _Field]) -> None:
        has_default = False
        for name, one in fields.items():
            if one.default is not _MISSING or one.factory is not _MISSING:
                has_default = True
            elif has_default:
                raise TypeError(f"non-default argument {name!r} follows default argument")

    def _with_slots(cls: type, fields: dict[str, _Field]) -> type:
        """The class made once more, as slots can't be given afterwards."""
        inherited = {name for base in cls.__mro__[1:] for name in vars(base).get("__slots__", ())}
        content = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        content["__slots__"] = tuple(name for name in fields if name not in inherited)
        qualified = cls.__qualname__
        made = type(cls)(cls.__name__, cls.__bases__, content)
        made.__qualname__ = qualified
        return made

    def _open(cls: type) -> type:
        """A class of the same form whose fields can be set, which Python does several times as fast.

        A value that has many is of it until it has them all.
        """
        content = {"__slots__": vars(cls)["__slots__"], "__setattr__": object.__setattr__}
        return type(cls)(cls.__name__, cls.__bases__, content)

    def _refuse_to_set(self: object, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def _refuse_to_delete(self: object, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def _state_of(self: Any) -> list[object]:
        return [getattr(self, name) for name in self.__match_args__]

    def _set_state(self: Any, state: list[object]) -> None:
        for name, value in zip(self.__match_args__, state, strict=True):
            object.__setattr__(self, name, value)
