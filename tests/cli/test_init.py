"""`dbuild init` on real folders: what it finds, and that what it writes builds as it stands."""

from __future__ import annotations

import gzip
import json
import os
import pty
import random
import resource
import select
import sys
import tomllib
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow
import pyarrow.feather
import pytest

from dbuild import build as building
from dbuild.build import Settings
from dbuild.core.events import Event
from dbuild.errors import UsageError
from dbuild.observe.names import list_files
from dbuild.recipes.engine import Engine
from tests.cli.sandbox import Sandbox
from tests.interruption import interrupt_query

DAYS = [date(2024, 1, 3) + timedelta(days=number) for number in range(9)]
ROWS = "store,qty,price\nEU,2,1.5\nUS,1,2.5\nEU,3,0.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Sandbox:
    """An empty folder."""
    made = Sandbox(tmp_path / "place")
    made.root.mkdir()
    return made


def propose(folder: Sandbox) -> tuple[str, dict[str, object]]:
    """The text that is written for a folder, and what it says."""
    settings = Settings(str(folder.root))
    found = building.look_into(str(folder.root))
    files = building.propose(settings, found).files
    building.write_proposal(str(folder.root), files)
    return files["Dataflowfile"], tomllib.loads(files["Dataflowfile"])


def build(folder: Sandbox) -> tuple[int, int, int]:
    """Built, failed and waiting partitions of a build in this process."""
    events: list[Event] = []
    done = building.build(Settings(str(folder.root)), [], jobs=1, emit=events.append)
    return done.built, done.failed, done.waiting


def write_csv(root: Path) -> None:
    for day in DAYS:
        (root / f"sales_{day}.csv").write_text(ROWS)


def write_odd_csv(root: Path) -> None:
    text = "id;a b;select\n1;NA;x\n2;2.5;y\n3;1;x\n4;2;x\n5;2;y\n"
    for day in DAYS:
        (root / f"{day:%Y%m%d}.csv").write_text(text)


def write_bare_csv(root: Path) -> None:
    for day in DAYS:
        (root / f"x_{day}.csv").write_text("1,a,2.5\n2,b,3.5\n3,a,1.0\n")


def write_gzipped_tsv(root: Path) -> None:
    for day in DAYS:
        path = root / f"{day:%Y/%m/%d}.tsv.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(ROWS.replace(",", "\t").encode()))


def write_parquet(root: Path) -> None:
    for number, day in enumerate(DAYS):
        for region in ("EU", "US"):
            path = root / f"events/dt={day}/region={region}"
            path.mkdir(parents=True)
            for part in range(2):
                duckdb.sql(f"SELECT {number} AS ms, 'a' AS kind, 'EU' AS region, DATE '{day}' AS day").write_parquet(
                    str(path / f"part-{part}.parquet")
                )


def write_jsonl(root: Path) -> None:
    for hour in range(30):
        lines = [json.dumps({"user": f"u{number % 3}", "ms": number, "tags": ["x"]}) for number in range(9)]
        path = root / f"log-{(DAYS[0] + timedelta(days=hour // 24)):%Y-%m-%d}T{hour % 24:02}.jsonl"
        path.write_text("\n".join(lines) + "\n")


def write_json(root: Path) -> None:
    for week in range(1, 7):
        (root / f"report_2024-W{week:02}.json").write_text(
            json.dumps([{"shop": "a", "n": week}, {"shop": "b", "n": 1}])
        )


def write_arrow(root: Path) -> None:
    table = pyarrow.table({"shop": ["a", "b", "a"], "amount": [1.0, 2.0, 3.0]})
    for month in range(1, 7):
        pyarrow.feather.write_feather(table, str(root / f"2024-{month:02}.arrow"), compression="uncompressed")


def write_many_shops(root: Path) -> None:
    (root / "in").mkdir()
    for number in range(20):
        for day in DAYS[:3]:
            (root / f"in/shop{number}_{day}.csv").write_text(ROWS)


def write_widening(root: Path) -> None:
    for number, day in enumerate(DAYS):
        (root / f"x_{day}.csv").write_text(
            f"a,b\n{number},{number}\n" if number < 7 else f"a,b\n{number}.5,n{number}\n"
        )


def write_drifting(root: Path) -> None:
    for number, day in enumerate(DAYS):
        (root / f"x_{day}.csv").write_text("a,b\n1,2\n" if number < 5 else "a,b,c\n1,2,3\n")


def write_logs(root: Path) -> None:
    for day in DAYS:
        (root / f"server-{day}.log.gz").write_bytes(gzip.compress(b"started\n"))


def write_single(root: Path) -> None:
    (root / "customers.csv").write_text("id,country\n1,CH\n2,DE\n3,CH\n4,CH\n")
    (root / "package.json").write_text("{}")
    (root / "broken.csv").write_bytes(bytes(random.Random(1).randbytes(999)))
    (root / "empty.csv").write_text("")


def write_irregular(root: Path) -> None:
    for month, day in ((1, 3), (1, 9), (3, 4), (6, 7), (9, 30)):
        (root / f"export_2024-{month:02}-{day:02}.csv").write_text(ROWS)


def write_old_export(root: Path) -> None:
    for day in DAYS:
        text = "Filiale;Betrag;Stück\nZürich;1.234,50;3\nBern;99,00;1\nZürich;5;2\n"
        (root / f"Umsätze {day:%d.%m.%Y}.csv").write_bytes(text.encode("latin-1"))


def write_hive_words(root: Path) -> None:
    for name in ("a-1", "b 2", "c.3"):
        for week in range(1, 4):
            path = root / f"sensor={name}/week=2024-W{week:02}"
            path.mkdir(parents=True)
            (path / "data.csv").write_text("t,v\n1,2.5\n2,3.5\n")


KINDS: list[tuple[Callable[[Path], None], int, dict[str, str]]] = [
    (write_csv, 10, {"sales": "sales_{day}.csv"}),
    (write_odd_csv, 10, {"place": "{day:%Y%m%d}.csv"}),
    (write_bare_csv, 10, {"x": "x_{day}.csv"}),
    (write_gzipped_tsv, 10, {"place": "{day:%Y/%m/%d}.tsv.gz"}),
    (write_parquet, 19, {"events": "events/dt={day}/region={region}/part-*.parquet"}),
    (write_jsonl, 32, {"log": "log-{hour}.jsonl"}),
    (write_json, 8, {"report": "report_{week}.json"}),
    (write_arrow, 7, {"place": "{month}.arrow"}),
    (write_many_shops, 61, {"place": "in/shop{shop}_{day}.csv"}),
    (write_widening, 10, {"x": "x_{day}.csv"}),
    (write_drifting, 9, {"x": "x_{day}.csv"}),
    (write_logs, 9, {"server": "server-{day}.log.gz"}),
    (write_single, 1, {"customers": "customers.csv"}),
    (write_old_export, 10, {"umsatze": "Umsätze {day:%d.%m.%Y}.csv"}),
    (write_hive_words, 10, {"place": "sensor={sensor}/week={week}/data.csv"}),
    (write_irregular, 6, {"place": "export_{snapshot}.csv"}),
]


@pytest.mark.parametrize(("fill", "built", "paths"), KINDS, ids=[fill.__name__ for fill, _, _ in KINDS])
def test_what_is_written_for_a_folder_builds_as_it_stands(
    folder: Sandbox, fill: Callable[[Path], None], built: int, paths: dict[str, str]
) -> None:
    fill(folder.root)
    text, said = propose(folder)
    sources = said["sources"]
    assert isinstance(sources, dict)
    assert {name: source["path"] for name, source in sources.items()} == paths, text
    assert build(folder) == (built, 0, 0), text
    assert text.count("#") >= 2
    assert max(map(len, text.splitlines())) <= 120


def test_gaps_wait_and_what_follows_goes_without_them(folder: Sandbox) -> None:
    write_csv(folder.root)
    (folder.root / f"sales_{DAYS[4]}.csv").unlink()
    text, _ = propose(folder)
    assert "1 missing" in text
    assert build(folder) == (9, 0, 1)
    assert "EU,40,40.0" not in folder.read("out/sales_total.csv")
    assert len(folder.read("out/sales_total.csv").splitlines()) == 1 + 8 * 2


def test_the_numbers_are_those_of_the_files(folder: Sandbox) -> None:
    write_csv(folder.root)
    propose(folder)
    build(folder)
    assert folder.read("out/sales_total.csv").splitlines()[:3] == [
        "day,store,records,qty,price",
        "2024-01-03,EU,2,5,2.0",
        "2024-01-03,US,1,1,2.5",
    ]


def test_several_families_share_days_and_months_follow(folder: Sandbox) -> None:
    for number in range(60):
        day = DAYS[0] + timedelta(days=number)
        folder.write(f"sales_{day}.csv", ROWS)
        if day.weekday() < 5:
            folder.write(f"rates/{day:%Y/%m/%d}.csv", "currency,rate\nEUR,1.1\nCHF,1.0\nEUR,1.2\n")
    folder.write("shops.csv", "shop,city\n1,Bern\n2,Basel\n")
    _, said = propose(folder)
    assert said["partitions"] == {
        "day": {"every": "day", "start": DAYS[0]},
        "month": {"every": "month", "start": "2024-01"},
    }
    sources, targets = said["sources"], said["targets"]
    assert isinstance(sources, dict) and isinstance(targets, dict)
    assert sorted(sources) == ["rates", "sales", "shops"]
    assert sources["rates"]["expect"] == {"on": "business days"}
    assert sorted(targets) == ["daily_sales", "monthly_sales"]
    assert build(folder) == (60 + 3, 0, 0)


def test_the_future_is_an_end(folder: Sandbox) -> None:
    for year in range(2090, 2094):
        folder.write(f"forecast_{year}.csv", ROWS)
    text, _ = propose(folder)
    assert 'end = "2093"' in text
    assert build(folder) == (5, 0, 0)


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_shows_what_it_found_writes_it_and_says_what_comes_next(folder: Sandbox) -> None:
    write_csv(folder.root)
    done = folder.run("init")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "source  files  partitions                   gaps          path",
        "sales       9  day 2024-01-03 … 2024-01-11  none missing  sales_{day}.csv",
        "",
        "wrote Dataflowfile",
        "  dbuild                 builds it",
        "  dbuild status --graph  how everything stands",
        "  dbuild plan            what would run, and why",
    ]
    again = folder.run("init", "--yes")
    assert again.returncode == 2
    assert again.stderr.splitlines() == [
        "error: Dataflowfile is there already",
        "  hint: nothing is overwritten: -n prints what would be proposed, -f NAME writes another file",
    ]
    assert folder.run("init", "-f", "Other", "-q").stderr == ""
    assert folder.read("Other") == folder.read("Dataflowfile")


def test_a_dry_run_prints_it_and_writes_nothing(folder: Sandbox) -> None:
    write_csv(folder.root)
    done = folder.run("-C", "place", "init", "-n", cwd=folder.root.parent)
    assert (done.returncode, tomllib.loads(done.stdout)["sources"]["sales"]["path"]) == (0, "sales_{day}.csv")
    (record,) = folder.json("init", "-n")
    assert (record["written"], record["files"], record["text"]) == (False, ["Dataflowfile"], done.stdout)
    assert not (folder.root / "Dataflowfile").exists()


def test_a_new_folder_gets_a_small_flow_with_data_that_builds(folder: Sandbox) -> None:
    done = folder.run("init", "shop")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-4:] == [
        "wrote shop/Dataflowfile",
        "  dbuild -C shop                 builds it",
        "  dbuild -C shop status --graph  how everything stands",
        "  dbuild -C shop plan            what would run, and why",
    ]
    assert folder.summary("-C", "shop")["built"] == 7 + 7 + 2
    assert folder.read("shop/out/report.txt").splitlines()[:3] == [
        "The best days:",
        "day,shop,amount",
        "2024-01-06,north,21.7",
    ]


def test_the_small_flow_takes_the_place_of_nothing(folder: Sandbox) -> None:
    folder.write("recipes.py", "")
    with pytest.raises(UsageError, match=r"recipes\.py is there already"):
        propose(folder)
    assert os.listdir(folder.root) == ["recipes.py"]


def converse(folder: Sandbox, words: list[str], answers: list[str]) -> str:
    """What a command shows on a terminal whose user types the answers, each after a question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder.root)
        os.execvpe(sys.executable, [sys.executable, "-m", "dbuild", *words], folder.environment())
    shown = b""
    left = list(answers)
    while select.select([terminal], [], [], 60)[0]:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        shown += data
        if left and shown.rstrip().endswith(b":") and b"? " in shown.splitlines()[-1]:
            os.write(terminal, left.pop(0).encode() + b"\n")
            shown += b"\n"
        if not data:
            break
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, shown.decode()
    return shown.decode()


def test_on_a_terminal_it_asks_what_it_cant_know(folder: Sandbox) -> None:
    for day in DAYS:
        for word in ("EU", "US"):
            folder.write(f"{word}_{day}.csv", "qty\n1\n")
    shown = converse(folder, ["init"], ["region", "06:30"])
    assert "What are EU, US?" in shown
    said = tomllib.loads(folder.read("Dataflowfile"))
    assert said["sources"]["place"]["path"] == "{region}_{day}.csv"
    assert said["sources"]["place"]["expect"] == {"at": "06:30"}
    (folder.root / "Dataflowfile").unlink()
    assert "?" not in converse(folder, ["init", "--yes"], [])
    assert tomllib.loads(folder.read("Dataflowfile"))["sources"]["place"]["path"] == "{kind}_{day}.csv"


# -- hostile folders ---------------------------------------------------------------------------------------------------


def test_what_cant_be_looked_at_is_told_and_left_out(folder: Sandbox) -> None:
    write_csv(folder.root)
    for path in ("loop/in", "elsewhere"):
        (folder.root / path).mkdir(parents=True)
    (folder.root / "loop/in/again").symlink_to(folder.root, target_is_directory=True)
    (folder.root / "nowhere.csv").symlink_to("gone")
    (folder.root / "self.csv").symlink_to("self.csv")
    (folder.root / "new\nline_2024-01-03.csv").write_text(ROWS)
    with open(os.fsencode(folder.root) + b"/\xff_2024-01-03.csv", "w") as stream:
        stream.write(ROWS)
    os.mkfifo(folder.root / "pipe.csv")
    found = building.look_into(str(folder.root))
    assert [family.words for family in found.families] == [("sales",)]
    assert found.notes == ("2 files have names that no pattern can match (not UTF-8, or control characters)",)


def test_a_linked_folder_is_looked_into_once(folder: Sandbox) -> None:
    (folder.root.parent / "far").mkdir()
    write_csv(folder.root.parent / "far")
    (folder.root / "data").symlink_to(folder.root.parent / "far", target_is_directory=True)
    (folder.root / "more").symlink_to(folder.root.parent / "far", target_is_directory=True)
    text, _ = propose(folder)
    assert 'path = "data/sales_{day}.csv"' in text
    assert build(folder)[1:] == (0, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_without_permission_are_told(folder: Sandbox) -> None:
    write_csv(folder.root)
    (folder.root / "closed").mkdir(mode=0)
    assert "closed/ can't be read" in building.look_into(str(folder.root)).notes
    (folder.root / "closed").chmod(0o700)
    folder.root.chmod(0o500)
    done = folder.run("init")
    folder.root.chmod(0o700)
    assert (done.returncode, "can't be written: Permission denied" in done.stderr) == (1, True)


def test_no_more_files_are_looked_at_than_a_bound(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.csv").touch()
    found = list_files(str(tmp_path), most=50)
    assert (len(found.sizes), found.is_whole) == (50, False)
    assert list_files(str(tmp_path), most=61).is_whole


def test_many_files_are_opened_a_few_at_a_time(folder: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbuild.recipes.sniffing import Sniffer

    opened: list[str] = []
    head = Sniffer.head
    monkeypatch.setattr(Sniffer, "head", lambda self, path: opened.append(path) or head(self, path))  # type: ignore[func-returns-value]
    for number in range(100):
        for day in DAYS[:2]:
            folder.write(f"{number:03}_{day}.csv", "a\n1\n")
    building.look_into(str(folder.root))
    assert len(opened) <= 12 + 6
    assert len(set(opened)) == len(opened)


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("name\nJosé\n", "latin-1", True),
        ("name\nJosé", "latin-1", True),
        ("name\nJosé", "utf-8", False),
        ("name\n" + "é" * 40_000, "utf-8", False),  # cut within a letter
        ("name\n" + "e" * 65_529 + "é" * 2, "latin-1", True),
    ],
)
def test_letters_of_one_byte_are_known_wherever_they_stand(
    tmp_path: Path, text: str, encoding: str, found: bool
) -> None:
    from dbuild.recipes.sniffing import Sniffer

    path = tmp_path / "names.csv"
    path.write_bytes(f"{text}\n".encode(encoding))
    head = Sniffer([str(tmp_path)]).head(str(path))
    assert ((("encoding", "latin-1") in head.read), head.columns) == (found, (("name", "VARCHAR"),))


@pytest.mark.parametrize(
    ("lines", "found", "second"),
    [
        (("1.234,50;52.37", "99,00;48.1"), False, 52.37),  # not 5237
        (("1,50;52.37", "99,00;48.1"), False, 52.37),
        (("1.234,50;1.200", "99,00;300"), True, 1200),
    ],
)
def test_numbers_with_a_point_stay_what_they_are(
    tmp_path: Path, lines: tuple[str, ...], found: bool, second: float
) -> None:
    from dbuild.recipes.sniffing import Sniffer

    path = tmp_path / "prices.csv"
    path.write_text("\n".join(("price;more", *lines, "")))
    head = Sniffer([str(tmp_path)]).head(str(path))
    assert ("decimal_separator" in dict(head.read), head.rows[0][1]) == (found, second)


def test_of_huge_files_only_the_beginning_is_read(folder: Sandbox) -> None:
    limit = 1 << 30
    for day in DAYS[:2]:
        path = folder.root / f"x_{day}.csv"
        path.write_text("a,b\n" + "1,2\n" * 100_000)
        os.truncate(path, limit)  # zeros without a line end, of which the disk keeps nothing
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = _read_bytes()
    found = building.look_into(str(folder.root))
    assert [family.words for family in found.families] == [("x",)]
    if taken is not None:
        assert (_read_bytes() or 0) - taken < limit / 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < (1 << 20)


def _read_bytes() -> int | None:
    """How much this process has read; None where the system doesn't tell."""
    try:
        with open("/proc/self/io") as stream:
            return int(stream.readline().split()[1])
    except OSError:
        return None


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["init", "file.txt"], '"file.txt" is no folder'),
        (["init", "-f", "a/b"], '"a/b" is in another folder'),
        (["init", "a", "b"], 'takes no "b"'),
        (["init", "--dryrun"], 'there is no option "--dryrun"'),
    ],
)
def test_wrong_words_are_told(folder: Sandbox, words: list[str], what: str) -> None:
    folder.write("file.txt", "")
    done = folder.run(*words)
    assert (done.returncode, what in done.stderr) == (2, True), done.stderr
    assert os.listdir(folder.root) == ["file.txt"]


def test_numbers_with_commas_and_old_letters_are_read(folder: Sandbox) -> None:
    write_old_export(folder.root)
    propose(folder)
    build(folder)
    first, second = folder.read("out/umsatze_total.csv").splitlines()[:2]
    assert first == "day,Filiale,records,Betrag,Stück"
    assert second == "2024-01-03,Bern,1,99.0,1"


def test_what_isnt_data_is_told(folder: Sandbox) -> None:
    for name in ("a.pdf", "b.docx", "c.xlsx", "d.xlsx"):
        folder.write(name, "x")
    done = folder.run("init", "-n")
    assert done.stderr.splitlines() == [
        "no data files in .: a small flow with data of its own",
        "note: of 4 files here (a.pdf, b.docx, c.xlsx, …) none is CSV, JSON, Parquet or Arrow",
    ]


def test_what_is_no_table_is_told_once(folder: Sandbox) -> None:
    folder.write("a.csv", "")
    assert folder.run("init", "-n").stderr.splitlines() == [
        "no data files in .: a small flow with data of its own",
        "note: a.csv is no table: it is empty",
    ]


def test_what_builds_made_is_no_data(folder: Sandbox) -> None:
    write_csv(folder.root)
    text, _ = propose(folder)
    build(folder)
    (folder.root / "Dataflowfile").unlink()
    done = folder.run("init")
    assert done.stderr.splitlines()[2] == "note: 10 files left out that dbuild made"
    assert folder.read("Dataflowfile") == text
    folder.write("out/mine.csv", "a\n1\n")
    assert "out/mine.csv" in folder.run("init", "-n").stdout


@pytest.mark.parametrize("made", [RuntimeError, duckdb.InvalidInputException])
def test_a_signal_ends_the_look(folder: Sandbox, monkeypatch: pytest.MonkeyPatch, made: type[Exception]) -> None:
    write_csv(folder.root)
    asked = []

    def infer(engine: Engine, path: str, *options: object) -> None:
        asked.append(path)
        interrupt_query(made=made)

    monkeypatch.setattr(Engine, "infer_schema", infer)
    with pytest.raises(KeyboardInterrupt):
        building.look_into(str(folder.root))
    assert len(asked) == 1
