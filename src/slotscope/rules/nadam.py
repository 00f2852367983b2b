"""Nadam: Adam that looks one step of momentum ahead, with a momentum that warms up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.moments import DEFAULTS, Moments
from slotscope.rules.rule import Array, Generation, Slots, Stepped


@dataclass(frozen=True)
class Nadam(Moments):
    """Adam's averages, of which the first is used as it will be one step later.

    The momentum of step ``t`` is ``mu_t = beta_1 * (1 - 0.96 ** (schedule_decay * t) / 2)``, and
    ``U_t = mu_1 * ... * mu_t`` is what it leaves of the start. The averages themselves are plain:
    ``m' = beta_1 * m + (1 - beta_1) * g``; ``v' = beta_2 * v + (1 - beta_2) * g ** 2``;
    ``ahead = mu_(t+1) * m' / (1 - U_(t+1)) + (1 - mu_t) * g / (1 - U_t)``;
    ``p' = p - lr * ahead / (sqrt(v' / (1 - beta_2 ** t)) + epsilon)``.

    The report averages with ``mu_t`` in place of ``beta_1`` too; no release does. It has
    ``schedule_decay`` 1 / 250 as the releases up to the legacy optimizers do; later ones have 1,
    under which the momentum is warm after some 100 steps and not 25,000.

    Attributes:
        beta_1: in [0, 1), of the average of gradients, and the limit of ``mu``.
        schedule_decay: how fast ``mu`` rises from about ``beta_1 / 2``; an argument up to
            the legacy optimizers, a constant after.
        product: the name under which the optimizer shows ``U_t``, a scalar; empty if it keeps
            ``U_t`` to itself.
    """

    paper: ClassVar[str] = "Dozat 2015, Incorporating Nesterov Momentum into Adam (CS 229 report)"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {**DEFAULTS, "learning_rate": 0.002, "schedule_decay": 0.004},
            "keras/optimizers.py, Keras 2.1.6",
            {"product": ""},
        ),
        "tf_keras-legacy": Generation(
            {**DEFAULTS, "schedule_decay": 0.004},
            "tf_keras/optimizers/legacy/nadam.py, tf_keras 2.21",
            {"product": "momentum_cache"},
        ),
        "tf_keras": Generation(
            DEFAULTS, "tf_keras/optimizers/nadam.py, tf_keras 2.21", {"product": ""}
        ),
        "keras-3": Generation(DEFAULTS, "keras/src/optimizers/nadam.py, Keras 3.15"),
    }
    operations: ClassVar[int] = 36

    schedule_decay: float = 1.0
    product: str = "u_product"

    @property
    def shared(self) -> tuple[str, ...]:
        return (self.product,) if self.product else ()

    def warmed(self, t: int) -> float:
        """``mu_t``, from ``t = 1`` on."""
        return float(self.beta_1 * (1.0 - 0.5 * 0.96 ** (self.schedule_decay * t)))

    def initial(self, parameter: Array) -> Slots:
        slots = super().initial(parameter)
        return {**slots, self.product: np.ones(())} if self.product else slots

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        now, later = self.warmed(iteration + 1), self.warmed(iteration + 2)
        product = math.prod(self.warmed(t) for t in range(1, iteration + 2))
        momentum, velocity = self.moments(gradient, slots)
        old = later * momentum / (1.0 - product * later)
        new = (1.0 - now) * gradient / (1.0 - product)
        after = {"momentum": momentum, "velocity": velocity}
        if self.product:
            after[self.product] = np.array(product)
        descent = self.rate(iteration) * (old + new) / self.corrected_root(velocity, iteration)
        return parameter - descent, after
