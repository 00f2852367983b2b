"""Lamb: Adam's direction, as long as the parameter itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.moments import DEFAULTS, Moments, share
from slotscope.rules.rule import Array, Generation, Slots, Stepped


@dataclass(frozen=True)
class Lamb(Moments):
    """Adam, whose step is as long as ``lr`` times the norm of the parameter.

    ``m' = beta_1 * m + (1 - beta_1) * g``; ``v' = beta_2 * v + (1 - beta_2) * g ** 2``;
    ``r = m' / (1 - beta_1 ** t) / (sqrt(v' / (1 - beta_2 ** t)) + epsilon)``;
    ``p' = p - lr * |p| / |r| * r``, or ``p - lr * r`` where one of the norms is 0.

    The norms are of the whole parameter. The paper's Algorithm 2 has the weight decay inside of
    ``r``; Keras decays the parameter before the step, as it does for every optimizer.
    """

    paper: ClassVar[str] = "You et al. 2019, Large Batch Optimization for Deep Learning, Alg. 2"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-3": Generation(DEFAULTS, "keras/src/optimizers/lamb.py, Keras 3.15"),
    }
    # A norm of some hundred elements, summed in blocks, rounds each of them ten times.
    operations: ClassVar[int] = 48

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        momentum, velocity = self.moments(gradient, slots)
        corrected = momentum / share(self.beta_1, iteration)
        direction = corrected / self.corrected_root(velocity, iteration)
        lengths = np.linalg.norm(parameter), np.linalg.norm(direction)
        trust = lengths[0] / lengths[1] if all(lengths) else 1.0
        descent = self.rate(iteration) * trust * direction
        return parameter - descent, {"momentum": momentum, "velocity": velocity}
