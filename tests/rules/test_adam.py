"""Adam, AdamW and Adamax: by hand, and beside the optimizer of every generation."""

import pytest
from engine_cases import KERAS_3, on, on_every_engine
from rule_cases import ADAM, assert_follows, error, stepped


@on_every_engine
def test_adam_does_what_its_rule_says(engine):
    configs = [ADAM, {**ADAM, "amsgrad": True}, {**ADAM, "adaptive_epsilon": True}]
    assert_follows(engine, "Adam", configs)


@on("tf_keras", *KERAS_3)
def test_adamw_does_what_its_rule_says(engine):
    assert_follows(engine, "AdamW", [{**ADAM, "weight_decay": 0.125}, {**ADAM, "amsgrad": True}])


@on_every_engine
def test_adamax_does_what_its_rule_says(engine):
    assert_follows(engine, "Adamax", [ADAM])


@on("tf_keras-legacy", "tf_keras-graph")
def test_the_legacy_learning_rate_decays(engine):
    """By ``1 / (1 + decay * steps done)``, also inside of Adam's and Adamax's fused steps."""
    for name in ("Adam", "Adamax"):
        assert error(engine, name, {**ADAM, "decay": 0.5}) < 1e-6


def test_the_first_step_of_adam():
    # m = 0.5 * 2 = 1 and v = 0.25 * 4 = 1; the rate is sqrt(0.25) / 0.5 = 1; 1 / (1 + 1) = 0.5.
    config = {**ADAM, "learning_rate": 1.0, "epsilon": 1.0}
    after, slots = stepped("Adam", "keras-3", [2.0], config)
    assert after == [2.5]
    assert slots == {"momentum": 1.0, "velocity": 1.0}


def test_adam_with_an_adaptive_epsilon():
    # Half the epsilon, as sqrt(1 - 0.75) is 0.5: 1 / (1 + 0.5).
    config = {**ADAM, "learning_rate": 1.5, "epsilon": 1.0, "adaptive_epsilon": True}
    assert stepped("Adam", "tf_keras", [2.0], config)[0] == [2.0]


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate():
    for gradient in (2.0**-20, 1.0, 2.0**20):
        assert stepped("Adam", "keras-3", [gradient], {**ADAM, "epsilon": 0.0})[0] == [2.5]


def test_amsgrad_keeps_the_largest_velocity():
    _, slots = stepped("Adam", "keras-3", [2.0, 0.0], {**ADAM, "amsgrad": True})
    assert slots == {"momentum": 0.5, "velocity": 0.75, "velocity_hat": 1.0}


def test_keras_2_1_keeps_an_empty_place_for_velocity_hat():
    _, slots = stepped("Adam", "keras-2.1", [2.0], ADAM)
    assert slots["velocity_hat"].tolist() == [0.0]


def test_the_norm_of_adamax_fades_and_is_not_averaged():
    # Step 1: m = 1, u = 2, rate 1 / 0.5; step 2: m = 0.5, u = 1.5, rate 1 / 0.75.
    config = {**ADAM, "learning_rate": 1.0, "epsilon": 0.0}
    after, slots = stepped("Adamax", "keras-3", [2.0, 0.0], config)
    assert slots == {"momentum": 0.5, "norm": 1.5}
    assert after == pytest.approx([2.0, 2.0 - 0.5 / 1.5 / 0.75], rel=1e-15)
