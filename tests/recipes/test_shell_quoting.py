"""Values reach a real shell, and other interpreters, as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbuild.errors import RecipeError
from dbuild.recipes import shell
from dbuild.recipes.quotes import Scanner, literal, place_word, quote_word
from tests.recipes.shells import PLACE, execute, task
from tests.recipes.shells import given as an_input

HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "\\'; touch pwned #",
    "a\ntouch pwned\n",
    "\n\ntouch pwned",
    "; touch pwned",
    "${IFS}$HOME",
    "~root",
    "=ls",
    "* ? [a-z] {a,b}",
    "-rf",
    "#comment",
    "!history",
    "tab\tcr\rbell\a",
    "",
    "a  b ",
    "\\",
    "a'b\"c\\d$e`f",
    "naïve 😀",
    "<(touch pwned)",
    "x && touch pwned || touch pwned",
]
SHELLS = [name for name in ("bash", "sh", "dash", "zsh", "ksh") if shutil.which(name)]
BASH = shutil.which("bash") or "bash"
values = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("printf '%s|' {x}", "", ""),
        ('printf "%s|" "{x}"', "", ""),
        ("printf '%s|' '{x}'", "", ""),
        ('printf "%s|" "a {x} b"', "a ", " b"),
        ("printf '%s|' 'a {x} b'", "a ", " b"),
        ("printf '%s|' a{x}b", "a", "b"),
        ("printf '%s|' \"$(printf '%s.' {x})\"", "", "."),
        ("# it's {x}\nprintf '%s|' {x}", "", ""),
        ("cat <<'END' >/dev/null\nit's\nEND\nprintf '%s|' {x}", "", ""),
        ("y={x}; printf '%s|' \"$y\"", "", ""),
    ],
)
def test_hostile_values_are_inert_and_whole(
    tmp_path: Path, template: str, before: str, after: str, value: str, name: str
) -> None:
    printed = execute(task(tmp_path, template, x=value, interpreter=name))
    assert printed == f"{before}{value}{after}|"
    assert not (tmp_path / "pwned").exists()


@settings(max_examples=200, deadline=None)
@given(st.lists(values, min_size=1, max_size=30))
def test_a_real_bash_reads_back_any_text(texts: list[str]) -> None:
    words = " ".join(quote_word(text) for text in texts)
    done = subprocess.run(["bash", "-euc", f"printf '%s\\0' {words}"], capture_output=True, check=True)
    assert done.stdout == b"".join(os.fsencode(text) + b"\0" for text in texts)


@settings(max_examples=150, deadline=None)
@given(values, st.sampled_from(['"', "'", "$'", '"$(echo "']))
@example("`touch pwned`", '"')
def test_a_value_in_the_users_quotes_never_runs(value: str, opening: str) -> None:
    closing = {"$'": "'", '"$(echo "': '")"'}.get(opening, opening)
    rendered = shell.render(task(Path("/"), f"printf '%s\\0' {opening}{{x}}{closing}", x=value)).text
    done = subprocess.run(["bash", "-euc", rendered], capture_output=True, check=True)
    expected = value.rstrip("\n") if "echo" in opening and value not in ("-n", "-e", "-E") else value
    if not (opening.endswith('echo "') and value.startswith("-")):
        assert done.stdout == os.fsencode(expected) + b"\0"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="'\"`$(){}\\<# \n;&|aEOF-1", max_size=25), st.text(alphabet="'\"`$()\\ \n;&|#", max_size=12))
@example("\\", "")
def test_whatever_text_is_around_it_a_value_never_runs(text: str, around: str) -> None:
    scanner = Scanner()
    scanner.feed(text)
    if scanner.spot in ("backquote", "document", "escaped"):
        return
    values = ["$(PWN)", "`PWN`", "\nPWN\n", "';PWN;'", '";PWN;"', "PWN", f"{around}$(PWN){around}", f"{around}\nPWN\n"]
    for value in values:
        written = text + place_word(f" {value}", scanner.spot)
        script = f"PWN() {{ echo it ran >&2; }}\n{written}"
        done = subprocess.run(
            [BASH, "-c", script], capture_output=True, stdin=subprocess.DEVNULL, env={"PATH": "/none"}
        )
        assert b"it ran" not in done.stderr.splitlines(), written


def test_several_paths_are_separate_words(tmp_path: Path) -> None:
    made = task(tmp_path, "printf '<%s>' {x}", an_input("x", "/a b", "/c'd"))
    assert execute(made) == "</a b></c'd>"


def test_no_paths_are_no_words(tmp_path: Path) -> None:
    made = task(tmp_path, "f() { echo $#; }\nf {x}", an_input("x"))
    assert execute(made) == "0\n"


@pytest.mark.parametrize("paths", [(), ("/a", "/b")])
def test_in_quotes_there_has_to_be_one_value(tmp_path: Path, paths: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=f"stands in quotes and has {len(paths)} values"):
        shell.render(task(tmp_path, 'cat "{x}"', an_input("x", *paths)))


def test_names_that_are_not_utf8_reach_the_shell(tmp_path: Path) -> None:
    name = os.fsdecode(b"/caf\xe9 \xa0$x")
    assert execute(task(tmp_path, "printf %s {x}", an_input("x", name))) == name


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("echo `cat {x}`", "backquotes"),
        ("cat <<EOF\n{x}\nEOF\n", "here-document"),
        ("cat <<'EOF'\n{x}\nEOF\n", "here-document"),
        ("cat <<-EOF\n\tdon't\n\tEOF\ncat <<A <<B\nA\n{x}\nB", "here-document"),
        ("echo \\{x}", "after a backslash"),
        ('echo "\\{x}"', "after a backslash"),
    ],
)
def test_where_nothing_can_be_quoted_is_refused(tmp_path: Path, text: str, where: str) -> None:
    made = task(tmp_path, text, x="v")
    (problem,) = shell.analyse(made.recipe, ["x"], []).problems  # type: ignore[arg-type]
    assert where in problem.what and problem.hint
    assert problem.place is not None and problem.place.line == PLACE.line + text[: text.index("{x}")].count("\n")
    with pytest.raises(RecipeError, match=where):
        shell.render(made)


@pytest.mark.parametrize(
    ("text", "spot"),
    [
        ("echo ", "plain"),
        ('echo "', "double"),
        ("echo 'it\\", "single"),
        ("echo $'it\\'s ", "ansi"),
        ('echo \\"', "plain"),
        ("# don't", "comment"),
        ("# don't\n", "plain"),
        ("echo a#'", "single"),
        ("echo $# '", "single"),
        ("echo ${#x} ", "plain"),
        ("echo \"${x#'}", "double"),
        ("x=$((1<<n))\n'", "single"),
        ("cat <<<EOF\n", "plain"),
        ("cat <<EOF\nit's\nEOF\n", "plain"),
        ("cat <<-EOF\n\tit's\n\tEOF\n'", "single"),
        ('"$(echo "a" ', "plain"),
        ('"$(echo "', "double"),
        ('"$(echo a)', "double"),
        ('"${x:-', "double"),
        ("`echo ", "backquote"),
        ("`echo` ", "plain"),
        ("'`'", "plain"),
        ("\\`", "plain"),
        ("a\\", "escaped"),
        ("'a\\", "single"),
        ("(cd x; (ls) '", "single"),
    ],
)
def test_the_scanner_knows_where_it_stands(text: str, spot: str) -> None:
    scanner = Scanner()
    scanner.feed(text)
    assert scanner.spot == spot


@pytest.mark.parametrize("value", HOSTILE)
def test_other_interpreters_get_string_literals(tmp_path: Path, value: str) -> None:
    text = "import sys\nprint([{x}], end='')"
    assert execute(task(tmp_path, text, x=value, interpreter=sys.executable)) == repr([value])


@settings(deadline=None)
@given(values)
def test_literals_are_those_of_python(value: str) -> None:
    assert eval(literal(value, "python3")) == value


def test_literals_interpolate_nothing() -> None:
    assert literal("$(x) #{y} ${z}", "julia") == '"\\u0024(x) \\u0023{y} \\u0024{z}"'


def test_several_paths_are_a_list_of_literals(tmp_path: Path) -> None:
    made = task(tmp_path, "print([{x}])", an_input("x", "/a", "/b c"), interpreter=sys.executable)
    assert execute(made) == "['/a', '/b c']\n"


def test_a_language_without_known_literals_gets_plain_values_only(tmp_path: Path) -> None:
    assert literal("out/a-b 2013.txt", "perl") == '"out/a-b 2013.txt"'
    with pytest.raises(RecipeError, match="can't quote for perl"):
        shell.render(task(tmp_path, "print {x}", x="@{[system('x')]}", interpreter="perl"))


@pytest.mark.parametrize("text", ["open('{x}')", 'open("{x}")', 'f("a" + "b {x}")', "`a {x}`"])
def test_a_literal_inside_the_users_string_is_refused(tmp_path: Path, text: str) -> None:
    made = task(tmp_path, text, x="v", interpreter="python3")
    (problem,) = shell.analyse(made.recipe, ["x"], []).problems  # type: ignore[arg-type]
    assert "in a string" in problem.what
    with pytest.raises(RecipeError, match="in a string"):
        shell.render(made)
