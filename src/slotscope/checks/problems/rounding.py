"""How much a rounding can grow in a rule: asked of the rule itself, in the precision of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slotscope.rules import Slots
from slotscope.rules.loss_scaling import LossScaling
from slotscope.rules.training import State, Steps, Training

#: ``eps`` of each dtype that a parameter may have.
EPSILON = {
    "float64": 2.0**-52,
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}


@dataclass(frozen=True)
class Rounded:
    """Steps whose arithmetic is done in the precision of the parameters, if NumPy has it."""

    steps: Steps
    dtype: str

    def initial(self, parameters: Sequence[np.ndarray]) -> list[Slots]:
        return self.steps.initial(parameters)

    def step(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray | None],
        slots: Sequence[Slots],
        iteration: int,
        call: int,
    ) -> tuple[list[np.ndarray], list[Slots]]:
        dtype = "float16" if self.dtype == "bfloat16" else self.dtype
        after, kept = self.steps.step(
            [parameter.astype(dtype) for parameter in parameters],
            [None if g is None else g.astype(dtype) for g in gradients],
            [{name: value.astype(dtype) for name, value in own.items()} for own in slots],
            iteration,
            call,
        )
        wide = [{name: np.asarray(v, np.float64) for name, v in own.items()} for own in kept]
        return [np.asarray(parameter, np.float64) for parameter in after], wide

    def decay(self, parameter: np.ndarray, weight_decay: float | None, call: int) -> float:
        return self.steps.decay(parameter, weight_decay, call)


def shaken_states(
    training: Training | LossScaling,
    parameters: Sequence[np.ndarray],
    gradients: Sequence[Sequence[np.ndarray | None]],
    dtype: str,
    other: int,
) -> list[list[State]]:
    """The rule's states, rounded, of numbers that are off by one rounding; and by the opposite.

    Args:
        training: the rule, with what surrounds it.
        parameters: initial values.
        gradients: the gradients of every step.
        dtype: the dtype of the run.
        other: 0 if parameters and gradients are off the same way, 1 for opposite ways.
    """
    rounded = training.with_steps(lambda steps: Rounded(steps, dtype))
    return [
        rounded.states(
            [_shaken(parameter, dtype, pattern) for parameter in parameters],
            [
                [_shaken(gradient, dtype, pattern + other + number) for gradient in step]
                for number, step in enumerate(gradients)
            ],
        )
        for pattern in (0, 1)
    ]


def _shaken(array: np.ndarray | None, dtype: str, pattern: int) -> Any:
    """``array``, each element larger or smaller by the factor ``1 + eps / 2``."""
    if array is None:
        return None
    places = np.arange(array.size).reshape(array.shape)
    signs = np.where((places * (2 * pattern + 1) // 2 + pattern) % 2, 1.0, -1.0)
    return np.asarray(array * (1.0 + signs * EPSILON[dtype] / 2))
