"""What a recipe may take, how long it may run, and what follows when it fails."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dbuild.build import Settings, explain, status
from dbuild.core.events import Event, TaskEnded, TaskRetried, TaskStarted, TaskStopped
from dbuild.errors import UserError
from tests.build.workshop import DAYS, Workshop

# --- Retries ---------------------------------------------------------------------------------------------------------

FLAKY = """
[targets.flaky]
path = "out/flaky.txt"
shell = "echo try >> tries; test $(wc -l < tries) -ge 3 || exit 75; echo ok > {output}"
retries = { times = 2, delay = "10ms" }
[targets.after]
path = "out/after.txt"
shell = "cp {flaky} {output}"
"""


def retried(events: tuple[Event, ...]) -> list[tuple[str, int, int]]:
    return [(event.target, event.attempt, event.attempts) for event in events if isinstance(event, TaskRetried)]


def test_a_failed_task_is_tried_again_until_it_succeeds(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", FLAKY)
    done = shop.build()
    assert done.ran == ["after", "flaky"]
    assert retried(done.events) == [("flaky", 1, 3), ("flaky", 2, 3)]
    assert done.standing == (2, 0, 0, 0, 0)
    assert shop.read("tries").count("try") == 3
    assert shop.build().ran == []
    statuses = [(each["target"], each["status"]) for each in shop.json("log", "flaky")]
    assert statuses == [("flaky", "built"), ("flaky", "retried"), ("flaky", "retried")]


def test_when_all_attempts_fail_the_last_error_counts(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", FLAKY.replace("-ge 3", "-ge 9"))
    done = shop.build(keep_going=True)
    (ended,) = done.ended
    assert (ended.status, ended.attempts, ended.error) == ("failed", 3, "exited with status 75")
    assert shop.read("tries").count("try") == 3
    (found,) = explain(Settings(str(shop.root)), ["flaky"])
    assert found.failure is not None
    assert found.failure.attempts == 3


@pytest.mark.parametrize(
    ("recipe", "retry_on", "attempts"),
    [
        ('shell = "exit 75"', "[75]", 2),
        ('shell = "exit 75"', "[1, 2]", 1),
        ('shell = "exit 75"', '["TimeoutError"]', 1),
        ('python = "code:late"', '["TimeoutError"]', 2),
        ('python = "code:late"', '["OSError"]', 2),
        ('python = "code:late"', '["ValueError", 75]', 1),
        ('shell = "kill -SEGV $$"', '["killed"]', 2),
        ("sql = \"SELECT error('no')\"", "[1]", 1),
    ],
)
def test_only_the_named_causes_are_tried_again(tmp_path: Path, recipe: str, retry_on: str, attempts: int) -> None:
    flow = f"""
    [targets.x]
    path = "out/x.csv"
    {recipe}
    retries = {{ times = 1, delay = "10ms" }}
    retry_on = {retry_on}
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.write("code.py", "def late():\n    raise TimeoutError('too late')\n")
    done = shop.build()
    assert done.ended[0].attempts == attempts
    assert done.summary.failed == 1


def test_while_a_task_waits_to_be_tried_again_others_run(tmp_path: Path) -> None:
    flow = """
    [targets.flaky]
    path = "out/flaky.txt"
    shell = "test -e go || exit 1; echo ok > {output}"
    retries = { times = 1, delay = "200ms" }
    [targets.other]
    path = "out/other.txt"
    shell = "touch go; echo ok > {output}"
    """
    shop = Workshop(tmp_path / "shop", flow)
    done = shop.build(jobs=1)
    assert done.standing == (2, 0, 0, 0, 0)


def test_a_run_that_stops_does_not_try_again(tmp_path: Path) -> None:
    flow = """
    [targets.flaky]
    path = "out/flaky.txt"
    shell = "exit 75"
    retries = { times = 5, delay = "5m" }
    [targets.bad]
    path = "out/bad.txt"
    shell = "false"
    """
    done = Workshop(tmp_path / "shop", flow).build(jobs=2)
    assert sorted(done.errors) == ["bad", "flaky"]
    assert done.standing == (0, 0, 2, 0, 0)


def test_what_had_failed_before_an_interrupt_has_failed(tmp_path: Path) -> None:
    flow = """
    [targets.flaky]
    path = "out/flaky.txt"
    shell = "echo no use; exit 75"
    retries = { times = 5, delay = "5m" }
    """
    shop = Workshop(tmp_path / "shop", flow)

    def interrupt(event: Event) -> None:
        if isinstance(event, TaskRetried):
            os.kill(os.getpid(), signal.SIGINT)

    done = shop.build(hear=interrupt)
    assert (done.summary.was_interrupted, done.errors) == (True, {"flaky": "exited with status 75"})
    failure = explain(Settings(str(shop.root)), ["flaky"])[0].failure
    assert failure is not None
    assert (failure.error, failure.tail) == ("exited with status 75", ("no use",))


# --- Timeouts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipe",
    [
        'shell = "echo started; sleep 600"',
        'shell = "trap : TERM; echo started; while :; do sleep 600 & wait; done"',
        "shell = \"trap 'echo half > $DBUILD_OUTPUT; exit 0' TERM; echo started; while :; do sleep 600 & wait; done\"",
        'python = "code:sleep"',
        'python = "code:deaf"',
        'sql = "SELECT count(*) AS n FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3"',
    ],
)
def test_a_task_that_runs_too_long_is_ended(tmp_path: Path, recipe: str) -> None:
    flow = f"""
    [targets.slow]
    path = "out/slow.csv"
    {recipe}
    timeout = {{ after = "300ms", grace = "300ms" }}
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.write(
        "code.py",
        "import signal, time\n"
        "def sleep():\n    time.sleep(600)\n"
        "def deaf():\n"
        "    while True:\n"
        "        try:\n            time.sleep(600)\n"
        "        except BaseException:\n            pass\n",
    )
    done = shop.build()
    assert done.errors == {"slow": "it ran longer than its timeout of 0.3 s"}
    assert not shop.path("out/slow.csv").exists()
    assert shop.temporaries() == []


def test_a_timeout_can_be_tried_again(tmp_path: Path) -> None:
    flow = """
    [targets.slow]
    path = "out/slow.txt"
    shell = "test -e tried || { touch tried; sleep 600; }; echo ok > {output}"
    timeout = "1s"
    retries = { times = 1, delay = "10ms" }
    retry_on = ["timeout"]
    """
    done = Workshop(tmp_path / "shop", flow).build()
    assert (done.standing[0], retried(done.events)) == (1, [("slow", 1, 2)])


def test_a_quick_task_does_not_mind_its_timeout(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", '[targets.x]\npath = "out/x"\nshell = "echo > {output}"\ntimeout = "1h"\n')
    assert shop.build().standing == (1, 0, 0, 0, 0)
    shop.swap("Dataflowfile", '"1h"', '"2h"')
    assert shop.build().ran == []


# --- Fail fast -------------------------------------------------------------------------------------------------------


def test_fail_fast_ends_what_runs_and_blames_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "begun")
    flow = f"""
    [targets.bad]
    path = "out/bad.txt"
    shell = "cat {tmp_path}/begun; false"
    [targets.slow]
    path = "out/slow.txt"
    shell = "echo > {tmp_path}/begun; sleep 600"
    """
    shop = Workshop(tmp_path / "shop", flow)
    done = shop.build(jobs=2, fail_fast=True)
    assert sorted(done.errors) == ["bad"]
    assert [event.target for event in done.events if isinstance(event, TaskStopped)] == ["slow"]
    assert done.standing == (0, 0, 1, 0, 1)
    shop.swap("Dataflowfile", f"cat {tmp_path}/begun; false", "echo > {output}")
    shop.swap("Dataflowfile", f"echo > {tmp_path}/begun; sleep 600", "echo > {output}")
    plan = shop.plan()
    assert [reason.kind for reason in plan.targets["slow"].will[()]] == ["never built"]
    assert shop.build().ran == ["bad", "slow"]


# --- Failures are kept -----------------------------------------------------------------------------------------------


def test_status_and_why_keep_a_failure_with_its_last_lines_until_it_succeeds(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.x]
    path = "out/{{day}}.txt"
    shell = "echo reading {{raw}}; grep -v bad {{raw}} > {{output}}"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.days("data", "01-01", "01-02")
    shop.write("data/2013-01-02.txt", "bad\n")
    shop.build()
    (_, found) = status(Settings(str(shop.root)), ())
    (failure,) = found.failures
    assert (failure.key, failure.error) == ((("day", "2013-01-02"),), "exited with status 1")
    assert failure.tail[0].startswith("reading ")
    shown = shop.run("status").stdout
    assert "x@2013-01-02" in shown
    assert "  failed when it was last tried (in run 1" in shown
    assert "    | reading " in shown
    assert "exited with status 1" in shop.run("why", "x@2013-01-02").stdout
    shop.write("data/2013-01-02.txt", "good\n")
    assert shop.build().ran == ["x@2013-01-02"]
    assert "failed" not in shop.run("status").stdout
    assert "failed when" not in shop.run("why", "x@2013-01-02").stdout


# --- Resources -------------------------------------------------------------------------------------------------------


def at_once(events: tuple[Event, ...], *targets: str) -> int:
    """How many tasks of some targets ran at once at most, as the build told it."""
    running = most = 0
    for event in events:
        if isinstance(event, TaskStarted) and event.target in targets:
            running += 1
            most = max(most, running)
        elif isinstance(event, TaskEnded) and event.target in targets:
            running -= 1
    return most


POOLED = """
[partitions.n]
values = ["a", "b", "c", "d", "e", "f"]
[pools]
db = 2
[targets.query]
path = "out/query/{n}.txt"
shell = "echo {n} > {output}"
needs = { db = 1, cpus = 0.5 }
[targets.big]
path = "out/big/{n}.txt"
shell = "echo $DBUILD_CPUS > {output}"
needs = { cpus = 99 }
"""


def test_pools_and_cpus_are_shared_out(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", POOLED)
    done = shop.build(jobs=4)
    assert done.standing == (12, 0, 0, 0, 0)
    assert at_once(done.events, "query") == 2
    assert at_once(done.events, "big") == 1
    assert at_once(done.events, "query", "big") == 2
    shop.swap("Dataflowfile", "db = 2", "db = 6")
    shop.swap("Dataflowfile", "cpus = 0.5", "cpus = 0.1")
    assert shop.build().ran == []
    assert at_once(shop.build("query", jobs=1, force=True).events, "query") == 6


def test_the_longest_path_starts_first(tmp_path: Path) -> None:
    flow = """
    [targets.short]
    path = "out/short"
    shell = "sleep 0.2; echo > {output}"
    [targets.long]
    path = "out/long"
    shell = "sleep 0.4; echo > {output}"
    [targets.end]
    path = "out/end"
    shell = "cat {long} > {output}"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.build(jobs=1)
    done = shop.build(jobs=1, force=True)
    assert [event.target for event in done.ended] == ["long", "short", "end"]


def test_before_anything_ran_the_largest_input_starts_first(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.small]
    path = "small/{{day}}.txt"
    [sources.large]
    path = "large.txt"
    [targets.a_small]
    path = "out/small/{{day}}.txt"
    shell = "cp {{small}} {{output}}"
    [targets.z_large]
    path = "out/large.txt"
    shell = "cp {{large}} {{output}}"
    """
    shop = Workshop(tmp_path / "shop", flow)
    shop.days("small", "01-01", "01-02")
    shop.write("large.txt", "x" * 100_000)
    assert [event.target for event in shop.build(jobs=1).ended] == ["z_large", "a_small", "a_small"]


# --- Environment and secrets -----------------------------------------------------------------------------------------

SECRETIVE = """
[targets.load]
path = "out/load.txt"
shell = "echo to $SERVER with $DB_PASSWORD; echo ${#DB_PASSWORD} > {output}"
env = { SERVER = "db.example" }
secrets = ["DB_PASSWORD"]
[targets.plain]
path = "out/plain.txt"
shell = "echo ${DB_PASSWORD:-nothing} > {output}"
[targets.shown]
path = "out/shown.txt"
python = "code:shown"
secrets = ["DB_PASSWORD"]
"""
PASSWORD = "kx7-secret-9"


def test_secrets_reach_their_recipe_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path / "shop", SECRETIVE)
    shop.write(
        "code.py",
        "import os\ndef shown():\n    raise ValueError('no login with ' + os.environ['DB_PASSWORD'])\n",
    )
    with pytest.raises(UserError, match="the secret DB_PASSWORD of target"):
        shop.build()
    monkeypatch.setenv("DB_PASSWORD", PASSWORD)
    done = shop.build(keep_going=True)
    assert shop.read("out/load.txt") == f"{len(PASSWORD)}\n"
    assert shop.read("out/plain.txt") == "nothing\n"
    assert "no login with ***" in done.errors["shown"]
    assert shop.run("log", "load").stdout == "to db.example with ***\n"
    assert PASSWORD not in repr(done.events)
    for command in (["why", "shown"], ["status"], ["log", "shown"], ["log", "1"], ["plan"]):
        for more in ([], ["--json"]):
            assert PASSWORD not in shop.run(*command, *more).stdout
    kept = [path for path in shop.path(".dbuild").rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in path.read_bytes() for path in kept)


def test_a_new_password_makes_nothing_stale_and_a_new_variable_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Workshop(tmp_path / "shop", SECRETIVE)
    shop.write("code.py", "def shown():\n    return 'x'\n")
    monkeypatch.setenv("DB_PASSWORD", PASSWORD)
    assert shop.build().standing == (3, 0, 0, 0, 0)
    monkeypatch.setenv("DB_PASSWORD", "another one")
    assert shop.build().ran == []
    shop.swap("Dataflowfile", "db.example", "other.example")
    assert shop.build().ran == ["load"]
