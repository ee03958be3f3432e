"""Signals, children, two builds at once, and what changes while a recipe runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.build.workshop import DAYS, Workshop, await_that, is_running

# The real process with another grace: long where a test says that something else ended a recipe, else short.
DRIVER = """
import sys
import dbuild.build.run, dbuild.execute.pool, dbuild.recipes.processes
grace = float(sys.argv.pop(1))
dbuild.build.run.GRACE = dbuild.execute.pool.GRACE = grace
from dbuild.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def running(shop: Workshop, *words: str, grace: float = 600) -> Iterator[subprocess.Popen[str]]:
    """A build as a process of its own; it is killed at the end if a test left it running."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(grace), *words],
        cwd=shop.root,
        env=shop.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pids_of(path: Path) -> list[int]:
    """The process ids in a file, when it is there; recipes rename it into its place."""
    await_that(path.exists)
    return [int(pid) for pid in path.read_text().split()]


# --- Signals -------------------------------------------------------------------------------------------------------

POLITE = """
[targets.quick]
path = "out/quick.txt"
shell = "echo quick > {output}"
[targets.polite]
path = "out/polite.txt"
shell = '''
cat {quick}
echo half > {output}
trap 'echo TERM > told; exit 1' TERM
sleep 600 &
echo $$ $! > polite.tmp; mv polite.tmp polite.pids
wait
'''
[targets.thinking]
path = "out/thinking.txt"
python = "slow:think"
inputs = ["quick"]
[targets.later]
path = "out/later.txt"
shell = "cat {polite} {thinking} > {output}"
"""
SLOW = """import os, subprocess

def think(quick, output):
    output.write_text("half")
    child = subprocess.Popen(["sleep", "600"])
    with open("thinking.tmp", "w") as out:
        out.write(f"{os.getpid()} {child.pid}")
    os.rename("thinking.tmp", "thinking.pids")
    child.wait()
"""


def mend(shop: Workshop) -> None:
    shop.swap("Dataflowfile", "cat {quick}\n", "echo done > {output}; exit\n")
    shop.write("slow.py", "def think(quick, output):\n    output.write_text('done')\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_running_recipes_and_exits_with_130(tmp_path: Path, number: signal.Signals) -> None:
    shop = Workshop(tmp_path / "polite", POLITE, **{"slow.py": SLOW})
    with running(shop, "-j2", "--json") as process:
        pids = pids_of(shop.path("polite.pids")) + pids_of(shop.path("thinking.pids"))
        process.send_signal(number)
        out, notes = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in notes
    assert shop.read("told") == "TERM\n"
    await_that(lambda: not any(map(is_running, pids)))
    summary = json.loads(out.splitlines()[-1])
    assert (summary["built"], summary["interrupted"]) == (1, True)
    assert shop.outputs() == {"out/quick.txt": b"quick\n"}
    assert shop.plan().will_run == 3
    mend(shop)
    assert shop.build().standing == (3, 1, 0, 0, 0)


STUBBORN = """
[targets.polite]
path = "out/polite.txt"
shell = "trap 'touch told; exit 1' TERM; sleep 600 & touch ready; wait"
[targets.stubborn]
path = "out/stubborn.txt"
shell = "trap '' TERM; echo $$ > pid.tmp; mv pid.tmp pid; while :; do sleep 600; done"
"""


def test_a_second_signal_kills_what_does_not_listen(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "stubborn", STUBBORN)
    with running(shop, "-j2") as process:
        (pid,) = pids_of(shop.path("pid"))
        await_that(shop.path("ready").exists)
        process.send_signal(signal.SIGINT)
        await_that(shop.path("told").exists)
        assert process.poll() is None
        assert is_running(pid)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    await_that(lambda: not is_running(pid))
    assert shop.outputs() == {}


def test_what_does_not_listen_is_killed_after_a_grace(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "stubborn", STUBBORN)
    with running(shop, "-j2", grace=0.1) as process:
        (pid,) = pids_of(shop.path("pid"))
        await_that(shop.path("ready").exists)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 130
    await_that(lambda: not is_running(pid))
    assert shop.outputs() == {}


def test_head_that_has_seen_enough_stops_the_build(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.step]
    path = "out/{{day}}.txt"
    shell = "case {{day}} in *-01) ;; *-02) cat gate ;; esac; cp {{raw}} {{output}}"
    """
    shop = Workshop(tmp_path / "piped", flow)
    shop.days("data", *(f"01-0{day}" for day in range(1, 7)))
    os.mkfifo(shop.path("gate"))
    with running(shop, "-j1", "--json", grace=5) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["key"] == {"day": "2013-01-01"}
        process.stdout.close()
        shop.path("gate").write_text("")
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    made = len(shop.outputs())
    assert 1 <= made <= 3
    shop.path("gate").unlink()
    shop.write("gate", "")
    assert shop.build().standing == (6 - made, made, 0, 0, 0)


# --- Children and workers ------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_fails_one_task(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.py]
    path = "out/{{day}}.txt"
    python = "step:make"
    inputs = ["raw"]
    [targets.all]
    path = "out/all.txt"
    shell = "cat {{py}} > {{output}}"
    """
    step = (
        "import os, signal\n"
        "def make(raw, output):\n"
        "    output.write_text(raw.read_text())\n"
        "    if 'bad' in raw.read_text():\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    shop = Workshop(tmp_path / "killed", flow, **{"step.py": step})
    shop.days("data", "01-01", "01-02", "01-03", "01-04")
    shop.write("data/2013-01-02.txt", "bad\n")
    done = shop.build(jobs=1, keep_going=True)
    assert done.standing == (3, 0, 1, 0, 1)
    assert list(done.errors) == ["py@2013-01-02"]
    assert "killed (SIGKILL)" in done.errors["py@2013-01-02"]
    assert shop.temporaries() == []
    shop.write("data/2013-01-02.txt", "good\n")
    assert shop.build().ran == ["all", "py@2013-01-02"]


def test_what_a_recipe_leaves_running_ends_with_it(tmp_path: Path) -> None:
    flow = """
    [targets.shell]
    path = "out/shell.txt"
    shell = "(trap '' HUP; sleep 600; sleep 600) & echo $! > shell.pid; echo done > {output}"
    [targets.python]
    path = "out/python.txt"
    python = "leave:behind"
    """
    leave = (
        "import subprocess\ndef behind(output):\n    output.write_text(str(subprocess.Popen(['sleep', '600']).pid))\n"
    )
    shop = Workshop(tmp_path / "leaving", flow, **{"leave.py": leave})
    assert shop.build().standing == (2, 0, 0, 0, 0)
    for path in ("shell.pid", "out/python.txt"):
        await_that(lambda path=path: not is_running(int(shop.read(path))))  # type: ignore[misc]


def test_a_recipe_has_no_input_and_its_output_is_bounded_on_screen(tmp_path: Path) -> None:
    flow = """
    [targets.loud]
    path = "out/loud.txt"
    shell = "cat; seq 200000; echo last; false"
    """
    shop = Workshop(tmp_path / "loud", flow)
    (ended,) = shop.build().ended
    assert ended.tail[-1] == "last"
    assert len(ended.tail) <= 20
    assert ended.log is not None
    assert shop.path(ended.log).stat().st_size == sum(len(f"{n}\n") for n in range(1, 200_001)) + len("last\n")
    assert shop.path(ended.log).stat().st_mode & 0o777 == 0o600


# --- Jobs ----------------------------------------------------------------------------------------------------------

PAIR = """
[targets.a]
path = "out/a.txt"
shell = "echo begin >> log; {a}; echo end >> log; echo a > {{output}}"
[targets.b]
path = "out/b.txt"
shell = "echo begin >> log; {b}; echo end >> log; echo b > {{output}}"
"""


def test_two_jobs_run_at_the_same_time(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "pair", PAIR.format(a="echo x > one; cat two", b="cat one; echo x > two"))
    for name in ("one", "two"):
        os.mkfifo(shop.path(name))
    with running(shop, "-j2") as process:
        process.communicate(timeout=60)  # each waits until the other is there too
    assert process.returncode == 0
    assert len(shop.outputs()) == 2


def test_one_job_runs_one_recipe_at_a_time(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "pair", PAIR.format(a="true", b="true"))
    assert shop.build(jobs=1).summary.built == 2
    assert shop.read("log").split() == ["begin", "end", "begin", "end"]


# --- Two builds at once --------------------------------------------------------------------------------------------


def test_a_second_build_names_the_first_and_waits_for_it(tmp_path: Path) -> None:
    flow = """
    [targets.slow]
    path = "out/slow.txt"
    shell = "touch begun; cat gate; echo slow > {output}"
    [targets.next]
    path = "out/next.txt"
    shell = "cp {slow} {output}"
    """
    shop = Workshop(tmp_path / "two", flow)
    os.mkfifo(shop.path("gate"))
    with running(shop) as first:
        await_that(shop.path("begun").exists)
        with running(shop) as second:
            assert second.stderr is not None
            said = second.stderr.readline()
            assert "another build runs here" in said
            assert f"process {first.pid} on " in said
            assert shop.run("status").returncode == 0
            assert "\n  slow: never built\n" in shop.run("plan").stdout
            assert second.poll() is None
            shop.path("gate").write_text("")
            _, told = first.communicate(timeout=60)
            _, nothing = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert told.splitlines()[-1].startswith("2 built, 0 fresh")
    assert nothing.startswith("fresh: 2 partitions, nothing to do")


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    flow = '[targets.slow]\npath = "out/slow.txt"\nshell = "touch begun; cat gate; echo slow > {output}"\n'
    shop = Workshop(tmp_path / "dead", flow)
    os.mkfifo(shop.path("gate"))
    with running(shop) as first:
        await_that(shop.path("begun").exists)
        first.kill()
    shop.path("gate").unlink()
    shop.write("gate", "")
    done = shop.build()
    assert done.summary.built == 1
    assert not any("another build" in notice for notice in done.notices)


# --- What changes while a recipe runs ------------------------------------------------------------------------------

RESTLESS = """
[sources.raw]
path = "data.txt"
[targets.mid]
path = "out/mid.txt"
shell = "cp {raw} {output}"
[targets.end]
path = "out/end.txt"
shell = "cat {mid} {raw} > {output}; sh tool.sh"
uses = ["tool.sh"]
[targets.py]
path = "out/py.txt"
python = "steps.step:make"
inputs = ["mid"]
"""
STEP = """from steps import part

def make(mid, output):
    output.write_text(part.shape(mid.read_text()))
"""
PART = """import os

def shape(text):
    if not os.path.exists("once2"):
        open("once2", "w").close()
        with open(__file__, "a") as out:
            out.write("\\nEND = '!'\\n")
    return text + END
END = ""
"""


@pytest.mark.parametrize(
    ("path", "again"),
    [("data.txt", ["end", "mid", "py"]), ("out/mid.txt", ["end", "mid"]), ("tool.sh", ["end"])],
)
def test_a_result_is_not_kept_if_what_it_read_changed_meanwhile(tmp_path: Path, path: str, again: list[str]) -> None:
    shop = Workshop(tmp_path / "restless", RESTLESS, **{"data.txt": "one\n"})
    shop.write("steps/step.py", STEP)
    shop.write("steps/part.py", "def shape(text):\n    return text\n")
    shop.write("tool.sh", f"[ -e once ] || {{ touch once; echo '# more' >> {path}; }}\n")
    done = shop.build(jobs=1, keep_going=True)
    assert done.errors.keys() >= {"end"}
    assert f"{path} changed while the recipe ran" in done.errors["end"]
    assert not shop.path("out/end.txt").exists()
    assert shop.temporaries() == []
    left = shop.build(jobs=1)
    assert left.summary.failed == 0
    assert set(again) - set(done.errors) <= set(left.ran)
    assert {"end", *done.errors} <= set(left.ran) <= {*again, *done.errors}
    assert shop.read("out/end.txt") == shop.read("out/mid.txt") + shop.read("data.txt")
    assert shop.build().ran == []


def test_a_module_that_changes_while_its_function_runs(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "restless", RESTLESS, **{"data.txt": "one\n", "tool.sh": "true\n"})
    shop.write("steps/step.py", STEP)
    shop.write("steps/part.py", PART)
    assert shop.build().errors == {}
    assert shop.read("out/py.txt") == "one\n"  # what was built is of the code as it was, and recorded as that
    assert shop.build().ran == ["py"]
    assert shop.read("out/py.txt") == "one\n!"
    assert shop.build().ran == []


def test_a_run_has_one_snapshot_of_its_recipes(tmp_path: Path) -> None:
    flow = """
    [targets.first]
    path = "out/first.csv"
    shell = "sed -i s/ol[d]/new/ Dataflowfile q.sql late.py; echo v > {output}; echo 1 >> {output}"
    [targets.second]
    path = "out/second.txt"
    shell = "cat {first}; echo old > {output}"
    [targets.third]
    path = "out/third.csv"
    sql = "q.sql"
    [targets.fourth]
    path = "out/fourth.txt"
    python = "late:make"
    inputs = ["first"]
    """
    shop = Workshop(tmp_path / "edited", flow, **{"q.sql": "SELECT 'old' AS v FROM first"})
    shop.write("late.py", "def make(first, output):\n    output.write_text('old')\n")
    done = shop.build(jobs=1, keep_going=True)
    assert shop.read("out/second.txt") == "old\n"
    assert shop.read("out/third.csv") == "v\nold\n"
    assert shop.read("out/fourth.txt") == "old"
    assert done.errors == {}
    assert shop.build().ran == ["fourth", "second", "third"]
    assert shop.read("out/second.txt") == "new\n"
    assert shop.read("out/third.csv") == "v\nnew\n"
    assert shop.read("out/fourth.txt") == "new"
    assert shop.build().ran == []


def test_data_that_arrives_during_a_build_is_taken_by_the_next(tmp_path: Path) -> None:
    flow = f"""
    {DAYS}
    [sources.raw]
    path = "data/{{day}}.txt"
    [targets.step]
    path = "out/{{day}}.txt"
    shell = "[ -e data/2013-01-02.txt ] || echo 2 > data/2013-01-02.txt; cp {{raw}} {{output}}"
    """
    shop = Workshop(tmp_path / "arriving", flow)
    shop.days("data", "01-01")
    assert shop.build().ran == ["step@2013-01-01"]
    assert shop.build().ran == ["step@2013-01-02"]
    assert shop.build().ran == []


def test_a_recipe_that_replaces_what_is_pythons_own_keeps_nobody_waiting(tmp_path: Path) -> None:
    flow = """
[targets.odd]
path = "out/odd.txt"
python = "odd:write"
[targets.plain]
path = "out/plain.txt"
python = "plain:write"
"""
    shop = Workshop(tmp_path / "project")
    shop.write("Dataflowfile", flow)
    odd = (
        "import builtins\n"
        "_len = len\n"
        "builtins.len = lambda x: _len(x) + 1\n"
        "def write(output):\n"
        "    output.write_text(str(len('ab')))\n"
    )
    shop.write("odd.py", odd)
    shop.write("plain.py", "def write(output):\n    output.write_text('plain')\n")
    done = shop.run("-j1", "-k")
    assert done.returncode == 0, done.stderr
    assert shop.read("out/odd.txt") == "3"


def test_whoever_starts_a_build_may_have_had_the_ends_of_processes_ignored(tmp_path: Path) -> None:
    """As some schedulers and containers do: then nobody could wait for a recipe."""
    shop = Workshop(tmp_path / "project", '[targets.a]\npath = "out/a.txt"\nshell = "echo hi > {output}"\n')
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'dbuild'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=shop.root, env=shop.environment(), capture_output=True)
    assert (done.returncode, shop.read("out/a.txt")) == (0, "hi\n")
