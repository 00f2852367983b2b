"""Training loops written by hand, as each engine's own guide to them has it.

Each takes a compiled model and a loss ``loss(targets, outputs)``, of which it minimizes the mean,
and returns what trains the model by one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from slotscope.engines.importing import tensorflow

Loss = Callable[[Any, Any], Any]
Step = Callable[[np.ndarray, np.ndarray], Any]
Loop = Callable[[Any, Loss], Step]


def _scaled(optimizer: Any, value: Any) -> Any:
    """The loss as the optimizer wants it before the gradient is taken."""
    return optimizer.scale_loss(value) if hasattr(optimizer, "scale_loss") else value


def tape(model: Any, loss: Loss) -> Step:
    """TensorFlow: ``GradientTape`` and ``apply_gradients``."""
    tf = tensorflow()

    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as recorded:
            value = tf.reduce_mean(loss(y, model(x, training=True)))
            value = _scaled(model.optimizer, value)
        gradients = recorded.gradient(value, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    return step


def compiled_tape(model: Any, loss: Loss) -> Step:
    """The same in a ``tf.function``, in whose first trace the optimizer is built."""
    step: Step = tensorflow().function(tape(model, loss))
    return step


def stateless(model: Any, loss: Loss) -> Step:
    """JAX: ``value_and_grad`` of ``stateless_call``, and ``stateless_apply``."""
    return _threaded(model, _stateless_step(model, loss))


def jitted(model: Any, loss: Loss) -> Step:
    """The same under ``jax.jit``."""
    import jax

    return _threaded(model, jax.jit(_stateless_step(model, loss)))


def _stateless_step(model: Any, loss: Loss) -> Callable[..., Any]:
    import jax

    model.optimizer.build(model.trainable_variables)

    def mean(trainable: Any, other: Any, x: Any, y: Any) -> tuple[Any, Any]:
        outputs, other = model.stateless_call(trainable, other, x, training=True)
        return _scaled(model.optimizer, loss(y, outputs).mean()), other

    def step(state: Any, x: Any, y: Any) -> Any:
        trainable, other, own = state
        (_, other), gradients = jax.value_and_grad(mean, has_aux=True)(trainable, other, x, y)
        trainable, own = model.optimizer.stateless_apply(own, gradients, trainable)
        return trainable, other, own

    return step


def _threaded(model: Any, step: Callable[..., Any]) -> Step:
    """``step`` on the state that the variables of ``model`` hold."""

    def train(x: np.ndarray, y: np.ndarray) -> None:
        held = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
        state = step(tuple([ref.value for ref in refs] for refs in held), x, y)
        for refs, values in zip(held, state, strict=True):
            for ref, value in zip(refs, values, strict=True):
                ref.assign(value)

    return train


def backward(model: Any, loss: Loss) -> Step:
    """torch: ``backward``, and ``apply`` without gradients."""
    import torch

    def step(x: np.ndarray, y: np.ndarray) -> None:
        model.zero_grad()
        place = model.trainable_weights[0].value.device
        inputs, targets = (torch.as_tensor(array, device=place) for array in (x, y))
        value = loss(targets, model(inputs, training=True)).mean()
        _scaled(model.optimizer, value).backward()
        variables = list(model.trainable_weights)
        with torch.no_grad():
            model.optimizer.apply([v.value.grad for v in variables], variables)

    return step


TENSORFLOW: Mapping[str, Loop] = {"custom loop": tape, "compiled custom loop": compiled_tape}
JAX: Mapping[str, Loop] = {"custom loop": stateless, "compiled custom loop": jitted}
TORCH: Mapping[str, Loop] = {"custom loop": backward}
