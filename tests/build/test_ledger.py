"""The ledger: running balances by three dimensions, and what a correction rebuilds."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.build.workshop import Workshop

EXAMPLE = Path(__file__).parents[2] / "examples" / "ledger"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The first fortnight of the example, built."""
    root = tmp_path_factory.mktemp("ledger") / "ledger"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("out", ".dbuild", "__pycache__"))
    for folder in (root / "data/entries").iterdir():
        if folder.name > "2024-01-14":
            shutil.rmtree(folder)
    for rates in (root / "data/rates").iterdir():
        if rates.stem > "2024-01-14":
            rates.unlink()
    made = Workshop(root)
    done = made.build()
    assert (done.errors, done.counts) == (
        {},
        {"postings": 84, "balances": 84, "total": 14, "month_to_date": 42, "statement": 3, "busiest": 14},
    )
    return made


@pytest.fixture
def ledger(built: Workshop, tmp_path: Path) -> Workshop:
    return built.copy(tmp_path / "ledger")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_balances_are_the_sums_of_all_entries_before(ledger: Workshop) -> None:
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for day in sorted(ledger.path("data/entries").iterdir()):
        for branch in day.iterdir():
            for entry in rows(branch):
                sums[branch.stem, entry["currency"], entry["account"]] += Decimal(entry["amount"])
        for branch_name in ("north", "south", "west"):
            for currency in ("CHF", "EUR"):
                found = rows(ledger.path(f"out/balances/{day.name}/{branch_name}/{currency}.csv"))
                expected = {a: s for (b, c, a), s in sums.items() if (b, c) == (branch_name, currency) and s}
                assert {row["account"]: Decimal(row["balance"]) for row in found} == expected


def test_a_correction_goes_through_the_balances_from_its_day_on(ledger: Workshop) -> None:
    path = ledger.path("data/entries/2024-01-09/north.csv")
    path.write_text(path.read_text() + "N99,CHF,100.00\n")
    done = ledger.build()
    balances = [name for name in done.ran if name.startswith("balances@")]
    assert balances == [f"balances@2024-01-{day:02},north,CHF" for day in range(9, 15)]
    assert done.counts["postings"] == 2  # its two currencies read the same file
    assert done.counts["month_to_date"] == 6
    assert done.counts["busiest"] == 6
    assert done.counts["total"] == 6
    assert done.counts["statement"] == 1
    assert ledger.build().ran == []


def test_a_correction_that_is_undone_ends_the_chain(ledger: Workshop) -> None:
    for day, amount in (("2024-01-09", "100.00"), ("2024-01-11", "-100.00")):
        path = ledger.path(f"data/entries/{day}/north.csv")
        path.write_text(path.read_text() + f"N99,CHF,{amount}\n")
    done = ledger.build("balances")
    balances = [name for name in done.ran if name.startswith("balances@")]
    assert balances == [f"balances@2024-01-{day:02},north,CHF" for day in (9, 10, 11)]


def test_a_rate_that_comes_late_changes_the_days_that_it_should(ledger: Workshop) -> None:
    kept = ledger.read("data/rates/2024-01-05.csv")
    ledger.path("data/rates/2024-01-05.csv").unlink()
    weekend = ["total@2024-01-05", "total@2024-01-06", "total@2024-01-07"]
    assert ledger.build().ran == weekend
    ledger.write("data/rates/2024-01-05.csv", kept.replace("0.9", "0.8"))
    done = ledger.build()
    assert done.ran == weekend
    assert all(event.changed for event in done.ended)


def test_a_branch_with_a_new_name_is_no_reason_for_anything(ledger: Workshop) -> None:
    ledger.swap("data/branches.csv", "Nordstadt", "Nordend")
    assert ledger.build().ran == []
    path = ledger.path("data/entries/2024-01-14/north.csv")
    path.write_text(path.read_text() + "N99,CHF,100.00\n")
    assert "statement@2024-01,north" in ledger.build().ran
    assert "Nordend" in ledger.read("out/statement/2024-01/north.csv")
