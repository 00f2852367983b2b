"""Gradient descent with momentum, as Keras does it: the velocity holds the learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from slotscope.rules.rule import Array, Generation, Rule, Slots, Stepped, zeros

_DEFAULTS = {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False}


@dataclass(frozen=True)
class SGD(Rule):
    """``v' = momentum * v - lr * g``; ``p' = p + v'``, or ``p + momentum * v' - lr * g``.

    Attributes:
        momentum: in [0, 1).
        nesterov: look ahead by one more step of momentum.
        always_has_slots: the slot exists without momentum too, and then holds the last step.
    """

    paper: ClassVar[str] = "Sutskever et al. 2013, On the importance of initialization and momentum"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {**_DEFAULTS, "decay": 0.0},
            "keras/optimizers.py, Keras 2.1.6",
            {"always_has_slots": True},
        ),
        "tf_keras-legacy": Generation(
            _DEFAULTS, "tf_keras/src/optimizers/legacy/gradient_descent.py, tf_keras 2.21"
        ),
        "tf_keras": Generation(
            _DEFAULTS, "tf_keras/src/optimizers/sgd.py, tf_keras 2.21", {"always_has_slots": True}
        ),
        "keras-3": Generation(_DEFAULTS, "keras/src/optimizers/sgd.py, Keras 3.15"),
    }

    momentum: float = 0.0
    nesterov: bool = False
    always_has_slots: bool = False

    def initial(self, parameter: Array) -> Slots:
        has_slots = self.momentum or self.always_has_slots
        return zeros(parameter, "momentum") if has_slots else {}

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        descent = -self.rate(iteration) * gradient
        if not slots:
            return parameter + descent, slots
        velocity = self.momentum * slots["momentum"] + descent
        ahead = self.momentum * velocity + descent if self.nesterov else velocity
        return parameter + ahead, {"momentum": velocity}
