"""Muon: momentum, made nearly orthogonal, for matrices; Adam for everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from slotscope.rules.adam import Adam
from slotscope.rules.rule import Array, Generation, Rate, Rule, Slots, Stepped, zeros


def orthogonalized(matrix: Array, coefficients: tuple[float, float, float], steps: int) -> Array:
    """``matrix`` with singular values near 1, by the quintic Newton-Schulz iteration.

    ``X <- a X + b (X X^T) X + c (X X^T)^2 X`` from ``X = matrix / (|matrix| + 1e-7)``, where
    ``|.|`` is the Frobenius norm. A singular value ``s`` becomes ``a s + b s^3 + c s^5``.
    """
    a, b, c = coefficients
    # The Gram matrix of the shorter side is the smaller one.
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


@dataclass(frozen=True)
class Muon(Rule):
    """Momentum, of which only the direction counts: each singular value is made nearly 1.

    A matrix: ``m' = momentum * m + g``; ``O = orthogonalized(g + momentum * m')`` (of ``m'``
    without ``nesterov``); ``p' = p - lr * rms_rate * sqrt(max(rows, columns)) * O``, where the two
    factors, of Liu et al. 2025 (Muon is Scalable for LLM Training), are left out if ``rms_rate`` is
    None. Any other shape: a step of Adam with the learning rate ``lr * adam_lr_ratio``.

    Keras takes Adam for some matrices too: for embeddings and for paths that ``exclude_layers``
    names. A step sees no path: :meth:`named` says which rule is that of a path.

    Attributes:
        adam_beta_1: Adam's ``beta_1``.
        adam_beta_2: Adam's ``beta_2``.
        adam_weight_decay: of the parameters that Adam takes; applied outside of the rule, as the
            ``weight_decay`` of the matrices is.
        epsilon: Adam's.
        exclude_layers: regular expressions; None: no path is named.
        exclude_embeddings: a path with "embedding" in it is excluded.
        adam_lr_ratio: how much larger Adam's learning rate is.
        momentum: in [0, 1); the sum that it makes has no factor ``1 - momentum``.
        nesterov: look ahead by one more step of momentum.
        ns_steps: how often Newton-Schulz is iterated.
        muon_a: coefficient of ``X`` in Newton-Schulz.
        muon_b: of the third power.
        muon_c: of the fifth power.
        rms_rate: root mean square of an element of the step, before ``lr``; None: no such scale.
        excluded: a matrix that Adam takes, for its path; no argument of the optimizer.
    """

    paper: ClassVar[str] = "Jordan et al. 2024, Muon: An optimizer for hidden layers (blog)"
    generations: ClassVar[dict[str, Generation]] = {
        "keras-3": Generation(
            {
                "learning_rate": 0.001,
                "adam_beta_1": 0.9,
                "adam_beta_2": 0.999,
                "adam_weight_decay": 0.004,
                "epsilon": 1e-7,
                "weight_decay": 0.004,
                "exclude_layers": None,
                "exclude_embeddings": True,
                "muon_a": 3.4445,
                "muon_b": -4.7750,
                "muon_c": 2.0315,
                "adam_lr_ratio": 1.0,
                "momentum": 0.95,
                "ns_steps": 5,
                "nesterov": True,
                "rms_rate": 0.2,
            },
            "keras/src/optimizers/muon.py, Keras 3.15",
        ),
    }
    # Three products of matrices an iteration, in each of which an element is rounded as often as
    # the shorter side is long: enough for a side of 4.
    operations: ClassVar[int] = 64

    learning_rate: Rate = 0.001
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_weight_decay: float | None = 0.004
    epsilon: float = 1e-7
    adam_lr_ratio: float = 1.0
    momentum: float = 0.95
    nesterov: bool = True
    ns_steps: int = 5
    muon_a: float = 3.4445
    muon_b: float = -4.7750
    muon_c: float = 2.0315
    rms_rate: float | None = 0.2
    exclude_layers: Sequence[str] | None = None
    exclude_embeddings: bool = True
    excluded: bool = False

    @property
    def conditioning(self) -> float:
        """Adam's, or ``muon_a ** ns_steps``, by which the error of a small singular value grows."""
        return max(super().conditioning, self.muon_a**self.ns_steps)

    def named(self, path: str) -> Muon:
        return replace(self, excluded=self.excludes(path))

    def excludes(self, path: str) -> bool:
        """Whether a matrix of this path gets Adam's step."""
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        return embedding or any(re.search(name, path) for name in self.exclude_layers or ())

    def takes_adam(self, parameter: Array) -> bool:
        """Whether ``parameter`` gets Adam's step and not Muon's."""
        return parameter.ndim != 2 or self.excluded

    def weight_decay_of(self, parameter: Array, weight_decay: float | None) -> float | None:
        """``adam_weight_decay`` where Adam takes the parameter."""
        return self.adam_weight_decay if self.takes_adam(parameter) else weight_decay

    def initial(self, parameter: Array) -> Slots:
        names = ("momentum", "velocity") if self.takes_adam(parameter) else ("momentum",)
        return zeros(parameter, *names)

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        rate = self.rate(iteration)
        if self.takes_adam(parameter):
            adam = Adam(
                learning_rate=rate * self.adam_lr_ratio,
                beta_1=self.adam_beta_1,
                beta_2=self.adam_beta_2,
                epsilon=self.epsilon,
            )
            return adam.step(parameter, gradient, slots, iteration)
        momentum = self.momentum * slots["momentum"] + gradient
        ahead = gradient + self.momentum * momentum if self.nesterov else momentum
        coefficients = (self.muon_a, self.muon_b, self.muon_c)
        direction = orthogonalized(ahead, coefficients, self.ns_steps)
        scale = 1.0 if self.rms_rate is None else self.rms_rate * max(parameter.shape) ** 0.5
        return parameter - rate * scale * direction, {"momentum": momentum}
