"""Lamb: its rule by hand, and beside the optimizer of Keras 3."""

import pytest
from engine_cases import KERAS_3, on
from rule_cases import ADAM, assert_follows, stepped


@on(*KERAS_3)
def test_lamb_does_what_its_rule_says(engine):
    assert_follows(engine, "Lamb", [ADAM])


def test_a_step_of_lamb_is_as_long_as_the_learning_rate_times_the_parameter():
    assert stepped("Lamb", "keras-3", [7.0], ADAM, start=[3.0, 0.0])[0][0] == pytest.approx(
        [3.0 - 1.5 / 2**0.5, -1.5 / 2**0.5]
    )


def test_lamb_trusts_the_direction_alone_where_the_parameter_is_zero():
    config = {**ADAM, "epsilon": 0.0}
    assert stepped("Lamb", "keras-3", [7.0], config, start=[0.0, 0.0])[0] == [[-0.5, -0.5]]
