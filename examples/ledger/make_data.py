"""Makes the ledger's data anew: 45 days of entries of three branches, and the rates of working days."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path

DAYS = 45
BRANCHES = {"north": "Nordstadt", "south": "Am See", "west": "Westend"}


def main() -> None:
    """Writes below `data`, the same bytes each time."""
    rng = random.Random(4)
    data = Path(__file__).parent / "data"
    for number in range(DAYS):
        day = date(2024, 1, 1) + timedelta(days=number)
        for branch in BRANCHES:
            folder = data / "entries" / day.isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{branch}.csv").write_text("account,currency,amount\n" + "".join(entries(rng, branch)))
        if day.weekday() < 5:
            (data / "rates").mkdir(parents=True, exist_ok=True)
            (data / "rates" / f"{day}.csv").write_text(f"rate\n{0.93 + rng.random() / 50:.4f}\n")
    (data / "branches.csv").write_text("branch,name\n" + "".join(f"{key},{name}\n" for key, name in BRANCHES.items()))


def entries(rng: random.Random, branch: str) -> list[str]:
    """Some entries of one day; on a few days none."""
    return [entry(rng, branch) for _ in range(rng.choice([0, 1, 2, 3, 4, 5]))]


def entry(rng: random.Random, branch: str) -> str:
    """One line: account, currency, amount."""
    account = f"{branch[0].upper()}{rng.randint(1, 9)}"
    currency = rng.choice(["CHF", "CHF", "EUR"])
    return f"{account},{currency},{rng.randint(-20000, 30000) / 100:.2f}\n"


if __name__ == "__main__":
    main()
