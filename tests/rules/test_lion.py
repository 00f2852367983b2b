"""Lion: its rule by hand, and beside the optimizer of every generation that has it."""

import numpy as np
from engine_cases import KERAS_3, on
from rule_cases import assert_follows

from slotscope.rules import rule

ONE = np.array([1.0, -1.0])
LAW = rule("Lion", "keras-3", learning_rate=0.25, beta_1=0.5, beta_2=0.75)


def test_lion_moves_every_element_by_the_learning_rate():
    after, slots = LAW.step(ONE, np.array([2.0, -64.0]), LAW.initial(ONE), 0)
    assert after.tolist() == [0.75, -0.75]
    assert slots["momentum"].tolist() == [0.5, -16.0]


def test_lion_steps_by_the_momentum_of_the_step_before():
    before = {"momentum": np.array([3.0, 1.0])}
    after, slots = LAW.step(ONE, np.array([-2.0, -2.0]), before, 1)
    assert after.tolist() == [0.75, -0.75]
    assert slots["momentum"].tolist() == [1.75, 0.25]


@on("tf_keras", *KERAS_3)
def test_lion_does_what_its_rule_says(engine):
    configs = [{}, {"learning_rate": 0.25, "beta_1": 0.5, "beta_2": 0.75}]
    assert_follows(engine, "Lion", configs, within=5e-6)  # 1 - 0.99 in float32
