"""The other tools: a project of each is written from a workload's jobs, with explicit rules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.measuring import ENVIRONMENT
from tests.bench.tools import LAST, Tool, write_jobs
from tests.bench.workloads import Edit, Job, Workload, write_files

CODE = "recipes.py"  # what a rule needs besides its inputs if its command calls it
CALL = f"{sys.executable} -c 'import recipes, sys; recipes.%s(sys.argv[2:], sys.argv[1])' {{output}} {{inputs}}"
DODO = """\
import json, recipes
DOIT_CONFIG = {"verbosity": 0, "reporter": "zero"}
JOBS = json.load(open("jobs.json"))
def task_make():
    for name, inputs, output in JOBS:
        yield {"name": output, "actions": [(getattr(recipes, name), [inputs, output])],
               "file_dep": inputs + ["recipes.py"], "targets": [output]}
"""
PYTASK = """\
import json
from pathlib import Path
from pytask import task
import recipes

ROOT = Path(__file__).parent
for name, inputs, output in json.load(open(ROOT / "jobs.json")):
    @task(id=output)
    def task_make(inputs=[ROOT / one for one in inputs], code=ROOT / "recipes.py", produces=ROOT / output, name=name):
        getattr(recipes, name)(list(map(str, inputs)), str(produces))
"""
LUIGI = """\
import json, luigi, recipes
JOBS = {output: (name, inputs) for name, inputs, output in json.load(open("jobs.json"))}
class Make(luigi.Task):
    path = luigi.Parameter()
    def requires(self):
        return [Make(one) for one in JOBS[self.path][1] if one in JOBS]
    def output(self):
        return luigi.LocalTarget(self.path)
    def run(self):
        name, inputs = JOBS[self.path]
        recipes.__dict__[name](inputs, self.path)
"""
SNAKEFILE = """\
import json
INPUTS = {output: inputs for _, inputs, output in json.load(open("jobs.json"))}
rule all:
    input: "%s"
"""
DAGSTER = """\
import json, sys
from collections import defaultdict
import dagster, recipes

JOBS = defaultdict(list)
for name, inputs, output in json.load(open("jobs.json")):
    JOBS[name].append((inputs, output))
def asset_of(name, jobs, before):
    keys = dagster.StaticPartitionsDefinition([output for _, output in jobs]) if len(jobs) > 1 else None
    inputs = {output: given for given, output in jobs}
    @dagster.asset(name=name, partitions_def=keys, deps=before, backfill_policy=dagster.BackfillPolicy.single_run())
    def made(context) -> None:
        for output in context.partition_keys if keys else inputs:
            getattr(recipes, name)(inputs[output], output)
    return made
assets, before = [], []
for name, jobs in JOBS.items():
    assets.append(asset_of(name, jobs, before))
    before = [assets[-1]]
with dagster.instance_for_test(temp_dir=None) as instance:
    for asset, (name, jobs) in zip(assets, JOBS.items()):
        tags = {}
        if len(jobs) > 1:
            tags = {"dagster/asset_partition_range_start": jobs[0][1], "dagster/asset_partition_range_end": jobs[-1][1]}
        if not dagster.materialize(assets, selection=[asset], instance=instance, tags=tags).success:
            sys.exit(1)
"""


def _command(workload: Workload, recipe: str, edit: Edit) -> str:
    """A recipe's command, with {inputs} and {output}."""
    assert workload.recipes is not None
    shell = workload.recipes[recipe].shell
    return shell(edit) if shell else CALL % recipe


def _needs(workload: Workload, recipe: str) -> list[str]:
    """What an output of a recipe depends on besides its inputs."""
    assert workload.recipes is not None
    return [] if workload.recipes[recipe].shell else [CODE]


def _jobs(folder: Path) -> list[Job]:
    return [Job(name, tuple(inputs), out) for name, inputs, out in json.loads((folder / "jobs.json").read_text())]


def write_make(folder: Path, workload: Workload, edit: Edit) -> None:
    """A Makefile with one rule for each file; commands that don't name their inputs are kept short."""
    write_jobs(folder, workload, edit)
    jobs = _jobs(folder)
    lines = [f"all: {jobs[-1].output}"]
    for job in jobs:
        inputs = f"$(filter-out {CODE},$^)"
        command = _command(workload, job.recipe, edit).replace("$", "$$").format(inputs=inputs, output="$@")
        lines += [f"{job.output}: {' '.join((*job.inputs, *_needs(workload, job.recipe)))}", f"\t@{command}"]
    write_files(folder, {"Makefile": "\n".join(lines) + "\n"})


def write_ninja(folder: Path, workload: Workload, edit: Edit) -> None:
    """A build.ninja with one edge for each file."""
    write_jobs(folder, workload, edit)
    assert workload.recipes is not None
    lines = []
    for name in workload.recipes:
        command = _command(workload, name, edit).replace("$", "$$").format(inputs="$in", output="$out")
        lines += [f"rule {name}", f"  command = {command}"]
    for job in _jobs(folder):
        code = " ".join(("", "|", *needs) if (needs := _needs(workload, job.recipe)) else ())
        lines.append(f"build {job.output}: {job.recipe} {' '.join(job.inputs)}{code}")
    write_files(folder, {"build.ninja": "\n".join(lines) + "\n"})


def write_doit(folder: Path, workload: Workload, edit: Edit) -> None:
    """A dodo.py with actions in doit's own process."""
    write_jobs(folder, workload, edit)
    write_files(folder, {"dodo.py": DODO})


def write_pytask(folder: Path, workload: Workload, edit: Edit) -> None:
    """A module of tasks."""
    write_jobs(folder, workload, edit)
    write_files(folder, {"task_all.py": PYTASK})


def write_luigi(folder: Path, workload: Workload, edit: Edit) -> None:
    """One class of tasks, which know of each other by their outputs."""
    write_jobs(folder, workload, edit)
    write_files(folder, {"flow.py": LUIGI})


def write_snakemake(folder: Path, workload: Workload, edit: Edit) -> None:
    """A Snakefile with a rule for each recipe."""
    write_jobs(folder, workload, edit)
    assert workload.recipes is not None
    text = SNAKEFILE % _jobs(folder)[-1].output
    for name, recipe in workload.recipes.items():
        command = _command(workload, name, edit).replace("{inputs}", "{input}")
        given = f'lambda found: INPUTS["{recipe.output}".format(**dict(found))]'
        text += f'rule {name}:\n    input: {given}\n    output: "{recipe.output}"\n    shell: {command!r}\n'
    write_files(folder, {"Snakefile": text})


def write_dvc(folder: Path, workload: Workload, edit: Edit) -> None:
    """A dvc.yaml with a stage for each file."""
    write_jobs(folder, workload, edit)
    if not (folder / ".dvc").exists():
        subprocess.run([_program("dvc"), "init", "-q", "--no-scm"], cwd=folder, env=_environment(), check=True)
    stages = {}
    for number, job in enumerate(_jobs(folder)):
        command = _command(workload, job.recipe, edit).format(inputs=" ".join(job.inputs), output=job.output)
        stages[f"s{number}"] = {
            "cmd": command,
            "deps": [*job.inputs, *_needs(workload, job.recipe)],
            "outs": [job.output],
        }
    write_files(folder, {"dvc.yaml": json.dumps({"stages": stages})})  # JSON is YAML


def write_dagster(folder: Path, workload: Workload, edit: Edit) -> None:
    """An asset for each recipe, with a partition for each file, made in one run each."""
    write_jobs(folder, workload, edit)
    write_files(folder, {"flow.py": DAGSTER})


def write_sqlmesh(folder: Path, workload: Workload, edit: Edit) -> None:
    """Models over the same files."""
    assert workload.sqlmesh is not None
    write_files(folder, workload.sqlmesh(edit))


_PLACES: list[str] = []  # where programs are looked for


def look_in(folders: str) -> None:
    """Where programs that a project's writing takes are found."""
    _PLACES[:] = [folders]


def _program(name: str) -> str:
    found = shutil.which(name, path=_PLACES[0] if _PLACES else None)
    assert found is not None
    return found


def _environment() -> dict[str, str]:
    """Nobody is told that there is a newer version, and nothing is counted."""
    quiet = {
        "DVC_NO_ANALYTICS": "1",
        "DAGSTER_TELEMETRY_ENABLED": "false",
        "SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "1",
    }
    return ENVIRONMENT | quiet


def rivals(jobs: int) -> list[Tool]:
    """All other tools, those that aren't installed too. What runs recipes in its own process does so with one."""
    of_files = _of_files(jobs)
    quiet = _environment()
    sqlmesh = ("sqlmesh", "plan", "--auto-apply", "--no-prompts", "--skip-tests")
    return [
        *of_files,
        Tool(
            *("Dagster", "dagster", write_dagster, (_python_of("dagster"), "flow.py")),
            version=("dagster", "--version"),
            fits=lambda workload: workload.name in ("wide", "daily"),
            environment=quiet,
        ),
        Tool(
            *("SQLMesh", "sqlmesh", write_sqlmesh, sqlmesh),
            version=("sqlmesh", "--version"),
            fits=lambda workload: workload.sqlmesh is not None,
            environment=quiet,
        ),
    ]


def _python_of(program: str) -> str:
    """The Python that a program is installed in."""
    found = shutil.which(program, path=_PLACES[0] if _PLACES else None)
    return os.path.join(os.path.dirname(found), "python") if found else sys.executable


def _of_files(jobs: int) -> list[Tool]:
    snakemake = ("snakemake", f"-c{jobs}", "-q", "all")
    luigi = ("luigi", "--module", "flow", "Make", "--local-scheduler", "--log-level", "ERROR", "--path", LAST)
    quiet = _environment()
    return [
        Tool(
            "make",
            "make",
            write_make,
            ("make", "-rR", f"-j{jobs}"),
            ("make", "-rR", "-n"),
            version=("make", "--version"),
        ),
        Tool(
            *("ninja", "ninja", write_ninja, ("ninja", "--quiet", f"-j{jobs}"), ("ninja", "-n")),
            version=("ninja", "--version"),
        ),
        Tool(
            *("doit", "doit", write_doit, ("doit",), (), ("doit", "list", "--all", "--status")),
            version=("doit", "--version"),
        ),
        Tool(
            *("pytask", "pytask", write_pytask, ("pytask", "build"), ("pytask", "build", "--dry-run")),
            version=("pytask", "--version"),
            environment=quiet | {"PYTHONPATH": "."},
        ),
        Tool(
            *("Luigi", "luigi", write_luigi, luigi),
            version=(_python_of("luigi"), "-c", "import luigi; print(luigi.__version__)"),
            environment=quiet | {"PYTHONPATH": "."},
        ),
        Tool(
            *("Snakemake", "snakemake", write_snakemake, snakemake, (*snakemake, "-n"), ("snakemake", "--summary")),
            version=("snakemake", "--version"),
        ),
        Tool(
            *(
                "DVC",
                "dvc",
                write_dvc,
                ("dvc", "repro", "-q"),
                ("dvc", "repro", "--dry", "-q"),
                ("dvc", "status", "-q"),
            ),
            version=("dvc", "--version"),
            environment=quiet,
        ),
    ]
