"""The smallest model that has a moment: one weight, and a gradient that is known beforehand.

The model is p·x, and the loss |y - p·x| with y = 1024, so far above that p·x does not reach it in
these notebooks. There the loss is a straight line in p, and its gradient g is -x, whatever p is.
With integers for x and powers of two for μ and η every step of SGD is exact in float32, so the
moments of Keras can be compared with arithmetic by hand to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slotscope.engines import Engine
from slotscope.recording.recording import Recording
from slotscope.recording.watch import watch

#: y, the target that p·x stays below.
TARGET = 1024.0


def one_weight(engine: Engine, optimizer: Any) -> Any:
    """The model p·x, with p at 0, compiled; to be called in the engine's scope."""
    layers = engine.keras.layers
    x = layers.Input((1,))
    product = layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="line")(x)
    model = engine.keras.models.Model(x, product)
    model.compile(optimizer=optimizer, loss="mean_absolute_error")
    return model


def train(
    engine: Engine,
    x: Sequence[float] | np.ndarray,
    mu: float,
    eta: float,
    nesterov: bool = False,
) -> tuple[Recording, float]:
    """Train with SGD, one batch for each number in ``x``, in order.

    Args:
        engine: where to train.
        x: the inputs; the gradient of batch t is ``-x[t]``.
        mu: momentum.
        eta: learning rate.
        nesterov: whether SGD takes Nesterov's step.

    Returns:
        The recording, whose values are float32 of shape (batches, 1, 1), and p at the end.
    """
    inputs = np.asarray(x, dtype=np.float32).reshape(-1, 1)
    targets = np.full_like(inputs, TARGET)
    optimizer = engine.optimizer("SGD", learning_rate=eta, momentum=mu, nesterov=nesterov)
    with engine.scope():
        model = one_weight(engine, optimizer)
        with watch(model) as recording:
            model.fit(inputs, targets, batch_size=1, shuffle=False, verbose=0)
        return recording, float(model.get_weights()[0].item())
