"""Softmax regression on the digits, trained one step at a time, in batches of any rows.

The model is a kernel (64, 10) and a bias (10,), from zero. The gradient of its mean loss over a
batch is known, ``x.T @ (softmax(x @ kernel + bias) - onehot(y)) / rows``. NumPy computes it in
float64, and the optimizer takes it in float32, without a model of Keras. That traces and compiles
nothing, and is the same on every backend.

An *update* is a list of batches. Each batch is one step of the optimizer; where
``gradient_accumulation_steps`` is the number of batches in an update, the last one moves the
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.engines import Engine
from slotscope.rules import RULES, rule
from slotscope.rules.training import DIALECTS, Each, Now, State, Training
from slotscope.story.digits import digits

#: Kernel and bias, float32.
Weights = list[np.ndarray]


@dataclass(frozen=True)
class Batch:
    """Rows that are trained on in one step.

    Attributes:
        rows: their numbers (rows,).
        shares: how much each counts in the mean loss (rows,), together 1.
    """

    rows: np.ndarray
    shares: np.ndarray


Update = list[Batch]
#: From images (rows, 64), labels (rows,), shares (rows,) and the weights to their gradients.
Gradient = Callable[[np.ndarray, np.ndarray, np.ndarray, Weights], Weights]


def batch(rows: np.ndarray) -> Batch:
    """A batch in which each row counts the same."""
    return Batch(rows, np.full(len(rows), 1 / len(rows)))


def equal(rows: np.ndarray, steps: int) -> Update:
    """An update of ``steps`` batches of one size."""
    return [batch(part) for part in np.split(rows, steps)]


def unequal(rows: np.ndarray, steps: int) -> Update:
    """An update of one batch with many rows, and then ``steps - 1`` with one row each."""
    return [batch(part) for part in np.split(rows, range(len(rows) - steps + 1, len(rows)))]


def pooled(update: Update) -> Update:
    """All rows of an update as one batch, in which each row counts the same."""
    return [batch(np.concatenate([part.rows for part in update]))]


def mean_of_means(update: Update) -> Update:
    """All rows of an update as one batch, in which each of the former batches counts the same."""
    rows = np.concatenate([part.rows for part in update])
    shares = np.concatenate([part.shares / len(update) for part in update])
    return [Batch(rows, shares)]


def gradient(x: np.ndarray, y: np.ndarray, shares: np.ndarray, weights: Weights) -> Weights:
    """The gradient of the loss, a mean over rows."""
    kernel, bias = (weight.astype(np.float64) for weight in weights)
    scores = x @ kernel + bias
    errors = np.exp(scores - scores.max(axis=1, keepdims=True))
    errors /= errors.sum(axis=1, keepdims=True)
    errors[np.arange(len(y)), y] -= 1.0
    errors *= shares[:, np.newaxis]
    return [(x.T @ errors).astype(np.float32), errors.sum(axis=0).astype(np.float32)]


def normalised(x: np.ndarray, y: np.ndarray, shares: np.ndarray, weights: Weights) -> Weights:
    """The same, where pixels are first brought to mean 1 and deviation 1, by those of the batch."""
    # Not to mean 0: a class that the batch lacks would have gradients of 0, as dead pixels have;
    # where both meet, Adafactor's weights are NaN.
    x = x.astype(np.float64)
    return gradient(1 + (x - x.mean(axis=0)) / (x.std(axis=0) + 0.01), y, shares, weights)


@dataclass
class Descent:
    """What a training left.

    Attributes:
        weights: after each step of the optimizer.
        final: after ``finalize_variable_values``, which ``fit`` calls when it ends.
    """

    weights: list[Weights] = field(default_factory=list)
    final: Weights = field(default_factory=list)


def apart(one: Weights, other: Weights) -> float:
    """How far apart two trainings ended: of the larger move, and but for 1 weight in 100.

    A weight in a hundred is let off because a rounding may turn the sign of what is nearly zero,
    and an optimizer that takes signs then moves that weight the other way.
    """
    differences, moves = (
        np.concatenate([abs(p.astype(float) - q).ravel() for p, q in zip(one, b, strict=True)])
        for b in (other, [np.zeros_like(p) for p in one])
    )
    largest = max(moves.max(), max(float(abs(p).max()) for p in other))
    return float(np.quantile(differences, 0.99) / (largest or 1.0))


def descend(
    engine: Engine,
    optimizer: Any,
    updates: Sequence[Update],
    seed: int,
    gradient: Gradient = gradient,
    rates: Sequence[float] = (),
) -> Descent:
    """Train from zero, with one step for each batch of each update.

    Args:
        engine: one of Keras 3's.
        optimizer: not yet built.
        updates: what to train on.
        seed: shuffles the digits.
        gradient: the gradient of the loss.
        rates: a learning rate for each update, where they are set by hand.
    """
    images, labels = digits()
    order = np.random.RandomState(seed).permutation(len(labels))
    own = [np.zeros((64, 10), np.float32), np.zeros(10, np.float32)]
    found = Descent([own])
    with engine.scope():
        parameters = engine.parameters(own, "float32")
        step = engine.stepper(optimizer, parameters, own, engine.branching_way or engine.ways[0])
        for number, update in enumerate(updates):
            if len(rates):
                engine.set_learning_rate(optimizer, rates[number])
            for part in update:
                rows = order[part.rows]
                step(gradient(images[rows], labels[rows], part.shares, found.weights[-1]))
                found.weights.append(_read(engine, parameters))
        optimizer.finalize_variable_values(parameters)
        found.final = _read(engine, parameters)
    found.weights.pop(0)
    return found


def defaults(optimizer: str, generation: str) -> dict[str, Any]:
    """The arguments that a generation's constructor takes, with its own defaults."""
    return dict(RULES[optimizer].generations[generation].defaults)


def rule_training(optimizer: str, generation: str, **config: Any) -> Training:
    """Training by a generation's rule, with its defaults where ``config`` says nothing else."""
    known = {**defaults(optimizer, generation), **config}
    own, decay = rule(optimizer, generation, **config), known.get("weight_decay")
    return Training(Each(own), weight_decay=decay, **DIALECTS[generation])


def rule_states(training: Training, x: np.ndarray, y: np.ndarray, size: int) -> list[State]:
    """What a rule holds after each batch of ``size`` rows, from zero, in float64.

    Returns:
        Dicts by label: ``p0`` the kernel, ``p1`` the bias, ``momentum/p0`` a slot.
    """
    now, states = Now(training, [np.zeros((64, 10)), np.zeros(10)]), []
    shares = np.full(size, 1 / size)
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        now.apply(gradient(x[rows], y[rows], shares, now.parameters))
        states.append(now.state)
    return states


def _read(engine: Engine, parameters: Sequence[Any]) -> Weights:
    return [np.array(value) for value in engine.read(parameters)]
