"""All pages: links lead somewhere, also to headings; every block of code is run or loaded by a test."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import click
import pytest

from dbuild.build import Settings, lint
from dbuild.cli.commands import COMMANDS
from dbuild.cli.group import dbuild
from dbuild.cli.main import main
from dbuild.cli.topics import TOPICS
from tests.build.installed import Site
from tests.build.workshop import DAYS, Workshop
from tests.cli.pages import ROOT, blocks, page, pages, tour

# What runs the blocks of a page, by their kind. A page that isn't here has none of that kind, or they are in AROUND.
RUN = {
    "README.md": {"console": "test_readme", "toml": "test_readme", "sh": "test_readme"},
    "docs/comparison.md": {"toml": "test_comparison", "makefile": "test_comparison", "python": "test_comparison"},
    "docs/fingerprints.md": {"console": "test_docs"},
    "docs/how-to.md": {"console": "test_howto"},
    "docs/late-data.md": {"console": "test_late_data", "toml": "test_late_data", "json": "test_late_data"},
    "docs/query.md": {"sql": "test_query"},
    "docs/reference.md": {"json": "test_reference", "toml": "test_reference"},
    "docs/tutorial.md": {"console": "test_tutorial"},
    "docs/undeclared.md": {"toml": "test_undeclared", "sh": "test_undeclared", "console": "test_undeclared"},
}
# Languages of other tools, what administrators type, and what differs with every project: only looked at.
OTHER = {
    ("docs/comparison.md", "snakemake"),
    ("docs/comparison.md", "yaml"),
    ("docs/comparison.md", "sql"),
    ("docs/how-to.md", "crontab"),
    ("docs/query.md", "console"),
    ("docs/watch.md", "console"),
    ("examples/watch/README.md", "console"),
}
# What the fragments of a page need around them to be a whole: the same for all, or for those that name something.
AROUND = {
    "docs/fingerprints.md": {"": ""},
    "docs/how-to.md": {
        "daily": '[partitions.day]\nevery = "day"\nstart = 2024-01-01\n[sources.sales]\npath = "data/{day}.csv"\n',
        "upload": '[sources.report]\npath = "report.txt"\n',
    },
    "docs/partitions.md": {
        "discover": """
            sources.orders.path = "in/{day}/{customer}.csv"
            sources.items = { path = "items.csv", schema = { product = "VARCHAR" } }
            """,
        "balances": """
            partitions.day = { every = "day", start = 2024-01-01 }
            partitions.branch.values = ["a"]
            sources.postings = { path = "in/{day}/{branch}.csv", schema = { account = "VARCHAR", amount = "BIGINT" } }
            """,
    },
    "docs/tutorial.md": {
        "": """
            pools.gpu = 1
            sources.monthly.path = "in/all.csv"
            """
    },
}


def slug(heading: str) -> str:
    """The name that a heading can be linked by, as GitHub makes it."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")


def headings(text: str) -> set[str]:
    """What can be linked to in a page; of equal headings the second has a number, and so on."""
    found: dict[str, int] = {}
    names = set()
    is_code = False
    for line in text.splitlines():
        is_code ^= line.startswith("```")
        if match := None if is_code else re.match(r"#+ (.*)", line):
            name = slug(match[1])
            names.add(name if name not in found else f"{name}-{found[name]}")
            found[name] = found.get(name, 0) + 1
    return names


def links(text: str) -> list[str]:
    """What a page links to in the repository: files, headings, images."""
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", text, flags=re.MULTILINE | re.DOTALL)
    return [link for link in re.findall(r"\]\(\s*([^)\s]+)[^)]*\)", text) if not re.match(r"\w+:", link)]


@pytest.mark.parametrize("path", pages())
def test_links_lead_somewhere(path: str) -> None:
    lost = []
    for link in links(page(path)):
        name, _, heading = link.partition("#")
        target = (ROOT / path).parent / name if name else ROOT / path
        if not target.exists() or (heading and heading not in headings(target.read_text(encoding="utf-8"))):
            lost.append(link)
    assert lost == []


def test_the_list_of_pages_has_each_of_them() -> None:
    listed = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in links(page("docs/README.md"))}
    assert {ROOT / path for path in pages()} - listed <= {ROOT / "README.md", ROOT / "docs/README.md"}
    assert links(page("README.md")).count("docs/README.md") == 1


def kinds(text: str) -> set[str]:
    return set(re.findall(r"^```(\w+)$", text, re.MULTILINE))


@pytest.mark.parametrize("path", pages())
def test_every_block_is_run_or_loaded(path: str) -> None:
    run = RUN.get(path, {})
    left = kinds(page(path)) - run.keys() - {kind for where, kind in OTHER if where == path}
    loaded = {"toml", "python"} if path in AROUND else set()
    assert left - loaded <= {"sh"}, "nothing runs these blocks"
    assert run.keys() <= kinds(page(path))
    for kind, module in run.items():
        text = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        assert Path(path).name in text, f"{module} doesn't read the {kind} of {path}"


def fragments() -> list[tuple[str, str]]:
    """Blocks that are a part of a Dataflowfile, each with its page; of keys that stand twice each line is one."""
    found = []
    for path in AROUND:
        for block in blocks("toml", page(path)):
            if re.search(r"^(\w+) = .*\n(?:.*\n)*?\1 = ", block, re.MULTILINE) and not block.startswith("["):
                found += [(path, line) for line in block.splitlines()]
            elif "[project]" not in block:
                found.append((path, block))
    return found


@pytest.mark.parametrize(("path", "fragment"), fragments())
def test_fragments_of_a_dataflowfile_have_no_mistake(tmp_path: Path, path: str, fragment: str) -> None:
    made = Workshop(tmp_path / "p", **{"report.R": "1\n", "uv.lock": "", "sql/daily_delays.sql": "SELECT 1 AS one"})
    made.write("sql/balances.sql", "SELECT * FROM before UNION ALL SELECT account, amount AS balance FROM postings")
    made.write("fit.py", "def fit(output): ...\n")
    keys = tomllib.loads(fragment)
    if not fragment.startswith("["):
        head = "[targets.x]\n" + ("" if "path" in keys else 'path = "out/x.csv"\n')
        fragment = head + ("" if keys.keys() & {"sql", "python", "shell"} else 'python = "fit:fit"\n') + fragment
    (around,) = (text for word, text in AROUND[path].items() if word in fragment)
    made.write("Dataflowfile", f"{around}\n{fragment}")
    lint(Settings(str(made.root)))


@pytest.mark.parametrize("path", pages())
def test_python_is_python_and_toml_is_toml(path: str) -> None:
    for block in blocks("python", page(path)):
        ast.parse(block)
    for block in blocks("toml", page(path)):
        if (path, block) not in {(where, block) for where, line in fragments() if where == path and line in block}:
            tomllib.loads(block)


@pytest.mark.parametrize("path", sorted({f"docs/{topic.page}" for topic in TOPICS.values()} - {"docs/performance.md"}))
def test_drawings_fit_a_terminal_of_80_columns(path: str) -> None:
    drawings = re.findall(
        r"^```\n(.*?)^```$", re.sub(r"^```\w+\n.*?^```$", "", page(path), flags=re.M | re.S), re.M | re.S
    )
    assert [line for drawing in drawings for line in drawing.splitlines() if len(line) > 78] == []


# -- what pages say beside their blocks ----------------------------------------------------------------------------


def _commands() -> dict[str, set[str]]:
    """The options that each command has."""
    found = {}
    for name in COMMANDS:
        command = dbuild.get_command(click.Context(dbuild), name)
        assert command is not None
        found[name] = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    return found


@pytest.mark.parametrize("path", [path for path in pages() if path != "CHANGELOG.md"])
def test_commands_in_the_text_have_the_options_that_are_named(path: str) -> None:
    options = _commands()
    wrong = []
    text = page(path)
    typed = [
        line for kind in ("sh", "crontab", "console") for block in blocks(kind, text) for line in block.splitlines()
    ]
    lines = [found for line in typed for found in re.findall(r"(?:^|[ /])dbuild ([^|#&>;]+)", line)]
    for shown in [*re.findall(r"`dbuild ([^`]+)`", text.replace("\n", " ")), *lines]:
        name = next((word for word in shown.split() if word in options), "build")
        for option in re.findall(r"(?<!\S)--[\w-]+", shown.partition("|")[0]):
            if option not in options[name] | options["build"] and option != "--version":
                wrong.append(shown)
        if shown.startswith("help ") and shown.split()[1].islower():
            topic = "-".join(shown.split()[1:])
            if topic not in TOPICS.keys() | options.keys():
                wrong.append(shown)
    assert wrong == []


def test_an_upgrade_is_told_and_refused_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path / "installed")
    site.use(monkeypatch)
    site.install("rates", "2.1.0")
    flow = f"{DAYS.replace('2013', '2024')}end = 2024-04-29\n"
    flow += '[targets.daily]\npath = "out/{day}.txt"\npython = "steps:daily"\nbatch = "all"\n'
    steps = (
        "import rates\ndef daily(keys, output):\n    for key in keys:\n        output[key].write_text(rates.VERSION)\n"
    )
    shop = Workshop(tmp_path / "p", flow, **{"steps.py": steps})
    shop.build(jobs=1)
    site.install("rates", "2.2.0")
    for step in tour(page("docs/fingerprints.md")):
        code = main([*step.command.split()[1:], "-C", str(shop.root)])
        told = capsys.readouterr()
        assert code == (3 if "--budget" in step.command else 0)
        lines = [*told.err.splitlines(), *told.out.splitlines()]
        assert [re.sub(r"about \w+ of", "about so long of", line) for line in lines] == [
            re.sub(r"about \w+ of", "about so long of", line) for line in step.output
        ]


# -- the tests above can fail --------------------------------------------------------------------------------------


def test_headings_are_named_as_on_github() -> None:
    text = "# A b\n## `dbuild why-not`\n```\n# no\n```\n## What's *it*?\n## A b\n### [x](y.md) …\n"
    assert headings(text) == {"a-b", "dbuild-why-not", "whats-it", "a-b-1", "x"}
    assert links("[a](b.md#c) `[x](y)` [d](https://e) ![f](g.svg)\n```\n[h](i)\n```\n") == ["b.md#c", "g.svg"]
