"""A model whose gradients are known to the last bit, in whatever order they are summed.

One Dense layer and the loss ``mean(y * (x W + b))``. Its gradient ``x' y / n`` does not depend on
the weights, and for small integers over powers of two nothing in it is rounded. So every way of
training hands the optimizer the very gradients that :mod:`~slotscope.checks.problems.steps` gives
to ``apply``, and what is left to differ is the optimizer and how it is called.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slotscope.checks.problems.small_models import Fitted
from slotscope.checks.problems.state import Trained, Trajectory
from slotscope.checks.problems.steps import Run
from slotscope.checks.subjects.subject import Subject

#: Batches in one epoch, and the rows in each.
BATCHES, ROWS = 6, 2

#: The parameters before the first step: kernel (4, 2) and bias (2,).
KERNEL: np.ndarray = np.asarray(np.arange(8).reshape(4, 2) * 3 % 7 - 2.5, np.float32) / 4
BIAS: np.ndarray = np.asarray([0.75, -0.5], np.float32)


def product(targets: Any, outputs: Any) -> Any:
    """The loss of one row and output; its mean is what training minimizes."""
    return targets * outputs


def _data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs (12, 4) and targets (12, 2): odd integers over 4."""
    random = np.random.RandomState(98)  # a seed with which no gradient is near 0
    x = 2 * random.randint(-3, 3, (BATCHES * ROWS, 4)) + 1
    y = 2 * random.randint(-3, 3, (BATCHES * ROWS, 2)) + 1
    return x.astype(np.float32) / 4, y.astype(np.float32) / 4


class Linear(Fitted):
    """The model, compiled with a fresh optimizer; its parameters are labelled as a run's are."""

    def __init__(
        self,
        subject: Subject,
        *,
        bias: bool = True,
        constraint: str | None = None,
        compiled: dict[str, Any] | None = None,
    ) -> None:
        """Make the model and compile it.

        Args:
            subject: what makes the optimizer.
            bias: whether the layer has one; without it the model has one parameter.
            constraint: Keras's name of the kernel's.
            compiled: more arguments to ``compile``.
        """
        engine = subject.engine.fresh()
        with engine.scope():
            layers = engine.keras.layers
            inputs = layers.Input(shape=(4,))
            layer = layers.Dense(2, use_bias=bias, kernel_constraint=constraint, name="linear")
            outputs = layer(inputs)
            model = engine.keras.models.Model(inputs, outputs)
            model.set_weights([KERNEL, BIAS][: 1 + bias])
            model.compile(optimizer=subject.make(engine), loss=product, **(compiled or {}))
        super().__init__(engine, model, *_data(), ROWS)

    def _trained(self) -> Trained:
        with self.engine.scope():
            labelled = {f"p{n}": weight for n, weight in enumerate(self.model.trainable_weights)}
        names = {self.engine.path(weight): label for label, weight in labelled.items()}
        return Trained(self.engine, self.model.optimizer, labelled, names, self.model)


def gradients(rows: int = ROWS, bias: bool = True) -> list[list[np.ndarray]]:
    """The gradients of one epoch in batches of ``rows`` rows."""
    x, y = _data()
    steps: list[list[np.ndarray]] = []
    for start in range(0, len(x), rows):
        xs, ys = x[start : start + rows], y[start : start + rows]
        steps.append([xs.T @ ys / ys.size, ys.sum(axis=0) / ys.size][: 1 + bias])
    return steps


def applied(
    subject: Subject, *, rows: int = ROWS, bias: bool = True, epochs: int = 1, **changes: Any
) -> Trajectory:
    """The states of the same training, done by giving each gradient to the plainest step.

    The parameters are called as the model's are, since a step may look at names.
    """
    names = ["linear/kernel", "linear/bias"][: 1 + bias]
    run = Run(subject, [KERNEL, BIAS][: 1 + bias], names=names, **changes)
    scale = getattr(run.optimizer, "loss_scale_factor", None) or 1.0  # a step divides by it
    states = [run.state]
    for step in gradients(rows, bias) * epochs:
        run.step([np.asarray(gradient * np.float32(scale)) for gradient in step])
        states.append(run.state)
    return states


def finished(states: Trajectory) -> Trajectory:
    """``states``, ended as ``fit`` ends: parameters that have an average become it."""
    last = dict(states[-1])
    for label in [label for label in last if label.startswith("p")]:
        last[label] = last.get(f"average/{label}", last[label])
    return [*states[:-1], last]
