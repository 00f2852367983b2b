"""Two running averages, of the gradient and of its square: what Adam and its family keep.

A running average that starts at zero is too small by the factor ``1 - beta ** t`` after ``t``
steps. Each of the family takes that factor out in its own way.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np

from slotscope.rules.rule import Array, Rate, Rule, Slots, averaged, zeros

#: What the constructors of the family take when nothing is said, in most generations.
DEFAULTS = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def share(beta: float, iteration: int) -> float:
    """``1 - beta ** t``: how much of a running average is not its start, ``t = iteration + 1``."""
    return float(1.0 - beta ** (iteration + 1))


@dataclass(frozen=True)
class Moments(Rule, ABC):
    """``m' = beta_1 * m + (1 - beta_1) * g``; ``v' = beta_2 * v + (1 - beta_2) * g ** 2``.

    Attributes:
        beta_1: in [0, 1), of the average of gradients.
        beta_2: in [0, 1), of the average of squares.
        epsilon: added to the root of ``v'``, or to that of the corrected ``v'``.
    """

    learning_rate: Rate = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def initial(self, parameter: Array) -> Slots:
        return zeros(parameter, "momentum", "velocity")

    def moments(self, gradient: Array, slots: Slots) -> tuple[Array, Array]:
        """``m'`` and ``v'``, neither of them corrected."""
        momentum = averaged(slots["momentum"], gradient, self.beta_1)
        return momentum, averaged(slots["velocity"], gradient**2, self.beta_2)

    def corrected_root(self, velocity: Array, iteration: int) -> Array:
        """``sqrt(v' / (1 - beta_2 ** t)) + epsilon``."""
        root: Array = np.sqrt(velocity / share(self.beta_2, iteration))
        return root + self.epsilon
