"""Data that is late: who waits, who does without, what stands in, and what is repaired when the rest arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbuild.build import Settings, explain, status
from dbuild.core.events import Lacking
from tests.build.workshop import Workshop, seconds_of

DAYS = ("01-01", "01-02", "01-03", "01-04", "01-05")
HEAD = """
[partitions.day]
every = "day"
start = 2013-01-01
[partitions.month]
every = "month"
start = 2013-01-01
[sources.orders]
path = "data/orders/{day}.txt"
[sources.prices]
path = "data/prices/{day}.txt"
"""
VALUED = """
[targets.valued]
path = "out/valued/{day}.txt"
shell = "cat {orders} {prices} > {output}"
inputs.prices = { missing = "%s" }
"""
MONTHLY = """
[targets.monthly]
path = "out/monthly/{month}.txt"
shell = "cat {valued} > {output}"
"""


def made(tmp_path: Path, flow: str, *, without: tuple[str, ...] = ("01-04",)) -> Workshop:
    """Orders of all days, and prices but those of some."""
    shop = Workshop(tmp_path / "shop", flow)
    shop.days("data/orders", *DAYS, text="order {day}\n")
    shop.days("data/prices", *(day for day in DAYS if day not in without), text="price {day}\n")
    return shop


def provisional(shop: Workshop, now: str | None = None) -> dict[str, int]:
    settings = Settings(str(shop.root), now=seconds_of(now))
    return {each.name: each.provisional for each in status(settings, ()) if each.provisional}


def daily(*days: str, target: str = "valued") -> list[str]:
    return [f"{target}@2013-{day}" for day in days]


def test_what_is_missing_is_waited_for(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "wait" + MONTHLY)
    done = shop.build()
    assert sorted(done.ran) == daily("01-01", "01-02", "01-03", "01-05")
    assert done.standing == (4, 0, 0, 2, 0)
    shop.days("data/prices", "01-04")
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]


def test_the_newest_that_is_there_stands_in(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "latest" + MONTHLY)
    done = shop.build()
    assert len(done.ran) == 6
    assert shop.read("out/valued/2013-01-04.txt") == "order 01-04\nprice 01-03\n"
    assert done.summary.provisional == 2
    assert provisional(shop) == {"valued": 1, "monthly": 1}
    assert shop.build().ran == []
    assert shop.build().summary.provisional == 2  # the kept answer knows it too
    shop.days("data/prices", "01-04", text="price {day}\n")
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]
    assert shop.read("out/valued/2013-01-04.txt") == "order 01-04\nprice 01-04\n"
    assert provisional(shop) == {}
    assert shop.outputs() == shop.clean_outputs(tmp_path / "clean")


def test_a_stand_in_that_is_corrected_or_withdrawn_counts(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "latest", without=("01-03", "01-04"))
    shop.build()
    assert shop.read("out/valued/2013-01-04.txt") == "order 01-04\nprice 01-02\n"
    shop.days("data/prices", "01-02", text="corrected {day}\n")
    assert sorted(shop.build().ran) == daily("01-02", "01-03", "01-04")
    shop.days("data/prices", "01-03", text="price {day}\n")  # a newer one than the one used
    assert sorted(shop.build().ran) == daily("01-03", "01-04")
    assert shop.read("out/valued/2013-01-04.txt") == "order 01-04\nprice 01-03\n"
    shop.path("data/prices/2013-01-03.txt").unlink()
    assert sorted(shop.build().ran) == daily("01-03", "01-04")
    assert shop.read("out/valued/2013-01-04.txt") == "order 01-04\ncorrected 01-02\n"
    assert shop.outputs() == shop.clean_outputs(tmp_path / "clean")


def test_nothing_stands_in_that_is_too_old_or_comes_after(tmp_path: Path) -> None:
    flow = HEAD + VALUED.replace('"%s"', '"latest", max_age = "1d"')
    shop = made(tmp_path, flow, without=("01-01", "01-03", "01-04"))
    done = shop.build()
    assert sorted(done.ran) == daily("01-02", "01-03", "01-05")
    assert done.standing == (3, 0, 0, 2, 0)


def test_what_waits_in_between_is_named_and_what_there_is_for_it_is_built(tmp_path: Path) -> None:
    report = '[targets.report]\npath = "out/report.txt"\nshell = "cat {monthly} > {output}"\n'
    shop = made(tmp_path, HEAD + VALUED % "wait" + MONTHLY + report)
    done = shop.build("report")
    assert sorted(done.ran) == daily("01-01", "01-02", "01-03", "01-05")
    assert done.standing == (4, 0, 0, 3, 0)
    told = [(each.target, each.keys, each.missing) for each in done.events if isinstance(each, Lacking)]
    assert told == [("valued", "2013-01-04", ("prices@2013-01-04",))]


def test_what_fails_for_a_missing_input_names_it(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "fail" + MONTHLY)
    done = shop.build(keep_going=True)
    assert done.standing == (4, 0, 1, 0, 1)
    (found,) = explain(Settings(str(shop.root)), ["valued@2013-01-04"])
    assert [cause.reason.kind for cause in found.causes] == ["input missing"]
    assert found.failure is not None
    assert "prices@2013-01-04" in found.failure.error
    shop.days("data/prices", "01-04")
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]


def test_built_without_it_and_again_when_it_arrives(tmp_path: Path) -> None:
    flow = HEAD + VALUED.replace("%s", "skip").replace("{prices}", "$DBUILD_INPUT_PRICES") + MONTHLY
    shop = made(tmp_path, flow)
    shop.build()
    assert shop.read("out/valued/2013-01-04.txt") == "order 01-04\n"
    assert provisional(shop) == {"valued": 1, "monthly": 1}
    shop.days("data/prices", "01-04")
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]
    shop.path("data/prices/2013-01-04.txt").unlink()  # withdrawn: missing again
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]
    assert provisional(shop) == {"valued": 1, "monthly": 1}


ROLLED = """
[targets.monthly]
path = "out/monthly/{month}.txt"
shell = "cat {prices} > {output}"
inputs.prices = { min = 4 }
"""


def test_enough_is_enough(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + ROLLED)
    assert shop.build().ran == ["monthly@2013-01"]
    assert provisional(shop) == {"monthly": 1}
    shop.path("data/prices/2013-01-02.txt").unlink()
    done = shop.build()
    assert (done.ran, done.summary.waiting) == ([], 1)
    shop.days("data/prices", "01-02", "01-04")
    assert shop.build().ran == ["monthly@2013-01"]
    assert provisional(shop) == {}


SKIPPING = """
[targets.monthly]
path = "out/monthly/{month}.txt"
shell = "cat {valued} > {output}"
inputs.valued = { missing = "skip" }
"""


def test_a_waiting_partition_is_a_missing_one_to_its_readers(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "wait" + SKIPPING)
    assert shop.build().standing == (5, 0, 0, 1, 0)
    assert "01-04" not in shop.read("out/monthly/2013-01.txt")
    assert provisional(shop) == {"monthly": 1}
    shop.days("data/prices", "01-04")
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]
    assert "01-04" in shop.read("out/monthly/2013-01.txt")
    shop.path("data/prices/2013-01-03.txt").unlink()  # what was made of it is there still, and isn't to be read
    assert shop.build().ran == ["monthly@2013-01"]
    assert "01-03" not in shop.read("out/monthly/2013-01.txt")
    shop.days("data/prices", "01-03", text="price {day}\n")
    assert shop.build().ran == ["monthly@2013-01"]  # and this as it was: only who had left it out is made anew
    assert shop.outputs() == shop.clean_outputs(tmp_path / "clean")


def test_a_failed_partition_is_never_an_absent_one(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + (VALUED % "wait").replace("cat {orders}", "! grep -q 01-02 {orders} && cat {orders}"))
    shop.write("Dataflowfile", shop.read("Dataflowfile") + SKIPPING)
    done = shop.build(keep_going=True)
    assert done.standing == (3, 0, 1, 1, 1)


DUE = HEAD.replace('prices/{day}.txt"\n', 'prices/{day}.txt"\nexpect = { at = "06:00", days = 1 }\n')


def test_what_is_not_due_yet_is_waited_for_until_it_is(tmp_path: Path) -> None:
    shop = made(tmp_path, DUE + VALUED % "latest" + MONTHLY, without=("01-05",))
    done = shop.build(now="2013-01-06T05:59")
    assert (sorted(done.ran), done.standing) == (["monthly@2013-01", *daily(*DAYS[:4])], (5, 0, 0, 1, 0))
    assert (done.summary.awaited, done.summary.provisional) == (1, 0)
    assert shop.build(now="2013-01-06T05:59").ran == []
    done = shop.build(now="2013-01-06T06:00")
    assert (sorted(done.ran), done.summary.provisional) == (["monthly@2013-01", *daily("01-05")], 2)
    shop.days("data/prices", "01-05")
    assert sorted(shop.build(now="2013-01-07T00:00").ran) == ["monthly@2013-01", *daily("01-05")]


BEHIND = """
[targets.trend]
path = "out/trend/{day}.txt"
shell = "cat {valued} > {output}"
inputs.valued = { day = "-1d..0d", missing = "skip" }
[targets.copied]
path = "out/copied/{day}.txt"
shell = "cat {valued} > {output}"
inputs.valued = { missing = "%s" }
[targets.again]
path = "out/again/{day}.txt"
shell = "cat {copied} {orders} > {output}"
inputs.copied = { missing = "fail" }
"""
BEFORE, AFTER = "2013-01-06T05:59", "2013-01-06T06:00"


@pytest.mark.parametrize("policy", ["skip", "latest", "fail", "wait"])
def test_what_waits_for_what_is_not_due_yet_is_not_due_yet_either(tmp_path: Path, policy: str) -> None:
    shop = made(tmp_path, DUE + VALUED % "wait" + BEHIND % policy, without=("01-05",))
    shop.build("valued", "trend", "copied", "again", now=BEFORE)
    done = shop.build(now=BEFORE)
    assert (done.ran, done.standing) == ([], (0, 17, 0, 3, 0))  # the last of valued, copied and again
    assert (done.summary.awaited, done.summary.provisional) == (3, 0)
    assert shop.read("out/trend/2013-01-05.txt") == "order 01-04\nprice 01-04\n"
    counts = {
        each.name: (each.waiting, each.awaited) for each in status(Settings(str(shop.root), now=seconds_of(BEFORE)), ())
    }
    assert (counts["prices"], counts["valued"], counts["trend"], counts["copied"]) == ((0, 1), (1, 1), (0, 0), (1, 1))


def test_from_its_deadline_on_what_waits_for_it_is_missing(tmp_path: Path) -> None:
    shop = made(tmp_path, DUE + VALUED % "wait" + BEHIND % "skip", without=("01-05",))
    shop.build(now=BEFORE)
    done = shop.build(now=AFTER, keep_going=True)
    assert (done.standing, done.summary.awaited) == ((2, 17, 0, 1, 0), 0)
    assert sorted(done.ran) == ["again@2013-01-05", "copied@2013-01-05"]  # the trend had left it out before
    assert provisional(shop, AFTER) == {"trend": 1, "copied": 1, "again": 1}
    shop.days("data/prices", "01-05")
    later = shop.build(now=AFTER)
    assert sorted(later.ran) == [f"{name}@2013-01-05" for name in ("again", "copied", "trend", "valued")]


def test_nothing_is_late_before_it_is_due(tmp_path: Path) -> None:
    now = DUE.replace("start = 2013-01-01\n[partitions.month", 'start = 2013-01-01\nend = "now"\n[partitions.month')
    shop = made(tmp_path, now + VALUED % "wait" + MONTHLY, without=("01-05",))
    strict = {"build": ("--strict",), "plan": ("plan", "--strict"), "status": ("status", "--strict")}
    strict["late"] = ("late", "--strict")
    for moment, code in ((BEFORE, 0), (AFTER, 3)):
        moment = moment.replace("06T", "05T") if code == 0 else moment
        shop.run("-q", DBUILD_NOW=moment)
        codes = {name: shop.run(*words, DBUILD_NOW=moment).returncode for name, words in strict.items()}
        assert codes == dict.fromkeys(strict, code), moment


def test_what_is_built_without_something_does_not_name_what_is_not_due_yet(tmp_path: Path) -> None:
    window = VALUED.replace('%s" }', 'skip", day = "-2d..0d" }')
    shop = made(tmp_path, DUE + window, without=("01-04", "01-05"))
    done = shop.build(now=BEFORE)
    (gap,) = [event for event in done.events if isinstance(event, Lacking)]
    assert (gap.keys, gap.standing, gap.missing) == ("2013-01-04..2013-01-05", "provisional", ("prices@2013-01-04",))


def test_names_of_what_is_missing_leave_out_what_is_not_due_yet(tmp_path: Path) -> None:
    shop = made(tmp_path, DUE + VALUED % "wait", without=("01-04", "01-05"))
    listed = shop.run("list", "prices@missing", "--json", DBUILD_NOW=BEFORE)
    assert '"2013-01-04"' in listed.stdout and "2013-01-05" not in listed.stdout, listed.stdout


def test_windows_leave_out_what_is_not_due_yet(tmp_path: Path) -> None:
    window = """
[targets.trend]
path = "out/trend/{day}.txt"
shell = "cat {prices} {orders} > {output}"
inputs.prices = { day = "-1d..0d" }
"""
    shop = made(tmp_path, DUE + window, without=("01-05",))
    assert len(shop.build(now="2013-01-06T05:00").ran) == 5
    assert shop.read("out/trend/2013-01-05.txt") == "price 01-04\norder 01-05\n"
    assert provisional(shop, "2013-01-06T05:00") == {}
    done = shop.build(now="2013-01-06T07:00")
    assert (done.ran, done.summary.waiting) == ([], 1)
    shop.days("data/prices", "01-05")
    assert shop.build(now="2013-01-06T08:00").ran == daily("01-05", target="trend")


def test_on_days_without_a_file_the_last_one_is_as_it_should_be(tmp_path: Path) -> None:
    due = DUE.replace("days = 1 }", 'days = 1, on = "business days", holidays = [2013-01-01] }')
    shop = made(tmp_path, due + VALUED % "latest", without=("01-01", "01-05"))  # the 5th is a Saturday
    done = shop.build(now="2013-01-10T00:00")
    assert sorted(done.ran) == daily("01-02", "01-03", "01-04", "01-05")
    assert done.summary.provisional == 0
    assert done.summary.waiting == 1  # nothing comes before the first
    assert shop.read("out/valued/2013-01-05.txt") == "order 01-05\nprice 01-04\n"


def test_a_partition_of_which_nothing_is_due_does_not_exist(tmp_path: Path) -> None:
    due = DUE.replace("days = 1 }", 'days = 1, on = "business days" }')
    clean = """
[targets.clean]
path = "out/clean/{day}.txt"
shell = "cp {prices} {output}"
[targets.monthly]
path = "out/monthly/{month}.txt"
shell = "cat {clean} > {output}"
"""
    shop = made(tmp_path, due + clean, without=("01-05",))
    done = shop.build(now="2013-01-10T00:00")
    assert sorted(done.ran) == [*daily(*DAYS[:4], target="clean"), "monthly@2013-01"]
    assert done.summary.waiting == 0
    shop.days("data/prices", "01-05")  # it came all the same
    assert shop.build(now="2013-01-10T00:00").ran == [*daily("01-05", target="clean"), "monthly@2013-01"]
    shop.path("data/prices/2013-01-05.txt").unlink()
    assert shop.build(now="2013-01-10T00:00").ran == ["monthly@2013-01"]


def test_what_is_gone_may_be_missed(tmp_path: Path) -> None:
    shop = made(
        tmp_path, HEAD.replace('prices/{day}.txt"\n', 'prices/{day}.txt"\ngone = "keep"\n') + ROLLED, without=()
    )
    shop.write("Dataflowfile", shop.read("Dataflowfile") + VALUED % "wait")
    assert len(shop.build().ran) == 6
    before = shop.outputs()
    for day in ("01-01", "01-02"):
        shop.path(f"data/prices/2013-{day}.txt").unlink()
    done = shop.build()
    assert (done.ran, done.summary.waiting) == ([], 0)
    assert shop.build().ran == []
    shop.days("data/orders", "01-01", "01-03", text="other {day}\n")
    done = shop.build()
    assert done.ran == daily("01-03")
    assert any("valued" in notice and "frozen" in notice for notice in done.notices)
    assert shop.outputs()["out/valued/2013-01-01.txt"] == before["out/valued/2013-01-01.txt"]
    shop.swap("Dataflowfile", "cat {orders} {prices}", "cat {prices} {orders}")
    assert sorted(shop.build().ran) == daily("01-03", "01-04", "01-05")


TOLD = {
    "shell": 'shell = "cat {orders} > {output}; echo {provisional} >> {output}"',
    "environment": 'shell = "cat {orders} > {output}; echo $DBUILD_PROVISIONAL >> {output}"',
    "python": 'python = "told:tell"',
}


KEEPING = HEAD.replace('prices/{day}.txt"\n', 'prices/{day}.txt"\ngone = "keep"\n')


def test_what_was_not_made_of_what_is_gone_is_not_kept(tmp_path: Path) -> None:
    shop = made(tmp_path, KEEPING + VALUED % "latest", without=())
    shop.path("data/orders/2013-01-04.txt").unlink()
    assert shop.build().ran == daily("01-01", "01-02", "01-03", "01-05")
    shop.path("data/prices/2013-01-04.txt").unlink()  # it was there, and nothing was made of it
    shop.days("data/orders", "01-04", text="order {day}\n")
    assert shop.build().ran == daily("01-04")
    assert provisional(shop) == {"valued": 1}
    shop.days("data/orders", "01-04", text="corrected {day}\n")
    assert shop.build().ran == daily("01-04")
    assert shop.build().ran == []
    shop.days("data/prices", "01-04", text="price {day}\n")
    assert shop.build().ran == daily("01-04")
    assert shop.outputs() == shop.clean_outputs(tmp_path / "clean")


def test_what_stood_in_is_missed_no_more_than_other_files_that_are_kept(tmp_path: Path) -> None:
    shop = made(tmp_path, KEEPING + VALUED % "latest")
    shop.build()
    for day in ("01-01", "01-02", "01-03"):
        shop.path(f"data/prices/2013-{day}.txt").unlink()
    done = shop.build()
    assert (done.ran, done.standing, done.notices) == ([], (0, 5, 0, 0, 0), [])
    assert provisional(shop) == {"valued": 1}
    shop.days("data/orders", "01-04", text="corrected {day}\n")
    assert shop.build().ran == []  # there is nothing to make it of
    shop.days("data/prices", "01-03", text="price {day}\n")
    assert shop.build().ran == daily("01-04")
    shop.path("data/prices/2013-01-03.txt").unlink()
    shop.days("data/prices", "01-04", text="price {day}\n")
    assert shop.build().ran == daily("01-04")
    assert provisional(shop) == {}


KEPT_MONTH = """
[targets.monthly]
path = "out/monthly/{month}.txt"
shell = "cat {prices} > {output}"
[targets.weighed]
path = "out/weighed/{day}.txt"
shell = "cat {prices} > {output}"
"""


def test_what_is_kept_lacks_what_was_not_yet_expected_of_it(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", KEEPING + KEPT_MONTH)
    shop.days("data/prices", "01-01", "01-02")
    assert shop.build("monthly").summary.provisional == 0
    shop.path("data/prices/2013-01-01.txt").unlink()
    shop.days("data/prices", "01-05")  # the third and the fourth are missing from now on
    for _ in range(2):
        assert (shop.build("monthly").summary.provisional, provisional(shop)) == (1, {"monthly": 1})
    shop.path("data/prices/2013-01-05.txt").unlink()
    assert shop.build("monthly").summary.provisional == 0
    shop.days("data/orders", "01-03")
    for _ in range(2):
        assert (shop.build("monthly").summary.provisional, provisional(shop)) == (1, {"monthly": 1})


def test_what_came_and_went_beyond_the_end_of_a_dimension_keeps_nothing(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", KEEPING + KEPT_MONTH)
    shop.days("data/prices", "01-01", "01-02")
    assert len(shop.build().ran) == 3
    shop.days("data/prices", "01-03")
    assert shop.build("weighed").ran == daily("01-03", target="weighed")
    shop.path("data/prices/2013-01-03.txt").unlink()  # there are two days again; the month was never made of it
    assert shop.build().ran == []
    shop.days("data/prices", "01-02", text="corrected {day}\n")
    assert shop.build().ran == ["monthly@2013-01", *daily("01-02", target="weighed")]
    shop.days("data/orders", "01-03")  # which is missing from now on
    assert shop.build().ran == []
    shop.days("data/prices", "01-03", text="price {day}\n")
    assert shop.build().ran == ["monthly@2013-01", *daily("01-03", target="weighed")]


def test_what_came_unasked_and_went_keeps_nothing(tmp_path: Path) -> None:
    flow = KEEPING.replace("gone =", 'expect = { days = 1, on = "business days" }\ngone =')
    shop = made(tmp_path, flow + KEPT_MONTH, without=())
    assert len(shop.build("weighed").ran) == 5
    shop.path("data/prices/2013-01-05.txt").unlink()  # a Saturday's
    assert shop.build().ran == ["monthly@2013-01"]
    for text in ("corrected {day}\n", "again {day}\n"):
        shop.days("data/prices", "01-02", text=text)
        assert shop.build().ran == ["monthly@2013-01", *daily("01-02", target="weighed")]


FREEZING = VALUED.replace(
    'inputs.prices = { missing = "%s" }', 'freeze_after = "2d"\ninputs.prices = { missing = "latest" }'
)


@pytest.mark.parametrize("now", ["2013-01-05T12:00", "2013-03-01T00:00"])
def test_what_is_too_old_to_change_stays_provisional(tmp_path: Path, now: str) -> None:
    report = '[targets.report]\npath = "out/report/{day}.txt"\n' + TOLD["shell"]
    shop = made(tmp_path, HEAD + FREEZING + report.replace("{orders}", "{valued}") + "\n")
    done = shop.build(now=now)
    assert (len(done.ran), done.summary.provisional) == (10, 2)
    later = shop.build(now="2013-03-01T00:00")
    assert (later.ran, later.summary.provisional) == ([], 2)
    shop.days("data/prices", "01-04", text="price {day}\n")
    done = shop.build(now="2013-03-01T00:00")
    assert done.ran == daily("01-04", target="report")  # nothing is missing any more; the price is told as a change
    assert (done.summary.provisional, ["frozen" in notice for notice in done.notices]) == (0, [True])
    shop.path("data/prices/2013-01-04.txt").unlink()
    assert shop.build(now="2013-03-01T00:00").summary.provisional == 2


@pytest.mark.parametrize("kind", TOLD)
def test_a_recipe_that_is_told_is_built_anew_when_that_changes(tmp_path: Path, kind: str) -> None:
    report = f"""
[targets.report]
path = "out/report/{{day}}.txt"
{TOLD[kind]}
inputs = ["orders", "valued"]
"""
    flow = HEAD + (VALUED % "latest").replace("cat {orders} {prices}", "cat {orders}")  # comes out the same
    shop = made(tmp_path, flow + report)
    shop.write(
        "told.py",
        "from pathlib import Path\n\n\ndef tell(orders: Path, valued: Path, output: Path, provisional: bool):\n"
        "    output.write_text(orders.read_text() + str(int(provisional)) + '\\n')\n",
    )
    shop.build()
    assert shop.read("out/report/2013-01-04.txt") == "order 01-04\n1\n"
    assert shop.read("out/report/2013-01-05.txt") == "order 01-05\n0\n"
    assert shop.build().ran == []
    shop.days("data/prices", "01-04")
    assert sorted(shop.build().ran) == [*daily("01-04", target="report"), *daily("01-04")]
    assert shop.read("out/report/2013-01-04.txt") == "order 01-04\n0\n"
    assert shop.build().ran == []


def test_sql_is_told_too(tmp_path: Path) -> None:
    shop = Workshop(
        tmp_path / "shop",
        HEAD.replace(".txt", ".csv")
        + """
[targets.report]
path = "out/report/{day}.csv"
sql = "SELECT a, $provisional AS p FROM orders LEFT JOIN prices USING (a)"
inputs.prices = { missing = "latest" }
""",
    )
    shop.days("data/orders", *DAYS[:3], ending="csv", text="a\n1\n")
    shop.days("data/prices", *DAYS[:2], ending="csv", text="a\n1\n")
    shop.build()
    assert [shop.read(f"out/report/2013-{day}.csv") for day in DAYS[1:3]] == ["a,p\n1,false\n", "a,p\n1,true\n"]
    shop.days("data/prices", "01-03", ending="csv", text="a\n1\n")
    assert shop.build().ran == daily("01-03", target="report")
    assert shop.read("out/report/2013-01-03.csv") == "a,p\n1,false\n"


def test_what_waits_is_chosen_with_what_it_needs_and_what_needs_it(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "wait" + MONTHLY)
    assert shop.build("valued@2013-01-04+").summary.waiting == 2
    assert shop.build("+monthly").summary.waiting == 2


def test_nothing_provisional_is_made_where_that_is_refused(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "latest" + MONTHLY)
    done = shop.build(is_patient=True)
    assert (sorted(done.ran), done.standing) == (daily("01-01", "01-02", "01-03", "01-05"), (4, 0, 0, 2, 0))
    assert sorted(shop.build().ran) == ["monthly@2013-01", *daily("01-04")]
    done = shop.build(is_patient=True)
    assert (done.ran, done.summary.waiting) == ([], 2)
    assert shop.build().ran == []
    said = shop.run("plan", "--no-provisional")
    assert "waiting: 2 partitions" in said.stdout


def test_why_says_what_arrived(tmp_path: Path) -> None:
    shop = made(tmp_path, HEAD + VALUED % "latest")
    shop.build()
    shop.days("data/prices", "01-04")
    (found,) = explain(Settings(str(shop.root)), ["valued@2013-01-04"])
    assert [(cause.reason.kind, cause.reason.subject) for cause in found.causes] == [
        ("input arrived", "prices@2013-01-04")
    ]
