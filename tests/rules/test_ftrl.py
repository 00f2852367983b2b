"""Ftrl: its rule by hand, and beside the optimizer of every generation that has it."""

import numpy as np
import pytest
from engine_cases import KERAS_3, on
from rule_cases import assert_follows, stepped

from slotscope.errors import UnknownRuleError
from slotscope.rules import rule

L1, L2 = "l1_regularization_strength", "l2_regularization_strength"
SHRINKAGE = "l2_shrinkage_regularization_strength"


@pytest.mark.parametrize(
    ("config", "parameter", "linear"),
    [
        # z = 4 - (5 - 3) / 0.5 * 2 and p = -z / (5 / 0.5)
        pytest.param({}, 0.4, -4.0, id="computed anew from the sums"),
        pytest.param({L1: 4.0}, 0.0, -4.0, id="l1 leaves nothing of a small sum"),
        pytest.param({L1: 3.0}, 0.1, -4.0, id="l1 shrinks a larger one"),
        pytest.param({L2: 5.0}, 0.2, -4.0, id="l2 counts twice"),
        pytest.param({"beta": 5.0}, 0.2, -4.0, id="beta makes the learning rate smaller"),
        pytest.param({SHRINKAGE: 0.5}, 0.2, -2.0, id="shrinkage adds to the gradient alone"),
        pytest.param({"learning_rate_power": 0.0}, -2.0, 4.0, id="a power of 0: no falling rate"),
    ],
)
def test_a_step(config, parameter, linear):
    """From n = 9, which makes ``sqrt(n)`` 5."""
    base = {"learning_rate": 0.5, "initial_accumulator_value": 9.0}
    after, slots = stepped("Ftrl", "keras-3", [4.0], {**base, **config}, start=2.0)
    assert (after, slots["linear"]) == ([parameter], linear)


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
    assert_follows(engine, "Ftrl", CONFIGS, within=2e-6)


def test_keras_2_1_has_no_ftrl():
    with pytest.raises(UnknownRuleError, match=r"'Ftrl' of keras-2\.1"):
        rule("Ftrl", "keras-2.1")
