"""The one-weight problem has the gradient that it promises, on every engine."""

import numpy as np
import pytest
from engine_cases import on_every_engine

from slotscope import engine
from slotscope.story.one_weight import TARGET, one_weight, train


@on_every_engine
def test_without_momentum_the_weight_sums_up_its_inputs(engine):
    x = [4, -8, 12]
    recording, p = train(engine, x, mu=0.0, eta=0.25)
    assert p == 0.25 * sum(x)
    assert recording.iterations.tolist() == [1, 2, 3]


@on_every_engine
def test_the_moment_is_exact(engine):
    recording, p = train(engine, [4, 4, 4], mu=0.5, eta=0.25)
    values = recording.values("momentum")
    assert values.dtype == np.float32
    assert values.ravel().tolist() == [1.0, 1.5, 1.75]
    assert p == 4.25


@on_every_engine
def test_nesterov_takes_another_step_with_the_same_moment(engine):
    recording, p = train(engine, [4, 4], mu=0.5, eta=0.25, nesterov=True)
    assert recording.values("momentum").ravel().tolist() == [1.0, 1.5]
    assert p == (0.5 * 1.0 + 1) + (0.5 * 1.5 + 1)


@pytest.mark.parametrize("p", [0.0, 7.0])
def test_the_loss_is_a_straight_line_below_the_target(p):
    keras_2_1 = engine("keras-2.1")
    x, y = np.full((1, 1), 4, "float32"), np.full((1, 1), TARGET, "float32")
    with keras_2_1.scope():
        model = one_weight(keras_2_1, "sgd")
        model.set_weights([np.full((1, 1), p)])
        assert model.evaluate(x, y, verbose=0) == TARGET - 4 * p
