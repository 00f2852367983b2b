"""What may surround the steps of an optimizer, as data, and the runs in which it is at work."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.checks.problems.exact_problems import PAIR, chosen_gradients, sparse
from slotscope.checks.subjects.subject import Subject
from slotscope.engines import SparseGradient


@dataclass(frozen=True)
class Feature:
    """One thing that may surround the steps of an optimizer.

    Attributes:
        arguments: the arguments of the constructor.
        fields: the fields of ``Training``, that no constructor takes.
        excludes: features that are this one and more, or stand in its place.
        branches: whether a step looks at the state, see ``Engine.branching_way``.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    excludes: tuple[str, ...] = ()
    branches: bool = False


_DECAY = {"weight_decay": 0.25}
_AVERAGE = {"use_ema": True, "ema_momentum": 0.75}

#: By name; the numbers are exact in binary, and small enough to be at work in the steps below.
PARTS: dict[str, Feature] = {
    "clipnorm": Feature({"clipnorm": 0.75}),
    "clipvalue": Feature({"clipvalue": 0.5}),
    "global_clipnorm": Feature({"global_clipnorm": 1.5}),
    "weight_decay": Feature(_DECAY),
    "excluded by variable": Feature(_DECAY, {"excluded": (0,)}, ("weight_decay",)),
    "excluded by name": Feature(
        _DECAY, {"excluded": (1,)}, ("weight_decay", "excluded by variable")
    ),
    "use_ema": Feature(_AVERAGE),
    "ema_overwrite_frequency": Feature(
        {**_AVERAGE, "ema_overwrite_frequency": 2}, excludes=("use_ema",)
    ),
    "accumulation": Feature({"gradient_accumulation_steps": 2}, branches=True),
    "loss_scale_factor": Feature({"loss_scale_factor": 8.0}),
    "LossScaleOptimizer": Feature(excludes=("loss_scale_factor",), branches=True),
    "schedule": Feature(),
    "sparse": Feature(),
    "missing": Feature(),
    "float16": Feature(),
}

#: A constructor may refuse to do two of these together.
CLIPPINGS = ("clipnorm", "clipvalue", "global_clipnorm")

#: How large the gradients of each call are: some are clipped, some are not.
SCALES = (1.0, 0.0625, 4.0, 0.5, 1.0)


def parts_of(subject: Subject) -> list[str]:
    """The features that the subject and its engine have."""
    return subject.once("parts", lambda: [name for name in PARTS if _has(subject, name)])


def _has(subject: Subject, name: str) -> bool:
    engine = subject.engine
    if name.startswith("excluded"):
        with engine.scope():
            if not hasattr(subject.create(engine), "exclude_from_weight_decay"):
                return False
    special = {
        "LossScaleOptimizer": engine.scales_loss,
        "schedule": engine.schedules is not None and subject.accepts("learning_rate"),
        "sparse": engine.takes_sparse,
        "missing": engine.takes_missing,
        "float16": "float16" in engine.dtypes,
    }
    return special.get(name, True) and subject.accepts(*PARTS[name].arguments)


def pairs_of(subject: Subject) -> Iterator[str]:
    """Each feature alone, and each pair of which neither says what the other does."""
    found = parts_of(subject)
    yield from found
    for first, second in itertools.combinations(found, 2):
        if first not in PARTS[second].excludes:
            yield f"{first}+{second}"


@dataclass
class Problem:
    """A run with one or two features.

    Attributes:
        names: the names of the features.
        changes: arguments of the constructor.
        fields: the fields of ``Training``.
        gradients: what each call gets, before a loss is scaled.
    """

    names: list[str]
    changes: dict[str, Any]
    fields: dict[str, Any]
    gradients: list[list[Any]]

    @property
    def dtype(self) -> str:
        return "float16" if "float16" in self.names else "float32"

    def prepare(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        """What is done before the optimizer is built."""
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if "excluded by variable" in self.names:
            inner.exclude_from_weight_decay(var_list=[parameters[0]])
        if "excluded by name" in self.names:
            inner.exclude_from_weight_decay(var_names=["p1"])


def problem_of(subject: Subject, case: str) -> Problem:
    """The run of one case.

    Its learning rate is so large that it shows what is done before a step, and what after it.
    """
    names = case.split("+")
    changes: dict[str, Any] = {"learning_rate": 0.25} if subject.accepts("learning_rate") else {}
    fields: dict[str, Any] = {}
    for name in names:
        changes |= PARTS[name].arguments
        fields |= PARTS[name].fields
    calls = chosen_gradients(PAIR, len(SCALES))
    # Multiplied with the scale of a loss, the largest of them is too large for a float16.
    less = 0.125 if {"LossScaleOptimizer", "float16"} <= set(names) else 1.0
    gradients: list[list[Any]] = [
        [np.asarray(g * scale * less, np.float32) for g in step]
        for step, scale in zip(calls, SCALES, strict=True)
    ]
    if "sparse" in names:
        for number, step in enumerate(gradients):
            step[0] = sparse([3, 1, 0, 2], number, SCALES[number])
    if "missing" in names:
        for step in gradients:
            step[1] = None
    if "LossScaleOptimizer" in names:
        # When a call has been counted, and before the scale grows.
        gradients[1] = [_overflown(gradients[1][0]), *gradients[1][1:]]
    return Problem(names, changes, fields, gradients)


def _overflown(gradient: Any) -> Any:
    if isinstance(gradient, SparseGradient):
        return SparseGradient(_overflown(gradient.values), gradient.indices, gradient.shape)
    return np.where(np.arange(gradient.size).reshape(gradient.shape) == 0, np.inf, gradient)
