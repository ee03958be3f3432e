"""`dbuild why-not`: what was compared and found equal, what doesn't count, what would make a partition run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, why_not
from dbuild.core.whynot import WhyNot
from dbuild.ui.whynot import why_not_lines, why_not_record
from tests.build.events import three_days
from tests.build.priced import SECRET, make
from tests.build.workshop import DAYS, Workshop


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    shop = make(tmp_path_factory.mktemp("why-not") / "project")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TOKEN", SECRET)
        shop.build()
    return shop


@pytest.fixture
def shop(built: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("TOKEN", SECRET)
    return built.copy(tmp_path / "project")


def asked(shop: Workshop, partition: str) -> WhyNot:
    (found,) = why_not(Settings(str(shop.root)), [partition])
    return found


def compared(found: WhyNot) -> list[tuple[str, str, str]]:
    return [(one.compared.kind, one.compared.subject, one.compared.result) for one in found.compared]


def excuses(found: WhyNot) -> list[str]:
    return [one.kind for one in found.excuses]


def test_all_that_was_compared_is_told(built: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    found = asked(built, "daily@2013-01-02")
    assert found.standing == "fresh"
    assert compared(found) == [
        ("recipe", "", "same"),
        ("param", "floor", "same"),
        ("schema", "clean", "same"),
        ("input", "clean@2013-01-02", "same"),
        ("output", "daily/2013-01-02.csv", "same"),
    ]
    (given,) = [one for one in found.compared if one.compared.kind == "input"]
    assert given.run == "1" and given.at.startswith("2")
    assert {(part.kind, part.name) for part in found.parts} >= {("sql", ""), ("macro", "net"), ("view", "kept")}
    assert (found.excuses, found.cut_offs) == ((), ())
    assert found.would[1].startswith("dbuild -B daily@2013-01-02 runs it in any case")
    assert found.last is not None and found.last.run == "1"


def test_what_came_out_the_same_ends_a_change(shop: Workshop) -> None:
    shop.write("raw/2013-01-02.csv", "name,price\nA,1\nb,7\n")  # the name isn't in the total
    assert shop.build().ran == ["clean@2013-01-02", "daily@2013-01-02"]
    found = asked(shop, "report")
    assert [(one.target, dict(one.key)["day"], one.run.run) for one in found.cut_offs] == [("daily", "2013-01-02", "2")]
    line = why_not_lines([found])[1]
    assert line.startswith("  daily@2013-01-02 ran 2") and line.endswith(" and came out the same")
    assert asked(shop, "daily@2013-01-01").cut_offs == ()


def test_it_is_told_what_differs_of_what_will_run(shop: Workshop) -> None:
    shop.write("raw/2013-01-02.csv", "name,price\na,5\n")
    found = asked(shop, "clean@2013-01-02")
    assert found.standing == "will run"
    assert [one for one in compared(found) if one[2] != "same"] == [("input", "raw@2013-01-02", "differs")]
    assert found.would == ("dbuild clean@2013-01-02 runs it",)
    behind = asked(shop, "report")
    assert [one for one in compared(behind) if one[2] != "same"] == [("input", "daily@2013-01-02", "open")]
    assert behind.would == ("it runs if daily@2013-01-02 comes out changed",)


HELD = f"""
[project]
default = ["other"]
{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
gone = "keep"
[sources.rates]
path = "rates.txt"
[targets.daily]
path = "daily/{{day}}.txt"
shell = "cat {{raw}} {{rates}} > {{output}}"
inputs.rates = {{ impact = "none" }}
[targets.window]
path = "window/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
inputs.raw = {{ day = "-1d..0d" }}
[targets.other]
path = "other.txt"
shell = "echo 1 > {{output}}"
"""


def test_what_keeps_a_partition_from_running_is_told(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "project", HELD, **{"rates.txt": "1"})
    shop.days("raw", "01-01", "01-02", "01-04")
    shop.build("daily", "window", "other")
    assert excuses(asked(shop, "daily@2013-01-01")) == ["uncounted", "not selected"]
    assert excuses(asked(shop, "other")) == []
    waiting = asked(shop, "daily@2013-01-03")
    assert (waiting.standing, excuses(waiting)) == ("waiting", ["uncounted", "waiting", "not selected"])
    assert waiting.compared == () and waiting.last is None
    shop.write("rates.txt", "2")
    found = asked(shop, "daily@2013-01-01")
    assert [one for one in compared(found) if one[2] == "ignored"] == [("input", "rates", "ignored")]
    shop.run("mark", "daily@2013-01-01", "frozen", "--why", "audited")
    assert "frozen" in excuses(asked(shop, "daily@2013-01-01"))
    shop.path("raw/2013-01-01.txt").unlink()
    gone = asked(shop, "window@2013-01-02")
    assert "gone" in excuses(gone) and ("input", "raw@2013-01-01", "ignored") in compared(gone)
    assert asked(shop, "daily@2013-01-09").standing == "absent"


def test_long_lists_are_cut_unless_they_are_wanted_whole(tmp_path: Path) -> None:
    flow = f"""{DAYS}
[sources.raw]
path = "raw/{{day}}.txt"
[targets.total]
path = "total.txt"
shell = "cat {{raw}} > {{output}}"
"""
    shop = Workshop(tmp_path / "project", flow)
    shop.days("raw", *(f"01-{day:02}" for day in range(1, 31)))
    shop.build()
    shop.write("raw/2013-01-20.txt", "new")
    found = asked(shop, "total")
    lines = why_not_lines([found])
    assert "    input raw: 30 partitions, 29 the same, 1 differs" in lines
    assert lines[4].startswith("      raw@2013-01-20: differs, ")
    assert "      and 24 more (-v shows all)" in lines
    assert sum("raw@2013-01" in line for line in why_not_lines([found], is_whole=True)) == 30
    record = why_not_record(found)
    assert len(record["compared"]) == 32  # type: ignore[arg-type]


def test_of_routed_rows_its_own_are_compared(tmp_path: Path) -> None:
    shop = three_days(tmp_path / "project")
    lines = why_not_lines([asked(shop, "daily@2013-01-01")])
    assert "    its rows of events: 2 partitions, all the same" in lines
    assert "  it runs if a part of its recipe, a row of its own of events or its output changes" in lines


def test_the_command_prints_it(shop: Workshop) -> None:
    done = shop.run("why-not", "report")
    assert done.returncode == 0 and done.stdout.startswith("report: fresh\n  compared with what it was built from, 2")
    (record,) = shop.json("why-not", "report")
    assert (record["standing"], record["same"], record["excuses"]) == ("fresh", [], [])
    assert shop.run("why-not", "nothing").returncode == 2
