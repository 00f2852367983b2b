"""RMSprop, Adagrad and Adadelta: by hand, and beside the optimizer of every generation."""

import numpy as np
import pytest
from engine_cases import on, on_every_engine
from rule_cases import assert_follows

from slotscope.rules import rule

ONE = np.array([1.0])
EXACT = {"learning_rate": 0.25, "epsilon": 0.25}


def one_step(law, gradient):
    parameter, slots = law.step(ONE, np.array([gradient]), law.initial(ONE), 0)
    return parameter.item(), {name: value.item() for name, value in slots.items()}


@pytest.mark.parametrize(
    ("generation", "config", "after", "slots"),
    [
        pytest.param(
            "keras-3",
            {"epsilon": 1.25},
            1 - 0.5 * 2.0 / 1.5,  # sqrt(1 + 1.25)
            {"velocity": 1.0},
            id="epsilon is inside the root",
        ),
        # sqrt(1) + 1
        pytest.param("keras-2.1", {"epsilon": 1.0}, 0.5, {"velocity": 1.0}, id="outside in 2.1"),
        pytest.param("tf_keras-legacy", {"epsilon": 1.0}, 0.5, {"velocity": 1.0}, id="and legacy"),
        pytest.param(
            "tf_keras-legacy",
            {"learning_rate": 0.75, "epsilon": 1.25, "momentum": 0.5},
            0.0,
            {"velocity": 1.0, "momentum": 1.0},
            id="but inside in legacy with momentum",
        ),
        pytest.param(
            "keras-3",
            {"epsilon": 0.25, "centered": True},
            0.0,
            {"velocity": 1.0, "average_gradient": 0.5},
            id="centered divides by the standard deviation",
        ),
    ],
)
def test_a_step_of_rmsprop(generation, config, after, slots):
    law = rule("RMSprop", generation, **{"learning_rate": 0.5, "rho": 0.75, **config})
    assert one_step(law, 2.0) == (after, slots)


def test_momentum_of_rmsprop_adds_up_steps():
    law = rule("RMSprop", "keras-3", learning_rate=0.5, rho=0.75, epsilon=0.0, momentum=0.5)
    first, slots = law.step(ONE, np.array([2.0]), law.initial(ONE), 0)
    second, later = law.step(first, np.array([0.0]), slots, 1)
    assert (first.item(), second.item(), later["momentum"].item()) == (0.0, -0.5, 0.5)


@on_every_engine
def test_rmsprop_does_what_its_rule_says(engine):
    base = {**EXACT, "rho": 0.75}
    configs = [{}, base, {**base, "momentum": 0.5}, {**base, "centered": True}]
    configs.append({**base, "centered": True, "momentum": 0.5})
    assert_follows(engine, "RMSprop", configs)


@on("tf_keras-graph", "tf_keras-legacy")
def test_rmsprop_with_decay_does_what_its_rule_says(engine):
    assert_follows(engine, "RMSprop", [{**EXACT, "decay": 0.25}])


@pytest.mark.parametrize(
    ("generation", "parameter", "accumulator"),
    [
        ("keras-2.1", 1 - 0.5 * 2.0 / (2.0 + 2.25), 4.0),
        ("tf_keras-legacy", 1 - 0.5 * 2.0 / (np.sqrt(4.1) + 2.25), 4.1),
        ("tf_keras", 1 - 0.5 * 2.0 / np.sqrt(4.1 + 2.25), 4.1),
        ("keras-3", 1 - 0.5 * 2.0 / np.sqrt(4.1 + 2.25), 4.1),
    ],
)
def test_where_adagrad_starts_and_adds_epsilon(generation, parameter, accumulator):
    law = rule("Adagrad", generation, learning_rate=0.5, epsilon=2.25)
    after, slots = one_step(law, 2.0)
    assert after == pytest.approx(parameter, rel=1e-15)
    assert slots == {"accumulator": accumulator}


@on_every_engine
def test_adagrad_does_what_its_rule_says(engine):
    configs = [{}, EXACT, {**EXACT, "initial_accumulator_value": 0.5}]
    assert_follows(engine, "Adagrad", configs)


def test_adadelta_divides_the_steps_by_the_gradients():
    law = rule("Adadelta", "keras-3", learning_rate=0.5, rho=0.75, epsilon=1.0)
    slots = {"accumulated_grad": np.array([0.0]), "accumulated_delta_var": np.array([8.0])}
    parameter, slots = law.step(ONE, np.array([2.0 * np.sqrt(3.0)]), slots, 1)
    # The step is 2 * sqrt(3) * sqrt(8 + 1) / sqrt(3 + 1), and the learning rate takes half of it.
    assert parameter.item() == pytest.approx(1 - 1.5 * np.sqrt(3.0), rel=1e-15)
    assert slots["accumulated_grad"].item() == pytest.approx(3.0, rel=1e-15)
    assert slots["accumulated_delta_var"].item() == pytest.approx(6.0 + 27 / 4, rel=1e-15)


def test_only_adadelta_of_2_1_has_the_learning_rate_of_the_paper():
    rates = {g: rule("Adadelta", g).learning_rate for g in ("keras-2.1", "tf_keras", "keras-3")}
    assert rates == {"keras-2.1": 1.0, "tf_keras": 0.001, "keras-3": 0.001}


@on_every_engine
def test_adadelta_does_what_its_rule_says(engine):
    assert_follows(engine, "Adadelta", [{}, {**EXACT, "rho": 0.75}])
