"""Adafactor: its rule by hand, and beside the optimizer of every generation that has it."""

import numpy as np
import pytest
from engine_cases import KERAS_3, on
from rule_cases import assert_follows

from slotscope.rules import rule

GRADIENT = np.array([[1.0, 3.0], [3.0, 9.0]])  # its squares are an outer product


def first_step(parameter, gradient, **config):
    law = rule("Adafactor", "keras-3", learning_rate=0.5, epsilon_1=0.0, **config)
    return law.step(parameter, gradient, law.initial(parameter), 0)


def test_a_matrix_keeps_means_of_rows_and_of_columns():
    _, slots = first_step(np.ones((2, 2)), GRADIENT)
    assert slots["r"].tolist() == [5.0, 45.0]
    assert slots["c"].tolist() == [5.0, 45.0]
    assert slots["velocity"].tolist() == [[1.0, 9.0], [9.0, 81.0]]


def test_each_leading_index_has_a_matrix_of_its_own():
    gradient = np.stack([GRADIENT, 2 * GRADIENT])
    _, slots = first_step(np.ones((2, 2, 2)), gradient)
    assert slots["velocity"].tolist() == (gradient**2).tolist()


def test_a_vector_keeps_its_squares_and_two_dummies():
    _, slots = first_step(np.ones(2), np.array([2.0, 4.0]))
    assert {name: value.tolist() for name, value in slots.items()} == {
        "r": 0.0,
        "c": 0.0,
        "velocity": [4.0, 16.0],
    }


def test_tf_keras_keeps_its_dummies_to_itself():
    assert set(rule("Adafactor", "tf_keras").initial(np.ones(2))) == {"velocity"}


@pytest.mark.parametrize(
    ("parameter", "gradient", "config", "expected"),
    [
        pytest.param([4.0, -4.0], [2.0, 2.0], {}, [2.0, -6.0], id="relative to the parameter"),
        pytest.param(
            [0.0, 0.0],
            [2.0, 2.0],
            {"epsilon_2": 0.5},
            [-0.25] * 2,
            id="epsilon_2 is the least size",
        ),
        pytest.param(
            [1.0, 1.0],
            [2.0, -2.0],
            {"clip_threshold": 0.25},
            [0.875, 1.125],
            id="clipped whole",
        ),
    ],
)
def test_the_size_of_a_step(parameter, gradient, config, expected):
    after, _ = first_step(np.array(parameter), np.array(gradient), **config)
    assert after.tolist() == expected


@pytest.mark.parametrize(
    ("relative_step", "learning_rate", "expected"),
    [
        pytest.param(True, 1.0, 0.5, id="falls with the square root of the steps"),
        pytest.param(False, 1.0, 1.0, id="without it: what was asked for"),
        pytest.param(True, lambda t: 1.0, 1.0, id="a schedule is never relative"),
    ],
)
def test_a_relative_step(relative_step, learning_rate, expected):
    """How far a parameter of size 1 moves in the fourth step with a constant gradient."""
    law = rule("Adafactor", "keras-3", learning_rate=learning_rate, relative_step=relative_step)
    one = np.ones(2)
    after, _ = law.step(one, one, {"velocity": one}, 3)
    assert (one - after)[0] == pytest.approx(expected, rel=1e-15)


CONFIGS = [
    {},
    {"learning_rate": 1.0},
    {
        "learning_rate": 0.25,
        "epsilon_1": 0.25,
        "epsilon_2": 4.0,
        "clip_threshold": 0.5,
        "beta_2_decay": -0.5,
    },
    {"learning_rate": 0.25, "relative_step": False},
]


@on("tf_keras", *KERAS_3)
def test_adafactor_does_what_its_rule_says(engine):
    assert_follows(engine, "Adafactor", CONFIGS)
