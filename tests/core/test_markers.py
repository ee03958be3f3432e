"""Under which conditions a distribution requires another one."""

from __future__ import annotations

import sys

import pytest

from dbuild.observe.markers import holds, normal

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize(
    ("marker", "extras", "found"),
    [
        (f'python_version == "{HERE}"', (), True),
        (f'python_version != "{HERE}"', (), False),
        ('python_version >= "3.9"', (), True),  # by numbers, not by letters
        ('"3.9" <= python_version', (), True),
        ('python_version < "3.9" or python_version >= "4"', (), False),
        ('python_version ~= "3.8"', (), True),
        ('python_full_version < "3.0.1"', (), False),
        ('python_version == "3.*"', (), True),
        ('python_version != "3.*"', (), False),
        (f"sys_platform == '{sys.platform}'", (), True),
        ("sys_platform == 'amiga'", (), False),
        ("'ami' in sys_platform", (), False),
        ("'ami' not in sys_platform", (), True),
        ("implementation_name == 'cpython' and sys_platform != 'amiga'", (), True),
        ('extra == "test"', (), False),
        ('extra == "Test_One"', ("test-one",), True),
        ('extra == "all" or (python_version < "3" and extra == "test")', ("test",), False),
        ('python_version >= "3" and extra == "test"', ("test",), True),
        ("what is this", (), True),  # what can't be read holds
        ("unheard_of == '1'", (), True),
    ],
)
def test_markers_hold_or_not(marker: str, extras: tuple[str, ...], found: bool) -> None:
    assert holds(marker, extras) is found


def test_names_have_one_form() -> None:
    assert {normal(name) for name in ("Zope.Interface", "zope_interface", "zope--interface")} == {"zope-interface"}
