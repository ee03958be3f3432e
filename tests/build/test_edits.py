"""Every edit of the table builds again what it has to, and nothing else; twice builds nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.build import edit_table
from tests.build.edits import EDITS, Edit
from tests.build.installed import Site
from tests.build.shop import PARTITIONS, Shop, install, make_shop

EVERYTHING = sorted(label for labels in PARTITIONS.values() for label in labels)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop, built once."""
    folder = tmp_path_factory.mktemp("edits")
    site = Site(folder)
    install(site)
    with pytest.MonkeyPatch.context() as patch:
        site.use(patch)
        made = make_shop(folder / "shop", site)
        assert made.build(jobs=1).ran == EVERYTHING
    return made


@pytest.mark.parametrize("edit", EDITS, ids=[f"{edit.group}: {edit.what}" for edit in EDITS])
def test_an_edit_builds_again_what_it_has_to(
    edit: Edit, template: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = template.site
    if edit.group == "Environment":  # the packages of others stay as they are
        site = Site(tmp_path)
        shutil.copytree(template.site.folder, site.folder, dirs_exist_ok=True)
    site.use(monkeypatch)
    shop = template.cloned(tmp_path / "shop", site)
    edit.change(shop)
    if edit.engine:
        monkeypatch.setattr("dbuild.build.environments.engine_version", lambda: edit.engine)
    if edit.python:
        monkeypatch.setattr("dbuild.build.environments.python_version", lambda: edit.python)
    first = shop.build(jobs=1, **edit.params)
    assert (first.errors, first.summary.was_interrupted) == ({}, False)  # else it stopped, and too few ran
    assert first.ran == list(edit.partitions)
    assert shop.build(jobs=1, **edit.params).ran == []


def test_there_are_edits_of_every_kind_and_each_has_a_name_of_its_own() -> None:
    assert len(EDITS) >= 80
    assert len({(edit.group, edit.what) for edit in EDITS}) == len(EDITS)
    assert {edit.group for edit in EDITS} == {"Python", "SQL", "Shell", "Environment", "Params", "Dataflowfile"}


def test_the_page_has_the_table_that_its_command_makes() -> None:
    assert edit_table.PAGE.read_text(encoding="utf-8") == edit_table.page()
