"""Adafactor: the second moment of a matrix, kept as the means of its rows and its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.rule import Array, Generation, Rate, Rule, Slots, Stepped

_DEFAULTS = {
    "learning_rate": 0.001,
    "beta_2_decay": -0.8,
    "epsilon_1": 1e-30,
    "epsilon_2": 1e-3,
    "clip_threshold": 1.0,
    "relative_step": True,
}


def rms(x: np.ndarray) -> float:
    """The root mean square of all elements."""
    return float(np.sqrt(np.mean(np.square(x))))


@dataclass(frozen=True)
class Adafactor(Rule):
    """``p' = p - max(epsilon_2, rms(p)) * rho * u / max(1, rms(u) / clip_threshold)``, where
    ``u = g / sqrt(v')``, and ``rho`` is the learning rate, with ``relative_step`` at most
    ``1 / sqrt(t)``; ``t = iteration + 1``.

    With ``beta = 1 - t ** beta_2_decay`` and ``s = g ** 2 + epsilon_1``, a vector or a scalar
    keeps ``v' = beta * v + (1 - beta) * s`` itself. A matrix keeps the means of its rows,
    ``r' = beta * r + (1 - beta) * mean(s, axis=-1)``, and likewise ``c'`` of its columns, over
    ``axis=-2``; then ``v' = r' * c' / mean(r')``. Of an array with more than two axes the last two
    are such a matrix, for each index of the others.

    The paper (algorithms 4 to 6) has ``rho = min(0.01, 1 / sqrt(t))``.

    Attributes:
        beta_2_decay: less than 0.
        epsilon_1: keeps ``v'`` away from 0.
        epsilon_2: the least scale of a parameter.
        clip_threshold: the largest root mean square of ``u``.
        relative_step: let a learning rate that is a number, not a schedule, fall with ``t``.
        shows_dummies: the ``r`` and ``c`` of a vector, scalars that stay 0, are among the slots.
    """

    paper: ClassVar[str] = "Shazeer and Stern 2018, Adafactor: adaptive learning rates"
    generations: ClassVar[dict[str, Generation]] = {
        "tf_keras": Generation(
            _DEFAULTS,
            "tf_keras/src/optimizers/adafactor.py, tf_keras 2.21",
            {"shows_dummies": False},
        ),
        "keras-3": Generation(_DEFAULTS, "keras/src/optimizers/adafactor.py, Keras 3.15"),
    }
    # Each mean adds up an axis, or all of them.
    operations: ClassVar[int] = 64

    learning_rate: Rate = 0.001
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True
    shows_dummies: bool = True

    @property
    def conditioning(self) -> float:
        """``1 - beta`` is ``t ** beta_2_decay``: the digits that it lost after a hundred steps."""
        return float(100.0**-self.beta_2_decay)

    def initial(self, parameter: Array) -> Slots:
        slots = {"velocity": np.zeros_like(parameter)}
        if parameter.ndim >= 2:
            slots["r"] = np.zeros(parameter.shape[:-1])
            slots["c"] = np.zeros((*parameter.shape[:-2], parameter.shape[-1]))
        elif self.shows_dummies:
            slots["r"], slots["c"] = np.zeros(()), np.zeros(())
        return slots

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        after = self._moments(gradient**2 + self.epsilon_1, slots, iteration + 1)
        update = gradient / np.sqrt(after["velocity"])
        update = update / max(1.0, rms(update) / self.clip_threshold)
        scale = max(self.epsilon_2, rms(parameter))
        return parameter - scale * self._relative(iteration) * update, after

    def _moments(self, square: np.ndarray, slots: Slots, t: int) -> Slots:
        new = float(t) ** self.beta_2_decay
        if square.ndim < 2:
            return {**slots, "velocity": (1 - new) * slots["velocity"] + new * square}
        rows = (1 - new) * slots["r"] + new * square.mean(axis=-1)
        columns = (1 - new) * slots["c"] + new * square.mean(axis=-2)
        share = rows / rows.mean(axis=-1, keepdims=True)
        velocity = share[..., :, np.newaxis] * columns[..., np.newaxis, :]
        return {"r": rows, "c": columns, "velocity": velocity}

    def _relative(self, iteration: int) -> float:
        rate = self.rate(iteration)
        falls = self.relative_step and not callable(self.learning_rate)
        return min(rate, 1.0 / float(np.sqrt(iteration + 1.0))) if falls else rate
