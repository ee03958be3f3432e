"""`dbuild clean`: what it removes, what it keeps and why, and what a build makes of it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dbuild.build import Settings, clean, find_cleaning, mark, status
from dbuild.core.cleaning import Cleaning, Wanted
from dbuild.core.mark import Saying
from dbuild.errors import UsageError
from dbuild.state.opening import open_state
from tests.build.workshop import DAYS, Workshop

DATES = ("01-01", "01-02", "01-03")
FLOW = f"""
{DAYS}
[sources.raw]
path = "data/{{day}}.txt"
[targets.step]
path = "out/step/{{day}}.txt"
shell = "cp {{raw}} {{output}}"
[targets.sum]
path = "out/sum.txt"
shell = "cat {{step}} > {{output}}; echo printed"
"""
STEPS = [f"out/step/2013-{day}.txt" for day in DATES]
ALL = Wanted(everything=True)
ORPHANS = Wanted(orphans=True)


class Cleaned(Workshop):
    """A project that is built, cleaned, and looked at."""

    def find(self, wanted: Wanted, file: str = "Dataflowfile") -> Cleaning:
        return find_cleaning(Settings(str(self.root), file), wanted)

    def clean(self, wanted: Wanted, file: str = "Dataflowfile") -> Cleaning:
        """Cleans without asking; the listing before it has to have promised just that."""
        found = self.find(wanted, file)
        done = clean(Settings(str(self.root), file), wanted, None, emit=lambda event: None)
        assert (found.removed, found.kept) == (done.removed, done.kept)
        assert self.find(wanted, file).removed == ()
        return done

    def files(self) -> list[str]:
        """Every file of the project but dbuild's own, and every empty folder."""
        found = []
        for where, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name != ".dbuild"]
            place = os.path.relpath(where, self.root)
            found += [os.path.normpath(os.path.join(place, name)) for name in names]
            found += [f"{place}/"] if not folders and not names else []
        return sorted(found)

    def stale(self) -> dict[str, int]:
        return {one.name: one.stale + one.undecided for one in status(Settings(str(self.root)), ()) if one.layer}


@pytest.fixture
def project(tmp_path: Path) -> Cleaned:
    made = Cleaned(tmp_path / "project", FLOW)
    made.days("data", *DATES)
    made.build()
    return made


GIVEN = ["Dataflowfile", *(f"data/2013-{day}.txt" for day in DATES)]


def paths(found: Cleaning) -> list[str]:
    return sorted(one.path for one in found.removed)


def reasons(found: Cleaning) -> dict[str, str]:
    return {one.path: one.why for one in found.kept}


# -- outputs -----------------------------------------------------------------------------------------------------------


def test_a_targets_outputs_go_and_are_built_again(project: Cleaned) -> None:
    found = project.find(Wanted(("step",)))
    assert (paths(found), found.bytes) == (STEPS, 3 * len("01-01\n"))
    assert project.outputs().keys() == {*STEPS, "out/sum.txt"}
    project.clean(Wanted(("step",)))
    assert project.files() == [*GIVEN, "out/sum.txt"]
    assert project.stale() == {"step": 3, "sum": 1}
    built = project.build()
    assert built.counts == {"step": 3}  # the sum was not touched, and comes out the same
    assert built.skipped == ["sum"]
    assert project.build().ran == []


def test_chosen_partitions_go_and_nothing_else(project: Cleaned) -> None:
    done = project.clean(Wanted(("step@2013-01-02", "sum")))
    assert [(one.target, one.key, one.path) for one in done.removed] == [
        ("step", (("day", "2013-01-02"),), STEPS[1]),
        ("sum", (), "out/sum.txt"),
    ]
    assert project.files() == [*GIVEN, STEPS[0], STEPS[2]]
    assert project.build().ran == ["step@2013-01-02", "sum"]


def test_a_name_with_all_that_follows(project: Cleaned) -> None:
    assert paths(project.find(Wanted(("step@2013-01-02+",)))) == [STEPS[1], "out/sum.txt"]
    assert paths(project.find(Wanted(("raw+",)))) == [*STEPS, "out/sum.txt"]


def test_an_edited_output_stays(project: Cleaned) -> None:
    project.write(STEPS[0], "mine\n")
    done = project.clean(Wanted(("step",)))
    assert reasons(done) == {STEPS[0]: "it was changed since dbuild made it"}
    assert project.read(STEPS[0]) == "mine\n"
    assert project.files() == [*GIVEN, STEPS[0], "out/sum.txt"]


def test_what_is_touched_but_the_same_goes(project: Cleaned) -> None:
    os.utime(project.path(STEPS[0]))
    assert STEPS[0] in paths(project.clean(Wanted(("step",))))


def test_what_nobody_agreed_to_stays(project: Cleaned) -> None:
    clean(Settings(str(project.root)), Wanted(("step",)), {STEPS[1]}, emit=lambda event: None)
    assert project.files() == [*GIVEN, STEPS[0], STEPS[2], "out/sum.txt"]
    assert project.build().ran == ["step@2013-01-02"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("stpe", 'there is no target "stpe"'),
        ("raw", '"raw" is a source'),
        ("step@1999-01-01", "lies outside day"),
        ("step@nonsense", "nonsense"),
    ],
)
def test_names_that_are_none_remove_nothing(project: Cleaned, name: str, what: str) -> None:
    before = project.files()
    with pytest.raises(UsageError, match=what):
        clean(Settings(str(project.root)), Wanted(("sum", name)), None, emit=lambda event: None)
    assert project.files() == before


def test_views_and_actions_have_nothing(tmp_path: Path) -> None:
    project = Cleaned(
        tmp_path / "project",
        f"""{DAYS}
        [sources.raw]
        path = "data/{{day}}.csv"
        [targets.seen]
        sql = "SELECT * FROM raw"
        [targets.sent]
        shell = "echo {{raw}} >> ../sent"
        [targets.table]
        path = "out/table.parquet"
        sql = "SELECT * FROM seen"
        """,
    )
    project.days("data", "01-01", ending="csv", text="a\n1\n")
    project.build()
    done = project.clean(Wanted(("seen", "sent")))
    assert done.notes == ("seen is a view: nothing of it is stored", "sent is an action: it makes no files")
    assert (done.removed, done.kept) == ((), ())
    assert project.build().ran == []  # nothing is sent again
    project.clean(Wanted(("table",)))
    assert project.build().ran == ["table"]


def test_named_outputs_and_folders_go_as_a_whole(tmp_path: Path) -> None:
    project = Cleaned(
        tmp_path / "project",
        """
        [targets.model]
        path = { model = "out/model.bin", metrics = "out/deep/er/metrics.json" }
        shell = "echo m > {output.model}; echo {{}} > {output.metrics}"
        [targets.parts]
        path = "out/parts/"
        shell = "mkdir {output}/sub; echo a > {output}/a; echo b > {output}/sub/b"
        """,
    )
    project.build()
    project.write("out/parts/c", "a stranger\n")
    done = project.clean(Wanted(("model", "parts")))
    assert reasons(done) == {"out/parts/": "it was changed since dbuild made it"}
    assert project.files() == ["Dataflowfile", "out/parts/a", "out/parts/c", "out/parts/sub/b"]
    project.path("out/parts/c").unlink()
    done = project.clean(Wanted(("parts",)))
    assert [(one.path, one.bytes) for one in done.removed] == [("out/parts/", 4)]
    assert project.files() == ["Dataflowfile", "out/"]
    assert project.build().ran == ["model", "parts"]


def test_half_of_a_partition_is_a_stale_partition(tmp_path: Path) -> None:
    project = Cleaned(
        tmp_path / "project",
        """
        [targets.two]
        path = { a = "out/a", b = "out/b" }
        shell = "echo a > {output.a}; echo b > {output.b}"
        """,
    )
    project.build()
    project.write("out/a", "mine")
    project.clean(Wanted(("two",)))
    assert project.files() == ["Dataflowfile", "out/a"]
    assert project.build().ran == ["two"]
    assert project.read("out/a") == "a\n"


# -- what stays --------------------------------------------------------------------------------------------------------


def say(project: Workshop, target: str, word: str) -> None:
    mark(Settings(str(project.root)), [target], Saying(word, "so"), lambda event: None)  # type: ignore[arg-type]


def test_what_a_mark_accepted_was_not_made(tmp_path: Path) -> None:
    project = Cleaned(tmp_path / "project", FLOW)
    project.days("data", *DATES)
    project.days("out/step", "01-01", text="from before dbuild\n")
    say(project, "step@2013-01-01", "fresh")
    project.build()
    done = project.clean(ALL)
    assert reasons(done) == {STEPS[0]: "dbuild didn't make it: it was accepted by a mark"}
    assert project.files() == [*GIVEN, STEPS[0]]
    assert project.build().ran == ["step@2013-01-02", "step@2013-01-03", "sum"]


def test_what_a_mark_accepted_is_not_made_either_when_it_is_made_elsewhere(tmp_path: Path) -> None:
    project = Cleaned(tmp_path / "project", FLOW)
    project.days("data", *DATES)
    project.days("out/step", "01-01", text="from before dbuild\n")
    say(project, "step@2013-01-01", "fresh")
    project.build()
    project.swap("Dataflowfile", "out/step/{day}", "out/new/{day}")
    project.build()
    done = project.clean(ORPHANS)
    assert (paths(done), list(reasons(done))) == (STEPS[1:], [])  # nothing was ever made at the first one's path
    assert project.read(STEPS[0]) == "from before dbuild\n"


def test_what_was_made_and_then_accepted_goes(project: Cleaned) -> None:
    project.swap("Dataflowfile", "cp {raw}", "cp  {raw}")
    say(project, "step", "fresh")
    say(project, "step", "fresh")
    assert paths(project.clean(Wanted(("step",)))) == STEPS


def test_what_is_frozen_stays(project: Cleaned) -> None:
    say(project, "step@2013-01-02", "frozen")
    done = project.clean(ALL)
    assert reasons(done) == {STEPS[1]: "it is frozen"}
    assert project.files() == [*GIVEN, STEPS[1]]
    assert project.build().ran == ["step@2013-01-01", "step@2013-01-03", "sum"]


OTHER = FLOW.replace("out/", "other/")


def test_another_dataflowfile_keeps_what_it_has(project: Cleaned) -> None:
    project.write("Other", OTHER)
    project.build(file="Other")
    project.clean(ALL)
    others = [path.replace("out/", "other/") for path in [*STEPS, "out/sum.txt"]]
    assert project.files() == sorted([*GIVEN, "Other", "out/", *others])
    assert project.build(file="Other").ran == []
    logs = sorted(os.listdir(project.path(".dbuild/logs")))
    assert logs == ["2"]  # the first run's log went
    assert project.build().counts == {"step": 3, "sum": 1}


def test_a_path_that_another_dataflowfile_took_over_stays(project: Cleaned) -> None:
    project.path("Dataflowfile").rename(project.path("Other"))
    project.build(file="Other")
    project.write("Dataflowfile", DAYS + '[sources.raw]\npath = "data/{day}.txt"\n')
    done = project.clean(ALL)
    assert done.removed == tuple(one for one in done.removed if not one.target)
    assert set(reasons(done)) == {*STEPS, "out/sum.txt"}
    assert project.build(file="Other").ran == []


def test_what_is_a_source_now_stays(project: Cleaned) -> None:
    project.write(
        "Dataflowfile", f'{DAYS}[sources.step]\npath = "out/step/{{day}}.txt"\n[sources.sum]\npath = "out/*.txt"\n'
    )
    done = project.clean(ORPHANS)
    assert done.removed == ()
    assert reasons(done)[STEPS[0]] == "it is a file of the source step"
    assert reasons(done)["out/sum.txt"] == "it is a file of the source sum"


def test_what_is_a_file_of_the_project_now_stays(project: Cleaned) -> None:
    project.write(
        "Dataflowfile", '[targets.new]\npath = "new.txt"\nuses = ["out/sum.txt"]\nshell = "echo > {output}"\n'
    )
    done = project.clean(ORPHANS)
    assert (paths(done), reasons(done)) == (STEPS, {"out/sum.txt": "it is a file of the project"})


def test_links_are_unlinked_and_never_followed(project: Cleaned) -> None:
    outside = project.root.parent / "outside"
    (outside / "step").mkdir(parents=True)
    precious = outside / "sum.txt"
    precious.write_bytes(project.path("out/sum.txt").read_bytes())
    project.path("out/sum.txt").unlink()
    project.path("out/sum.txt").symlink_to(precious)
    for path in STEPS:
        project.path(path).rename(outside / path.removeprefix("out/"))
    project.path("out/step").rmdir()
    project.path("out/step").symlink_to(outside / "step")
    done = project.clean(Wanted(("step", "sum")))
    assert paths(done) == ["out/sum.txt"]
    assert set(reasons(done).values()) == {"a symbolic link leads out of the project to it"}
    assert precious.exists() and len(os.listdir(outside / "step")) == 3
    assert not os.path.lexists(project.path("out/sum.txt"))


@pytest.mark.parametrize("path", ["../precious", "/{outside}/precious", "out/../../precious", ".dbuild/state.db", "."])
def test_paths_that_leave_the_project_are_refused(project: Cleaned, path: str) -> None:
    precious = project.root.parent / "precious"
    precious.write_text("01-01\n01-02\n01-03\n")
    path = path.replace("/{outside}", str(project.root.parent))
    state = open_state(str(project.root), "Dataflowfile")
    with state.transaction():
        state._db.execute("UPDATE trace SET outputs = replace(outputs, 'out/sum.txt', ?)", (path,))
    state.close()
    done = project.clean(ALL)
    assert path in reasons(done) and path not in paths(done)
    assert precious.exists()


# -- orphans -----------------------------------------------------------------------------------------------------------


def test_a_target_that_is_not_declared_any_more(project: Cleaned) -> None:
    project.write("Dataflowfile", FLOW.partition("[targets.sum]")[0])
    with pytest.raises(UsageError, match="not declared any more") as raised:
        project.find(Wanted(("sum",)))
    assert "--orphans" in (raised.value.hint or "")
    done = project.clean(ORPHANS)
    assert [(one.target, one.key, one.path) for one in done.removed] == [("sum", (), "out/sum.txt")]
    assert project.files() == [*GIVEN, *STEPS]
    assert project.build().ran == []


def test_partitions_out_of_the_domain(project: Cleaned) -> None:
    project.swap("Dataflowfile", "start = 2013-01-01", "start = 2013-01-03")
    assert paths(project.clean(ORPHANS)) == STEPS[:2]
    assert project.build().ran == ["sum"]
    project.swap("Dataflowfile", "start = 2013-01-03", "start = 2013-01-01")
    assert project.build().ran == ["step@2013-01-01", "step@2013-01-02", "sum"]


@pytest.mark.parametrize("is_built", [True, False])
def test_paths_where_nothing_is_made_any_more(project: Cleaned, is_built: bool) -> None:
    project.swap("Dataflowfile", "out/step/{day}", "out/new/{day}")
    if is_built:
        project.build()
    done = project.clean(ORPHANS)
    assert paths(done) == STEPS
    new = [path.replace("step", "new") for path in STEPS] if is_built else []
    assert project.files() == [*GIVEN, *new, "out/sum.txt"]
    assert project.build().counts == ({} if is_built else {"step": 3})
    assert project.find(ORPHANS).is_empty


def test_a_path_that_went_and_came_back_is_no_orphan(project: Cleaned) -> None:
    project.swap("Dataflowfile", "out/step/{day}", "out/new/{day}")
    project.build()
    project.swap("Dataflowfile", "out/new/{day}", "out/step/{day}")
    project.build()
    assert paths(project.clean(ORPHANS)) == [path.replace("step", "new") for path in STEPS]
    assert project.files() == [*GIVEN, *STEPS, "out/sum.txt"]
    assert project.build().ran == []


def test_a_renamed_target_makes_its_files_now(project: Cleaned) -> None:
    project.swap("Dataflowfile", "targets.sum", "targets.total")
    project.build()
    done = project.clean(ORPHANS)
    assert (paths(done), reasons(done)) == ([], {"out/sum.txt": "total makes it now"})
    assert project.find(ORPHANS).is_empty
    assert project.build().ran == []


def test_a_target_that_became_a_view(tmp_path: Path) -> None:
    flow = """
        [sources.raw]
        path = "raw.csv"
        [targets.table]
        path = "out/table.parquet"
        sql = "SELECT * FROM raw"
        """
    project = Cleaned(tmp_path / "project", flow)
    project.write("raw.csv", "a\n1\n")
    project.build()
    project.swap("Dataflowfile", 'path = "out/table.parquet"\n', "")
    assert paths(project.clean(ORPHANS)) == ["out/table.parquet"]
    assert project.find(ORPHANS).is_empty


def test_a_folder_that_another_target_writes_into_stays(tmp_path: Path) -> None:
    project = Cleaned(tmp_path / "project", '[targets.a]\npath = "out/x/"\nshell = "echo 1 > {output}/f"\n')
    project.build()
    project.write("Dataflowfile", '[targets.b]\npath = "out/x/f"\nshell = "echo 1 > {output}"\n')
    project.build()
    done = project.clean(ORPHANS)
    assert (paths(done), reasons(done)) == ([], {"out/x/": "b makes it now"})
    assert project.files() == ["Dataflowfile", "out/x/f"]


# -- logs, and everything ----------------------------------------------------------------------------------------------


def test_logs_go_also_where_the_dataflowfile_is_broken(project: Cleaned) -> None:
    assert os.listdir(project.path(".dbuild/logs")) == ["1"]
    project.write("Dataflowfile", "broken = [")
    done = project.clean(Wanted(logs=True))
    assert [(one.target, one.path, one.bytes) for one in done.removed] == [("", ".dbuild/logs/1/", len("printed\n"))]
    assert os.listdir(project.path(".dbuild/logs")) == []


def test_everything_goes_and_all_that_is_known_of_it(project: Cleaned) -> None:
    say(project, "step@2013-01-01", "stale")
    project.write("Other", OTHER)
    project.build(file="Other")
    done = project.clean(ALL)
    assert paths(done) == [".dbuild/logs/1/", *STEPS, "out/sum.txt"]
    assert project.find(ALL).is_empty
    state = open_state(str(project.root), "Dataflowfile")
    assert (state.targets(), state.marks.all(), state.listing_heads()) == ([], [], {})
    assert [(number, outcome) for number, _, _, _, outcome, _, _ in state.runs(9)] == [(4, "cleaned")]
    state.close()
    assert project.build().counts == {"step": 3, "sum": 1}
    assert project.build(file="Other").ran == []


def test_outputs_that_no_stat_vouches_for_are_missed(tmp_path: Path) -> None:
    flow = '[targets.a]\npath = "out/{k}.txt"\nshell = "echo > {output}; touch -d 2099-01-01 {output}"\n'
    project = Cleaned(tmp_path / "project", f'{flow}[partitions.k]\nvalues = ["x", "y"]\n')
    project.build()
    project.clean(Wanted(("a@x",)))
    assert project.build().ran == ["a@x"]


def test_a_cleaned_project_holds_no_old_answer(project: Cleaned) -> None:
    assert project.build().ran == []  # keeps its answer
    project.clean(Wanted(("sum",)))
    assert project.build().ran == ["sum"]
    assert project.build().ran == []


def test_without_a_state_there_is_nothing_and_none_is_made(tmp_path: Path) -> None:
    project = Cleaned(tmp_path / "project", FLOW)
    project.days("data", *DATES)
    assert project.clean(ALL) == Cleaning(())
    assert not project.path(".dbuild").exists()


def test_what_a_killed_build_had_finished_goes_too(project: Cleaned) -> None:
    project.write("data/2013-01-02.txt", "new\n")
    killed = subprocess.run(
        project.command("step"), cwd=project.root, env=project.environment(DBUILD_FAILPOINT="commit"), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert project.read(STEPS[1]) == "new\n"
    clean(Settings(str(project.root)), Wanted(("step",)), None, emit=lambda event: None)
    assert project.files() == [*GIVEN, "out/sum.txt"]


KILLED = """
import os, signal, sys
from dbuild.cli.main import main
plain, left = os.unlink, [2]
def unlink(path, *rest, **more):
    if "out/" in str(path):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    plain(path, *rest, **more)
os.unlink = unlink
sys.exit(main(sys.argv[1:]))
"""


def test_a_cleaning_that_is_killed_leaves_nothing_wrong(project: Cleaned, tmp_path: Path) -> None:
    other = Cleaned(project.copy(tmp_path / "other").root)
    for one in (project, other):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, "clean", "--outputs", "step", "--yes"],
            cwd=one.root,
            env=one.environment(),
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert one.files() == [*GIVEN, STEPS[2], "out/sum.txt"]
    assert project.build().ran == ["step@2013-01-01", "step@2013-01-02"]
    assert paths(other.clean(Wanted(("step",)))) == STEPS[2:]
    assert other.build().counts == {"step": 3}


def test_what_can_not_be_removed_is_said_and_still_known(project: Cleaned, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = os.unlink

    def unlink(path: str) -> None:
        if path.endswith(STEPS[1]):
            raise PermissionError(13, "Permission denied", path)
        plain(path)

    monkeypatch.setattr("dbuild.build.removal.os.unlink", unlink)
    done = clean(Settings(str(project.root)), Wanted(("step",)), None, emit=lambda event: None)
    monkeypatch.undo()
    assert done.has_failed and reasons(done) == {STEPS[1]: "it can't be removed: Permission denied"}
    assert project.files() == [*GIVEN, STEPS[1], "out/sum.txt"]
    assert project.build().ran == ["step@2013-01-01", "step@2013-01-03"]
