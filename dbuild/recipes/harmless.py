"""What may run when a module is imported without changing anything that others see: known names outside the project.

Full names of what is called, decorates, or is a base or metaclass. What isn't listed here is taken to have an effect.
"""

from __future__ import annotations

import builtins
import sys

CALLS = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": """abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict dict.fromkeys
            divmod enumerate filter float format frozenset getattr hasattr hash hex id int int.from_bytes isinstance
            issubclass iter len list map max memoryview min object oct ord pow property range repr reversed round set
            slice sorted staticmethod str str.maketrans sum super tuple type zip bytes.fromhex float.fromhex""",
        "collections": "Counter OrderedDict defaultdict deque namedtuple ChainMap",
        "contextlib": "suppress nullcontext",
        "contextvars": "ContextVar",
        "copy": "copy deepcopy",
        "dataclasses": "field fields asdict astuple replace make_dataclass",
        "datetime": """date datetime time timedelta timezone date.fromisoformat datetime.fromisoformat
            datetime.strptime date.today datetime.now""",
        "decimal": "Decimal Context",
        "enum": "auto Enum IntEnum StrEnum Flag IntFlag",
        "fastapi": "APIRouter FastAPI",
        "flask": "Blueprint Flask",
        "fractions": "Fraction",
        "functools": """partial partialmethod wraps lru_cache cache cached_property cmp_to_key singledispatch
            total_ordering""",
        "importlib.util": "find_spec",
        "itertools": """chain chain.from_iterable combinations count cycle islice permutations product repeat
            zip_longest""",
        "json": "loads dumps",
        "logging": "getLogger NullHandler",
        "math": "sqrt log log2 log10 exp pow floor ceil prod radians degrees sin cos tan pi",
        "operator": "attrgetter itemgetter methodcaller",
        "os": "getenv environ.get fspath getcwd cpu_count",
        "os.path": """join dirname abspath basename exists isfile isdir normpath realpath expanduser splitext
            relpath""",
        "pathlib": "Path PurePath PosixPath PurePosixPath Path.cwd Path.home",
        "platform": "system machine python_version",
        "re": "compile escape",
        "shutil": "which",
        "string": "Template Formatter",
        "struct": "Struct calcsize",
        "textwrap": "dedent indent",
        "threading": "Lock RLock local Event Condition",
        "types": "MappingProxyType SimpleNamespace",
        "typing": """TypeVar ParamSpec TypeVarTuple NewType NamedTuple TypedDict cast get_args get_origin
            get_type_hints Annotated""",
        "typing_extensions": "TypeVar ParamSpec TypeVarTuple NewType NamedTuple TypedDict cast get_args get_origin",
        "uuid": "UUID",
        "weakref": "WeakKeyDictionary WeakValueDictionary",
        "zoneinfo": "ZoneInfo",
        "numpy": """array asarray arange zeros ones full empty eye linspace logspace concatenate dtype float32 float64
            int8 int16 int32 int64 uint8 datetime64 timedelta64 deg2rad finfo iinfo""",
        "pandas": "to_datetime to_timedelta date_range period_range timedelta_range",
        "polars": """all any_horizontal all_horizontal coalesce col concat_list concat_str count date datetime duration
            element exclude first format last len lit max mean median min struct sum when""",
        "sklearn.compose": "make_column_transformer make_column_selector",
        "sklearn.pipeline": "make_pipeline make_union",
        "argparse": "ArgumentParser",
        "attr": "ib field",
        "attrs": "field",
        "click": "argument option pass_context pass_obj version_option help_option password_option confirmation_option",
        "pyarrow": """schema field string int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 bool_ date32
            date64 timestamp decimal128 list_ struct map_ dictionary binary large_string array table""",
    }.items()
    for name in names.split()
)

# Methods that change neither what they are called on nor anything else, whatever that may be.
METHODS = frozenset(
    """absolute as_posix capitalize casefold copy date days decode difference encode endswith expanduser format
    hexdigest intersection isdigit isoformat items joinpath keys lower lstrip partition relative_to removeprefix
    removesuffix resolve rpartition rsplit rstrip split splitlines startswith strftime strip symmetric_difference
    title total_seconds translate union upper values with_name with_stem with_suffix zfill""".split()  # noqa: SIM905
)

DECORATORS = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": "property staticmethod classmethod",
        "abc": "abstractmethod abstractproperty abstractclassmethod abstractstaticmethod",
        "attr": "s attrs define frozen mutable",
        "click": "command group argument option pass_context pass_obj version_option help_option password_option",
        "pydantic": """validator root_validator field_validator model_validator field_serializer model_serializer
            computed_field validate_call""",
        "attrs": "define frozen mutable",
        "contextlib": "contextmanager asynccontextmanager",
        "dataclasses": "dataclass",
        "enum": "unique verify",
        "functools": """wraps lru_cache cache cached_property total_ordering singledispatch singledispatchmethod
            partial""",
        "numba": "jit njit vectorize guvectorize",
        "typing": "overload final override no_type_check runtime_checkable dataclass_transform",
        "typing_extensions": "overload final override runtime_checkable deprecated dataclass_transform",
        "warnings": "deprecated",
    }.items()
    for name in names.split()
)

# Bases of classes, and metaclasses, from outside the standard library that keep no list of what is derived from them.
_BASES = frozenset(
    """sklearn.base.BaseEstimator sklearn.base.TransformerMixin sklearn.base.ClassifierMixin sklearn.base.RegressorMixin
    sklearn.base.ClusterMixin sklearn.base.OneToOneFeatureMixin pydantic.BaseModel pydantic_settings.BaseSettings
    torch.nn.Module torch.utils.data.Dataset torch.utils.data.IterableDataset pandas.DataFrame pandas.Series
    numpy.ndarray msgspec.Struct typing_extensions.Protocol typing_extensions.TypedDict typing_extensions.NamedTuple
    typing_extensions.Generic""".split()  # noqa: SIM905
)
_UNCHANGING = tuple(f"builtins.{kind}." for kind in ("str", "bytes", "int", "float", "tuple", "frozenset"))
_BUILTIN = frozenset(dir(builtins))


# Libraries of which classes can be made without changing anything but what is made, unless they are for files.
_LIBRARIES = frozenset(
    """attr attrs click numpy pandas polars pyarrow pydantic scipy shapely sklearn statsmodels typer""".split()  # noqa: SIM905
)
_FOR_FILES = ("Connection", "File", "FileSystem", "Reader", "Session", "Store", "Stream", "Writer")


def _is_class_of_library(dotted: str) -> bool:
    top, last = dotted.partition(".")[0], dotted.rpartition(".")[2]
    is_class = last[:1].isupper() and not last.isupper()
    return top in _LIBRARIES and is_class and not last.endswith(_FOR_FILES)


def is_expression(dotted: str) -> bool:
    """Whether calling what has this full name gives a value that no method of it changes, nor anything else."""
    return dotted.startswith("polars.") and dotted in CALLS


def is_builtin(name: str) -> bool:
    """Whether Python itself has the name."""
    return name in _BUILTIN


def is_standard(dotted: str) -> bool:
    """Whether a full name belongs to Python or to its standard library."""
    return dotted.partition(".")[0] in sys.stdlib_module_names or dotted.startswith("builtins.")


def is_harmless_call(dotted: str) -> bool:
    """Whether calling what has this full name changes nothing; exceptions are only made."""
    if dotted.startswith(_UNCHANGING):
        return True
    own = dotted.removeprefix("builtins.")
    made = getattr(builtins, own, None) if dotted.startswith("builtins.") else None
    return (
        dotted in CALLS or _is_class_of_library(dotted) or (isinstance(made, type) and issubclass(made, BaseException))
    )


# Libraries that do nothing with what the docstrings of functions and classes say which they are given.
_QUIET = frozenset(
    """attr attrs beartype cachetools click dask jax joblib msgspec numba numpy pandas polars prefect pyarrow pytest ray
    scipy shapely sklearn sqlalchemy tenacity torch tqdm typer typing_extensions wrapt""".split()  # noqa: SIM905
)


def may_read_docstrings(dotted: str) -> bool:
    """Whether a decorator or a base of this full name may make something of docstrings: of prompts, schemas, help."""
    top = dotted.partition(".")[0]
    return not is_standard(dotted) and top not in _QUIET and top != "dbuild"


def is_harmless_decorator(dotted: str) -> bool:
    """Whether a decorator, or what it was made by, only gives back another function or class."""
    return dotted in DECORATORS


def is_plain_base(dotted: str) -> bool:
    """Whether a class or metaclass takes no notice of what is derived from it."""
    return dotted in _BASES or is_standard(dotted)
