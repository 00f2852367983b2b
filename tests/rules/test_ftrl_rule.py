"""Ftrl: its rule by hand, and beside the optimizer of every generation that has it."""

import numpy as np
import pytest
from engine_cases import KERAS_3, on
from rule_cases import errors

from slotscope.errors import UnknownRuleError
from slotscope.rules import rule

L1, L2 = "l1_regularization_strength", "l2_regularization_strength"
SHRINKAGE = "l2_shrinkage_regularization_strength"


def one_step(parameter=2.0, gradient=4.0, **config):
    """Parameter and linear slot after a step from n = 9, which makes ``sqrt(n)`` 5."""
    law = rule("Ftrl", "keras-3", learning_rate=0.5, initial_accumulator_value=9.0, **config)
    start = np.array([parameter])
    after, slots = law.step(start, np.array([gradient]), law.initial(start), 0)
    return after.item(), slots["linear"].item()


def test_the_parameter_is_computed_anew_from_the_sums():
    # z = 4 - (5 - 3) / 0.5 * 2 and p = -z / (5 / 0.5)
    assert one_step() == (0.4, -4.0)


def test_l1_leaves_nothing_of_a_small_sum():
    assert one_step(**{L1: 4.0}) == (0.0, -4.0)


def test_l1_shrinks_a_larger_one():
    assert one_step(**{L1: 3.0}) == (0.1, -4.0)


def test_l2_counts_twice():
    assert one_step(**{L2: 5.0}) == (0.2, -4.0)


def test_beta_makes_the_learning_rate_smaller():
    assert one_step(beta=5.0) == (0.2, -4.0)


def test_shrinkage_adds_to_the_gradient_but_not_to_its_square():
    assert one_step(**{SHRINKAGE: 0.5}) == (0.2, -2.0)


def test_a_power_of_0_is_a_learning_rate_that_stays():
    assert one_step(learning_rate_power=0.0) == (-2.0, 4.0)


def test_without_any_gradient_yet_the_parameter_is_0():
    law = rule("Ftrl", "keras-3", initial_accumulator_value=0.0)
    after, _ = law.step(np.ones(1), np.zeros(1), law.initial(np.ones(1)), 0)
    assert after.item() == 0.0


EXACT = {"learning_rate": 0.25}
CONFIGS = [
    {},
    {**EXACT, L1: 0.5},
    {**EXACT, L2: 0.5},
    {**EXACT, SHRINKAGE: 0.5},
    {**EXACT, "beta": 0.5},
    {**EXACT, "learning_rate_power": -0.75, "initial_accumulator_value": 0.5},
    {**EXACT, "learning_rate_power": -0.25, "beta": 0.5, L1: 0.25, L2: 0.125, SHRINKAGE: 0.5},
]


@on("tf_keras-graph", "tf_keras-legacy", "tf_keras", *KERAS_3)
def test_ftrl_does_what_its_rule_says(engine):
    assert max(errors(engine, "Ftrl", CONFIGS).values()) < 2e-6


def test_keras_2_1_has_no_ftrl():
    with pytest.raises(UnknownRuleError, match=r"'Ftrl' of keras-2\.1"):
        rule("Ftrl", "keras-2.1")
