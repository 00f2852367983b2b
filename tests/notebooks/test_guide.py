"""The guide *Notebooks as tests* shows what its examples give."""

import doctest

from repository_root import ROOT

GUIDE = ROOT / "docs" / "notebooks_as_tests.md"


def test_the_examples_give_what_the_guide_shows():
    found = doctest.testfile(str(GUIDE), module_relative=False, encoding="utf-8")
    assert found.failed == 0
    assert found.attempted > 10
