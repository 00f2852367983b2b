"""SGD: its rule by hand, and beside the optimizer of every generation."""

import numpy as np
import pytest
from engine_cases import on, on_every_engine
from rule_cases import assert_follows

from slotscope.rules import rule

ONE = np.array([1.0, -1.0])


def two_steps(law, parameter, gradient):
    """Parameter and slots after one step and after two, with the same gradient."""
    first = law.step(parameter, gradient, law.initial(parameter), 0)
    return first, law.step(*first[:1], gradient, first[1], 1)


def test_without_momentum_sgd_descends():
    law = rule("SGD", "keras-3", learning_rate=0.5)
    (first, slots), (second, _) = two_steps(law, ONE, np.array([2.0, 4.0]))
    assert first.tolist() == [0.0, -3.0]
    assert second.tolist() == [-1.0, -5.0]
    assert slots == {}


def test_the_velocity_holds_the_learning_rate():
    law = rule("SGD", "keras-3", learning_rate=0.5, momentum=0.5)
    (first, slots), (second, later) = two_steps(law, ONE, np.array([2.0, 4.0]))
    assert (first.tolist(), slots["momentum"].tolist()) == ([0.0, -3.0], [-1.0, -2.0])
    assert (second.tolist(), later["momentum"].tolist()) == ([-1.5, -6.0], [-1.5, -3.0])


def test_nesterov_is_one_more_step_of_momentum_ahead():
    law = rule("SGD", "keras-3", learning_rate=0.5, momentum=0.5, nesterov=True)
    (first, slots), (second, _) = two_steps(law, ONE, np.array([2.0, 4.0]))
    assert (first.tolist(), slots["momentum"].tolist()) == ([-0.5, -4.0], [-1.0, -2.0])
    assert second.tolist() == [-2.25, -7.5]


@pytest.mark.parametrize(
    ("generation", "slots"),
    [("keras-2.1", True), ("tf_keras-legacy", False), ("tf_keras", True), ("keras-3", False)],
)
def test_which_generations_make_a_slot_without_momentum(generation, slots):
    assert bool(rule("SGD", generation).initial(ONE)) == slots


def test_decay_divides_the_learning_rate_by_one_more_at_each_step():
    law = rule("SGD", "keras-2.1", learning_rate=1.0, decay=1.0)
    assert [law.rate(t) for t in (0, 1, 3)] == [1.0, 0.5, 0.25]


@on_every_engine
def test_sgd_does_what_its_rule_says(engine):
    configs = [{}, {"learning_rate": 0.25}, {"learning_rate": 0.25, "momentum": 0.5}]
    configs.append({"learning_rate": 0.25, "momentum": 0.5, "nesterov": True})
    assert_follows(engine, "SGD", configs)


@on("tf_keras-graph", "tf_keras-legacy")
def test_sgd_with_decay_does_what_its_rule_says(engine):
    configs = [{"momentum": 0.5, "decay": 0.25}]
    assert_follows(engine, "SGD", configs)
