"""The table of releases that mended a hole."""

import re

from packaging.version import Version

from rather.doctor.advisories import FLOORS


def test_every_floor_is_a_release_with_an_advisory() -> None:
    assert FLOORS
    for floor in FLOORS:
        assert Version(floor.release).release
        assert re.fullmatch(r"CVE-20\d\d-\d{4,}", floor.advisory)
        assert floor.package == floor.package.lower()


def test_no_hole_is_listed_twice() -> None:
    names = [floor.advisory for floor in FLOORS]
    assert len(names) == len(set(names))
