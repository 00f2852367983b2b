"""What surrounds a rule, against numbers worked out by hand from the documented formulas."""

import numpy as np
import pytest

from slotscope.rules import rule
from slotscope.rules.training import DIALECTS, Each, Training

KERAS_3, TF_KERAS = DIALECTS["keras-3"], DIALECTS["tf_keras"]


def descent(**around):
    """Plain gradient descent with learning rate 1, and what surrounds it."""
    return Training(Each(rule("SGD", "keras-3", learning_rate=1.0)), **around)


def path(training, gradients, start=(8.0,), label="p0"):
    """The values of one scalar after every call."""
    given = [[None if g is None else np.array(g) for g in step] for step in gradients]
    states = training.states([np.array(p) for p in start], given)
    return [float(state[label]) for state in states]


def each(*gradients):
    """One gradient a call, for a single parameter."""
    return [[g] for g in gradients]


def test_without_features_the_rule_is_all_there_is():
    """8 - 1 - 2."""
    assert path(descent(), each(1.0, 2.0)) == [8, 7, 5]
    assert path(descent(), each(1.0, 2.0), label="iterations") == [0, 1, 2]


def test_a_value_is_clipped_on_both_sides():
    """To [-2, 2]."""
    assert path(descent(clipvalue=2.0), each(5.0, -5.0, 1.0)) == [8, 6, 8, 7]


def test_a_norm_is_that_of_one_gradient_or_of_all():
    """(3, 4) has norm 5: alone they are clipped to 2 and 2, together to 3 / 2.5 and 4 / 2.5."""
    step = [[3.0, 4.0]]
    assert path(descent(clipnorm=2.0), step, (8.0, 8.0)) == [8, 6]
    assert path(descent(global_clipnorm=2.0), step, (8.0, 8.0)) == [8, pytest.approx(6.8)]
    keras_2 = descent(clipnorm=2.0, **DIALECTS["keras-2.1"])
    assert path(keras_2, step, (8.0, 8.0)) == [8, pytest.approx(6.8)]


def test_gradients_below_the_limit_are_left_alone():
    """Also those that are zero."""
    for name in ("clipnorm", "global_clipnorm", "clipvalue"):
        assert path(descent(**{name: 2.0}), each(1.0, 0.0)) == [8, 7, 7]


def test_of_two_clippings_the_one_by_value_comes_first_but_in_keras_2():
    """(3, 4): by value to (2, 2), of norm 2.83; by norm to (0.6, 0.8), which are below 2."""
    both = {"clipnorm": 1.0, "clipvalue": 2.0}
    vector = [np.array([3.0, 4.0])]
    late = descent(**both, **DIALECTS["keras-2.1"]).clipped(vector)[0]
    np.testing.assert_allclose(descent(**both).clipped(vector)[0], [0.5**0.5] * 2)
    np.testing.assert_allclose(late, [0.6, 0.8])


def test_weight_decay_takes_its_share_before_the_step():
    """8 - 8 / 4 - 1, then 5 - 5 / 4 - 1; the parameter that is excluded loses nothing."""
    training = descent(weight_decay=0.25, excluded=(1,))
    assert path(training, [[1.0, 1.0]] * 2, (8.0, 8.0)) == [8, 5, 2.75]
    assert path(training, [[1.0, 1.0]] * 2, (8.0, 8.0), "p1") == [8, 7, 6]


def test_muon_decays_what_adam_takes_by_a_rate_of_its_own():
    """A matrix has the weight decay, a vector adam_weight_decay."""
    muon = rule("Muon", "keras-3", learning_rate=1.0, adam_weight_decay=0.5)
    steps = Each(muon)
    assert steps.decay(np.zeros((2, 2)), 0.25, 0) == 0.25
    assert steps.decay(np.zeros(2), 0.25, 0) == 0.5


def test_the_average_starts_from_the_first_parameter_that_there_is():
    """Keras 3: from the one after the first step; tf_keras: from the one before it."""
    average = {"use_ema": True, "ema_momentum": 0.5}
    gradients = each(4.0, 2.0)
    assert path(descent(**average, **KERAS_3), gradients, label="average/p0")[1:] == [4, 3]
    assert path(descent(**average, **TF_KERAS), gradients, label="average/p0") == [8, 6, 4]


def test_the_average_overwrites_the_parameter_every_few_steps():
    """8, 4, then (4 + 2) / 2 = 3 in the place of 2."""
    training = descent(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    assert path(training, each(4.0, 2.0, 1.0)) == [8, 4, 3, 2]


def test_accumulation_waits_for_every_nth_call():
    """The mean of 1 and 3 is one step of 2; the counter counts calls."""
    training = descent(gradient_accumulation_steps=2)
    gradients = each(1.0, 3.0, 5.0, 5.0)
    assert path(training, gradients) == [8, 8, 6, 6, 1]
    assert path(training, gradients, label="gradient_accumulator/p0") == [0, 1, 0, 5, 0]
    assert path(training, gradients, label="iterations") == [0, 1, 2, 3, 4]


def test_between_two_steps_the_average_stands_still():
    """It averages the parameters after each step, as it would with the big batch."""
    training = descent(gradient_accumulation_steps=2, use_ema=True, ema_momentum=0.5)
    averages = path(training, each(1.0, 3.0, 5.0, 5.0), label="average/p0")
    assert averages == [0, 0, 6, 6, 3.5]


def test_the_mean_is_clipped_not_what_it_is_made_of():
    """The mean of 5 and -3 is 1; of the clipped ones, 2 and -2, it would be 0."""
    assert path(descent(gradient_accumulation_steps=2, clipvalue=2.0), each(5.0, -3.0))[-1] == 7


def test_a_schedule_looks_at_calls_and_not_at_steps():
    """With two calls a step, the second call has the rate 1/2, and the fourth 1/8."""
    law = rule("SGD", "keras-3", learning_rate=lambda step: 0.5**step)
    training = Training(Each(law), gradient_accumulation_steps=2)
    assert path(training, each(4.0, 4.0, 8.0, 8.0)) == [8, 8, 6, 6, 5]


def test_a_loss_scale_is_taken_out_before_all_else():
    """16 / 8 is 2, and below the limit."""
    assert path(descent(loss_scale_factor=8.0, clipvalue=2.0), each(16.0, 32.0)) == [8, 6, 4]


def test_a_parameter_without_a_gradient_takes_part_in_nothing():
    """No step, no decay, no share in the norm."""
    training = descent(weight_decay=0.25, clipnorm=1.0, gradient_accumulation_steps=2)
    assert path(training, [[1.0, None]] * 2, (8.0, 8.0), "p1") == [8, 8, 8]
    assert path(training, [[1.0, None]] * 2, (8.0, 8.0), "p0") == [8, 8, 5]
