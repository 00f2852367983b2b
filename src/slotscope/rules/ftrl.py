"""Ftrl: the parameter is computed anew at each step, from two sums over all gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.rule import Array, Generation, Rate, Rule, Slots, Stepped

_DEFAULTS = {
    "learning_rate": 0.001,
    "learning_rate_power": -0.5,
    "initial_accumulator_value": 0.1,
    "l1_regularization_strength": 0.0,
    "l2_regularization_strength": 0.0,
    "l2_shrinkage_regularization_strength": 0.0,
    "beta": 0.0,
}


@dataclass(frozen=True)
class Ftrl(Rule):
    """``n' = n + g ** 2``; ``z' = z + g + 2 * l2_shrinkage * p - (r(n') - r(n)) / lr * p``;
    ``p' = (sign(z') * l1 - z') / ((beta + r(n')) / lr + 2 * l2)``, or 0 if ``|z'| <= l1``.

    ``r(n)`` is ``n ** -learning_rate_power``, by default ``sqrt(n)``. The paper, and Keras's own
    docstring, have ``l2`` where the releases, and TensorFlow's op, have ``2 * l2``.

    Attributes:
        learning_rate_power: at most 0; 0 is a learning rate that stays the same.
        initial_accumulator_value: of every element of ``n``, at least 0.
        l1_regularization_strength: l1, at least 0.
        l2_regularization_strength: l2, at least 0.
        l2_shrinkage_regularization_strength: of a penalty on the parameter, at least 0.
        beta: the paper's beta.
        l2_factor: what l2 is multiplied by.
    """

    paper: ClassVar[str] = "McMahan et al. 2013, Ad click prediction, algorithm 1"
    generations: ClassVar[dict[str, Generation]] = {
        "tf_keras-legacy": Generation(
            _DEFAULTS, "tf_keras/src/optimizers/legacy/ftrl.py, tf_keras 2.21"
        ),
        "tf_keras": Generation(_DEFAULTS, "tf_keras/src/optimizers/ftrl.py, tf_keras 2.21"),
        "keras-3": Generation(_DEFAULTS, "keras/src/optimizers/ftrl.py, Keras 3.15"),
    }
    operations: ClassVar[int] = 24

    learning_rate: Rate = 0.001
    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = 0.0
    beta: float = 0.0
    l2_factor: float = 2.0

    @property
    def conditioning(self) -> float:
        """``r(n') - r(n)`` keeps a rounding of ``r(n)``, and ``p / lr`` multiplies it.

        Beside a gradient as large as the parameter, that is ``r(n) / lr`` roundings.
        """
        return max(1.0, float(self._power(self.initial_accumulator_value)) / self.rate(0))

    def _power(self, accumulator: np.ndarray | float) -> np.ndarray:
        return np.power(accumulator, -self.learning_rate_power)

    def initial(self, parameter: Array) -> Slots:
        return {
            "accumulator": np.full_like(parameter, self.initial_accumulator_value),
            "linear": np.zeros_like(parameter),
        }

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        rate, l1 = self.rate(iteration), self.l1_regularization_strength
        accumulator = slots["accumulator"] + gradient**2
        power = self._power(accumulator)
        pull = (power - self._power(slots["accumulator"])) / rate
        shrunk = gradient + 2 * self.l2_shrinkage_regularization_strength * parameter
        linear = slots["linear"] + shrunk - pull * parameter
        quadratic = (self.beta + power) / rate + self.l2_factor * self.l2_regularization_strength
        beyond = np.abs(linear) > l1
        # Where nothing is beyond l1, the quadratic may be 0: no gradient was ever other than 0.
        leader = (np.sign(linear) * l1 - linear) / np.where(beyond, quadratic, 1.0)
        return np.where(beyond, leader, 0.0), {"accumulator": accumulator, "linear": linear}
