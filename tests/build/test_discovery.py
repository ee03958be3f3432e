"""Keys that SQL finds: when it is asked and when not, what is then built, and what is said of what isn't known."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dbuild.build import Settings, build, clean, explain, find_cleaning, lint, overview, plan, show, status
from dbuild.build.survey import Survey
from dbuild.core.cleaning import Wanted
from dbuild.core.task import Task
from dbuild.errors import RecipeError, UsageError
from dbuild.recipes import discovery
from dbuild.recipes.discovery import FoundKeys
from dbuild.recipes.engine import Engine
from tests.build.test_imports import imported, roots
from tests.build.workshop import DAYS, Workshop
from tests.interruption import interrupt_query

SHOP = """
[partitions.customer]
discover = { sql = "SELECT name FROM customers" }
[sources.customers]
path = "customers.csv"
[sources.orders]
path = "orders/{customer}.txt"
[targets.copy]
path = "out/copy/{customer}.txt"
shell = "cp {orders} {output}"
[targets.all]
path = "out/all.txt"
shell = "cat {copy} > {output}"
[targets.other]
path = "out/other.txt"
shell = "echo x > {output}"
"""
ORPHANS = Wanted(orphans=True)
MAY_HAVE_CHANGED = 'the keys of "customer" may have changed: the next build asks anew'
NOT_KNOWN = 'the keys of "customer" aren\'t known yet: a build asks for them'


class Shop(Workshop):
    """A project whose customers a table names."""

    asked: list[str]  # the dimensions that were asked for, in order

    def customers(self, *names: str) -> None:
        self.write("customers.csv", "".join(f"{line}\n" for line in ("name", *names)))

    def orders(self, *names: str) -> None:
        for name in names:
            self.write(f"orders/{name}.txt", f"{name}\n")

    @property
    def settings(self) -> Settings:
        return Settings(str(self.root))

    def asks(self) -> list[str]:
        """What was asked for since this was asked last."""
        found = list(self.asked)
        self.asked.clear()
        return found

    def orphans(self) -> list[str]:
        return [one.path for one in find_cleaning(self.settings, ORPHANS).removed]

    def doubts(self) -> list[str]:
        """What `status` says that it can't know."""
        found: list[str] = []
        status(self.settings, (), found.append)
        return found


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The dimensions whose SQL is run, as it is."""
    asked: list[str] = []
    real = discovery.find_keys

    def find(task: Task, dimension: str, engine: Engine) -> FoundKeys:
        asked.append(dimension)
        return real(task, dimension, engine)

    monkeypatch.setattr(discovery, "find_keys", find)
    return asked


@pytest.fixture
def make(tmp_path: Path, spied: list[str]) -> Callable[[str], Shop]:
    def made(flow: str) -> Shop:
        shop = Shop(tmp_path / "shop", flow)
        shop.asked = spied
        return shop

    return made


@pytest.fixture
def shop(make: Callable[[str], Shop]) -> Shop:
    shop = make(SHOP)
    shop.customers("bob", "ada", "bob")
    shop.orders("ada", "bob", "cyd")
    return shop


# --- Asking --------------------------------------------------------------------------------------------------------


def test_it_is_asked_once_and_then_only_after_changes(shop: Shop, tmp_path: Path) -> None:
    first = shop.build()
    assert first.ran == ["all", "copy@ada", "copy@bob", "other"]
    assert first.notices == ['keys of "customer": 2 new (ada, bob)']
    assert shop.asks() == ["customer"]
    for _ in range(3):
        quiet = shop.build()
        assert (quiet.ran, quiet.notices, quiet.standing) == ([], [], (0, 4, 0, 0, 0))
    shop.orders("bob")  # not what it reads
    shop.write("orders/bob.txt", "changed\n")
    assert shop.build().ran == ["all", "copy@bob"]
    assert shop.asks() == []
    shop.customers("bob", "ada")  # the same keys
    assert shop.build().ran == []
    assert shop.asks() == ["customer"]
    assert shop.build().ran == []
    assert shop.asks() == []
    assert shop.outputs() == shop.clean_outputs(tmp_path / "clean")


def test_keys_come_and_go_and_nothing_else_is_built(shop: Shop, tmp_path: Path) -> None:
    shop.build()
    shop.customers("ada", "bob", "cyd")
    came = shop.build()
    assert came.ran == ["all", "copy@cyd"]
    assert came.notices == ['keys of "customer": 1 new (cyd)']
    shop.customers("ada", "cyd")
    assert shop.build().ran == ["all"]
    assert shop.read("out/all.txt") == "ada\ncyd\n"
    assert shop.build().ran == []
    assert shop.orphans() == ["out/copy/bob.txt"]
    shop.customers("ada", "bob", "cyd")
    assert shop.build().ran == ["all"]  # what was made of it is still there and still right
    shop.customers("cyd")
    shop.build()
    clean(shop.settings, ORPHANS, None, emit=lambda event: None)
    assert shop.outputs() == shop.clean_outputs(tmp_path / "clean")


def test_only_who_needs_the_keys_asks(shop: Shop) -> None:
    assert shop.build("other").ran == ["other"]
    assert shop.asks() == []
    assert shop.build("copy").ran == ["copy@ada", "copy@bob"]
    shop.customers("cyd")
    done = shop.build("other")
    assert (done.ran, done.notices) == ([], [])
    assert shop.build("all").ran == ["all", "copy@cyd"]
    assert shop.asks() == ["customer", "customer"]


def test_a_build_chooses_among_the_keys_that_it_has_found(shop: Shop) -> None:
    assert shop.build("copy@bob").ran == ["copy@bob"]
    shop.customers("ada", "cyd")
    with pytest.raises(UsageError, match='"bob" is not a value of customer'):
        shop.build("copy@bob")
    assert shop.build("copy@cyd").ran == ["copy@cyd"]
    assert shop.asks() == ["customer", "customer"]


def test_it_is_asked_anew_when_its_sql_changes_and_not_its_layout(shop: Shop) -> None:
    shop.build()
    shop.asks()
    shop.swap("Dataflowfile", "SELECT name FROM", "select   name /* all */ from")
    assert shop.build().ran == []
    assert shop.asks() == []
    shop.swap("Dataflowfile", 'customers"', "customers WHERE name <> 'ada'\"")
    assert shop.build().ran == ["all"]
    assert shop.asks() == ["customer"]


def test_params_that_it_reads_count(shop: Shop) -> None:
    shop.swap("Dataflowfile", "[sources.customers]", "[project]\nparams = { first = 'a', x = 1 }\n[sources.customers]")
    shop.swap("Dataflowfile", 'customers"', 'customers WHERE name >= $first"')
    assert shop.build().counts == {"copy": 2, "all": 1, "other": 1}
    assert shop.build(x="2").ran == []
    assert shop.asks() == ["customer"]
    assert shop.build(first="b").ran == ["all"]
    assert shop.asks() == ["customer"]
    assert shop.build("other").ran == []
    assert shop.build(first="a").ran == ["all"]


def test_forcing_asks_anew(shop: Shop) -> None:
    shop.build()
    shop.asks()
    assert shop.build("copy", force=True).counts == {"copy": 2}
    assert shop.asks() == ["customer"]


def test_files_that_are_as_they_were_are_not_gone_through_again(
    make: Callable[[str], Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = SHOP.replace('path = "customers.csv"', 'path = "customers/*.csv"')
    shop = make(flow)
    for name in ("ada", "bob"):
        shop.write(f"customers/{name}.csv", f"name\n{name}\n")
        shop.orders(name)
    shop.build()
    for _ in range(3):  # the first ones look again at what was too young
        assert shop.build("copy").ran == []
    seen: list[str] = []
    real = Survey.partition_digests

    def digests(self: Survey, location: object, keys: object) -> object:
        seen.append(location.dataset)  # type: ignore[attr-defined]
        return real(self, location, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(Survey, "partition_digests", digests)
    shop.write("orders/bob.txt", "changed\n")
    assert shop.build("copy").ran == ["copy@bob"]
    assert "customers" not in seen
    shop.write("customers/cyd.csv", "name\ncyd\n")
    shop.orders("cyd")
    assert shop.build("copy").ran == ["copy@cyd"]
    assert "customers" in seen


# --- What is read --------------------------------------------------------------------------------------------------

SALES = f"""
{DAYS}
[project]
macros = ["macros.sql"]
timezone = "Asia/Tokyo"
[partitions.region]
discover = {{ sql = "regions.sql" }}
[partitions.item]
discover = {{ sql = "SELECT DISTINCT item FROM known WHERE amount > 1" }}
[sources.sales]
path = "sales/{{day}}.csv"
schema = {{ taken = "TIMESTAMPTZ", region = "VARCHAR", item = "INTEGER", amount = "INTEGER" }}
[targets.known]
sql = "SELECT *, strftime(taken, '%H') AS hour FROM sales WHERE region IS NOT NULL"
[targets.sums]
path = "out/sums/{{day}}/{{region}}.csv"
sql = "SELECT sum(amount) AS amount FROM sales WHERE region = $region"
[targets.items]
path = "out/items/{{item}}.csv"
sql = "SELECT count(*) AS n FROM sales WHERE item = CAST($item AS INTEGER)"
[targets.total]
path = "out/total.csv"
sql = "SELECT sum(amount) AS amount FROM sums"
"""


@pytest.fixture
def sales(make: Callable[[str], Shop]) -> Shop:
    shop = make(SALES)
    shop.write("macros.sql", "CREATE MACRO tidy(x) AS lower(trim(x));\n")
    shop.write("regions.sql", "CREATE TEMP TABLE r AS FROM known;\nSELECT hour, tidy(region) AS region FROM r\n")
    shop.write("sales/2013-01-01.csv", "taken,region,item,amount\n2013-01-01T01:00:00Z,north,7,1\n")
    shop.write("sales/2013-01-02.csv", "taken,region,item,amount\n2013-01-02T01:00:00Z, South,8,2\n")
    return shop


def test_views_macros_files_and_several_dimensions(sales: Shop) -> None:
    done = sales.build()
    assert sorted(sales.asks()) == ["item", "region"]
    assert done.ran == [
        "items@8", "sums@2013-01-01,north", "sums@2013-01-01,south",
        "sums@2013-01-02,north", "sums@2013-01-02,south", "total",
    ]  # fmt: skip
    assert sales.build().ran == []
    sales.write("sales/2013-01-04.csv", "taken,region,item,amount\n2013-01-03T01:00:00Z,west,8,2\n")
    added = sales.build(keep_going=True)  # the third is missing: that holds back neither asking nor the fourth
    assert sorted(sales.asks()) == ["item", "region"]
    assert added.ran == [
        "sums@2013-01-01,west", "sums@2013-01-02,west",
        "sums@2013-01-04,north", "sums@2013-01-04,south", "sums@2013-01-04,west",
    ]  # fmt: skip
    sales.write("macros.sql", "CREATE MACRO tidy(x) AS upper(trim(x));\n")
    sales.build(keep_going=True)
    assert sales.asks() == ["region"]
    assert next(row.keys for row in overview(sales.settings) if row.name == "sums").endswith("NORTH..WEST")


def test_keys_are_those_of_the_domain(sales: Shop) -> None:
    sales.swap("Dataflowfile", "start = 2013-01-01", "start = 2013-01-02")
    assert sales.build("sums").ran == ["sums@2013-01-02,south"]
    sales.swap("Dataflowfile", "start = 2013-01-02", "start = 2013-01-01")
    assert sales.build("sums").counts == {"sums": 3}


def test_the_sessions_zone_is_the_projects(sales: Shop) -> None:
    sales.write("regions.sql", "SELECT hour AS region FROM known")
    sales.build("sums")
    assert plan(sales.settings, ("sums",)).domains.axes["region"].text(0) == "10"
    sales.swap("Dataflowfile", "Asia/Tokyo", "UTC")
    sales.build("sums")
    assert plan(sales.settings, ("sums",)).domains.axes["region"].text(0) == "01"


def test_without_files_a_declared_schema_gives_no_keys(sales: Shop) -> None:
    for file in sales.path("sales").iterdir():
        file.unlink()
    done = sales.build("sums")
    assert (done.ran, done.summary.failed) == ([], 0)
    assert sales.asks() == ["region"]


def test_an_absent_file_leaves_the_last_answer(shop: Shop) -> None:
    shop.path("customers.csv").unlink()
    before = shop.build("copy")
    assert (before.ran, before.notices) == (
        [],
        ['the keys of "customer" can\'t be asked for: "customers" has no file like customers.csv'],
    )
    assert before.notices == shop.doubts()
    shop.customers("ada")
    assert shop.build("copy").ran == ["copy@ada"]
    shop.path("customers.csv").unlink()
    after = shop.build("copy")
    assert (after.ran, after.summary.fresh) == ([], 1)
    assert after.notices[0].endswith("customers.csv; the last answer stands")
    assert shop.orphans() == []


def test_files_that_are_being_written_leave_the_last_answer(make: Callable[[str], Shop]) -> None:
    shop = make(SHOP.replace('path = "customers.csv"', f'path = "customers/{{day}}.csv"\nsettle = "30s"\n{DAYS}'))
    shop.orders("ada", "bob", "cyd")
    for day, name in (("2013-01-01", "ada"), ("2013-01-02", "bob")):
        shop.write(f"customers/{day}.csv", f"name\n{name}\n")
        shop.date(f"customers/{day}.csv", f"{day}T12:00")
    assert shop.build("all", now="2013-01-03T00:00").ran == ["all", "copy@ada", "copy@bob"]
    shop.write("customers/2013-01-02.csv", "name\ncyd")
    shop.date("customers/2013-01-02.csv", "2013-01-03T12:00")
    young = shop.build("all", now="2013-01-03T12:00:10")
    assert young.ran == []
    assert young.notices == [
        'the keys of "customer" can\'t be asked for: files of "customers" were written just now; the last answer stands'
    ]
    assert shop.asks() == ["customer"]
    assert shop.build("all", now="2013-01-03T12:01").ran == ["all", "copy@cyd"]


def test_rows_without_a_key_are_left_out_and_said(shop: Shop) -> None:
    shop.write("customers.csv", "name,n\nada,1\n,2\n,3\n")
    done = shop.build("copy")
    assert done.ran == ["copy@ada"]
    assert done.notices[0] == 'the SQL of "customer" gives 2 rows without a key: left out'
    assert shop.build("copy").notices == []


# --- What goes wrong -----------------------------------------------------------------------------------------------


def failure_of(shop: Shop) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        shop.build()
    assert caught.value.exit_code == 1
    return caught.value


@pytest.mark.parametrize(
    ("sql", "line", "what"),
    [
        ("SELECT nam FROM customers", 3, 'Referenced column "nam" not found'),
        ("SELECT 1 AS name,\\n  nam FROM customers", 4, 'Referenced column "nam" not found'),
        ("SELECT CAST(name AS INTEGER) FROM customers", 3, "Could not convert string"),
        ("SELECT name AS a, name AS b FROM customers", 3, 'it gives the columns a, b, and none is called "customer"'),
        ("SELECT name || '/x' FROM customers", 3, "it gives values that can't be keys: 'ada/x', 'bob/x'"),
        ("SELECT unnest(['', '..', 'a'])", 3, "it gives values that can't be keys: '', '..'"),
        ("SELECT chr(10) FROM customers", 3, r"it gives values that can't be keys: '\n'"),
    ],
)
def test_what_fails_is_said_and_not_recorded(shop: Shop, sql: str, line: int, what: str) -> None:
    shop.build()
    good = shop.read("Dataflowfile")
    shop.swap("Dataflowfile", '"SELECT name FROM customers"', f"'''{sql}'''".replace("\\n", "\n"))
    error = failure_of(shop)
    assert what in error.what
    assert error.what.startswith('the keys of "customer" can\'t be found: ')
    assert (str(error.place), shop.doubts()) == (f"Dataflowfile:{line}", [MAY_HAVE_CHANGED])
    shop.asks()
    assert failure_of(shop).what == error.what
    assert shop.asks() == ["customer"]
    shop.write("Dataflowfile", good)
    assert shop.build().ran == []
    assert shop.asks() == []


def test_of_several_columns_the_one_with_its_name_counts(shop: Shop) -> None:
    shop.swap("Dataflowfile", "SELECT name", "SELECT 1 AS n, name AS Customer")
    assert shop.build("copy").ran == ["copy@ada", "copy@bob"]


def test_it_reads_its_inputs_and_nothing_else(shop: Shop) -> None:
    shop.write("secret.csv", "name\nx\n")
    shop.swap("Dataflowfile", "FROM customers", "FROM read_csv('secret.csv')")
    with pytest.raises(Exception, match="read_csv"):
        shop.build()
    assert shop.asks() == []


@pytest.mark.parametrize("place", ["sweep", "seal"])
def test_a_build_that_is_cut_off_after_asking_forgets_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    shop.build()
    shop.customers("ada", "bob", "cyd")
    with monkeypatch.context() as patched:
        patched.setattr(f"dbuild.build.session.{place}", cut_off)
        with pytest.raises(KeyboardInterrupt):
            shop.build()
    assert shop.asks() == ["customer", "customer"]
    assert shop.build().ran == (["all", "copy@cyd"] if place == "sweep" else [])
    assert shop.read("out/all.txt") == "ada\nbob\ncyd\n"
    assert shop.build().ran == []
    assert shop.asks() == []


def cut_off(*arguments: object) -> None:
    raise KeyboardInterrupt


def test_what_changes_meanwhile_is_not_taken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = discovery.find_keys

    def find(task: Task, dimension: str, engine: Engine) -> FoundKeys:
        found = real(task, dimension, engine)
        shop.customers("ada", "bob", "cyd")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(discovery, "find_keys", find)
        error = failure_of(shop)
    assert error.what == 'customers.csv changed while the keys of "customer" were asked for'
    assert shop.doubts() == [NOT_KNOWN]
    assert shop.build("copy").counts == {"copy": 3}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_query(shop: Shop, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(discovery, "find_keys", lambda *given: interrupt_query(number))
    with pytest.raises(KeyboardInterrupt):
        shop.build()
    assert signal.getsignal(number) is before
    assert shop.doubts() == [NOT_KNOWN]


# --- Reading -------------------------------------------------------------------------------------------------------


def test_who_reads_runs_nothing_and_says_what_is_not_known(shop: Shop) -> None:
    def read_all() -> list[list[str]]:
        heard: list[list[str]] = [[], [], [], []]
        lint(shop.settings)
        status(shop.settings, ("copy",), heard[0].append)
        overview(shop.settings, (), heard[1].append)
        explain(shop.settings, ["all"], heard[2].append)
        show(shop.settings, ["other"], 1, heard[3].append)
        planned = plan(shop.settings, ())
        assert set(planned.doubts) <= set(planned.notices)
        return [*heard, list(planned.doubts)]

    shop.build("other")
    assert read_all() == [[NOT_KNOWN]] * 5
    shop.build()
    assert read_all() == [[]] * 5
    shop.customers("ada", "cyd")
    assert read_all() == [[MAY_HAVE_CHANGED]] * 5
    planned = plan(shop.settings, ())
    assert (planned.will_run, planned.may_run) == (0, 0)
    assert shop.asks() == ["customer"]
    shop.build()
    assert read_all() == [[]] * 5


def test_what_is_not_needed_is_not_doubted(shop: Shop) -> None:
    assert plan(shop.settings, ("other",)).notices == ()


def test_the_command_line_says_it_beside_its_report(shop: Shop) -> None:
    planned = shop.run("plan", "--strict", "all")
    assert planned.returncode == 3
    assert f"warning: {NOT_KNOWN}" in planned.stderr
    assert "no partitions" not in planned.stderr  # of `orders`, whose keys nobody knows
    shop.build()
    shop.customers("ada")
    stated = shop.run("status", "--strict")
    assert (stated.returncode, stated.stderr) == (3, f"warning: {MAY_HAVE_CHANGED}\n")
    unknown = shop.run("why", "copy@cyd")
    assert unknown.returncode == 2
    assert MAY_HAVE_CHANGED in unknown.stderr


def test_nothing_is_an_orphan_while_the_keys_are_not_known(shop: Shop) -> None:
    asking = shop.read("Dataflowfile")
    shop.swap("Dataflowfile", 'discover = { sql = "SELECT name FROM customers" }', 'values = ["bob", "cyd"]')
    assert shop.build("copy").ran == ["copy@bob", "copy@cyd"]
    shop.write("Dataflowfile", asking)
    assert shop.orphans() == []
    assert find_cleaning(shop.settings, ORPHANS).notes == (NOT_KNOWN,)
    assert shop.build("copy").ran == ["copy@ada"]
    assert shop.orphans() == ["out/copy/cyd.txt"]


def test_nothing_to_do_imports_no_engine(shop: Shop) -> None:
    for _ in range(4):
        shop.build()
    assert not roots(imported(shop)) & {"duckdb", "pyarrow", "numpy", "tomli"}
    for words in (["other"], ["plan"], ["status"], ["lint"]):
        assert not roots(imported(shop, *words)) & {"duckdb", "pyarrow", "numpy"}


def test_a_lost_state_is_asked_anew(shop: Shop) -> None:
    shop.build()
    for file in shop.path(".dbuild").glob("state.db*"):
        file.unlink()
    shop.asks()
    build(shop.settings, (), emit=lambda event: None)
    assert shop.asks() == ["customer"]
