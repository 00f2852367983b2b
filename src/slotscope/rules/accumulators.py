"""RMSprop, Adagrad and Adadelta: a step divided by the root of accumulated squared gradients.

They differ in what they accumulate: an average that forgets (RMSprop), a sum (Adagrad), or two
averages, of gradients and of steps (Adadelta). The generations of Keras differ in where epsilon
goes: ``sqrt(a + epsilon)``, inside the root, or ``sqrt(a) + epsilon``, outside. With the usual
1e-7, a gradient of 1e-4 is large to the one and small to the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from slotscope.rules.rule import Array, Generation, Rate, Rule, Slots, Stepped, averaged, zeros

_EVERY = {"learning_rate": 0.001, "epsilon": 1e-7}
_RMSPROP = {**_EVERY, "rho": 0.9, "momentum": 0.0, "centered": False}
_ADAGRAD = {**_EVERY, "initial_accumulator_value": 0.1}
_ADADELTA = {**_EVERY, "rho": 0.95}


def root(square: Array, epsilon: float, inside: bool) -> Array:
    """``sqrt(square + epsilon)``, or ``sqrt(square) + epsilon``."""
    return np.sqrt(square + epsilon) if inside else np.sqrt(square) + epsilon


@dataclass(frozen=True)
class RMSprop(Rule):
    """``v' = rho * v + (1 - rho) * g ** 2``; ``p' = p - lr * g / root(v')``.

    With ``centered``, the root is that of the variance, ``v' - a' ** 2``, where
    ``a' = rho * a + (1 - rho) * g``. With momentum, ``m' = momentum * m + lr * g / root`` and
    ``p' = p - m'``.

    Attributes:
        rho: decay of the averages, in [0, 1).
        momentum: in [0, 1); 0 is none, and no slot for it.
        epsilon: keeps the denominator away from 0.
        centered: divide by the standard deviation of the gradient, not by its root mean square.
        epsilon_inside: without momentum, ``sqrt(v' + epsilon)``, not ``sqrt(v') + epsilon``.
        epsilon_inside_with_momentum: the same with momentum, which legacy tf_keras leaves to
            another op of TensorFlow.
    """

    paper: ClassVar[str] = "Hinton 2012, Neural networks for machine learning, lecture 6e"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7, "decay": 0.0},
            "keras/optimizers.py, Keras 2.1.6",
            {"epsilon_inside": False, "epsilon_inside_with_momentum": False},
        ),
        "tf_keras-legacy": Generation(
            _RMSPROP,
            "tf_keras/src/optimizers/legacy/rmsprop.py, tf_keras 2.21",
            {"epsilon_inside": False},
        ),
        "tf_keras": Generation(_RMSPROP, "tf_keras/src/optimizers/rmsprop.py, tf_keras 2.21"),
        "keras-3": Generation(_RMSPROP, "keras/src/optimizers/rmsprop.py, Keras 3.15"),
    }

    learning_rate: Rate = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False
    epsilon_inside: bool = True
    epsilon_inside_with_momentum: bool = True

    @property
    def conditioning(self) -> float:
        """The averages' conditioning, once more where a variance is the difference of two.

        A gradient that stays the same makes that difference vanish, and no number covers it.
        """
        memory = 1.0 / (1.0 - max(self.rho, self.momentum))
        return memory / (1.0 - self.rho) if self.centered else memory

    def initial(self, parameter: Array) -> Slots:
        names = ["velocity"]
        names += ["momentum"] if self.momentum else []
        names += ["average_gradient"] if self.centered else []
        return zeros(parameter, *names)

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        velocity = averaged(slots["velocity"], gradient**2, self.rho)
        after, square = {"velocity": velocity}, velocity
        if self.centered:
            mean = averaged(slots["average_gradient"], gradient, self.rho)
            after["average_gradient"], square = mean, velocity - mean**2
        inside = self.epsilon_inside_with_momentum if self.momentum else self.epsilon_inside
        descent = self.rate(iteration) * gradient / root(square, self.epsilon, inside)
        if self.momentum:
            descent = self.momentum * slots["momentum"] + descent
            after["momentum"] = descent
        return parameter - descent, after


@dataclass(frozen=True)
class Adagrad(Rule):
    """``a' = a + g ** 2``; ``p' = p - lr * g / root(a')``.

    Attributes:
        initial_accumulator_value: of every element of ``a``, at least 0.
        epsilon: keeps the denominator away from 0.
        epsilon_inside: ``sqrt(a' + epsilon)``, not ``sqrt(a') + epsilon``.
    """

    paper: ClassVar[str] = "Duchi et al. 2011, Adaptive subgradient methods for online learning"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {"learning_rate": 0.01, "epsilon": 1e-7, "decay": 0.0},
            "keras/optimizers.py, Keras 2.1.6",
            {"epsilon_inside": False, "initial_accumulator_value": 0.0},
        ),
        "tf_keras-legacy": Generation(
            _ADAGRAD,
            "tf_keras/src/optimizers/legacy/adagrad.py, tf_keras 2.21",
            {"epsilon_inside": False},
        ),
        "tf_keras": Generation(_ADAGRAD, "tf_keras/src/optimizers/adagrad.py, tf_keras 2.21"),
        "keras-3": Generation(_ADAGRAD, "keras/src/optimizers/adagrad.py, Keras 3.15"),
    }
    operations: ClassVar[int] = 8

    learning_rate: Rate = 0.001
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7
    epsilon_inside: bool = True

    @property
    def conditioning(self) -> float:
        """1: a sum of squares loses nothing."""
        return 1.0

    def initial(self, parameter: Array) -> Slots:
        return {"accumulator": np.full_like(parameter, self.initial_accumulator_value)}

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        accumulator = slots["accumulator"] + gradient**2
        denominator = root(accumulator, self.epsilon, self.epsilon_inside)
        descent = self.rate(iteration) * gradient / denominator
        return parameter - descent, {"accumulator": accumulator}


@dataclass(frozen=True)
class Adadelta(Rule):
    """``a' = rho * a + (1 - rho) * g ** 2``; ``p' = p - lr * s``, where the step
    ``s = g * sqrt(d + epsilon) / sqrt(a' + epsilon)``; ``d' = rho * d + (1 - rho) * s ** 2``.

    The paper has no learning rate, which is ``lr = 1``, as in Keras 2.1. What is averaged in ``d``
    is the step before the learning rate scales it.

    Attributes:
        rho: decay of both averages, in [0, 1).
        epsilon: keeps the denominator away from 0, and lets the first step be other than 0.
    """

    paper: ClassVar[str] = "Zeiler 2012, ADADELTA: an adaptive learning rate method, algorithm 1"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-2.1": Generation(
            {**_ADADELTA, "learning_rate": 1.0, "decay": 0.0}, "keras/optimizers.py, Keras 2.1.6"
        ),
        "tf_keras-legacy": Generation(
            _ADADELTA, "tf_keras/src/optimizers/legacy/adadelta.py, tf_keras 2.21"
        ),
        "tf_keras": Generation(_ADADELTA, "tf_keras/src/optimizers/adadelta.py, tf_keras 2.21"),
        "keras-3": Generation(_ADADELTA, "keras/src/optimizers/adadelta.py, Keras 3.15"),
    }

    learning_rate: Rate = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7

    @property
    def conditioning(self) -> float:
        """The conditioning of the averages alone: a learning rate near 1 is no rate of decay."""
        return 1.0 / (1.0 - self.rho)

    def initial(self, parameter: Array) -> Slots:
        return zeros(parameter, "accumulated_grad", "accumulated_delta_var")

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        steps = slots["accumulated_delta_var"]
        gradients = averaged(slots["accumulated_grad"], gradient**2, self.rho)
        descent = np.sqrt((steps + self.epsilon) / (gradients + self.epsilon)) * gradient
        steps = averaged(steps, descent**2, self.rho)
        after = {"accumulated_grad": gradients, "accumulated_delta_var": steps}
        return parameter - self.rate(iteration) * descent, after
