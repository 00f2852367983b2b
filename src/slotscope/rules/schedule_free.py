"""ScheduleFreeAdamW: steps go to one sequence, gradients come from between it and its average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.moments import DEFAULTS, Moments
from slotscope.rules.rule import Array, Generation, Rate, Slots, Stepped, averaged


@dataclass(frozen=True)
class ScheduleFreeAdamW(Moments):
    """Adam without momentum steps in ``z``; the parameter lies between ``z`` and its average ``x``.

    ``v' = beta_2 * v + (1 - beta_2) * g ** 2``;
    ``z' = z - lr * g / (sqrt(v' / (1 - beta_2 ** t)) + epsilon)``;
    ``x' = (1 - 1 / t) * x + z' / t``; ``p' = (1 - beta_1) * z' + beta_1 * x'``.

    ``z`` is the slot ``momentum`` and starts as the parameter. ``x`` is kept nowhere: it is
    ``(p - (1 - beta_1) * z) / beta_1``, so that whatever else changes the parameter changes ``x``.

    The paper's Algorithm 1 weights ``z'`` by ``lr ** 2`` in the average, and takes its weight decay
    from ``z``. Keras weights every step alike, the same as long as ``lr`` stays the same, and
    decays the parameter.

    Attributes:
        beta_1: in (0, 1], how near the parameter is to ``x``.
        warmup_steps: steps over which the learning rate rises in equal parts; 0: none.
    """

    paper: ClassVar[str] = "Defazio et al. 2024, The Road Less Scheduled, Algorithm 1"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-3": Generation(
            {**DEFAULTS, "learning_rate": 0.0025, "epsilon": 1e-8, "warmup_steps": 0},
            "keras/src/optimizers/schedule_free_adamw.py, Keras 3.15",
        ),
    }
    operations: ClassVar[int] = 32

    learning_rate: Rate = 0.0025
    epsilon: float = 1e-8
    warmup_steps: int = 0

    @property
    def conditioning(self) -> float:
        """``1 / (1 - beta)``, or ``1 / beta_1``, by which ``x`` is found again."""
        return max(super().conditioning, 1.0 / self.beta_1)

    def initial(self, parameter: Array) -> Slots:
        return {"momentum": np.copy(parameter), "velocity": np.zeros_like(parameter)}

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        before = slots["momentum"]
        average = (parameter - (1.0 - self.beta_1) * before) / self.beta_1
        velocity = averaged(slots["velocity"], gradient**2, self.beta_2)
        warmth = min((iteration + 1) / self.warmup_steps, 1.0) if self.warmup_steps else 1.0
        root = self.corrected_root(velocity, iteration)
        z = before - warmth * self.rate(iteration) * gradient / root
        average = averaged(average, z, 1.0 - 1.0 / (iteration + 1))
        return averaged(z, average, 1.0 - self.beta_1), {"momentum": z, "velocity": velocity}
