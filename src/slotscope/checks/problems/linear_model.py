"""A model whose gradients are known to the last bit, in whatever order they are summed.

One Dense layer and the loss ``mean(y * (x W + b))``. Its gradient ``x' y / n`` does not depend on
the weights, and for small integers over powers of two nothing in it is rounded. So every way of
training hands the optimizer the very gradients that :mod:`~slotscope.checks.problems.steps` gives
to ``apply``, and what is left to differ is the optimizer and how it is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from slotscope.checks.problems.steps import Run, State, Trajectory
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


class Linear:
    """A compiled model, in the scope of its engine.

    Attributes:
        engine: with a graph and a session of its own, where it has any.
        model: the model, compiled with a fresh optimizer of the subject.
        x: inputs, float32 (12, 4).
        y: targets, float32 (12, 2).
        loss: what it minimizes the mean of.
    """

    loss = staticmethod(product)

    def __init__(
        self,
        subject: Subject,
        *,
        bias: bool = True,
        constraint: str | None = None,
        optimizer: Any = None,
        compiled: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Make the model and compile it.

        Args:
            subject: what makes the optimizer.
            bias: whether the layer has one; without it the model has one parameter.
            constraint: Keras's name of the kernel's.
            optimizer: what ``compile`` gets in place of a fresh optimizer of the subject.
            compiled: more arguments to ``compile``.
            **changes: to the constructor's arguments of the optimizer.
        """
        self.engine = subject.engine.fresh()
        self.x, self.y = _data()
        with self.engine.scope():
            layers = self.engine.keras.layers
            inputs = layers.Input(shape=(4,))
            layer = layers.Dense(2, use_bias=bias, kernel_constraint=constraint, name="linear")
            outputs = layer(inputs)
            self.model = self.engine.keras.models.Model(inputs, outputs)
            self.model.set_weights([KERNEL, BIAS][: 1 + bias])
            optimizer = optimizer or subject.make(self.engine, **changes)
            self.model.compile(optimizer=optimizer, loss=product, **(compiled or {}))

    def fit(self, **options: Any) -> None:
        """Fit one epoch, in order."""
        given = {"batch_size": ROWS, "epochs": 1, "shuffle": False, "verbose": 0, **options}
        with self.engine.scope():
            self.model.fit(self.x, self.y, **given)

    def evaluate(self) -> None:
        """Evaluate on the training data."""
        with self.engine.scope():
            self.model.evaluate(self.x, self.y, batch_size=ROWS, verbose=0)

    def predict(self) -> None:
        """Predict for the training data."""
        with self.engine.scope():
            self.model.predict(self.x, batch_size=ROWS, verbose=0)

    def each_batch(self, train: Callable[[np.ndarray, np.ndarray], Any]) -> None:
        """Call ``train`` with every batch of one epoch."""
        with self.engine.scope():
            for start in range(0, len(self.x), ROWS):
                train(self.x[start : start + ROWS], self.y[start : start + ROWS])

    @property
    def state(self) -> State:
        """All parameters and optimizer variables, labelled as :class:`Run` labels them."""
        with self.engine.scope():
            weights = self.model.trainable_weights
            found = self.engine.variables(self.model.optimizer, self.model)
            refs = [v.ref for v in found]
            values = self.engine.read([*weights, *refs], self.engine.at_rest())
        names = {self.engine.path(w): f"p{n}" for n, w in enumerate(weights)}
        labels = [
            f"{v.slot}/{names.get(v.parameter, v.parameter)}" if v.parameter else v.slot
            for v in found
        ]
        return {
            label: np.asarray(value, np.float64)
            for label, value in zip([*names.values(), *labels], values, strict=True)
            if value is not None
        }


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
