"""Adam, AdamW and Adamax: two running averages, freed of their start at zero.

Adam puts the factors of both averages into the learning rate, so that its epsilon stands beside the
root of the average as it is, not of the corrected one: the "epsilon hat" of the paper's section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.moments import DEFAULTS, Moments, share
from slotscope.rules.rule import Array, Generation, Slots, Stepped, averaged, zeros


@dataclass(frozen=True)
class Adam(Moments):
    """Running averages of the gradient and of its square; their ratio is the direction.

    ``m' = beta_1 * m + (1 - beta_1) * g``; ``v' = beta_2 * v + (1 - beta_2) * g ** 2``;
    ``p' = p - lr * sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t) * m' / (sqrt(v') + epsilon)``.

    AMSGrad (Reddi et al. 2018, On the Convergence of Adam and Beyond) divides by the largest
    ``v'`` so far, ``h' = max(h, v')``, which no release corrects before it takes the maximum.

    Attributes:
        amsgrad: divide by the root of the largest ``v'``.
        adaptive_epsilon: ``epsilon * sqrt(1 - beta_2 ** t)`` stands for ``epsilon``, which is the
            paper's Algorithm 1; an argument of tf_keras alone.
        placeholder_velocity_hat: without AMSGrad, a slot of shape (1,) stays zero in its place.
    """

    paper: ClassVar[str] = "Kingma and Ba 2014, Adam: A Method for Stochastic Optimization, sec. 2"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {**DEFAULTS, "decay": 0.0, "amsgrad": False},
            "keras/optimizers.py, Keras 2.1.6",
            {"placeholder_velocity_hat": True},
        ),
        "tf_keras-legacy": Generation(
            {**DEFAULTS, "amsgrad": False}, "tf_keras/optimizers/legacy/adam.py, tf_keras 2.21"
        ),
        "tf_keras": Generation(
            {**DEFAULTS, "adaptive_epsilon": False, "amsgrad": False},
            "tf_keras/optimizers/adam.py, tf_keras 2.21",
        ),
        "keras-3": Generation(
            {**DEFAULTS, "amsgrad": False}, "keras/src/optimizers/adam.py, Keras 3.15"
        ),
    }
    operations: ClassVar[int] = 24

    amsgrad: bool = False
    adaptive_epsilon: bool = False
    placeholder_velocity_hat: bool = False

    def initial(self, parameter: Array) -> Slots:
        slots = super().initial(parameter)
        if self.amsgrad:
            slots["velocity_hat"] = np.zeros_like(parameter)
        elif self.placeholder_velocity_hat:
            slots["velocity_hat"] = np.zeros(1)
        return slots

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        momentum, velocity = self.moments(gradient, slots)
        after = {**slots, "momentum": momentum, "velocity": velocity}
        if self.amsgrad:
            velocity = after["velocity_hat"] = np.maximum(slots["velocity_hat"], velocity)
        root_share = np.sqrt(share(self.beta_2, iteration))
        rate = self.rate(iteration) * root_share / share(self.beta_1, iteration)
        epsilon = self.epsilon * root_share if self.adaptive_epsilon else self.epsilon
        return parameter - rate * momentum / (np.sqrt(velocity) + epsilon), after


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam. Its weight decay, ``p - lr * weight_decay * p`` before the step, is not the rule's."""

    paper: ClassVar[str] = "Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization"
    generations: ClassVar[dict[str, Generation]] = {
        "tf_keras": Generation(
            {**DEFAULTS, "weight_decay": 0.004, "amsgrad": False},
            "tf_keras/optimizers/adamw.py, tf_keras 2.21",
        ),
        "keras-3": Generation(
            {**DEFAULTS, "weight_decay": 0.004, "amsgrad": False},
            "keras/src/optimizers/adamw.py, Keras 3.15",
        ),
    }


@dataclass(frozen=True)
class Adamax(Moments):
    """Adam with the largest gradient, which fades, in the place of the root of the mean square.

    ``m' = beta_1 * m + (1 - beta_1) * g``; ``u' = max(beta_2 * u, |g|)``;
    ``p' = p - lr / (1 - beta_1 ** t) * m' / (u' + epsilon)``.

    Attributes:
        beta_1: in [0, 1), of the average of gradients.
        beta_2: in [0, 1], by which the largest gradient fades in a step.
        epsilon: added to ``u'``; the paper has none.
    """

    paper: ClassVar[str] = "Kingma and Ba 2014, Adam: A Method for Stochastic Optimization, sec. 7"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {**DEFAULTS, "learning_rate": 0.002, "decay": 0.0}, "keras/optimizers.py, Keras 2.1.6"
        ),
        "tf_keras-legacy": Generation(
            DEFAULTS, "tf_keras/optimizers/legacy/adamax.py, tf_keras 2.21"
        ),
        "tf_keras": Generation(DEFAULTS, "tf_keras/optimizers/adamax.py, tf_keras 2.21"),
        "keras-3": Generation(DEFAULTS, "keras/src/optimizers/adamax.py, Keras 3.15"),
    }
    operations: ClassVar[int] = 18

    @property
    def conditioning(self) -> float:
        """``1 / (1 - beta_1)``: nothing is subtracted from 1 but the powers of ``beta_1``."""
        return 1.0 / (1.0 - self.beta_1)

    def initial(self, parameter: Array) -> Slots:
        return zeros(parameter, "momentum", "norm")

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        momentum = averaged(slots["momentum"], gradient, self.beta_1)
        norm = np.maximum(self.beta_2 * slots["norm"], np.abs(gradient))
        rate = self.rate(iteration) / share(self.beta_1, iteration)
        descent = rate * momentum / (norm + self.epsilon)
        return parameter - descent, {"momentum": momentum, "norm": norm}
