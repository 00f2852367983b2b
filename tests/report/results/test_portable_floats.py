"""The text of a result is the same where float32 rounds otherwise."""

import itertools
import math
import random

import ml_dtypes
import numpy as np
import pandas as pd
import pytest

from slotscope.report.results import as_text
from slotscope.report.results.portable_floats import stated

#: Two processors rarely differ by more: 16 units in the last place of float32, or, where large
#: terms were subtracted, units in the last place of those.
RELATIVE, ABSOLUTE = 2.0**-19, 2.0**-20
SEED = 20261127

#: Values that computed ones are often next to.
BINARY = [m * 2.0**k for m, k in itertools.product(range(1, 64, 2), range(-14, 16))]
FRACTIONS = [p / q for p, q in itertools.product(range(1, 17), repeat=2)]
DECIMALS = [d * 10.0**k for d, k in itertools.product(range(1, 100), range(-4, 4))]
NICE = sorted({value for value in [*BINARY, *FRACTIONS, *DECIMALS] if value > 2**-9})


def test_relative_errors_change_no_text_of_a_short_fraction():
    drawn = random.Random(SEED)
    for value in [*NICE, *(-value for value in NICE)]:
        errors = [-RELATIVE, RELATIVE, *(RELATIVE * drawn.uniform(-1, 1) for _ in range(20))]
        found = {stated(value * (1 + error)) for error in errors}
        assert found == {stated(value)}, f"{value!r}, with the seed {SEED}"


def test_absolute_errors_change_no_text_of_a_short_fraction():
    drawn = random.Random(SEED)
    for value in (value for value in NICE if value >= 2**-4):
        errors = [-ABSOLUTE, ABSOLUTE, *(ABSOLUTE * drawn.uniform(-1, 1) for _ in range(20))]
        found = {stated(value + error) for error in errors}
        assert found == {stated(value)}, f"{value!r}, with the seed {SEED}"


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_units_in_the_last_place_change_no_text_of_a_norm_of_ones_in_half_precision(dtype):
    units = np.arange(-3, 4).astype(np.int16)
    for power in range(-7, 10):
        value = np.array([2 ** (power / 2)]).astype(dtype)
        around = (value.view(np.int16) + units).view(dtype)
        assert len({stated(number) for number in around}) == 1, f"2**({power}/2)"


def test_rounding_errors_beside_zero_are_one_bound():
    drawn = random.Random(SEED)
    errors = [drawn.choice([-1, 1]) * 2.0 ** drawn.uniform(-60, -12) for _ in range(10_000)]
    found = [stated(error) for error in errors]
    # Of random numbers, one in a thousand reads as a decimal of three digits.
    assert sum(text != "within 2**-10 of 0" for text in found) < 30, f"with the seed {SEED}"
    assert {stated(value) for value in (0.0, -0.0, 3e-9 / 7, 2**-11, 5e-324)} == {
        "within 2**-10 of 0"
    }


def test_a_random_value_changes_its_text_as_rarely_as_is_said():
    drawn = random.Random(SEED)
    values = [10 ** drawn.uniform(-2, 3) for _ in range(20_000)]
    turned = sum(stated(value) != stated(value * (1 + 1e-6)) for value in values)
    assert turned < 20_000 / 1000, f"with the seed {SEED}"


def test_a_power_of_two_at_the_bound_is_on_one_side_of_it():
    assert {stated(2**-10 * (1 + off)) for off in (-RELATIVE, 0, RELATIVE)} == {"0.000977"}
    assert stated(2**-11) == stated(-(2**-11)) == "within 2**-10 of 0"


@pytest.mark.parametrize(
    "value", [1e-4, 3e-5, 1.25e-4, -1e-7, np.float32(1e-4), float(np.float32(1e-4))]
)
def test_a_decimal_that_somebody_chose_is_shown(value):
    assert stated(value) == f"{float(value):.3g}"
    assert stated(value * (1 + 2.0**-22)) == stated(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1875, "0.188"),
        (-0.1875, "-0.188"),
        (math.inf, "inf"),
        (np.float32("nan"), "nan"),
        (12345.0, "1.23e+04"),
        (1.7976931348623157e308, "1.8e+308"),
        (np.longdouble(1) / 3, "0.333"),
        (1 + 2j, "(real 1, imaginary 2)"),
        (np.complex64(1e-9 / 7 + 0.1j), "(real within 2**-10 of 0, imaginary 0.1)"),
        (np.float16(0.3333), "about 2**-2"),
        (ml_dtypes.bfloat16(-3.9), "about -2**2"),
        (ml_dtypes.bfloat16(2**-9), "within 2**-4 of 0"),
    ],
    ids=str,
)
def test_each_kind_of_float(value, text):
    assert stated(value) == text


def test_what_is_exact_is_shown_exactly():
    values = {"a": None, "b": True, "c": 2**70, "d": "0.123456789", "e": np.int64(1234567)}
    assert [line[3:] for line in as_text.text(values).splitlines()] == list(
        map(str, values.values())
    )


def table(off):
    """A table with floats wherever a table can have one, each off by a part of itself."""
    third = (1 + off) / 3
    return pd.DataFrame(
        {
            "float": [0.5 * (1 + off), off / 8, math.nan],
            "half": np.array([third, 1, 0], np.float16) * (1 + 8192 * off),
            "missing": pd.array([third, None, 1], "Float64"),
            "category": pd.Categorical([third, 0.5, third]),
            "interval": pd.arrays.IntervalArray.from_tuples([(third, 1.0)] * 3),
            0.1875 * (1 + off): ["x", "y", "z"],
        },
        index=pd.MultiIndex.from_tuples([("a", third), ("b", off), ("c", 2.0)], names=["n", third]),
    )


def test_every_float_of_a_table_obeys():
    one, other = ({"table": table(off), "series": table(off)["float"]} for off in (0.0, 2.0**-21))
    assert as_text.text(one) == as_text.text(other)
    assert as_text.as_html(one) == as_text.as_html(other)
    assert "0.333 to 1" in as_text.text(one)
    assert "nan" in as_text.text(one)


def test_every_float_of_arrays_lists_and_dictionaries_obeys():
    def values(off):
        array = np.linspace(0, 1, 100).reshape(10, 10)[:, ::-1] * (1 + off) + off
        return {"a": array, "b": [array[0], {"c": array[1, 1]}], "d": array.astype(np.complex64)[0]}

    assert as_text.text(values(0.0)) == as_text.text(values(2.0**-21))


def test_a_long_table_is_shown_by_its_ends():
    long = pd.DataFrame(np.arange(200.0).reshape(10, 20) + 0.5)
    lines = [line.split() for line in as_text.text({"long": long}).splitlines()]
    assert lines[1] == ["0", "1", "2", "3", "...", "16", "17", "18", "19"]
    assert [line[0] for line in lines[2:]] == ["0", "1", "2", "..", "7", "8", "9"]
    assert lines[2] == ["0", "0.5", "1.5", "2.5", "3.5", "...", "16.5", "17.5", "18.5", "19.5"]
    assert lines[8][-1] == stated(199.5)


def test_on_a_page_floats_have_four_digits():
    values = [1 / 3, np.float32(1 / 3), np.complex64(1 + 2j), ml_dtypes.bfloat16(2.5), 1e-9 / 7]
    assert as_text.brief(values) == "[0.3333, 0.3333, 1+2j, 2.5, 1.429e-10]"
