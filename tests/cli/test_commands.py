"""Every command, as a process of its own on a small real project."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from dbuild import __version__
from dbuild.cli.main import main
from tests.cli.sandbox import FLOW, Sandbox

COMMANDS = [
    "build",
    "plan",
    "status",
    "why",
    "why-not",
    "show",
    "init",
    "lint",
    "list",
    "late",
    "watch",
    "log",
    "history",
    "stats",
    "query",
    "mark",
    "clean",
    "help",
    "completion",
]
FAILING = FLOW.replace("cp {raw} {output}", "cat {raw}; grep -v 'day 2' {raw} > {output}")


# -- building ------------------------------------------------------------------------------------------------------


def test_a_build_builds_everything_and_then_nothing(sandbox: Sandbox) -> None:
    first = sandbox.run()
    assert (first.returncode, first.stdout) == (0, "")
    assert "built copy@2013-01-02 (" in first.stderr
    assert first.stderr.splitlines()[-1].startswith("5 built, 0 fresh in ")
    assert sandbox.read("out/total.txt") == "day 1\nday 2\nday 3\n"
    again = sandbox.run()
    assert again.returncode == 0
    assert again.stderr.startswith("fresh: 5 partitions, nothing to do (")
    assert len(again.stderr.splitlines()) == 1


def test_json_gives_a_line_a_task_and_the_summary(sandbox: Sandbox) -> None:
    *tasks, summary = sandbox.json("copy@2013-01-01..2013-01-02")
    assert sorted((task["event"], task["target"], task["key"]["day"], task["status"]) for task in tasks) == [
        ("task", "copy", "2013-01-01", "built"),
        ("task", "copy", "2013-01-02", "built"),
    ]
    assert all(task["changed"] and task["seconds"] >= 0 for task in tasks)
    assert (summary["event"], summary["built"], summary["fresh"], summary["failed"]) == ("summary", 2, 0, 0)
    assert {"waiting", "blocked", "restored", "provisional", "seconds", "run"} <= set(summary)


def test_a_target_named_like_a_command_is_reached_through_build(sandbox: Sandbox) -> None:
    assert sandbox.run("build", "plan").returncode == 0
    assert sandbox.read("out/plan.txt") == "hello\n"
    assert not (sandbox.root / "out/total.txt").exists()
    assert sandbox.run("--", "plan").stderr.startswith("fresh: 1 partition,")


def test_options_stand_before_or_after_targets(sandbox: Sandbox) -> None:
    outside = sandbox.root.parent
    assert sandbox.run("-C", "project", "-j2", "copy", cwd=outside).returncode == 0
    assert sandbox.run("copy", "-k", "-C", "project", cwd=outside).stderr.startswith("fresh: 3 partitions")
    before = sandbox.run("-C", "project", "status", cwd=outside)
    after = sandbox.run("status", "-C", ".", "-C", "project", cwd=outside)
    assert before.returncode == after.returncode == 0
    assert before.stdout == after.stdout != ""


def test_another_file_can_be_named(sandbox: Sandbox) -> None:
    (sandbox.root / "Dataflowfile").rename(sandbox.root / "other.toml")
    assert sandbox.run("-f", "other.toml", "copy@2013-01-01").returncode == 0
    assert sandbox.run().returncode == 2


def test_a_build_takes_kept_texts_in_place_of_broken_files(sandbox: Sandbox) -> None:
    sandbox.run()
    texts = sandbox.root / "texts.json"
    texts.write_text(json.dumps({"Dataflowfile": FLOW.replace("echo {greeting}", "echo kept")}))
    sandbox.write("Dataflowfile", "= broken")
    assert sandbox.run().returncode == 2
    assert sandbox.summary("--texts", str(texts))["built"] == 1
    assert sandbox.read("out/plan.txt") == "kept\n"
    assert sandbox.summary("--texts", str(texts))["fresh"] == 5
    sandbox.write("Dataflowfile", FLOW)
    assert sandbox.summary()["built"] == 1  # the answer to the texts is none to the file
    for wrong in ("[]", '{"Dataflowfile": 1}', "x", ""):
        texts.write_text(wrong)
        assert sandbox.run("--texts", str(texts)).returncode == 2


def test_params_are_overridden(sandbox: Sandbox) -> None:
    assert sandbox.run("build", "plan", "--param", "greeting=good day").returncode == 0
    assert sandbox.read("out/plan.txt") == "good day\n"
    assert sandbox.run("--param", "nonsense").returncode == 2
    assert sandbox.run("--param", "unknown=1").returncode == 2


def test_force_builds_what_is_named_and_not_what_it_needs(sandbox: Sandbox) -> None:
    sandbox.run()
    assert sandbox.run("-B", "-n", "total").stdout == "will run: 1 partition\n  total: forced\nfresh: 3 partitions\n"
    assert sandbox.summary("-B", "total")["built"] == 1


def test_quiet_says_nothing_but_errors(sandbox: Sandbox) -> None:
    done = sandbox.run("-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    sandbox.write("Dataflowfile", FAILING)
    failed = sandbox.run("-q")
    assert failed.returncode == 1
    assert failed.stderr.startswith("failed copy@2013-01-02 (")


def test_verbose_says_why_tasks_start(sandbox: Sandbox) -> None:
    sandbox.run()
    sandbox.write("data/2013-01-02.txt", "changed\n")
    assert "start copy@2013-01-02: input changed raw@2013-01-02: " in sandbox.run("-v").stderr


def test_a_failure_shows_the_recipes_own_words_and_exits_with_1(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", FAILING)
    done = sandbox.run("-k", "-j1")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("failed copy@2013-01-02 ("))
    assert "its output is in .dbuild/" in lines[at]
    assert "  | day 2" in lines[at:]
    assert lines[-1].startswith("1 failed, 3 built, ")
    assert lines[-1].endswith(": copy@2013-01-02")
    assert not (sandbox.root / "out/total.txt").exists()
    assert sandbox.summary("-k", code=1)["blocked"] == 1
    sandbox.write("data/2013-01-02.txt", "mended\n")
    assert sandbox.summary()["built"] == 2


def test_a_missing_input_waits_and_strict_minds(sandbox: Sandbox) -> None:
    (sandbox.root / "data/2013-01-02.txt").unlink()
    done = sandbox.run()
    assert done.returncode == 0
    assert "2 waiting" in done.stderr.splitlines()[-1]
    assert sandbox.run("--strict").returncode == 3
    assert sandbox.run("--strict", "copy@2013-01-01").returncode == 0


# -- looking -------------------------------------------------------------------------------------------------------


def test_a_dry_run_is_the_plan_and_runs_nothing(sandbox: Sandbox) -> None:
    dry, plan = sandbox.run("-n"), sandbox.run("plan")
    assert dry.returncode == plan.returncode == 0
    assert dry.stdout == plan.stdout
    assert "will run: " in plan.stdout
    assert not (sandbox.root / "out").exists()
    assert sandbox.run("plan", "--strict").returncode == 3


def test_a_plan_keeps_what_may_run_apart(sandbox: Sandbox) -> None:
    sandbox.run()
    sandbox.write("data/2013-01-02.txt", "changed\n")
    assert sandbox.run("plan").stdout.splitlines()[2:] == [
        "may run: 1 partition",
        "  total: if copy comes out changed",
        "fresh: 3 partitions",
    ]
    (record,) = sandbox.json("plan")
    assert [(found["target"], found["key"]) for found in record["will_run"]] == [("copy", {"day": "2013-01-02"})]
    assert "raw@2013-01-02" in record["will_run"][0]["reasons"][0]
    assert record["may_run"] == [{"target": "total", "key": {}, "after": ["copy@2013-01-02"]}]
    assert (record["fresh"], record["waiting"]) == (3, [])


def test_a_plan_names_what_is_missing(sandbox: Sandbox) -> None:
    (sandbox.root / "data/2013-01-02.txt").unlink()
    waiting = sandbox.json("plan")[0]["waiting"]
    assert {(found["target"], found["key"].get("day")): found["missing"] for found in waiting} == {
        ("copy", "2013-01-02"): ["raw@2013-01-02"],
        ("total", None): ["copy@2013-01-02"],
    }


def test_status_counts_partitions(sandbox: Sandbox) -> None:
    sandbox.run()
    sandbox.write("data/2013-01-02.txt", "changed\n")
    (record,) = sandbox.json("status")
    found = {each["name"]: (each["kind"], each["partitions"]) for each in record["datasets"]}
    assert found["raw"][0] == "source"
    assert found["raw"][1]["fresh"] == 3
    assert (found["copy"][1]["fresh"], found["copy"][1]["stale"]) == (2, 1)
    assert found["total"][1]["undecided"] == 1
    assert set(found["copy"][1]) == {
        "fresh", "stale", "undecided", "missing", "late", "waiting", "failed", "provisional", "frozen",
        "awaited", "unsettled",
    }  # fmt: skip
    assert sandbox.run("status", "--strict").returncode == 3
    lines = sandbox.run("status").stdout.splitlines()
    assert lines[0].split() == ["dataset", "kind", "partitions", "fresh", "stale", "undecided"]
    assert ["copy", "shell", "3", "2", "1", "-"] in [line.split() for line in lines]


def test_why_names_the_input_its_digests_and_when(sandbox: Sandbox) -> None:
    assert "never built" in sandbox.run("why", "copy@2013-01-02").stdout
    sandbox.run()
    fresh = sandbox.run("why", "copy@2013-01-02").stdout
    assert fresh.startswith("copy@2013-01-02: fresh\n  last built 2")
    sandbox.write("data/2013-01-02.txt", "changed\n")
    (record,) = sandbox.json("why", "copy@2013-01-02")
    assert (record["target"], record["key"], record["standing"]) == ("copy", {"day": "2013-01-02"}, "will run")
    (cause,) = record["causes"]
    assert (cause["kind"], cause["subject"]) == ("input changed", "raw@2013-01-02")
    assert cause["before"] != cause["after"]
    assert cause["before"]
    assert cause["after"]
    assert cause["when"]
    line = sandbox.run("why", "copy@2013-01-02").stdout.splitlines()[1]
    assert line.startswith(f"  input changed raw@2013-01-02: {cause['before']} -> {cause['after']} (")
    assert sandbox.json("why", "total")[0]["after"] == ["copy@2013-01-02"]


def test_list_shows_what_is_declared(sandbox: Sandbox) -> None:
    lines = sandbox.run("list").stdout.splitlines()
    assert lines[0].split() == ["dataset", "kind", "recipe", "dimensions", "keys", "description"]
    assert any(line.startswith("raw ") and line.endswith("What arrives each day") for line in lines)
    found = {each["name"]: each for each in sandbox.json("list")[0]["datasets"]}
    assert set(found) == {"raw", "copy", "total", "plan"}
    assert (found["copy"]["kind"], found["copy"]["recipe"], found["copy"]["dimensions"]) == ("target", "shell", ["day"])
    assert found["copy"]["inputs"] == ["raw"]


def test_lint_tells_every_mistake(sandbox: Sandbox) -> None:
    good = sandbox.run("lint")
    assert (good.returncode, good.stdout) == (0, "")
    assert good.stderr == "no mistakes: 1 source, 3 targets\n"
    sandbox.write("Dataflowfile", FLOW.replace("description", "descripton").replace("cp {raw}", "cp {rawr}"))
    bad = sandbox.run("lint")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.count("error: Dataflowfile:") == 3
    assert bad.stderr.splitlines()[-1] == "3 mistakes"
    (record,) = sandbox.json("lint", code=2)
    assert all(each["file"] == "Dataflowfile" and each["line"] and each["what"] for each in record["problems"])
    assert len(record["problems"]) == 3
    assert any("raw" in (each["hint"] or "") for each in record["problems"])


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("--kep",), 'there is no option "--kep"', 'did you mean "--keep-going"?'),
        (("--fail",), 'there is no option "--fail"', 'did you mean "--fail-fast"?'),
        (("status", "--fromat", "svg"), 'there is no option "--fromat"', 'did you mean "--format"?'),
        (("-j", "0"), '-j takes a whole number from 1 on, not "0"', "dbuild build --help"),
        (("-j", "many"), '-j takes a whole number from 1 on, not "many"', "dbuild build --help"),
        (("-j",), "-j needs a value", "dbuild --help"),
        (("-k=1",), 'there is no option "-="', "dbuild build --help"),
        (("--keep-going=1",), "--keep-going takes no value", "dbuild --help"),
        (("why",), "dbuild why needs TARGET[@KEYS]...", "dbuild why --help"),
        (("completion",), "dbuild completion needs bash|zsh|fish", "dbuild completion --help"),
        (("lint", "x"), 'dbuild lint takes no "x"', "dbuild lint --help"),
        (("--param", "a"), '--param: "a" is not of the form NAME=VALUE', "dbuild build --help"),
        (("list", "rwa"), 'there is no dataset "rwa"', 'did you mean "raw"?'),
    ],
)
def test_a_wrong_command_line_is_told_in_one_way(
    sandbox: Sandbox,
    words: tuple[str, ...],
    what: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(sandbox.root)
    assert main(words) == 2
    assert capfd.readouterr().err == f"error: {what}\n  hint: {hint}\n"


def test_lint_notes_patterns_that_nothing_matches(sandbox: Sandbox) -> None:
    more = '\nuses = ["lib/*.sh", "*.file"]\nenvironment = ["locks/*.lock"]'
    sandbox.write("Dataflowfile", FLOW.replace("[targets.copy]", "[targets.copy]" + more))
    line = FLOW.split("\n").index("[targets.copy]") + 1
    assert sandbox.run("lint").stderr.splitlines()[:-1] == [
        f'note: Dataflowfile:{line}: uses: no file matches "lib/*.sh"',
        f'note: Dataflowfile:{line}: uses: no file matches "*.file"',
        f'note: Dataflowfile:{line + 2}: environment: no file matches "locks/*.lock"',
    ]
    sandbox.write("lib/a.sh", "")
    assert "lib/" not in sandbox.run("lint").stderr


def test_log_shows_runs_tasks_and_what_was_printed(sandbox: Sandbox) -> None:
    assert sandbox.run("log").stderr == "nothing has been built yet\n"
    sandbox.write("Dataflowfile", FAILING)
    sandbox.run("-k")
    (run,) = sandbox.json("log")
    assert (run["built"], run["failed"], run["outcome"]) == (3, 1, "failed")
    tasks = sandbox.json("log", run["run"])
    assert {(task["target"], task["status"]) for task in tasks} == {
        ("copy", "built"),
        ("copy", "failed"),
        ("plan", "built"),
    }
    assert "copy@2013-01-02" in sandbox.run("log", run["run"]).stdout
    printed = sandbox.run("log", "copy@2013-01-02")
    assert (printed.returncode, printed.stdout) == (0, "day 2\n")
    assert sandbox.run("log", f"{run['run']}:copy@2013-01-02").stdout == "day 2\n"
    assert sandbox.run("log", "9999").returncode == 2


# -- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jsn"], 'did you mean "--json"?'),
        (["status", "--grph"], 'did you mean "--graph"?'),
        (["staus"], 'did you mean the command "status"?'),
        (["copi"], 'did you mean "copy"?'),
        (["copy@2013-13-77"], "hint: "),
        (["why", "totl"], 'did you mean "total"?'),
        (["-j", "none"], "error: "),
        (["why"], "error: "),
    ],
)
def test_a_mistake_on_the_command_line_is_a_message_with_a_hint(sandbox: Sandbox, words: list[str], said: str) -> None:
    done = sandbox.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_dataflowfile_there_is_a_message(sandbox: Sandbox) -> None:
    (sandbox.root / "Dataflowfile").unlink()
    for words in ([], ["status"], ["plan"], ["lint"]):
        done = sandbox.run(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")


def test_broken_toml_is_a_message_with_its_line(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", "[project]\nname = \n")
    done = sandbox.run()
    assert done.returncode == 2
    assert done.stderr.startswith("error: Dataflowfile:2: ")


@pytest.mark.parametrize(
    ("words", "files", "kind", "where"),
    [
        ([], {"Dataflowfile": "[project]\nname = \n"}, "dataflowfile", "Dataflowfile:2"),
        (["-k"], {"Dataflowfile": FLOW.replace("{raw}", "{rew}")}, "dataflowfile", "Dataflowfile:16"),
        ([], {"Dataflowfile": '[targets.a]\npath = "a.csv"\nsql = "q.sql"\n', "q.sql": "\nSELEC"}, "recipe", "q.sql:2"),
        ([], {"Dataflowfile": '[targets.a]\npath = "a"\npython = "m:f"\n', "m.py": "\ndef f(:\n"}, "recipe", "m.py:2"),
        (["copi"], {}, "usage", None),
        (["-j", "none"], {}, "usage", None),
        (["--jsn"], {}, "usage", None),
        (["status", "nothing"], {}, "usage", None),
        ([], {".dbuild": "no folder"}, "disk", None),
    ],
)  # fmt: skip
def test_an_error_is_told_to_a_program_too(
    sandbox: Sandbox, words: list[str], files: dict[str, str], kind: str, where: str | None
) -> None:
    for path, text in files.items():
        sandbox.write(path, text)
    done = sandbox.run(*words, "--json")
    (record,) = map(json.loads, done.stdout.splitlines())
    assert set(record) == {"event", "kind", "what", "where", "hint", "mistakes"}
    assert (record["event"], record["kind"], record["where"]) == ("error", kind, where)
    assert (f"{where}: {record['what']}" if where else record["what"]) in done.stderr
    assert done.returncode == (1 if kind == "disk" else 2)


def test_a_fault_of_dbuild_is_said_without_a_traceback(sandbox: Sandbox) -> None:
    sandbox.write(
        "broken.py",
        "import sys\n"
        "import dbuild.build\n"
        "def fail(*_, **__): raise KeyError('inside')\n"
        "dbuild.build.build = fail\n"
        "from dbuild.cli.main import main\n"
        "sys.exit(main())\n",
    )
    for flags, has_trace in (([], False), (["-kv"], True)):
        done = subprocess.run(
            [sys.executable, "broken.py", *flags],
            cwd=sandbox.root, env=sandbox.environment(), capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 70
        assert "error: this is a fault of dbuild, not of your project: KeyError: 'inside'" in done.stderr
        assert ("Traceback" in done.stderr) is has_trace


# -- help, streams and screens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(sandbox: Sandbox, name: str) -> None:
    done = sandbox.run(name, "--help")
    assert done.returncode == 0
    assert f"\n    dbuild {name}" in done.stdout
    assert sandbox.run("--help", name).stdout == done.stdout


def test_help_lists_the_commands(sandbox: Sandbox) -> None:
    done = sandbox.run("--help")
    listed = done.stdout.partition("Commands")[2].splitlines()[1:]
    assert [line.split()[0] for line in listed] == COMMANDS


def test_version_loads_no_engine_and_no_room(sandbox: Sandbox) -> None:
    code = (
        "import sys; from dbuild.cli.main import main; assert main(['--version']) == 0;"
        "print(sorted(name for name in sys.modules if name.startswith(('dbuild', 'rich', 'duckdb', 'pyarrow'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=sandbox.environment(), capture_output=True, text=True)
    version, loaded = done.stdout.splitlines()
    assert version == f"dbuild {__version__}"
    parts = ["commands", "common", "group", "main", "options", "spec"]
    assert loaded == str(["dbuild", "dbuild.cli", *(f"dbuild.cli.{part}" for part in parts)])


def test_a_build_with_nothing_to_do_loads_no_heavy_library(sandbox: Sandbox) -> None:
    sandbox.run()
    code = (
        "import sys; from dbuild.cli.main import main; assert main(['-q']) == 0;"
        "print([name for name in ('duckdb', 'pyarrow', 'numpy', 'rich', 'pandas') if name in sys.modules])"
    )
    for words in ("['-q']", "['status']", "['plan']"):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("['-q']", words)],
            cwd=sandbox.root, env=sandbox.environment(), capture_output=True, text=True,
        )  # fmt: skip
        assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_an_encoding_that_lacks_characters_is_no_error(sandbox: Sandbox) -> None:
    done = sandbox.run("status", "--graph", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "| o raw " in done.stdout
    assert done.stdout.isascii()


@pytest.mark.parametrize("words", [["list"], ["status"], ["plan", "--json"]])
def test_a_reader_that_has_seen_enough_ends_a_report_quietly(sandbox: Sandbox, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "dbuild", *words],
        cwd=sandbox.root, env=sandbox.environment(), stdout=write, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_build_whose_reader_has_gone_stops_as_on_ctrl_c(sandbox: Sandbox) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "dbuild", "--json", "-j1"],
        cwd=sandbox.root, env=sandbox.environment(), stdout=write, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    after = sandbox.summary()
    assert after["fresh"] >= 1
    assert after["built"] + after["fresh"] == 5


def test_ctrl_c_ends_the_recipes_and_exits_with_130(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.root / "started")
    sandbox.write("Dataflowfile", FLOW.replace("cp {raw} {output}", "echo > started; sleep 600"))
    process = subprocess.Popen(
        [sys.executable, "-m", "dbuild", "--json", "-j1", "copy"],
        cwd=sandbox.root, env=sandbox.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    (sandbox.root / "started").read_text()  # blocks until the recipe writes to it
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    summary = json.loads(out.splitlines()[-1])
    assert (summary["interrupted"], summary["built"]) == (True, 0)


def on_terminal(sandbox: Sandbox, *words: str, **more: str) -> tuple[str, int]:
    """What a command line writes to a terminal, and its exit code."""
    child, screen = pty.fork()
    if child == 0:
        os.chdir(sandbox.root)
        os.execve(sys.executable, [sys.executable, "-m", "dbuild", *words], sandbox.environment(**more))
    written = b""
    while True:
        try:
            part = os.read(screen, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not part:
            break
        written += part
    os.close(screen)
    return written.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_terminal_gets_a_bar_that_is_gone_at_the_end(sandbox: Sandbox) -> None:
    written, code = on_terminal(sandbox)
    assert code == 0
    assert "━" not in "".join(written.splitlines()[-1:])
    assert "\x1b[?25l" not in written  # the cursor is never hidden: whatever ends the build, it is there
    assert "5 built, 0 fresh in " in written.splitlines()[-1]
    again, code = on_terminal(sandbox)
    assert code == 0
    assert "fresh: 5 partitions, nothing to do" in again
    assert len(again.splitlines()) == 1


@pytest.mark.parametrize("plain", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}])
def test_plain_lines_where_they_are_asked_for(sandbox: Sandbox, plain: dict[str, str]) -> None:
    sandbox.write("Dataflowfile", FAILING)
    written, code = on_terminal(sandbox, "-k", **plain)
    assert code == 1
    assert "\x1b" not in written
    assert "built copy@2013-01-01 (" in written


def test_keys_and_outputs_cannot_act_on_the_terminal(sandbox: Sandbox) -> None:
    sandbox.write(
        "Dataflowfile", FLOW.replace("cp {raw} {output}", r"printf '\\033]0;title\\007\\033[2Jboom\\n'; false")
    )
    written, code = on_terminal(sandbox, "-j1", "copy@2013-01-01", CI="true")
    assert code == 1
    assert "boom" in written
    assert "\x1b" not in written
    assert "\x07" not in written
