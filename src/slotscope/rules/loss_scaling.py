"""Loss scaling: the gradients of a loss that was multiplied, so that small ones are not lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slotscope.rules.training import Gradients, Now, State, Steps, Training

#: By generation, the fields of :class:`LossScaling` that are not the default.
SCALINGS: dict[str, Mapping[str, Any]] = {
    "tf_keras-legacy": {"counts_skipped": True, "shown": ()},
    "tf_keras": {"counts_skipped": True, "shown": ()},
    "keras-3": {},
}


@dataclass(frozen=True)
class LossScaling:
    """A training in a ``LossScaleOptimizer``: gradients come multiplied with a scale.

    A call in which one of them is not finite halves the scale and does nothing else; the scale
    doubles after ``growth_steps`` calls in a row in which all are finite (Micikevicius et al. 2018,
    Mixed Precision Training, arXiv:1710.03740, section 3.2).

    Attributes:
        training: what is wrapped.
        initial: the first scale.
        growth_steps: calls after which it doubles.
        counts_skipped: a call that does nothing advances the counter all the same (tf_keras).
        shown: names of the scale and of the calls since it changed; none where not shown.
    """

    training: Training
    initial: float = 2.0**15
    growth_steps: int = 2
    counts_skipped: bool = False
    shown: tuple[str, ...] = ("dynamic_scale", "step_counter")

    def with_steps(self, change: Callable[[Steps], Steps]) -> LossScaling:
        """The same around other steps."""
        return replace(self, training=self.training.with_steps(change))

    def scales(self, gradients: Sequence[Gradients]) -> list[tuple[float, int]]:
        """Scale and counter before each call, and after the last."""
        scale, counter = self.initial, 0
        found = [(scale, counter)]
        for step in gradients:
            counter += 1
            if not finite(step):
                scale, counter = scale / 2, 0
            elif counter == self.growth_steps:
                scale, counter = scale * 2, 0
            found.append((scale, counter))
        return found

    def states(
        self, parameters: Sequence[np.ndarray], gradients: Sequence[Gradients]
    ) -> list[State]:
        """All states, as :meth:`Training.states`; the gradients are those that are not scaled."""
        now = Now(self.training, parameters)
        states = [now.state]
        for step in gradients:
            if finite(step):
                now.apply(step)
            elif self.counts_skipped:
                now.calls += 1
            states.append(now.state)
        numbers = [dict(zip(self.shown, pair, strict=False)) for pair in self.scales(gradients)]
        return [
            {**state, **{name: np.asarray(float(value)) for name, value in own.items()}}
            for state, own in zip(states, numbers, strict=True)
        ]


def finite(gradients: Gradients) -> bool:
    """Whether all of ``gradients`` are finite."""
    return all(np.isfinite(g).all() for g in gradients if g is not None)
