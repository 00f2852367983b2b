"""Softmax regression by hand, and the ways to deal out its rows."""

import numpy as np
from engine_cases import KERAS_3, on

from slotscope.story.batches import (
    apart,
    batch,
    descend,
    equal,
    gradient,
    mean_of_means,
    normalised,
    pooled,
    unequal,
)
from slotscope.story.digits import digits


def loss(x, y, shares, kernel, bias):
    scores = x @ kernel + bias
    return float(shares @ (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y]))


def test_the_gradient_is_the_slope_of_the_loss():
    x, y = digits(12)
    shares = np.full(12, 1 / 12)
    kernel = np.random.RandomState(0).normal(size=(64, 10))
    bias = np.arange(10) / 10
    in_kernel, in_bias = gradient(x, y, shares, [kernel, bias])
    step = 1e-6
    for place in ((20, 3), (34, 9)):
        moved = kernel.copy()
        moved[place] += step
        slope = (loss(x, y, shares, moved, bias) - loss(x, y, shares, kernel, bias)) / step
        assert abs(slope - in_kernel[place]) < 1e-5
    moved = bias + step * (np.arange(10) == 4)
    slope = (loss(x, y, shares, kernel, moved) - loss(x, y, shares, kernel, bias)) / step
    assert abs(slope - in_bias[4]) < 1e-5


def test_an_update_deals_out_every_row_once():
    rows = np.arange(12)
    assert [list(part.rows) for part in equal(rows, 3)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
    ]
    assert [len(part.rows) for part in unequal(rows, 3)] == [10, 1, 1]
    for update in (equal(rows, 3), unequal(rows, 3)):
        assert np.concatenate([part.rows for part in update]).tolist() == rows.tolist()
        for (whole,) in (pooled(update), mean_of_means(update)):
            assert whole.rows.tolist() == rows.tolist()
            assert np.isclose(whole.shares.sum(), 1)


def test_a_row_of_a_small_batch_counts_more_in_a_mean_of_means():
    (whole,) = mean_of_means(unequal(np.arange(12), 3))
    assert np.allclose(whole.shares, [1 / 30] * 10 + [1 / 3] * 2)
    (whole,) = mean_of_means(equal(np.arange(12), 3))
    assert np.allclose(whole.shares, 1 / 12)


def test_a_normalised_batch_has_other_gradients_than_its_parts():
    x, y = digits(8)
    weights = [np.zeros((64, 10)), np.zeros(10)]

    def mean(function, parts):
        found = [function(x[p], y[p], np.full(len(p), 1 / len(p)), weights)[0] for p in parts]
        return np.mean(found, axis=0)

    halves, whole = np.split(np.arange(8), 2), [np.arange(8)]
    assert np.allclose(mean(gradient, halves), mean(gradient, whole), atol=1e-7)
    assert abs(mean(normalised, halves) - mean(normalised, whole)).max() > 0.01


def test_apart_is_of_the_larger_move_and_lets_one_in_a_hundred_off():
    one, other = [np.zeros(200)], [np.zeros(200)]
    one[0][0], other[0][0] = 4.0, -4.0
    assert apart(one, other) == 0
    one[0][:], other[0][:] = 4.0, 3.0
    assert apart(one, other) == 0.25


@on(*KERAS_3)
def test_a_descent_is_the_rule_of_sgd(engine):
    x, y = digits()
    rows = np.random.RandomState(3).permutation(len(y))[:4]
    update = [batch(np.arange(4))]
    run = descend(engine, engine.optimizer("SGD", learning_rate=0.5), [update, update], seed=3)
    weights = [np.zeros((64, 10)), np.zeros(10)]
    for seen in run.weights:
        slopes = gradient(x[rows], y[rows], np.full(4, 0.25), weights)
        weights = [w - 0.5 * g for w, g in zip(weights, slopes, strict=True)]
        assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(seen, weights, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(run.final, run.weights[-1], strict=True))
