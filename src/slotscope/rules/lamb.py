"""Lamb: Adam's direction, as long as the parameter itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.adam import averaged, share
from slotscope.rules.rule import Generation, Rate, Rule, Slots


@dataclass(frozen=True)
class Lamb(Rule):
    """Adam, whose step is as long as ``lr`` times the norm of the parameter.

    ``m' = beta_1 * m + (1 - beta_1) * g``; ``v' = beta_2 * v + (1 - beta_2) * g ** 2``;
    ``r = m' / (1 - beta_1 ** t) / (sqrt(v' / (1 - beta_2 ** t)) + epsilon)``;
    ``p' = p - lr * |p| / |r| * r``, or ``p - lr * r`` where one of the norms is 0.

    The norms are of the whole parameter. The paper's Algorithm 2 has the weight decay inside of
    ``r``; Keras decays the parameter before the step, as it does for every optimizer.

    Attributes:
        beta_1: in [0, 1), of the average of gradients.
        beta_2: in [0, 1), of the average of squares.
        epsilon: added to the root of the corrected ``v'``.
    """

    paper: ClassVar[str] = "You et al. 2019, Large Batch Optimization for Deep Learning, Alg. 2"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-3": Generation(
            {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
            "keras/src/optimizers/lamb.py, Keras 3.15",
        ),
    }
    # A norm of some hundred elements, summed in blocks, rounds each of them ten times.
    operations: ClassVar[int] = 48

    learning_rate: Rate = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def initial(self, parameter: np.ndarray) -> Slots:
        return {"momentum": np.zeros_like(parameter), "velocity": np.zeros_like(parameter)}

    def step(
        self, parameter: np.ndarray, gradient: np.ndarray, slots: Slots, iteration: int
    ) -> tuple[np.ndarray, Slots]:
        momentum = averaged(slots["momentum"], gradient, self.beta_1)
        velocity = averaged(slots["velocity"], gradient**2, self.beta_2)
        root = np.sqrt(velocity / share(self.beta_2, iteration))
        direction = momentum / share(self.beta_1, iteration) / (root + self.epsilon)
        lengths = np.linalg.norm(parameter), np.linalg.norm(direction)
        trust = lengths[0] / lengths[1] if all(lengths) else 1.0
        descent = self.rate(iteration) * trust * direction
        return parameter - descent, {"momentum": momentum, "velocity": velocity}
