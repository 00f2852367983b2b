"""What surrounds every rule: the arguments that all Keras optimizers share.

In the order in which one call of ``apply`` does them (Keras 3, ``BaseOptimizer.apply`` and its
documentation of each argument):

1. a loss-scaled gradient is divided by ``loss_scale_factor``;
2. with ``gradient_accumulation_steps`` = n, gradients add up, and only every n-th call goes on,
   with their mean;
3. gradients are clipped: by value, by the norm of each, or by the norm of all together;
4. decoupled weight decay: ``p = p - lr * weight_decay * p`` (Loshchilov & Hutter 2019,
   arXiv:1711.05101, algorithm 2), but for the parameters that are excluded;
5. the rule itself;
6. with ``use_ema``, ``average = m * average + (1 - m) * p``, started from the first p, and every
   ``ema_overwrite_frequency`` steps the parameter becomes its average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from slotscope.rules.rule import Rule, Slots

State = dict[str, np.ndarray]

#: The arguments that this module knows; every other one is the rule's.
FEATURES = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "weight_decay",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "gradient_accumulation_steps",
    "loss_scale_factor",
)


@dataclass(frozen=True)
class Training:
    """A rule with what surrounds it.

    Attributes:
        rule: what one parameter does in one step.
        excluded: numbers of the parameters without weight decay.
        average_of_initial: the average starts from the parameter before the first step (tf_keras),
            not from the one after it (Keras 3).
    """

    rule: Rule
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    weight_decay: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    gradient_accumulation_steps: int | None = None
    loss_scale_factor: float | None = None
    excluded: Sequence[int] = field(default_factory=tuple)
    average_of_initial: bool = False

    def states(
        self, parameters: Sequence[np.ndarray], gradients: Sequence[Sequence[np.ndarray | None]]
    ) -> list[State]:
        """All states, the one before the first step included.

        Args:
            parameters: initial values.
            gradients: for each call of ``apply``, one for each parameter; None moves nothing.

        Returns:
            Dicts by label: ``p0`` a parameter, ``momentum/p0`` a slot, ``iterations`` the calls.
        """
        now = _Now(self, [np.asarray(p, np.float64) for p in parameters])
        states = [now.state]
        for step in gradients:
            now.apply(step)
            states.append(now.state)
        return states

    def clipped(self, gradients: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
        """``gradients`` after clipping."""
        present = [g for g in gradients if g is not None]
        norm = np.sqrt(sum(np.sum(g**2) for g in present))
        return [None if g is None else self._clipped(g, float(norm)) for g in gradients]

    def _clipped(self, gradient: np.ndarray, global_norm: float) -> np.ndarray:
        if self.clipvalue is not None:
            return np.clip(gradient, -self.clipvalue, self.clipvalue)
        limit, norm = self.global_clipnorm, global_norm
        if self.clipnorm is not None:
            limit, norm = self.clipnorm, float(np.sqrt(np.sum(gradient**2)))
        return gradient if limit is None or norm <= limit else gradient * (limit / norm)


class _Now:
    """Where a training stands."""

    def __init__(self, training: Training, parameters: list[np.ndarray]) -> None:
        self.training = training
        self.parameters = parameters
        self.slots: list[Slots] = [training.rule.initial(p) for p in parameters]
        self.calls = 0
        self.accumulated = [np.zeros_like(p) for p in parameters]
        start = training.average_of_initial
        self.averages = [p.copy() if start else np.zeros_like(p) for p in parameters]

    @property
    def state(self) -> State:
        state: State = {"iterations": np.asarray(float(self.calls))}
        for number, parameter in enumerate(self.parameters):
            state[f"p{number}"] = parameter
            state |= {f"{name}/p{number}": value for name, value in self.slots[number].items()}
            if self.training.use_ema:
                state[f"average/p{number}"] = self.averages[number]
            if self.training.gradient_accumulation_steps:
                state[f"gradient_accumulator/p{number}"] = self.accumulated[number]
        return state

    def apply(self, gradients: Sequence[np.ndarray | None]) -> None:
        """One call of ``apply``."""
        training = self.training
        scale = training.loss_scale_factor or 1.0
        ready = [None if g is None else np.asarray(g, np.float64) / scale for g in gradients]
        every = training.gradient_accumulation_steps or 1
        self.calls += 1
        if every > 1:
            sums = [a if g is None else a + g for a, g in zip(self.accumulated, ready, strict=True)]
            if self.calls % every:
                self.accumulated = sums
                return
            self.accumulated = [np.zeros_like(a) for a in sums]
            ready = [s / every for s in sums]
        self._update(training.clipped(ready), (self.calls - 1) // every)

    def _update(self, gradients: Sequence[np.ndarray | None], iteration: int) -> None:
        training = self.training
        for number, gradient in enumerate(gradients):
            if gradient is None:
                continue
            parameter = self.parameters[number]
            if training.weight_decay and number not in training.excluded:
                parameter = parameter * (1 - training.weight_decay * training.rule.rate(iteration))
            self.parameters[number], self.slots[number] = training.rule.step(
                parameter, gradient, self.slots[number], iteration
            )
        if training.use_ema:
            self._average(iteration)

    def _average(self, iteration: int) -> None:
        training = self.training
        first = iteration == 0 and not training.average_of_initial
        kept = 0.0 if first else training.ema_momentum
        for number, parameter in enumerate(self.parameters):
            self.averages[number] = kept * self.averages[number] + (1 - kept) * parameter
        every = training.ema_overwrite_frequency
        if every and (iteration + 1) % every == 0:
            self.parameters = [average.copy() for average in self.averages]
