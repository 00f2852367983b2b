"""The asserts of every experiment hold at the corners of its declared ranges, and in between.

A handful of points here; ``python -m tools.ranges PATH --points 100`` for as many as it takes.
"""

import random
from typing import Annotated, Literal, get_origin

import nbformat
import pytest
from annotated_types import Ge, Le
from repository_root import ROOT

from tools import gates, ranges

NOTEBOOKS = sorted((ROOT / "notebooks" / "experiments").glob("*.ipynb"))
SEED = 5


def trials():
    """The two corners and two random points of each experiment."""
    return [
        pytest.param(path, point, id=f"{path.stem}-{number}")
        for path in NOTEBOOKS
        for number, point in enumerate(ranges.points(path, 2, SEED))
    ]


@pytest.mark.kernels
@pytest.mark.parametrize(("path", "point"), trials())
def test_the_asserts_hold(path, point, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    error = ranges.trial(path, point)
    assert not error or ranges.refused(error), f"{point}: {error}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_declares_what_it_may_be(path):
    declared = ranges.declared(path)
    names = gates.parameter_names(nbformat.read(path, as_version=4)) - {"Annotated", "Literal"}
    assert declared.keys() == names
    kinds = {get_origin(kind) or kind for kind in declared.values()}
    assert kinds <= {Annotated, Literal, bool}
    for point in ranges.points(path, 20, SEED):
        assert point.keys() == names


def test_a_point_lies_within_the_bounds():
    source = random.Random(SEED)
    numbers = [ranges.drawn(Annotated[int, Ge(0), Le(3)], source) for _ in range(50)]
    assert set(numbers) == {0, 1, 2, 3}
    rates = [ranges.drawn(Annotated[float, Ge(0.01), Le(1)], source) for _ in range(50)]
    assert 0.01 <= min(rates) < 0.1 < max(rates) <= 1
    assert {ranges.drawn(Literal["a", "b"], source) for _ in range(50)} == {"a", "b"}
