"""Names and files that were not made to be friendly."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from dbuild.errors import ProjectError, UserError
from tests.build.workshop import DAYS, Workshop

KEYS = [
    "it's",
    '"quoted"',
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "'; DROP TABLE stock; --",
    "a b",
    " lead",
    "ünï✓",
    "-rf",
    "--help",
    "*",
    "[ab]?",
    "{x}",
    "%Y",
    "a\\nb",
    "#1",
    "~",
    "x=y",
    "a,b",
]
NEVER = ["a\nb", "tab\tbed", ".hidden", "bell\a"]

FLOW = """
[partitions.shop]
discover = "stock"
[sources.stock]
path = "data/{shop}.csv"
[targets.shell]
path = "out/shell/{shop}.txt"
shell = '''
printf '%s\\n' {shop} > {output}
cat -- {stock} >> {output}
printf '%s\\n' "$DBUILD_KEY_SHOP" >> {output}
'''
[targets.sql]
path = "out/sql/{shop}.csv"
sql = "SELECT $shop AS shop, sum(n)::INTEGER AS n FROM stock"
[targets.python]
path = "out/python/{shop}.txt"
python = "step:make"
inputs = ["shell"]
[targets.count]
path = "out/count.csv"
sql = "SELECT shop, n FROM sql ORDER BY shop"
[targets.all]
path = "out/all.txt"
shell = "cat {python} > {output}"
"""
STEP = """def make(shell, key, output):
    output.write_text(key["shop"] + "|" + shell.read_text())
"""


def test_keys_are_values_and_never_code(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", FLOW, **{"step.py": STEP})
    for key in (*KEYS, *NEVER):
        shop.write(f"data/{key}.csv", f"n\n{len(key)}\n")
    done = shop.build(keep_going=True)
    assert done.errors == {}
    assert done.counts == {"shell": len(KEYS), "sql": len(KEYS), "python": len(KEYS), "count": 1, "all": 1}
    for key in KEYS:
        text = f"{key}\nn\n{len(key)}\n{key}\n"
        assert shop.read(f"out/shell/{key}.txt") == text
        assert shop.read(f"out/python/{key}.txt") == f"{key}|{text}"
        found = duckdb.execute("SELECT shop, n FROM read_csv(?)", [_unglobbed(shop.root / f"out/sql/{key}.csv")])
        assert found.fetchall() == [(key, len(key))]
    counted = duckdb.execute("SELECT shop, n FROM read_csv(?)", [str(shop.path("out/count.csv"))]).fetchall()
    assert counted == sorted((key, len(key)) for key in KEYS)
    assert not list(tmp_path.rglob("pwned"))
    assert shop.build().ran == []
    assert shop.run().returncode == 0
    shop.write("data/$(touch pwned).csv", "n\n100\n")
    assert shop.build().ran == ["all", "count", *(f"{name}@$(touch pwned)" for name in ("python", "shell", "sql"))]
    assert not list(tmp_path.rglob("pwned"))


def _unglobbed(path: Path) -> str:
    """A path as DuckDB takes it where its name has the characters of a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def test_keys_on_the_command_line_are_inert_too(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "shop", FLOW, **{"step.py": STEP})
    for key in KEYS[:3]:
        shop.write(f"data/{key}.csv", "n\n1\n")
    assert shop.build("shell@$(touch pwned)").ran == ["shell@$(touch pwned)"]
    for strange in ("shell@../../etc/passwd", "shell@a\nb", "shell@'; DROP TABLE trace; --"):
        with pytest.raises(UserError):
            shop.build(strange)
    assert not list(tmp_path.rglob("pwned"))


# --- Names that are no text ----------------------------------------------------------------------------------------

PLAIN = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.copy]
path = "out/{{day}}.txt"
shell = "cat {{raw}} > {{output}}"
[targets.all]
path = "out/all.txt"
shell = "cat {{copy}} > {{output}}"
"""


@pytest.fixture
def plain(tmp_path: Path) -> Workshop:
    """Two days, copied and put together."""
    made = Workshop(tmp_path / "plain", PLAIN)
    made.days("data", "01-01", "01-02")
    return made


def test_names_that_are_not_utf8_do_not_disturb(plain: Workshop) -> None:
    folder = os.fsencode(plain.path("data"))
    try:
        with open(os.path.join(folder, b"2013-01-01\xff.txt"), "wb") as out:
            out.write(b"strange")
    except OSError:
        pytest.skip("this file system takes no such names")
    assert plain.build().counts == {"copy": 2, "all": 1}
    assert plain.build().ran == []
    with open(os.path.join(folder, b"2013-01-01\xff.txt"), "wb") as out:
        out.write(b"other")
    assert plain.build().ran == []
    os.unlink(os.path.join(folder, b"2013-01-01\xff.txt"))
    assert plain.build().ran == []
    assert plain.run("status").returncode == 0


def test_a_used_file_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    flow = '[targets.a]\npath = "a.txt"\nshell = "echo 1 > {output}"\nuses = ["cfg/*"]\n'
    shop = Workshop(tmp_path / "project", flow, **{"cfg/ok.yml": "1"})
    strange = os.path.join(os.fsencode(shop.path("cfg")), b"b\xff.yml")
    try:
        with open(strange, "wb") as out:
            out.write(b"b\n")
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(ProjectError, match="whose name is no UTF-8 text"):
        shop.build()
    os.unlink(strange)
    assert shop.build().ran == ["a"]


def test_data_in_files_whose_names_are_not_utf8_is_not_left_out_silently(tmp_path: Path) -> None:
    globbed = Workshop(tmp_path / "globbed", PLAIN.replace("data/{day}.txt", "data/{day}/*.txt"))
    globbed.write("data/2013-01-01/a.txt", "a\n")
    strange = os.path.join(os.fsencode(globbed.path("data/2013-01-01")), b"b\xff.txt")
    try:
        with open(strange, "wb") as out:
            out.write(b"b\n")
    except OSError:
        pytest.skip("this file system takes no such names")
    for _ in range(3):  # also when there is nothing to do
        (notice,) = globbed.build().notices
        assert notice.startswith('source "raw" leaves out files whose names are no UTF-8 text')
        assert "data/2013-01-01/b\N{REPLACEMENT CHARACTER}.txt" in notice
    os.unlink(strange)
    assert globbed.build().notices == []
    assert globbed.read("out/all.txt") == "a\n"


# --- Links ---------------------------------------------------------------------------------------------------------


def test_a_loop_of_links_is_an_error_with_its_name(plain: Workshop) -> None:
    plain.path("data/2013-01-03.txt").symlink_to("2013-01-03.txt")
    with pytest.raises(UserError, match=r"2013-01-03\.txt can't be read") as raised:
        plain.build()
    assert raised.value.hint is not None
    done = plain.run()
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    plain.path("data/2013-01-03.txt").unlink()
    assert plain.build().summary.built == 3


def test_a_folder_that_links_to_itself_does_not_go_round(tmp_path: Path) -> None:
    deep = Workshop(tmp_path / "deep", PLAIN.replace("data/{day}.txt", "data/{day}/*.txt"))
    deep.write("data/2013-01-01/a.txt", "a\n")
    deep.path("data/again").symlink_to(".")
    deep.path("data/2013-01-01/up").symlink_to("..")
    assert deep.build().counts == {"copy": 1, "all": 1}
    assert deep.build().ran == []


def test_linked_files_count_by_what_they_lead_to(plain: Workshop) -> None:
    plain.write("store/one.txt", "one\n")
    plain.write("store/two.txt", "two\n")
    link = plain.path("data/2013-01-01.txt")
    link.unlink()
    link.symlink_to("../store/one.txt")
    assert plain.build().summary.built == 3
    assert plain.read("out/2013-01-01.txt") == "one\n"
    plain.write("store/one.txt", "other\n")
    assert plain.build().ran == ["all", "copy@2013-01-01"]
    link.unlink()
    link.symlink_to("../store/two.txt")
    assert plain.build().ran == ["all", "copy@2013-01-01"]
    assert plain.read("out/2013-01-01.txt") == "two\n"
    plain.path("store/two.txt").unlink()  # the link leads nowhere: the day isn't there
    assert plain.build().standing == (0, 1, 0, 2, 0)


def test_an_output_that_was_made_a_link_is_replaced_and_not_followed(plain: Workshop) -> None:
    plain.build()
    plain.write("precious.txt", "precious\n")
    output = plain.path("out/2013-01-01.txt")
    output.unlink()
    output.symlink_to("../precious.txt")
    assert plain.build().ran == ["copy@2013-01-01"]
    assert plain.read("precious.txt") == "precious\n"
    assert not output.is_symlink()
    assert plain.read("out/2013-01-01.txt") == "01-01\n"


# --- Files that aren't what they were ------------------------------------------------------------------------------


def test_a_folder_in_the_place_of_a_file_is_no_file(plain: Workshop) -> None:
    plain.path("data/2013-01-01.txt").unlink()
    plain.path("data/2013-01-01.txt").mkdir()
    assert plain.build().standing == (1, 0, 0, 2, 0)


def test_a_folder_in_the_place_of_an_output_is_kept_aside(plain: Workshop) -> None:
    plain.write("out/2013-01-01.txt/inside", "whose?")
    done = plain.build()
    assert done.errors == {}
    (note,) = [note for event in done.ended for note in event.notes]
    kept = plain.path(note.rpartition("kept as ")[2]) / "inside"
    assert kept.read_text() == "whose?"
    assert plain.read("out/2013-01-01.txt") == "01-01\n"
    assert plain.temporaries() == []


def test_a_source_that_vanishes_during_a_build_fails_what_reads_it(plain: Workshop) -> None:
    plain.swap("Dataflowfile", "cat {raw} >", "rm -f data/2013-01-02.txt; cat {raw} >")
    done = plain.build(jobs=1, keep_going=True)
    assert done.standing == (1, 0, 1, 0, 1)
    assert "2013-01-02" in str(done.ended)
    assert plain.build().standing[3] == 0  # the last day is gone, so it isn't awaited
    assert plain.read("out/all.txt") == "01-01\n"


def test_an_output_that_vanishes_during_a_build_fails_what_reads_it(plain: Workshop) -> None:
    plain.swap("Dataflowfile", "cat {copy} >", "rm -f out/2013-01-02.txt; cat {copy} >")
    done = plain.build(keep_going=True)
    assert done.errors.keys() == {"all"}
    plain.swap("Dataflowfile", "rm -f out/2013-01-02.txt; ", "")
    assert plain.build().ran == ["all", "copy@2013-01-02"]
    assert plain.build().ran == []


@pytest.mark.parametrize("shop", ["no\u00a0break", "wide\u3000space"])
def test_a_file_of_an_unprintable_name_that_changes_while_nobody_asks_for_it(tmp_path: Path, shop: str) -> None:
    other = '\n[targets.other]\npath = "other/x.txt"\nshell = "echo x > {output}"\n'
    flow = Workshop(tmp_path / "flow", FLOW + other, **{"step.py": STEP})
    flow.write(f"data/{shop}.csv", "n\n1\n")
    os.utime(flow.path(f"data/{shop}.csv"), (1e9, 1e9))
    assert flow.build().errors == {}
    assert flow.build().ran == []
    flow.write(f"data/{shop}.csv", "n\n2222\n")
    os.utime(flow.path(f"data/{shop}.csv"), (1.1e9, 1.1e9))
    assert flow.build("other").ran == []
    assert flow.build().counts == {"shell": 1, "sql": 1, "python": 1, "count": 1, "all": 1}
