"""Lion: the sign of a momentum, so that every element moves by the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.rule import Array, Generation, Rate, Rule, Slots, Stepped, averaged, zeros


@dataclass(frozen=True)
class Lion(Rule):
    """``p' = p - lr * sign(beta_1 * m + (1 - beta_1) * g)``;
    ``m' = beta_2 * m + (1 - beta_2) * g``.

    The step looks at the momentum of the step before. Where the two terms under the sign cancel,
    one rounding decides between ``-lr`` and ``lr``: no tolerance covers that.

    Attributes:
        beta_1: weight of the momentum in the step, in (0, 1].
        beta_2: decay of the momentum, in [0, 1).
    """

    paper: ClassVar[str] = "Chen et al. 2023, Symbolic discovery of optimization algorithms"
    generations: ClassVar[dict[str, Generation]] = {
        "tf_keras": Generation(
            {"learning_rate": 0.0001, "beta_1": 0.9, "beta_2": 0.99},
            "tf_keras/src/optimizers/lion.py, tf_keras 2.21",
        ),
        "keras-3": Generation(
            {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
            "keras/src/optimizers/lion.py, Keras 3.15",
        ),
    }
    operations: ClassVar[int] = 8

    learning_rate: Rate = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.99

    def initial(self, parameter: Array) -> Slots:
        return zeros(parameter, "momentum")

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        momentum = slots["momentum"]
        direction = np.sign(averaged(momentum, gradient, self.beta_1))
        kept = averaged(momentum, gradient, self.beta_2)
        return parameter - self.rate(iteration) * direction, {"momentum": kept}
