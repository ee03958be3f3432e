"""Every form of target: several outputs, folders, views, actions; what runs after which change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dbuild.build import Settings, find_cleaning
from dbuild.core.cleaning import Wanted
from dbuild.errors import ProjectError, UserError
from tests.build.workshop import DAYS, Workshop

# --- Several outputs -------------------------------------------------------------------------------------------------

MODEL = """
[sources.raw]
path = "raw.txt"
[targets.model]
path = { weights = "out/weights.txt", metrics = "out/metrics.json" }
shell = "head -n1 {raw} > {output.weights}; wc -l < {raw} > {output.metrics}"
[targets.score]
path = "out/score.txt"
shell = "cp {model.weights} {output}"
[targets.report]
path = "out/report.txt"
shell = "cp {model.metrics} {output}"
"""


@pytest.fixture
def model(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "model", MODEL)
    made.write("raw.txt", "one\ntwo\n")
    assert made.build().counts == {"model": 1, "score": 1, "report": 1}
    return made


def test_each_output_stops_a_change_for_itself(model: Workshop) -> None:
    model.write("raw.txt", "one\nthree\n")
    done = model.build()
    assert done.ran == ["model"]
    assert done.skipped == ["report", "score"]
    model.write("raw.txt", "one\ntwo\nthree\n")
    done = model.build()
    assert (done.ran, done.skipped) == (["model", "report"], ["score"])
    assert model.build().ran == []


def test_an_edited_output_rebuilds_its_recipe_alone(model: Workshop) -> None:
    model.write("out/metrics.json", "99\n")
    done = model.build()
    assert (done.ran, done.skipped) == (["model"], ["report", "score"])
    assert model.read("out/metrics.json").strip() == "2"


def test_outputs_are_published_all_or_none(model: Workshop) -> None:
    model.swap("Dataflowfile", "wc -l < {raw} > {output.metrics}", "false")
    model.write("raw.txt", "uno\n")
    done = model.build(keep_going=True)
    assert done.ran == ["model"]
    assert model.read("out/weights.txt") == "one\n"
    assert model.temporaries() == []


def test_a_recipe_that_forgets_an_output_has_failed(model: Workshop) -> None:
    model.swap("Dataflowfile", "wc -l < {raw} > {output.metrics}", "true")
    done = model.build(keep_going=True)
    assert 'did not write its output "metrics" out/metrics.json' in done.errors["model"]


def test_python_returns_several_outputs_or_writes_them(tmp_path: Path) -> None:
    shop = Workshop(
        tmp_path / "shop",
        """
        [targets.fit]
        path = { model = "out/model.txt", metrics = "out/metrics.json" }
        python = "code:fit"
        [targets.plot]
        path = "out/plot.json"
        python = "code:plot"
        inputs = { metrics = "fit.metrics" }
        """,
    )
    shop.write(
        "code.py",
        "import json\n"
        "def fit(output):\n"
        "    output['model'].write_text('weights')\n"
        "    return {'metrics': {'loss': 1}}\n"
        "def plot(metrics):\n"
        "    return json.loads(metrics.read_text())\n",
    )
    assert shop.build().counts == {"fit": 1, "plot": 1}
    assert shop.read("out/model.txt") == "weights"
    assert '"loss": 1' in shop.read("out/plot.json")
    assert shop.build().ran == []


def test_a_name_alone_does_not_say_which_output(model: Workshop) -> None:
    model.swap("Dataflowfile", "cp {model.weights} {output}", "cp {model} {output}")
    with pytest.raises(ProjectError) as error:
        model.build()
    assert '"model" has several outputs' in str(error.value)
    assert "say which: model.weights, model.metrics" in str(error.value)


# --- Folders ---------------------------------------------------------------------------------------------------------

SITE = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.pages]
path = "out/pages/{{day}}/"
shell = "mkdir {{output}}/sub; while read -r word; do echo $word > {{output}}/sub/$word.html; done < {{raw}}"
[targets.index]
path = "out/index/{{day}}.txt"
shell = "cd {{pages}}; find . -type f | sort > {{output}}"
[targets.site]
path = "out/site/"
python = "code:site"
inputs = ["pages"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "site", SITE)
    made.days("data", "01-01", "01-02", text="a\nb\n")
    made.write(
        "code.py",
        "def site(pages, output):\n"
        "    for page in pages:\n"
        "        (output / page.name).write_text(' '.join(sorted(f.name for f in page.rglob('*.html'))))\n",
    )
    assert made.build().counts == {"pages": 2, "index": 2, "site": 1}
    return made


def test_a_folder_is_an_output(site: Workshop) -> None:
    assert sorted(os.listdir(site.path("out/pages/2013-01-01/sub"))) == ["a.html", "b.html"]
    assert site.read("out/index/2013-01-01.txt").split() == ["./sub/a.html", "./sub/b.html"]
    assert site.read("out/site/2013-01-02") == "a.html b.html"
    assert site.build().ran == []
    assert site.temporaries() == []


def test_stray_files_go_and_what_reads_the_folder_is_rebuilt(site: Workshop) -> None:
    site.write("data/2013-01-01.txt", "b\nc\n")
    assert site.build().ran == ["index@2013-01-01", "pages@2013-01-01", "site"]
    assert sorted(os.listdir(site.path("out/pages/2013-01-01/sub"))) == ["b.html", "c.html"]
    assert site.build().ran == []


@pytest.mark.parametrize("act", ["add", "edit", "remove", "rename"])
def test_whatever_changes_inside_a_folder_is_noticed(site: Workshop, act: str) -> None:
    page = site.path("out/pages/2013-01-01/sub/a.html")
    match act:
        case "add":
            site.write("out/pages/2013-01-01/more.html", "x")
        case "edit":
            page.write_text("x")
        case "remove":
            page.unlink()
        case _:
            page.rename(page.with_name("z.html"))
    assert site.build().ran == ["pages@2013-01-01"]
    assert sorted(os.listdir(site.path("out/pages/2013-01-01"))) == ["sub"]
    assert sorted(os.listdir(page.parent)) == ["a.html", "b.html"]
    assert site.build().ran == []


def test_a_folder_with_the_same_files_stops_the_change(site: Workshop) -> None:
    site.write("data/2013-01-01.txt", "b\na\n")
    done = site.build()
    assert (done.ran, done.skipped) == (["pages@2013-01-01"], ["index@2013-01-01", "site"])


def test_an_empty_folder_is_no_output(site: Workshop) -> None:
    site.write("data/2013-01-01.txt", "")
    done = site.build(keep_going=True)
    assert "empty" in done.errors["pages@2013-01-01"]
    assert sorted(os.listdir(site.path("out/pages/2013-01-01/sub"))) == ["a.html", "b.html"]
    assert site.temporaries() == []


def test_a_lost_state_and_a_copied_tree_find_the_folders_again(site: Workshop, tmp_path: Path) -> None:
    other = site.copy(tmp_path / "other")
    assert other.build().ran == []


PAGES = """
[targets.pages]
path = "pages/"
shell = "echo page > {output}/index.html"
"""


def test_files_that_dbuild_did_not_make_are_kept_when_a_folder_takes_their_place(tmp_path: Path) -> None:
    site = Workshop(tmp_path / "site", PAGES, **{"pages/notes/mine.txt": "precious\n", "pages/index.html": "old\n"})
    done = site.build()
    assert done.ended[0].notes == (
        "pages/ held files that dbuild didn't make: it is kept as .dbuild/replaced/1-1-pages/",
    )
    assert list(site.outputs("pages")) == ["pages/index.html"]
    assert site.read(".dbuild/replaced/1-1-pages/notes/mine.txt") == "precious\n"
    assert site.build().ran == []
    site.write("pages/stray.html", "")
    done = site.build()
    assert (done.ran, done.ended[0].notes) == (["pages"], ()), "in a folder that is dbuild's, stray files go"
    assert list(site.outputs(".dbuild/replaced")) == [
        ".dbuild/replaced/1-1-pages/index.html",
        ".dbuild/replaced/1-1-pages/notes/mine.txt",
    ]


def test_a_folder_that_is_found_again_without_a_state_is_not_kept_twice(tmp_path: Path) -> None:
    site = Workshop(tmp_path / "site", PAGES)
    site.build()
    shutil.rmtree(site.path(".dbuild"))
    done = site.build()
    assert (done.ran, done.ended[0].notes) == (["pages"], ())


def test_a_file_becomes_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    site = Workshop(tmp_path / "site", PAGES)
    site.build()
    site.swap("Dataflowfile", 'path = "pages/"', 'path = "pages"')
    site.swap("Dataflowfile", "{output}/index.html", "{output}")
    done = site.build()
    assert (done.errors, done.ended[0].notes, site.read("pages")) == ({}, (), "page\n")
    assert site.build().ran == []
    site.write("Dataflowfile", PAGES)
    assert site.build().errors == {}
    assert site.build().ran == []
    assert list(site.outputs("pages")) == ["pages/index.html"]
    found = find_cleaning(Settings(str(site.root)), Wanted(orphans=True))
    assert (found.removed, found.kept) == ((), ()), "what took the place of another isn't left over"


def test_a_folder_of_strangers_makes_way_for_a_file(tmp_path: Path) -> None:
    flow = '[targets.report]\npath = "out/report"\nshell = "echo new > {output}"\n'
    shop = Workshop(tmp_path / "shop", flow, **{"out/report/mine.txt": "precious\n"})
    assert shop.build().errors == {}
    assert shop.read("out/report") == "new\n"
    assert shop.read(".dbuild/replaced/1-1-report/mine.txt") == "precious\n"


# --- Views -----------------------------------------------------------------------------------------------------------

VIEWS = f"""
[project]
params = {{ least = 2, other = 1 }}
{DAYS}
[partitions.month]
every = "month"
start = 2013-01-01
[sources.raw]
path = "data/{{day}}.csv"
[targets.clean]
sql = "SELECT * FROM raw WHERE n >= $least"
[targets.daily]
path = "out/daily/{{day}}.csv"
sql = "SELECT day, sum(n) AS n FROM clean GROUP BY day"
[targets.week]
path = "out/week/{{day}}.csv"
sql = "SELECT count(DISTINCT day) AS days, sum(n) AS n FROM clean"
inputs.clean = {{ day = "-6d..0d" }}
[targets.monthly]
path = "out/monthly/{{month}}.csv"
python = "code:monthly"
"""


@pytest.fixture
def views(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "views", VIEWS)
    made.days("data", "01-01", "01-02", "01-03", ending="csv", text="n\n1\n2\n3\n")
    made.write("code.py", "import pyarrow\ndef monthly(clean: pyarrow.Table):\n    return clean\n")
    done = made.build()
    assert (done.counts, done.errors) == ({"daily": 3, "week": 3, "monthly": 1}, {})
    return made


def test_readers_see_through_a_view_with_mappings_of_their_own(views: Workshop) -> None:
    assert not views.path("out/clean").exists()
    assert views.read("out/daily/2013-01-02.csv").splitlines() == ["day,n", "2013-01-02,5"]
    assert views.read("out/week/2013-01-03.csv").splitlines() == ["days,n", "3,15"]
    assert len(views.read("out/monthly/2013-01.csv").splitlines()) == 7
    assert views.build().ran == []


def test_a_change_behind_a_view_runs_what_reads_it(views: Workshop) -> None:
    views.write("data/2013-01-02.csv", "n\n1\n2\n4\n")
    assert views.build().ran == ["daily@2013-01-02", "monthly@2013-01", "week@2013-01-02", "week@2013-01-03"]


def test_a_changed_view_runs_what_reads_it_and_layout_does_not_count(views: Workshop) -> None:
    views.swap("Dataflowfile", "WHERE n >= $least", "where   n>=$least -- enough")
    assert views.build().ran == []
    views.swap("Dataflowfile", "where   n>=$least -- enough", "WHERE n > $least")
    assert views.build().counts == {"daily": 3, "week": 3, "monthly": 1}
    assert views.read("out/daily/2013-01-02.csv").splitlines() == ["day,n", "2013-01-02,3"]


def test_the_params_of_a_view_are_params_of_what_reads_it(views: Workshop) -> None:
    assert views.build(other="7").ran == []
    assert views.build(least="3").counts == {"daily": 3, "week": 3, "monthly": 1}


def test_a_view_of_a_view(views: Workshop) -> None:
    views.swap(
        "Dataflowfile",
        "[targets.daily]",
        '[targets.raised]\nsql = "SELECT day, n + 1 AS n FROM clean"\n[targets.daily]',
    )
    views.swap("Dataflowfile", "sum(n) AS n FROM clean GROUP", "sum(n) AS n FROM raised GROUP")
    assert views.build().counts == {"daily": 3}
    assert views.read("out/daily/2013-01-02.csv").splitlines() == ["day,n", "2013-01-02,7"]
    assert views.build().ran == []


def test_naming_a_view_builds_what_it_reads(tmp_path: Path) -> None:
    shop = Workshop(
        tmp_path / "shop",
        """
        [sources.raw]
        path = "raw.csv"
        [targets.table]
        path = "out/table.csv"
        sql = "SELECT * FROM raw"
        [targets.seen]
        sql = "SELECT * FROM table_"
        inputs.table_ = "table"
        [targets.last]
        path = "out/last.csv"
        sql = "SELECT * FROM seen"
        """,
    )
    shop.write("raw.csv", "n\n1\n")
    assert shop.build("seen").ran == ["table"]
    assert shop.build("seen+").ran == ["last"]
    with pytest.raises(UserError, match="has no partitions of its own"):
        shop.build("seen@2013-01-01")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (("SELECT * FROM raw WHERE n >= $least", "SELECT $day FROM raw"), "has no partitions of its own"),
        (("SELECT * FROM raw WHERE n >= $least", "CREATE TEMP TABLE t AS FROM raw; FROM t"), "statements before"),
        (('python = "code:monthly"', 'shell = "cp {clean} {output}"'), "is a view, which has no file"),
        (('{ day = "-6d..0d" }', '{ month = "-1mo..0mo" }'), "month"),
        (("SELECT day, sum(n) AS n FROM clean", "SELECT $nothing FROM clean"), "neither a dimension of daily nor"),
    ],
)
def test_what_a_view_cannot_be_is_said(views: Workshop, edit: tuple[str, str], said: str) -> None:
    views.swap("Dataflowfile", *edit)
    for _ in range(2):  # also when what the recipe says of itself is kept
        with pytest.raises(ProjectError) as error:
            views.build()
        assert said in str(error.value)
        assert "Dataflowfile:" in str(error.value)


# --- Actions ---------------------------------------------------------------------------------------------------------

ACTIONS = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/copy/{{day}}.txt"
shell = "sort {{raw}} > {{output}}"
[targets.upload]
shell = "cat {{copy}} >> uploaded"
partitions = ["day"]
[targets.notify]
python = "code:notify"
inputs = ["copy"]
"""


@pytest.fixture
def actions(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path / "actions", ACTIONS)
    made.days("data", "01-01", "01-02", text="b\n{day}\n")
    made.write("code.py", "def notify(copy):\n    open('told', 'a').write(f'{len(copy)} days\\n')\n")
    assert made.build().counts == {"copy": 2, "upload": 2, "notify": 1}
    return made


def test_an_action_runs_once_for_each_change_of_its_inputs(actions: Workshop) -> None:
    assert actions.read("told") == "2 days\n"
    assert actions.build().ran == []
    actions.write("data/2013-01-02.txt", "01-02\nb\n")
    done = actions.build()
    assert (done.ran, done.skipped) == (["copy@2013-01-02"], ["notify", "upload@2013-01-02"])
    actions.days("data", "01-03")
    assert actions.build().ran == ["copy@2013-01-03", "notify", "upload@2013-01-03"]
    assert actions.read("told") == "2 days\n3 days\n"


def test_a_failed_action_is_tried_again(actions: Workshop) -> None:
    actions.swap("Dataflowfile", "cat {copy} >> uploaded", "cat {copy} >> uploaded; false")
    assert sorted(actions.build(keep_going=True).errors) == ["upload@2013-01-01", "upload@2013-01-02"]
    actions.swap("Dataflowfile", "; false", "; true")
    assert actions.build().counts == {"upload": 2}
    assert actions.build().ran == []


def test_an_action_makes_nothing_that_could_be_read(actions: Workshop) -> None:
    actions.write("Dataflowfile", ACTIONS + '[targets.after]\nshell = "cat {upload}"\n')
    with pytest.raises(ProjectError, match='"upload" is an action'):
        actions.build()


# --- What keys and paths mean ---------------------------------------------------------------------------------------


def test_outputs_that_change_places_are_made_again(tmp_path: Path) -> None:
    one = """
[targets.pair]
path = { a = "out/1.txt", b = "out/2.txt" }
shell = "echo a > {output.a}; echo b > {output.b}"
[targets.reader]
path = "out/reader.txt"
shell = "cat {pair.a} > {output}"
"""
    pair = Workshop(tmp_path / "pair", one)
    assert pair.build().counts == {"pair": 1, "reader": 1}
    pair.write("Dataflowfile", one.replace("out/1", "out/-").replace("out/2", "out/1").replace("out/-", "out/2"))
    done = pair.build()
    assert (done.ran, done.skipped) == (["pair"], ["reader"])
    assert [pair.read(f"out/{name}.txt") for name in ("1", "2", "reader")] == ["b\n", "a\n", "a\n"]
    assert pair.build().ran == []


def test_dimensions_that_change_places_in_a_path_make_another_key(tmp_path: Path) -> None:
    grid = Workshop(
        tmp_path / "grid",
        """
[partitions.row]
values = ["x", "y"]
[partitions.column]
values = ["x", "y"]
[targets.cell]
path = "out/{row}-{column}.txt"
shell = "echo row={row} column={column} > {output}"
""",
    )
    assert grid.build().counts == {"cell": 4}
    grid.swap("Dataflowfile", "{row}-{column}.txt", "{column}-{row}.txt")
    assert grid.build().counts == {"cell": 4}
    assert grid.read("out/x-y.txt") == "row=y column=x\n"
    assert grid.build().ran == []


def test_a_dimension_of_an_input_with_another_name_is_another_column(tmp_path: Path) -> None:
    flow = DAYS + (
        '[sources.raw]\npath = "data/{day}.csv"\n'
        '[targets.all]\npath = "out/all.csv"\nsql = "SELECT * FROM raw"\n'
        '[targets.lines]\npath = "out/lines.txt"\nshell = "cat {raw} | wc -l > {output}"\n'
    )
    shop = Workshop(tmp_path / "shop", flow)
    shop.write("data/2013-01-01.csv", "x\n1\n")
    assert shop.build().counts == {"all": 1, "lines": 1}
    shop.write("Dataflowfile", flow.replace("partitions.day", "partitions.date").replace("{day}", "{date}"))
    assert shop.build().counts == {"all": 1}, "a command sees files, not columns"
    assert shop.read("out/all.csv").splitlines()[0] == "x,date"


def test_a_param_that_a_command_is_not_given_any_more(tmp_path: Path) -> None:
    flow = (
        "[project]\nparams = { x = 1 }\n[targets.t]\n"
        'path = "out/t.txt"\nshell = "echo ${DBUILD_PARAM_X:-none} > {output}"\n'
    )
    shop = Workshop(tmp_path / "shop", flow + 'params = ["x"]\n')
    assert shop.build().counts == {"t": 1}
    shop.write("Dataflowfile", flow)
    assert shop.build().counts == {"t": 1}
    assert shop.read("out/t.txt") == "none\n"


def test_an_arrow_file_read_again_is_the_one_that_was_made(tmp_path: Path) -> None:
    """Its types are in it: its digest as made and as found later are the same."""
    shop = Workshop(
        tmp_path / "shop",
        """
        [sources.raw]
        path = "raw.csv"
        [targets.made]
        path = "out/made.arrow"
        sql = "SELECT a FROM raw"
        [targets.copy]
        path = "out/copy.csv"
        sql = "SELECT * FROM made"
        """,
    )
    shop.write("raw.csv", "a,b\n1,2\n")
    assert shop.build().ran == ["copy", "made"]
    shop.path("out/copy.csv").touch()  # it is looked at again
    assert shop.build().ran == []
