"""Edits of the shop, each with what it has to build again: the table that is tried in `test_edits.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.build.shop import FILES, FLOW, PARTITIONS, Shop

Change = Callable[[Shop], None]


@dataclass(frozen=True)
class Edit:
    """One edit."""

    group: str
    what: str  # as the table has it
    change: Change
    ran: tuple[str, ...]  # targets, all of whose partitions are built again; or single partitions
    params: dict[str, str] = field(default_factory=dict)  # of the command line
    engine: str = ""  # the version that DuckDB has all of a sudden
    python: str = ""  # and Python

    @property
    def partitions(self) -> tuple[str, ...]:
        """All partitions that are built again, sorted."""
        return tuple(sorted(label for name in self.ran for label in PARTITIONS.get(name, (name,))))


def swap(name: str, *texts: str) -> Change:
    """Of two texts the first becomes the second."""
    return lambda shop: shop.replace(name, *texts)


def flow(*texts: str) -> Change:
    """The same in the Dataflowfile."""
    return swap("Dataflowfile", *texts)


def add(name: str, text: str) -> Change:
    """More lines at the end of a file, which may be new."""

    def change(shop: Shop) -> None:
        shop.write(name, (shop.read(name) if shop.path(name).exists() else "") + text)

    return change


def key(target: str, line: str) -> Change:
    """A line more in the table of a target."""
    return flow(f"[targets.{target}]\n", f"[targets.{target}]\n{line}\n")


def installs(name: str, version: str, *requires: str) -> Change:
    """Another version of a package."""
    return lambda shop: shop.site.install(name, version, *requires)


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(shop: Shop) -> None:
        for each in changes:
            each(shop)

    return change


def nothing(shop: Shop) -> None:
    """No change of any file."""


READERS = ("tidy", "priced", "model")  # of rows.read
WRITERS = ("tidy", "priced")  # of rows.write
SOLD = ("daily", "summary", "model", "export")  # what changes with the amounts
_TIDY = "shop/tidy.py"
_ROWS = "shop/rows.py"
_CHECKS = "shop/checks.py"
_RULES = "shop/rules.py"
_PRICE = "shop/price.py"
_DAILY = "sql/daily.sql"
_MACROS = "sql/macros.sql"


_LOOP = "return [line.split(SEPARATOR) for line in lines if line]"
_WRITE, _MEDIAN = (
    FILES[_ROWS][FILES[_ROWS].index(start) :].partition("\n\n\n")[0] + "\n\n\n" for start in ("def write", "def median")
)


def _with_windows_ends(shop: Shop) -> None:
    shop.path(_ROWS).write_bytes(shop.read(_ROWS).replace("\n", "\r\n").encode())


def _reorder(shop: Shop) -> None:
    """The Dataflowfile with its targets in the other order."""
    head, *targets = FLOW.split("[targets.")
    shop.write("Dataflowfile", head + "".join(f"[targets.{text.rstrip()}\n\n" for text in reversed(targets)))


def _split(shop: Shop) -> None:
    """The Dataflowfile in two."""
    whole = FLOW.index("[targets.model]")
    shop.write("flows/more.toml", FLOW[whole:])
    shop.write("Dataflowfile", FLOW[:whole].replace("[project]\n", '[project]\ninclude = ["flows/*.toml"]\n'))


Row = tuple[str, Change, tuple[str, ...]]


def _python() -> Iterator[Row]:
    yield "a comment in a function", swap(_ROWS, "# a header first", "# the first line is a header"), ()
    yield "blank lines and line breaks", swap(_ROWS, "(values)[len", "(\n        values\n    )[\n        len"), ()
    yield "other quotes", swap(_ROWS, '"place", "n"', "'place', 'n'"), ()
    yield "line ends of Windows", _with_windows_ends, ()
    yield "a number written in another way", swap(_PRICE, "factor: int = 1", "factor: int = 0x1"), ()
    yield "parentheses that aren't needed", swap(_PRICE, "n * self.factor)", "(n * self.factor))"), ()
    yield "the docstring of a function", swap(_ROWS, "The rows of a file.", "All rows of a file."), ()
    yield "the docstring of a module", swap(_ROWS, "Reading and writing of rows.", "Rows."), ()
    yield "a docstring comes", swap(_ROWS, "def write(rows):\n", 'def write(rows):\n    """Rows as text."""\n'), ()
    yield (
        "a function that only another module's recipe reaches",
        swap(_CHECKS, "assert row", "assert True and row"),
        (*("tidy", "loose"),),
    )
    yield "the order of two functions", swap(_ROWS, _WRITE + _MEDIAN, _MEDIAN + _WRITE), ()
    yield "a function that nobody reaches is changed", swap(_ROWS, "len(values) // 2", "len(values) // 3"), ()
    yield "such a function comes", add(_ROWS, "\n\ndef mean(values):\n    return sum(values) / len(values)\n"), ()
    yield "such a function goes", swap(_TIDY, "def stray(sales):\n    return sales\n", ""), ()
    yield "such a function, in the recipe's own module", swap(_TIDY, "return sales", "return [sales]"), ()
    yield "such a class comes", add(_PRICE, "\n\nclass Rebate:\n    share = 0.1\n"), ()
    yield "such a constant", swap(_ROWS, "LIMIT = 100", "LIMIT = 200"), ()
    yield "such a module comes", add("shop/extra.py", "def more():\n    return 1\n"), ()
    yield (
        "a test beside the code",
        add("shop/test_rows.py", "from shop.rows import read\n\n\ndef test_read(): read\n"),
        (),
    )
    yield '`if __name__ == "__main__"`', add(_TIDY, '\n\nif __name__ == "__main__":\n    print(tidy("x.csv"))\n'), ()
    yield "`if TYPE_CHECKING`", swap(_ROWS, "import Iterable", "import Iterable, Sequence"), ()
    yield "`__all__`", add(_ROWS, '\n__all__ = ["read", "write"]\n'), ()
    yield "a constant of a package", add("shop/__init__.py", 'VERSION = "2"\n'), ()
    yield "an import that nobody uses, of Python's own", swap(_ROWS, "import os\n", "import os\nimport re\n"), ()
    yield (
        "a helper is written in another way",
        swap(_ROWS, "for line in lines if line", "for line in lines if line != ''"),
        READERS,
    )
    yield (
        "a local variable is renamed",
        swap(_ROWS, _LOOP, _LOOP.replace("line.", "one.").replace("line ", "one ").replace("line]", "one]")),
        READERS,
    )
    yield "a helper writes something else", swap(_ROWS, '+ "\\n"', '+ "\\n\\n"'), (*WRITERS, "report", "daily")
    yield "a constant that a helper uses", swap(_CHECKS, '{"EWR", "JFK"}', '{"EWR", "JFK", "LGA"}'), ("tidy", "loose")
    yield "a constant that two helpers use", swap(_ROWS, 'SEPARATOR = ","', 'SEPARATOR = str(",")'), READERS
    yield "a mutable constant", swap(_ROWS, 'HEADER = ["place", "n"]', 'HEADER = ["place"] + ["n"]'), WRITERS
    yield "a default argument", swap(_ROWS, "def read(path):", 'def read(path, mode="r"):'), READERS
    yield "an annotation", swap(_ROWS, "def read(path):", "def read(path: str):"), READERS
    yield "a method that is called", swap(_PRICE, "return int(n)", "return int(n) + 1"), ("priced", "report", *SOLD)
    yield "a method that isn't: a class counts as a whole", swap(_PRICE, 'f"* {', 'f"x {'), ("priced",)
    yield "a base class", swap(_PRICE, "class Amount:", "class Amount(object):"), ("priced",)
    yield "a decorator", swap(_PRICE, "@dataclass\n", "@dataclass(frozen=True)\n"), ("priced",)
    yield "what a decorator registers, used or not", swap(_RULES, "return n * 2", "return n + n"), ("priced",)
    yield "a function beside it that isn't registered", swap(_RULES, "return n * 3", "return n * 4"), ()
    yield "one more is registered", add(_RULES, "\n\n@rule\ndef halved(n):\n    return n // 2\n"), ("priced",)
    yield "a call at the top of an imported module", add(_CHECKS, '\n\nNOTES.append("seen")\n'), ("tidy", "loose")
    yield "a store into another module", add(_TIDY, "\n\nchecks.LARGE = 70\n"), ("tidy",)
    yield (
        "a call at the top of a package",
        add("shop/__init__.py", "import sys\n\nsys.setrecursionlimit(2000)\n"),
        (*("tidy", "priced", "model", "loose"),),
    )
    yield "a function that may be reached by a computed name", swap(_CHECKS, "> 50", "> 60"), ("loose",)
    yield (
        "a helper moves to another module",
        both(
            swap(
                _TIDY, "from shop import checks\n", "from shop import known\n", "checks.known(row)", "known.known(row)"
            ),
            add(
                "shop/known.py",
                'PLACES = {"EWR", "JFK"}\n\n\ndef known(row):\n    assert row[0] in PLACES, row\n    return row\n',
            ),
        ),
        ("tidy",),
    )
    yield (
        "another function as the recipe",
        both(add(_TIDY, "\n\ndef neat(sales):\n    return tidy(sales)\n"), flow("shop.tidy:tidy", "shop.tidy:neat")),
        ("tidy",),
    )


def _sql() -> Iterator[Row]:
    yield "a comment", swap(_DAILY, "-- What a day brought.", "-- All that a day brought."), ()
    yield "layout", swap(_DAILY, "\nFROM clean\nWHERE", " FROM clean WHERE"), ()
    yield "the case of keywords", swap(_DAILY, "GROUP BY place\nORDER BY", "group by place\norder by"), ()
    yield "the case of a type", swap(_DAILY, "AS BIGINT", "as bigint"), ()
    yield "parentheses that aren't needed", swap(_DAILY, "n >= $smallest", "((n >= $smallest))"), ()
    yield "quotes that aren't needed", swap(_DAILY, "GROUP BY place", 'GROUP BY "place"'), ()
    yield (
        "`AS` left out, `::` for CAST",
        swap(_DAILY, "CAST(net(sum(n)) AS BIGINT) AS total", "net(sum(n))::BIGINT total"),
        (),
    )
    yield "`!=` for `<>`", swap(_DAILY, "<>", "!="), ()
    yield "`ORDER BY place ASC`", swap(_DAILY, "ORDER BY place", "ORDER BY place ASC"), ()
    yield "a semicolon at the end", swap(_DAILY, "ORDER BY place\n", "ORDER BY place;\n"), ()
    yield "the text moves into the Dataflowfile", flow('"sql/daily.sql"', f'"""\n{FILES[_DAILY]}"""'), ()
    yield "the case of a name", swap(_DAILY, "place, CAST", "Place, CAST"), ("daily",)
    yield "a condition that changes no row", swap(_DAILY, "<> 'LGA'", "<> 'BOS'"), ("daily",)
    yield "another order", swap(_DAILY, "ORDER BY place", "ORDER BY place DESC"), ("daily", "summary", "export")
    yield "another result", swap(_DAILY, "sum(n)", "count(*)"), SOLD
    yield "a comment in the file of macros", swap(_MACROS, "-- Amounts.", "-- All amounts."), ()
    yield "the layout of a macro that it uses", swap(_MACROS, "n - fee(n)", "(n\n  - fee(n))  /* less */"), ()
    yield "a macro that nobody uses", swap(_MACROS, "n * 2", "n * 3"), ()
    yield "a macro that it uses", swap(_MACROS, "n - fee(n)", "n - 2 * fee(n)"), SOLD
    yield "a macro that it uses through another one", swap(_MACROS, "n // 10", "n // 20"), SOLD
    yield "the same, and the result stays", swap(_MACROS, "n // 10", "n // 10 + 0"), ("daily",)
    yield (
        "a macro moves to another file",
        both(
            swap(_MACROS, "CREATE MACRO fee(n) AS n // 10;\n", ""),
            add("sql/fees.sql", "CREATE MACRO fee(n) AS n // 10;\n"),
            flow('["sql/macros.sql"]', '["sql/macros.sql", "sql/fees.sql"]'),
        ),
        (),
    )
    yield (
        "the layout of a view",
        flow('"SELECT place, n FROM priced WHERE n > 0"', '"""\nselect place, n\nfrom priced\nwhere (n > 0)"""'),
        (),
    )
    yield "a view, and the rows stay", flow("WHERE n > 0", "WHERE n > -1"), ("daily",)
    yield (
        "a view, and other rows come",
        flow("WHERE n > 0", "WHERE n > 30"),
        ("daily", "export@2013-01-01", "summary", "model"),
    )
    yield "SQL in the Dataflowfile", flow("sum(total) AS total", "max(total) AS total"), ("summary", "model")


def _shell() -> Iterator[Row]:
    yield "what a script in `uses` says", swap("report.sh", "cat", "cat -n"), ("report",)
    yield "a comment in it: nobody reads all languages", add("report.sh", "# done\n"), ("report",)
    yield "a file that a glob in `uses` names", swap("lib/common.sh", "== $1 ==", "-- $1 --"), ("report",)
    yield "such a file comes", add("lib/more.sh", "true\n"), ("report",)
    yield "a file beside them", add("lib/readme.md", "More.\n"), ()
    yield "the order of `uses`", flow('["report.sh", "lib/*.sh"]', '["lib/*.sh", "report.sh"]'), ()
    yield "the command", flow("cp {daily} {output}", "cat {daily} > {output}"), ("export",)
    yield "a blank in the command: it may matter", flow("cp {daily} {output}", "cp  {daily} {output}"), ("export",)
    yield "another interpreter", key("export", 'interpreter = "sh"'), ("export",)
    yield "a variable's value", flow('"plain"', '"fancy"'), ("report",)
    yield "the order of variables", flow('STYLE = "plain", INDENT = "2"', 'INDENT = "2", STYLE = "plain"'), ()
    yield "a variable comes", flow('INDENT = "2"', 'INDENT = "2", WIDTH = 80'), ("report",)


def _environment() -> Iterator[Edit]:
    group = "Environment"
    for what, name, more, ran in (
        ("a package that a recipe imports", "math-pkg", ("base-pkg",), ("model",)),
        ("a package that this requires", "base-pkg", (), ("model",)),
        ("one that only an unreached function imports", "plot-pkg", (), ()),
        ("one that nobody imports", "idle-pkg", (), ()),
        ('one that a recipe with `environment = "ignore"` imports', "tax-pkg", (), ()),
    ):
        yield Edit(group, f"upgrade of {what}", installs(name, "2.0", *more), ran)
    yield Edit(group, "a package is installed that nobody imports", installs("new-pkg", "1.0"), ())
    yield Edit(group, "a package requires one more", installs("base-pkg", "1.0", "idle-pkg"), ("model",))
    yield Edit(group, "a newer DuckDB", nothing, ("daily", "summary"), engine="9.9.9")
    yield Edit(group, "a newer minor version of Python", nothing, ("tidy", "model", "loose"), python="3.99")
    yield Edit(group, "a file of `environment`", add("app.lock", "beta==2.0\n"), ("export",))
    yield Edit(group, "what a command of `environment` prints", swap("tool.version", "1.0", "1.1"), ("report",))
    yield Edit(group, "blanks around that", add("tool.version", "\n \n"), ())
    yield Edit(group, "a target ignores what is installed", key("model", 'environment = "ignore"'), ())
    names = key("model", 'environment = ["Math_Pkg"]')
    yield Edit(group, "fewer packages count than before", names, ())
    none = flow('environment = ["app.lock"]\n', "")
    yield Edit(group, "a command has no `environment` any more", none, ())
    yield Edit(group, "something else counts than before", key("model", 'environment = ["app.lock"]'), ("model",))


def _params() -> Iterator[Edit]:
    group = "Params"
    yield Edit(group, "one that a function looks up", flow("rate = 2", "rate = 3"), ("priced", "report", *SOLD))
    yield Edit(group, "the same on the command line", nothing, ("priced", "report", *SOLD), {"rate": "3"})
    yield Edit(group, "its own value on the command line", nothing, (), {"rate": "2"})
    yield Edit(group, "one that SQL binds", flow("smallest = 1", "smallest = 0"), ("daily",))
    yield Edit(group, "one that a command is given", flow('title = "Sales"', 'title = "Amounts"'), ("report",))
    yield Edit(group, "one that nobody reads", flow("spare = 0", "spare = 1"), ())
    yield Edit(group, "a new one", flow("spare = 0", "spare = 0, more = 1"), ())
    yield Edit(group, "their order", flow("rate = 2, smallest = 1", "smallest = 1, rate = 2"), ())
    yield Edit(
        group, "a command is given one more", flow('params = ["title"]', 'params = ["title", "spare"]'), ("report",)
    )


def _dataflowfile() -> Iterator[Row]:
    yield "a comment", add("Dataflowfile", "# the end\n"), ()
    yield "the order of targets", _reorder, ()
    yield (
        "the order of keys",
        flow('python = "shop.tidy:tidy"\ninputs = ["sales"]\n', 'inputs = ["sales"]\npython = "shop.tidy:tidy"\n'),
        (),
    )
    yield "the order of sections", both(flow("[pools]\ndb = 2\n\n", ""), add("Dataflowfile", "\n[pools]\ndb = 2\n")), ()
    yield "`description`, `tags`, `owner`", key("daily", 'description = "By day"\ntags = ["x"]\nowner = "us"'), ()
    yield (
        "`description` of a source",
        flow("[sources.sales]\n", '[sources.sales]\ndescription = "All"\nowner = "us"\n'),
        (),
    )
    yield "the project's name", flow('name = "shop"', 'name = "store"'), ()
    yield "`default`", flow('name = "shop"\n', 'name = "shop"\ndefault = ["model", "loose", "report", "export"]\n'), ()
    yield "`pools` and `needs`", both(flow("db = 2", "db = 4"), key("tidy", "needs = { db = 1, cpus = 2 }")), ()
    yield "`retries`, `retry_on`, `timeout`", key("report", 'retries = 2\nretry_on = [75]\ntimeout = "10m"'), ()
    yield "`freeze_after`", key("tidy", 'freeze_after = "99999d"'), ()
    yield "`expect` of a source", flow("[sources.sales]\n", '[sources.sales]\nexpect = { at = "06:00" }\n'), ()
    yield "targets move to an included file", _split, ()
    yield (
        "a table in place of an inline table",
        flow(
            'env = { STYLE = "plain", INDENT = "2" }\nenvironment = { cmd = "cat tool.version" }\n',
            'environment.cmd = "cat tool.version"\n[targets.report.env]\nINDENT = "2"\nSTYLE = "plain"\n',
        ),
        (),
    )
    yield "`inputs` as a table", flow('inputs = ["tidy"]', "inputs.tidy = {}"), ()
    yield (
        "an input that is read by another name",
        both(
            flow('inputs = ["tidy"]', 'inputs = { given = "tidy" }'),
            swap(_PRICE, "price(tidy,", "price(given,", "read(tidy)", "read(given)"),
        ),
        ("priced",),
    )
    yield (
        "what of an input is read",
        key("daily", 'inputs.clean = { day = "-1d..0d" }'),
        ("daily@2013-01-02", "export@2013-01-02", "summary", "model"),  # there is no day before the first
    )
    yield '`impact = "none"`', key("summary", 'inputs.daily = { impact = "none" }'), ()
    yield "the time zone of a recipe", key("summary", 'timezone = "Europe/Zurich"'), ("summary",)
    yield (
        "the project's own time zone, said once more",
        flow('name = "shop"\n', 'name = "shop"\ntimezone = "UTC"\n'),
        (),
    )
    yield "another path", flow("out/model.txt", "out/fit/model.txt"), ("model",)
    yield "another name, with `was`", flow("[targets.model]\n", '[targets.fitted]\nwas = "model"\n'), ()
    yield "a day more, without data", flow("end = 2013-01-02", "end = 2013-01-03"), ()
    yield (
        "a day more, with data",
        both(
            flow("end = 2013-01-02", "end = 2013-01-03"),
            *(add(f"data/2013-01-03/{place}.csv", f"place,n\n{place},5\n") for place in ("EWR", "JFK")),
        ),
        (
            *(f"{name}@2013-01-03,{place}" for name in ("tidy", "priced") for place in ("EWR", "JFK")),
            *("daily@2013-01-03", "export@2013-01-03", "summary", "model", "report"),
        ),
    )
    yield "how a dataset is read", key("summary", 'read = { nullstr = "NA" }'), ("model",)
    yield (
        "a new target",
        add("Dataflowfile", '\n[targets.more]\npath = "out/more.txt"\nshell = "echo > {output}"\n'),
        ("more",),
    )
    yield "a target goes", flow(FLOW[FLOW.index("[targets.export]") :], ""), ()


def _all() -> Iterator[Edit]:
    for group, found in (("Python", _python()), ("SQL", _sql()), ("Shell", _shell())):
        yield from (Edit(group, *each) for each in found)
    yield from _environment()
    yield from _params()
    yield from (Edit("Dataflowfile", *each) for each in _dataflowfile())


EDITS = tuple(_all())
