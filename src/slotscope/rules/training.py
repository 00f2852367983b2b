"""What surrounds every rule: the arguments that all Keras optimizers share.

In the order in which one call of ``apply`` does them (the documentation of each argument in
``keras/src/optimizers/base_optimizer.py``, Keras 3.15):

1. a loss-scaled gradient is divided by ``loss_scale_factor``;
2. with ``gradient_accumulation_steps`` = n, gradients add up, and only every n-th call goes on,
   with their mean; between two of these, nothing but the sum and the counter changes;
3. gradients are clipped: by value, by the norm of each, or by the norm of all together;
4. decoupled weight decay: ``p = p - lr * weight_decay * p`` (Loshchilov & Hutter 2019,
   arXiv:1711.05101, algorithm 2), but for the parameters that are excluded;
5. the rule itself;
6. with ``use_ema``, ``average = m * average + (1 - m) * p``, started from the first p, and every
   ``ema_overwrite_frequency`` steps the parameter becomes its average.

A parameter without a gradient takes part in none of this. A step of averaging is a step of the
rule, but a schedule looks at the calls: "EMA frequency will look at 'accumulated' iterations
value [...]. Learning rate schedules will look at 'real' iterations value".

Generations differ in a few places, which :data:`DIALECTS` lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from slotscope.rules.rule import Rule, Slots

#: By label: ``p0`` a parameter, ``momentum/p0`` a slot, ``iterations`` the calls.
State = dict[str, np.ndarray]
#: One for each parameter.
Gradients = Sequence[np.ndarray | None]
#: All parameters and their slots, after a step.
AllStepped = tuple[list[np.ndarray], list[Slots]]

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

#: By generation, the fields of :class:`Training` that no constructor takes.
DIALECTS: dict[str, Mapping[str, Any]] = {
    "keras-2.1": {"clipnorm_of_all": True, "clips_value_last": True},
    "tf_keras-legacy": {},
    "tf_keras": {"average_of_initial": True, "averages_what_moved": True},
    "keras-3": {},
}


class Steps(Protocol):
    """One step of all parameters together, without what surrounds it."""

    def initial(self, parameters: Sequence[np.ndarray]) -> list[Slots]:
        """The slots of each parameter before the first step."""

    def step(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Gradients,
        slots: Sequence[Slots],
        iteration: int,
        call: int,
    ) -> AllStepped:
        """All parameters and slots after one more step.

        Args:
            parameters: float64 arrays.
            gradients: one for each; where it is None, parameter and slots stay as they are.
            slots: as :meth:`initial` or the step before returned them; not changed.
            iteration: how many steps were done before.
            call: how many calls of ``apply`` were; a schedule looks at it.
        """

    def decay(self, parameter: np.ndarray, weight_decay: float | None, call: int) -> float:
        """The share of ``parameter`` that the weight decay takes away: ``lr * weight_decay``."""


@dataclass(frozen=True)
class Each:
    """A rule, for each parameter on its own."""

    rule: Rule

    def initial(self, parameters: Sequence[np.ndarray]) -> list[Slots]:
        return [self.rule.initial(parameter) for parameter in parameters]

    def step(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Gradients,
        slots: Sequence[Slots],
        iteration: int,
        call: int,
    ) -> AllStepped:
        rule = self.rule
        if callable(rule.learning_rate):
            rate = rule.rate(call)
            rule = replace(rule, learning_rate=lambda _: rate)
        after = [
            (parameter, own) if gradient is None else rule.step(parameter, gradient, own, iteration)
            for parameter, gradient, own in zip(parameters, gradients, slots, strict=True)
        ]
        moved = [own for (_, own), g in zip(after, gradients, strict=True) if g is not None]
        common = {name: moved[0][name] for name in rule.shared} if moved else {}
        return [parameter for parameter, _ in after], [{**own, **common} for _, own in after]

    def decay(self, parameter: np.ndarray, weight_decay: float | None, call: int) -> float:
        own = self.rule.weight_decay_of(parameter, weight_decay)
        return self.rule.rate(call) * (own or 0.0)


@dataclass(frozen=True)
class Training:
    """A rule with what surrounds it.

    Attributes:
        steps: what all parameters do in one step.
        excluded: numbers of the parameters without weight decay.
        clipnorm_of_all: ``clipnorm`` is the norm of all gradients together (Keras 2.1), which the
            later generations call ``global_clipnorm``.
        clips_value_last: of two clippings, the one by value is the second (Keras 2.1).
        average_of_initial: the average starts from the parameter before the first step (tf_keras),
            not from the one after it (Keras 3).
        averages_what_moved: a parameter without a gradient keeps its average (tf_keras).
    """

    steps: Steps
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
    clipnorm_of_all: bool = False
    clips_value_last: bool = False
    average_of_initial: bool = False
    averages_what_moved: bool = False

    @property
    def every(self) -> int:
        """Calls of ``apply`` in one step."""
        return self.gradient_accumulation_steps or 1

    def states(
        self, parameters: Sequence[np.ndarray], gradients: Sequence[Gradients]
    ) -> list[State]:
        """All states, the one before the first step included.

        Args:
            parameters: initial values.
            gradients: for each call of ``apply``, one for each parameter; None moves nothing.

        Returns:
            Dicts by label: ``p0`` a parameter, ``momentum/p0`` a slot, ``iterations`` the calls.
        """
        now = Now(self, parameters)
        states = [now.state]
        for step in gradients:
            now.apply(step)
            states.append(now.state)
        return states

    def with_steps(self, change: Callable[[Steps], Steps]) -> Training:
        """The same around other steps."""
        return replace(self, steps=change(self.steps))

    def clipped(self, gradients: Gradients) -> list[np.ndarray | None]:
        """``gradients`` after clipping."""
        if self.clips_value_last:
            return self._clipped_by_value(self._clipped_by_norm(gradients))
        return self._clipped_by_norm(self._clipped_by_value(gradients))

    def _clipped_by_value(self, gradients: Gradients) -> list[np.ndarray | None]:
        limit = np.inf if self.clipvalue is None else self.clipvalue
        return [None if g is None else np.clip(g, -limit, limit) for g in gradients]

    def _clipped_by_norm(self, gradients: Gradients) -> list[np.ndarray | None]:
        together, each = self.global_clipnorm, self.clipnorm
        if self.clipnorm_of_all:
            together, each = self.clipnorm, None
        clipped = list(gradients)
        if each is not None:
            clipped = [None if g is None else shortened([g], each)[0] for g in clipped]
        return clipped if together is None else shortened(clipped, together)


def shortened(gradients: Gradients, limit: float) -> list[np.ndarray | None]:
    """``gradients``, together no longer than ``limit``."""
    norm = float(np.sqrt(sum(np.sum(g**2) for g in gradients if g is not None)))
    if norm <= limit:
        return list(gradients)
    return [None if g is None else g * (limit / norm) for g in gradients]


class Now:
    """Where a training stands."""

    def __init__(self, training: Training, parameters: Sequence[np.ndarray]) -> None:
        self.training = training
        self.parameters = [np.asarray(p, np.float64) for p in parameters]
        self.slots = training.steps.initial(self.parameters)
        self.calls = 0
        self.accumulated: list[np.ndarray | None] = [None] * len(self.parameters)
        start = training.average_of_initial
        self.averages = [p.copy() if start else np.zeros_like(p) for p in self.parameters]

    @property
    def state(self) -> State:
        """Copies of all that an optimizer shows."""
        state: State = {"iterations": np.asarray(float(self.calls))}
        for number, parameter in enumerate(self.parameters):
            state[f"p{number}"] = parameter
            state |= {f"{name}/p{number}": value for name, value in self.slots[number].items()}
            if self.training.use_ema:
                state[f"average/p{number}"] = self.averages[number]
            if self.training.gradient_accumulation_steps:
                found = self.accumulated[number]
                accumulated = np.zeros_like(parameter) if found is None else found
                state[f"gradient_accumulator/p{number}"] = accumulated
        return state

    def apply(self, gradients: Gradients) -> None:
        """One call of ``apply``."""
        training = self.training
        scale = training.loss_scale_factor or 1.0
        ready = [None if g is None else np.asarray(g, np.float64) / scale for g in gradients]
        self.calls += 1
        if training.every > 1:
            pairs = zip(self.accumulated, ready, strict=True)
            self.accumulated = [_sum(old, new) for old, new in pairs]
            if self.calls % training.every:
                return
            ready = [None if g is None else g / training.every for g in self.accumulated]
            self.accumulated = [None] * len(ready)
        self._update(training.clipped(ready), (self.calls - 1) // training.every)

    def _update(self, gradients: Gradients, iteration: int) -> None:
        training, call = self.training, self.calls - 1
        decayed = []
        for number, parameter in enumerate(self.parameters):
            share = training.steps.decay(parameter, training.weight_decay, call)
            kept = gradients[number] is None or number in training.excluded
            decayed.append(parameter if kept else parameter * (1.0 - share))
        self.parameters, self.slots = training.steps.step(
            decayed, gradients, self.slots, iteration, call
        )
        if training.use_ema:
            self._average(gradients, iteration)

    def _average(self, gradients: Gradients, iteration: int) -> None:
        training = self.training
        first = iteration == 0 and not training.average_of_initial
        kept = 0.0 if first else training.ema_momentum
        every = training.ema_overwrite_frequency
        for number, parameter in enumerate(self.parameters):
            if training.averages_what_moved and gradients[number] is None:
                continue
            self.averages[number] = kept * self.averages[number] + (1 - kept) * parameter
            if every and (iteration + 1) % every == 0:
                self.parameters[number] = self.averages[number].copy()


def _sum(old: np.ndarray | None, new: np.ndarray | None) -> np.ndarray | None:
    if old is None or new is None:
        return new if old is None else old
    return np.asarray(old + new)
