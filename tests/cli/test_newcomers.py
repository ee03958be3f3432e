"""What people write who see dbuild for the first time, and what they are told."""

from __future__ import annotations

import re

import pytest

from dbuild.cli.main import main
from tests.cli.sandbox import FLOW, Sandbox

WRONG = """
[targets.a]
path = "a.csv"
sql = "a.sql"
[targets.b]
path = "b.csv"
[targets.c]
path = "c.csv"
sql = "SELECT 1"
shell = "x"
[targets.d]
path = "d.csv"
python = "x.f"
[targets.e]
path = "e.csv"
shell = " "
[targets.f]
pth = "f.csv"
shell = "x > {output}"
[targets.g]
path = "{dya}.csv"
shell = "x > {output}"
[targets.h]
path = 3
shell = "x > {output}"
"""


def test_one_mistake_of_a_recipe_or_a_path_is_one_message(sandbox: Sandbox) -> None:
    sandbox.write("Dataflowfile", WRONG)
    (found,) = sandbox.json("lint", code=2)
    assert [problem["line"] for problem in found["problems"]] == [4, 5, 10, 13, 16, 18, 21, 24]


def test_a_command_can_write_only_to_the_outputs_of_its_target(sandbox: Sandbox) -> None:
    several = '[targets.m]\npath = { a = "a.txt", b = "b.txt" }\nshell = "x > {output}; y > {output.b}"\n'
    action = '[targets.n]\nshell = "x > {output}"\n'
    named = '[targets.o]\npath = { only = "o.txt" }\nshell = "x > {output}; y > {output.only}"\n'
    sandbox.write("Dataflowfile", several + action + named)
    done = sandbox.run("lint")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:4] == [
        'error: Dataflowfile:3: the placeholder "{output}" is no output of target "m"',
        "  hint: it has {output.a}, {output.b}",
        'error: Dataflowfile:5: the placeholder "{output}" is no output of target "n"',
        "  hint: an action has none; give it a path",
    ]
    assert 'target "o"' not in done.stderr


@pytest.mark.parametrize(("theirs", "ours"), [("depends_on", "inputs"), ("outputs", "path"), ("cmd", "shell")])
def test_words_of_other_tools_are_known(sandbox: Sandbox, theirs: str, ours: str) -> None:
    sandbox.write("Dataflowfile", f'{FLOW}{theirs} = "x"\n')
    assert f'unknown key "{theirs}" in [targets.plan]\n  hint: here it is "{ours}"\n' in sandbox.run("lint").stderr


def test_a_source_whose_path_leads_nowhere_is_told(sandbox: Sandbox) -> None:
    said = 'warning: source "raw" has no partitions: there is no file like dta/{day}.txt\n'
    sandbox.write("Dataflowfile", FLOW.replace("data/{day}", "dta/{day}"))
    for _ in range(2):  # also where nothing is left to be done
        assert sandbox.run("copy").stderr.startswith(said)
    assert sandbox.run("why", "copy").stderr == "copy has no partitions yet: dbuild status shows what there is\n"


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (["-C", "nowhere"], 'there is no folder "nowhere"', "-C names the one"),
        (["-C", "data", "-C", "nowhere", "status"], 'there is no folder "data/nowhere"', "-C names the one"),
        (["clean", "copy", "total"], "is named after --outputs", "clean --outputs copy --outputs total"),
        (["log", "raw"], '"raw" is a source: dbuild never writes it', "raw+ stands for"),
        (["log", "seen"], '"seen" is a view: nothing of it is built', "name what reads it: seen+"),
        (["mark", "raw", "stale", "--why", "x"], '"raw" is a source', "raw+ stands for"),
        (["mark", "seen", "stale", "--why", "x"], '"seen" is a view', "name what reads it: seen+"),
    ],
)
def test_a_word_in_the_wrong_place_says_which_is_right(
    sandbox: Sandbox, words: list[str], what: str, hint: str
) -> None:
    sandbox.write("Dataflowfile", FLOW + '[targets.seen]\nsql = "SELECT 1 AS one"\n')
    done = sandbox.run(*words)
    first, second = done.stderr.splitlines()
    assert (done.returncode, what in first, hint in second) == (2, True, True), done.stderr


def test_what_was_tried_again_is_neither_the_same_nor_told_twice(sandbox: Sandbox) -> None:
    sandbox.write(
        "Dataflowfile", '[targets.x]\npath = "x.txt"\nshell = "exit 3"\nretries = { times = 1, delay = "1ms" }\n'
    )
    assert sandbox.run().returncode == 1
    told = sandbox.run("log", "1").stdout.splitlines()[1:]
    assert [re.findall("failed|retried", line) for line in told] == [["failed"], ["retried"]]
    assert sandbox.run("why", "x").stdout.count("never built") == 1


NAMED = """
[partitions.origin]
values = ["EWR", "JFK", "LGA"]
[targets.daily]
path = "out/daily/{day}/{origin}.txt"
shell = "cat {raw} > {output}"
tags = ["nightly"]
owner = "anna"
"""


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("staus", 'did you mean the command "status"?'),
        ("lits --json", 'did you mean the command "list"?'),
        ("run copy", 'here it is "dbuild"'),
        ("dag", 'here it is "dbuild status --graph"'),
        ("logs", 'here it is "dbuild log"'),
        ("help partitons", 'did you mean "partitions"?'),
        ("help wyh", 'did you mean "why"?'),
        ("help late dta", 'did you mean "late-data"?'),
        ("completion bsh", 'did you mean "bash"?'),
        ("--keep-goin", 'did you mean "--keep-going"?'),
        ("status --grap", 'did you mean "--graph"?'),
        ("status --format svgg", 'did you mean "svg"?'),
        ("init --dryrun", 'did you mean "--dry-run"?'),
        ("cpoy", 'did you mean "copy"?'),
        ("plan totl", 'did you mean "total"?'),
        ("why +totl@2013-01", 'did you mean "total"?'),
        ("show dayly", 'did you mean "daily"?'),
        ("log copi", 'did you mean "copy"?'),
        ("late raww", 'did you mean "raw"?'),
        ("list copi+", 'did you mean "copy"?'),
        ("clean --outputs copi -n", 'did you mean "copy"?'),
        ("mark copy stael --why x", 'did you mean "stale"?'),
        ("mark copi stale --why x", 'did you mean "copy"?'),
        ("copy@2013-1-2", 'did you mean "2013-01-02"?'),
        ("copy@20130102", 'did you mean "2013-01-02"?'),
        ("copy@faild", 'did you mean "failed"?'),
        ("copy@yesterdya", 'did you mean "yesterday"?'),
        ("copy@dya=2013-01-02", 'did you mean "day"?'),
        ("daily@2013-01-02,JKF", 'did you mean "JFK"?'),
        ("daily@origin=ewrr", 'did you mean "EWR"?'),
        ("tag:nihgtly", 'did you mean "nightly"?'),
        ("owner:ana", 'did you mean "anna"?'),
        ("dail?@2013-01-02,JFG", 'did you mean "JFK"?'),
        ("copi_*", 'did you mean "copy"?'),
        ("--param greting=x", 'did you mean "greeting"?'),
        ("-f Dataflowfiel", 'did you mean "Dataflowfile"?'),
    ],
)
def test_what_was_probably_meant_is_told(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], line: str, hint: str
) -> None:
    sandbox.write("Dataflowfile", FLOW + NAMED)
    words = line.split()
    assert main([*words, "-C", str(sandbox.root)]) == 2
    assert f"  hint: {hint}" in capsys.readouterr().err.splitlines()
