"""What the tests of themes say of mistakes is read as it is written."""

import inspect

import pytest
from checked import MISTAKES, caught
from heavy_ball import heavy_ball
from repository_root import ROOT

import slotscope


def test_a_word_that_says_nothing_of_a_mistake_is_refused():
    before = [*MISTAKES]
    with pytest.raises(TypeError, match="verdikt"):
        caught("check_it", "no", verdikt="not applicable")(type("Wrong", (), {}))
    assert before == MISTAKES


def test_the_guide_names_the_methods_that_a_mistake_can_override():
    cls = heavy_ball(slotscope.engine("keras-tensorflow"))
    guide = (ROOT / "docs" / "checks.md").read_text("utf-8")
    for name in ("used", "direction", "slot", "make_slots"):
        arguments = [*inspect.signature(vars(cls)[name]).parameters][1:]
        assert f"`{name}({', '.join(arguments)})`" in guide
