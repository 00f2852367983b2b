"""Neighbours in half precision, and from where on an optimizer reaches one."""

import ml_dtypes
import numpy as np
import pandas as pd
import pytest
from engine_cases import KERAS_3, on

from slotscope.story import precision
from slotscope.story.precision import AS_THE_RULE, BITS, LOST, MOVES, NEVER, NOWHERE, STAYS

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
WEIGHTS = (0.0625, 0.1, 1.0, 1.0078125, 1.5, 3.1, 16.0)


@pytest.mark.parametrize("dtype", BITS)
def test_rounding_is_that_of_the_dtype(dtype):
    values = np.random.RandomState(0).uniform(-20, 20, 1000)
    assert (precision.rounded(values, dtype) == values.astype(DTYPES[dtype]).astype(float)).all()


@pytest.mark.parametrize("dtype", BITS)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_closed_form_is_a_subtraction_in_the_dtype(dtype, weight):
    kind = DTYPES[dtype]
    start = kind(weight)
    below = float(start) - precision.spacing(float(start), dtype)
    assert float(kind(below)) == below
    assert float(kind((below + float(start)) / 2)) in (below, float(start))
    for exponent in precision.EXPONENTS:
        step = 2.0**exponent
        moved = kind(float(start) - step) != start
        assert precision.sgd_moves(float(start), step, dtype) == moved


def test_a_tie_goes_to_the_even_neighbour():
    half = precision.spacing(1.5, "bfloat16") / 2
    assert not precision.sgd_moves(1.5, half, "bfloat16")
    assert precision.sgd_moves(1.5 + 2 * half, half, "bfloat16")


def found(measured, expected):
    exponents = list(precision.EXPONENTS)
    columns = {"optimizer": "SGD", "exponent": exponents}
    return pd.DataFrame({**columns, "measured": measured, "expected": expected})


def fates(moving, rest=STAYS):
    return [MOVES] * moving + [rest] * (len(precision.EXPONENTS) - moving)


@pytest.mark.parametrize(
    ("measured", "expected", "verdict"),
    [
        (fates(5), fates(5), AS_THE_RULE),
        (fates(5), fates(4), AS_THE_RULE),
        (fates(0), fates(0), AS_THE_RULE),
        (fates(0), fates(1), AS_THE_RULE),
        (fates(5), fates(3), precision.OTHERWISE),
        ([STAYS, *fates(4)[1:]], fates(4), precision.OTHERWISE),
        (fates(0), fates(4), NEVER),
        (fates(4, LOST), fates(4), precision.SOMEWHERE),
        (fates(0, LOST), fates(4), NOWHERE),
    ],
)
def test_a_verdict_compares_two_thresholds(measured, expected, verdict):
    (row,) = precision.thresholds(found(measured, expected)).itertuples()
    assert row.verdict == verdict
    assert row.default == 0.01


@on(*KERAS_3)
def test_adam_is_lost_in_bfloat16_alone(engine):
    verdicts = {}
    for dtype in BITS:
        surveyed = precision.survey(engine, dtype, 1.0, 1, ["Adam", "Lion", "Nadam", "SGD"])
        verdicts[dtype] = precision.thresholds(surveyed)["verdict"]
    assert list(verdicts["float16"]) == [AS_THE_RULE] * 4
    assert list(verdicts["bfloat16"]) == [NEVER, AS_THE_RULE, NOWHERE, AS_THE_RULE]
