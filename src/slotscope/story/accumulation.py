"""When many small batches are one big one, and what they are where they are not.

Each :class:`Situation` is trained three times with one optimizer: on small batches whose gradients
are accumulated; on the big batch of the same rows; and, where that is another training, on what the
small batches should amount to by what Keras does with them, its *law*. An accumulated step is

    every call          the batch's gradient is added up, and the step counter advances by one
    every n-th call     the mean of n gradients is clipped, weights decay, the rule is applied

so that what looks at single calls, as a schedule and a moving average do, is not what it would be
on the big batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from slotscope.engines import Engine
from slotscope.rules import rule
from slotscope.story.batches import (
    Gradient,
    Update,
    Weights,
    apart,
    batch,
    descend,
    equal,
    gradient,
    mean_of_means,
    normalised,
    pooled,
    unequal,
)

#: Of a moving average of the weights.
EMA_MOMENTUM = 0.5


@dataclass(frozen=True)
class Situation:
    """One way to train on small batches, and what it amounts to.

    Attributes:
        law: what it is equal to, in words.
        config: arguments of the optimizer besides its defaults.
        deal: makes an update of a given number of batches.
        gradient: the gradient of the loss.
        left_over: whether one batch comes after the last update.
        schedule: whether the learning rate is divided by one more than the calls so far.
    """

    law: str = "the big batch"
    config: dict[str, Any] = field(default_factory=dict)
    deal: Callable[[np.ndarray, int], Update] = equal
    gradient: Gradient = gradient
    left_over: bool = False
    schedule: bool = False


SITUATIONS = {
    "equal sizes": Situation(),
    "clipped": Situation(config={"clipnorm": 2.0**-4}),
    "weight decay": Situation(config={"weight_decay": 2.0**-4}),
    "unequal sizes": Situation("each batch counts the same, not each row", deal=unequal),
    "one left over": Situation("the last batch waits, and moves nothing", left_over=True),
    "schedule": Situation("the rate of the n-th call of each update", schedule=True),
    "average": Situation(
        "an average over calls, not over updates",
        config={"use_ema": True, "ema_momentum": EMA_MOMENTUM},
    ),
    "normalised": Situation("no training on other batches", gradient=normalised),
}


def accumulated(
    engine: Engine, optimizer: str, size: int, steps: int, updates: int, seed: int
) -> pd.DataFrame:
    """Train in each of :data:`SITUATIONS`.

    Args:
        engine: one of Keras 3's.
        optimizer: its name.
        size: rows of a small batch, where all are of one size.
        steps: small batches of an update, 2 or more.
        updates: how many.
        seed: shuffles the digits.

    Returns:
        One row a situation: ``apart``, how far small batches end from the big one (see
        :func:`slotscope.story.batches.apart`); ``from law``, how far from their law, missing where
        there is none; and ``law``, in words.
    """
    rows = {}
    for name, situation in SITUATIONS.items():
        trial = _Trial(engine, optimizer, situation, seed)
        small = _updates(situation, size, steps, updates)
        many = trial.descend(small, gradient_accumulation_steps=steps)
        big = trial.descend([pooled(update) for update in small])
        law = _law(trial, small, many.weights, steps)
        rows[name] = {
            "apart": apart(many.final, big.final),
            "from law": np.nan if law is None else apart(many.final, law),
            "law": situation.law,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("small batches")


def _updates(situation: Situation, size: int, steps: int, updates: int) -> list[Update]:
    rows = np.arange(size * steps * updates)
    dealt = [situation.deal(part, steps) for part in np.split(rows, updates)]
    more = [[batch(len(rows) + np.arange(size))]] if situation.left_over else []
    return [*dealt, *more]


@dataclass(frozen=True)
class _Trial:
    engine: Engine
    name: str
    situation: Situation
    seed: int

    @property
    def rate(self) -> float:
        """The optimizer's own learning rate."""
        return float(rule(self.name, "keras-3").rate(0))

    def descend(self, updates: Sequence[Update], rates: Sequence[float] = (), **config: Any) -> Any:
        given = {**self.situation.config, **config}
        if self.situation.schedule and not len(rates):
            schedules = self.engine.keras.optimizers.schedules
            given["learning_rate"] = schedules.InverseTimeDecay(self.rate, 1, 1.0)
        optimizer = self.engine.optimizer(self.name, **given)
        return descend(self.engine, optimizer, updates, self.seed, self.situation.gradient, rates)


def _law(trial: _Trial, small: list[Update], weights: list[Weights], steps: int) -> Weights | None:
    """What small batches should end at; None if nothing is known."""
    situation = trial.situation
    if situation.gradient is normalised:
        return None
    if "use_ema" in situation.config:
        return averaged(weights, steps)
    if situation.left_over:
        small = small[:-1]
    rates = [trial.rate / (steps * (k + 1)) for k in range(len(small))]
    big = [mean_of_means(update) for update in small]
    end: Weights = trial.descend(big, rates if situation.schedule else ()).final
    return end


def averaged(weights: Sequence[Weights], steps: int) -> Weights:
    """The moving average that Keras keeps: it is the weights until the first update is done.

    Args:
        weights: after each call.
        steps: calls of an update.
    """
    average = [w.astype(np.float64) for w in weights[steps - 1]]
    for now in weights[steps:]:
        average = [
            EMA_MOMENTUM * a + (1 - EMA_MOMENTUM) * w for a, w in zip(average, now, strict=True)
        ]
    return [a.astype(np.float32) for a in average]
