"""Nadam: its rule by hand, and beside the optimizer of every generation."""

import pytest
from engine_cases import on, on_every_engine
from rule_cases import ADAM, assert_follows, error, stepped

from slotscope.rules import RULES


@on_every_engine
def test_nadam_does_what_its_rule_says(engine):
    assert_follows(engine, "Nadam", [ADAM, {**ADAM, "schedule_decay": 2.0}])


def test_nadam_without_a_warm_momentum_looks_one_step_ahead():
    # With 0.96 ** 0 = 1 the momentum is beta_1 / 2 = 0.25 throughout, and its products are
    # 1 / 4 and 1 / 16: 0.25 * 1 / (15 / 16) + 0.75 * 2 / 0.75 = 34 / 15, over sqrt(1 / 0.25) = 2.
    config = {**ADAM, "learning_rate": 15.0, "epsilon": 0.0, "schedule_decay": 0.0}
    after, _ = stepped("Nadam", "keras-2.1", [2.0], config, start=17.0)
    assert after == pytest.approx([0.0], abs=1e-14)


def test_nadams_product_is_shown_under_the_name_of_its_generation():
    shown = {g: set(stepped("Nadam", g, [1.0], {})[1]) for g in RULES["Nadam"].generations}
    slots = {"momentum", "velocity"}
    assert shown.pop("keras-3") == slots | {"u_product"}
    assert shown.pop("tf_keras-legacy") == slots | {"momentum_cache"}
    assert shown == {"keras-2.1": slots, "tf_keras": slots}


def test_nadams_product_is_the_product_of_the_warming_momenta():
    _, slots = stepped("Nadam", "keras-3", [1.0, 1.0], {"beta_1": 0.5})
    assert slots["u_product"] == pytest.approx(0.5 * 0.52 * 0.5 * (1 - 0.96**2 / 2), rel=1e-15)


# Where Keras does something else; a test that fails here is good news.


@on("tf_keras")
def test_a_compiled_nadam_multiplies_its_product_once_for_each_parameter(engine):
    """tf_keras 2.21: what should prevent it counts in Python, while the step is traced."""
    assert error(engine, "Nadam", ADAM, shapes=((3,),), way="compiled") < 1e-6
    assert error(engine, "Nadam", ADAM, way="compiled") > 0.01
