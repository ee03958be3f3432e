"""The JSON Schema: as the code makes it, and of one mind with the loader about what a Dataflowfile may be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import tomli
from jsonschema import Draft7Validator, Draft202012Validator

from dbuild.project import load_project, schema_text
from dbuild.project.keys import ANY, INNER, accepted_keys
from dbuild.project.schema import json_schema
from tests.core.test_project_arrivals import VALUES
from tests.core.test_project_load import DEFAULTS, FLIGHTS, WINDOWS
from tests.core.test_project_target_mistakes import RUNNING, VARIABLES

ROOT = Path(__file__).parents[2]
VALIDATORS = [Draft202012Validator(json_schema()), Draft7Validator(json_schema())]
BASE = """
[pools]
db = 4
[partitions.day]
every = "day"
start = 2013-01-01
[partitions.origin]
values = ["EWR", "JFK"]
[sources.raw]
path = "data/{day}/{origin}.csv"
"""
SHELL = '[targets.t]\npath = "t.txt"\nshell = "x"\n'
SQL = '[targets.t]\npath = "{day}.csv"\nsql = "SELECT * FROM raw"\n'
VIEW = '[targets.t]\nsql = "SELECT * FROM raw"\n'


def plain(value: Any) -> Any:
    """A value as editors see it: dates are texts."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def schema_takes(text: str) -> bool:
    """Whether the schema takes a file; all drafts are of one opinion."""
    (opinion,) = {validator.is_valid(plain(tomli.loads(text))) for validator in VALIDATORS}
    return bool(opinion)


def loader_takes(root: Path, text: str) -> bool:
    (root / "Dataflowfile").write_text(text)
    return not load_project("Dataflowfile", str(root), {})[1]


def test_the_schema_is_one() -> None:
    for validator in VALIDATORS:
        validator.check_schema(json_schema())


def test_the_kept_schema_is_that_of_the_keys() -> None:
    """Write it anew by: python -m dbuild.project.schema > dbuild/project/dataflowfile.schema.json"""
    assert json.loads(schema_text()) == json_schema()


def test_the_schema_is_printed_as_it_is_kept(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dbuild", "lint", "--schema"]
    done = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, schema_text(), "")


def test_the_schema_is_a_file_of_the_package_and_made_by_the_command_that_it_names() -> None:
    done = subprocess.run([sys.executable, "-m", "dbuild.project.schema"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, schema_text())


def test_every_key_is_described_with_an_example() -> None:
    sections: dict[str, Any] = json.loads(schema_text())["properties"]
    for key in accepted_keys():
        if key.section in INNER:
            continue
        table = sections[key.section]
        table = table["additionalProperties"] if "propertyNames" in table and key.section != "pools" else table
        found = table["additionalProperties"] if key.name == ANY else table["properties"][key.name]
        assert found["description"] == key.description
        assert found["examples"] == [plain(tomli.loads(f"x = {key.example}")["x"])]


EXAMPLES = [ROOT / "Dataflowfile.example", *sorted((ROOT / "examples").glob("*/Dataflowfile"))]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_the_examples_are_right(file: Path) -> None:
    assert load_project(file.name, str(file.parent), {})[1] == []
    assert schema_takes(file.read_text())


RIGHT = [
    "",
    DEFAULTS,
    '[project]\nname = "x"\ndefault = []\nowner = "me"\n',
    '[project]\nparams = { a = 1, b = 0.5, c = true, d = 2013-01-01, e = "" }\n',
    '[pools]\nmemory = "1.5 GiB"\n_x = 1\n',
    '[partitions.x]\nevery = "hour"\nstart = 2013-01-01T04:00:00\nend = "2013-02"\ntimezone = "UTC"\n',
    '[partitions.x]\nevery = "quarter"\nstart = "2013-Q2"\n',
    '[partitions.x]\nevery = "week"\nstart = "2013-W05"\n',
    '[partitions.x]\nevery = "15 minutes"\nstart = 2013-01-01\nend = "now"\ntimezone = "Europe/Zurich"\n',
    '[partitions.x]\nevery = "1 day"\nstart = 2013-01-01\n',
    '[partitions.x]\nevery = "5 years"\nstart = "2013"\n',
    '[partitions.x]\nvalues = ["a b", "2013", ".x"]\n',
    '[sources.s]\npath = "a.csv"\n[partitions.x]\ndiscover = { sql = "SELECT a FROM s" }\n',
    '[sources.s]\npath = "/a/*.csv"\nread = { header = true, skip = 0, nullstr = "" }\nschema = { "a b" = "INT" }\n',
    '[sources.s]\npath = "a.json"\nread = { records = "true" }\ntags = []\n',
    '[sources.s]\npath = "a.json"\nread = { records = true }\n',
    SHELL + "needs = { cpus = 0.5, memory = '2gb', db = 4 }\n",
    SHELL + "needs = {}\nretries = 0\n",
    "[project]\nholidays = [2024-12-25, '2024-12-26']\n",
    "[sources.s]\npath = 's/{day}.csv'\nexpect = { at = 06:00:00, days = 0 }\ngone = 'keep'\nready = '{path}.ok'\n",
    "[sources.s]\npath = 's/{day}.csv'\nexpect = { at = '24:00', on = ['Monday'] }\nsettle = '1m 30s'\n",
    "[sources.s]\npath = 's/{day}.csv'\nexpect = { business_days = 2, holidays = [] }\n",
    "[sources.s]\npath = 's/{day}.csv'\nexpect = { hours = 0.5, on = 'business days' }\n",
    SQL + "inputs.raw = { missing = 'latest', max_age = '7d' }\nfreeze_after = '90d'\n",
    SQL + "inputs.raw = { day = '-6d..0d', min = 5, missing = 'skip' }\n",
    SQL + "inputs.raw = { by = 'CAST(ts AS DATE)' }\n",
    SQL + "inputs.raw = { by = { day = 'd' } }\n",
    SHELL + "retries = { times = 3 }\nretry_on = [1, 255, 'a.B', 'timeout']\n",
    SHELL + "timeout = { after = '1h 30m', grace = '0s' }\n",
    SHELL + "timeout = '1d2h3m4.5s6ms'\n",
    SHELL + "env = { A = 1, b_ = true, C = 0.5, D = '', E = 2013-01-01 }\nsecrets = ['S']\n",
    SHELL + "inputs = ['raw']\nparams = []\nuses = []\ninterpreter = 'sh'\n",
    SQL + "inputs.raw = { origin = ['JFK'], day = 'all' }\n",
    SQL + "inputs.raw = {}\ntimezone = 'UTC'\n",
    VIEW + "inputs.raw = 'raw'\ndescription = 'x'\n",
    '[targets.t]\nshell = "x"\npartitions = ["day"]\n',
    '[targets.t]\npython = "a.b:c"\npath = { a = "a/{day}/", b = "b/{day}.csv" }\n'
    '[targets.u]\nshell = "x"\ninputs."t.a" = { day = "-1d..0" }\n[targets.v]\nshell = "x"\ninputs = ["t.b"]\n',
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_is_taken_by_both(tmp_path: Path, text: str) -> None:
    (tmp_path / "u.py").write_text("")
    whole = text if "[partitions" in text or text == DEFAULTS or "[pools" in text else BASE + text
    assert loader_takes(tmp_path, whole)
    assert schema_takes(whole)


def test_a_whole_project_is_taken_by_both(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    for file in ("sql/daily.sql", "report.R"):
        (tmp_path / file).write_text("SELECT 1")
    assert loader_takes(tmp_path, FLIGHTS)
    assert schema_takes(FLIGHTS)


@pytest.mark.parametrize("text", [text for text, _ in WINDOWS])
def test_windows_are_known_to_the_schema(text: str) -> None:
    assert schema_takes(f'{BASE}{SQL}inputs.raw = {{ day = "{text}" }}\n')


WRONG = [
    "x = 1\n",
    "[target.x]\n",
    "[targets]\nx = 1\n",
    "[project]\nnmae = 'x'\n",
    "[project]\nname = 3\n",
    "[project]\nname = ' '\n",
    "[project]\ndefault = 'x'\n",
    "[project]\nparams = { a = [1] }\n",
    "[project]\nparams = { 'a b' = 1 }\n",
    "[project]\nparams = { output = 1 }\n",
    "[defaults]\npath = 'x'\n",
    "[partitions.x]\n",
    "[partitions.x]\nevery = 'day'\n",
    "[partitions.x]\nevery = 'daily'\nstart = 2013-01-01\n",
    "[partitions.x]\nevery = 'day'\nstart = 2013\n",
    "[partitions.x]\nevery = 'day'\nstart = 10:00:00\n",
    "[partitions.x]\nevery = 'day'\nstart = 2013-01-01T00:00:00Z\n",
    "[partitions.x]\nevery = 'day'\nstart = 'now'\n",
    "[partitions.x]\nvalues = []\n",
    "[partitions.x]\nvalues = ['a/b']\n",
    "[partitions.x]\nvalues = ['a', 'a']\n",
    "[partitions.x]\nvalues = ['..']\n",
    "[partitions.x]\nvalues = ['a']\ndiscover = 'raw'\n",
    "[partitions.x]\ndiscover = {}\n",
    "[partitions.x]\ndiscover = { sql = '' }\n",
    "[partitions.x]\ndiscover = { sql = 'FROM raw', source = 'raw' }\n",
    "[partitions.x-y]\nvalues = ['a']\n",
    "[partitions.from]\nvalues = ['a']\n",
    "[sources.x]\n",
    "[sources.x]\npath = ['a']\n",
    "[sources.x]\npath = { a = 'x' }\n",
    "[sources.x]\npath = 'a/{day}.csv'\nwas = 'y'\n",
    "[sources.x]\npath = 'a.csv'\nread = { nulstr = 'x' }\n",
    "[sources.x]\npath = 'a.csv'\nread = { header = 'yes' }\n",
    "[sources.x]\npath = 'a.csv'\nread = { skip = -1 }\n",
    "[sources.x]\npath = 'a.csv'\nread = { skip = true }\n",
    "[sources.x]\npath = 'a.csv'\nschema = {}\n",
    "[sources.x]\npath = 'a.csv'\nschema = { a = 1 }\n",
    "[sources.output]\npath = 'a.csv'\n",
    "[targets.x]\npath = 'a.csv'\n",
    "[targets.x]\npath = 'a.csv'\nsql = 'x'\nshell = 'y'\n",
    "[targets.x]\npath = {}\nshell = 'x'\n",
    "[targets.x]\npath.a = 3\nshell = 'x'\n",
    "[targets.x]\npath.'a b' = 'x'\nshell = 'x'\n",
    "[targets.x]\npath = 'a.csv'\npython = 'foo'\n",
    "[targets.x]\npath = 'a.csv'\npython = 'a-b:c'\n",
    "[targets.x]\nshell = 'x'\npartitions = ['day', 'day']\n",
    SHELL + "inputs = 3\n",
    SHELL + "inputs = [3]\n",
    SHELL + "inputs.raw = 3\n",
    SHELL + "inputs.raw.from = 3\n",
    SHELL + "inputs.'a b' = 'raw'\n",
    SHELL + "inputs.key = 'raw'\n",
    SHELL + "inputs.raw = { day = 3 }\n",
    SHELL + "inputs.raw = { day = [] }\n",
    SHELL + "inputs.raw = { day = 'yesterday' }\n",
    SHELL + "inputs.raw = { day = 'previously' }\n",
    SHELL + "inputs.raw = { gone = 'keep' }\n",
    SHELL + "inputs.raw = { day = '-6m..0' }\n",
    SHELL + "needs = { cpus = true }\n",
    SHELL + "batch = 2\n",
    SHELL + "uses = [1]\n",
    SHELL + "tags = ['']\n",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_taken_by_neither(tmp_path: Path, text: str) -> None:
    assert not loader_takes(tmp_path, BASE + text)
    assert not schema_takes(text if text == "x = 1\n" else BASE + text)


# What only the loader can know: other tables, files, what belongs together.
_BEYOND = (
    "is no pool",
    "of the pool",
    "more memory than",
    "is for targets with",
    '"retry_on" of [defaults]',
    "no time at all",
    "is for what runs",
    "as well",
    "doesn't exist",
    "is for Python",
    "are for SQL",
)


@pytest.mark.parametrize(
    "text",
    [
        text
        for text, _, what, _ in [*RUNNING, *VARIABLES, *VALUES]
        if not {"inf", "nan"} & set(text.split()) and not any(p in what for p in _BEYOND)
    ],
)
def test_mistakes_in_values_are_known_to_the_schema(text: str) -> None:
    assert not schema_takes(text)
