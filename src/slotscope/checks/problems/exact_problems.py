"""Small exact problems: gradients that were chosen, and what a rule makes of them.

All numbers are small odd integers over powers of two, exact in every dtype that is checked, so that
the first rounding of a run is the optimizer's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slotscope.checks.problems.comparing import follows_rule
from slotscope.checks.problems.failing_run import BrokenRule, FailingRun
from slotscope.checks.problems.state import Trajectory
from slotscope.checks.problems.steps import Gradients, reproducible, trajectory
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Violation
from slotscope.engines import SparseGradient
from slotscope.rules.training import DIALECTS, FEATURES, Each, Steps, Training

#: Of the problems that say nothing else: a matrix, a vector.
PAIR: tuple[tuple[int, ...], ...] = ((4, 3), (3,))


def exact_numbers(shape: tuple[int, ...], scale: float = 1.0, shift: int = 0) -> np.ndarray:
    """Different numbers of both signs, none of them zero, each an odd multiple of scale / 8."""
    size = int(np.prod(shape))
    numbers = (np.arange(size) * 5 + shift * 3) % 11 - 5
    return np.asarray((2 * numbers.reshape(shape) + 1) * scale / 8, np.float32)


def initial_values(shapes: Sequence[tuple[int, ...]], scale: float = 1.0) -> list[np.ndarray]:
    """Initial values of parameters."""
    return [exact_numbers(shape, scale) for shape in shapes]


def chosen_gradients(
    shapes: Sequence[tuple[int, ...]], steps: int, scale: float = 1.0
) -> list[list[np.ndarray]]:
    """Gradients for ``steps`` steps."""
    return [
        [exact_numbers(shape, scale, 1 + step + n) for n, shape in enumerate(shapes)]
        for step in range(steps)
    ]


def sparse(rows: Sequence[int], step: int, scale: float = 1.0) -> SparseGradient:
    """A gradient of the matrix of :data:`PAIR` that has these rows alone, in this order."""
    return SparseGradient(
        exact_numbers((len(rows), 3), scale, step), np.array(rows, np.int32), PAIR[0]
    )


def features_of(subject: Subject, changes: dict[str, Any]) -> dict[str, Any]:
    """What surrounds the steps of the subject with ``changes``: arguments of ``Training``."""

    def own() -> dict[str, Any]:
        with subject.engine.scope():
            optimizer = subject.make()
            return {name: getattr(optimizer, name, None) for name in FEATURES}

    known = {**subject.once("features", own), **subject.settings, **changes}
    return {name: known[name] for name in FEATURES if known.get(name) is not None}


def training_of(subject: Subject, steps: Steps | None = None, **changes: Any) -> Training:
    """The subject's rule, or ``steps``, with what surrounds it.

    Args:
        subject: what is checked.
        steps: what stands for the rule; by default the rule itself.
        **changes: arguments of the constructor, and fields of ``Training`` that it does not take.

    Raises:
        NotApplicable: there is no rule, or it does not know one of the changes.
    """
    fields = Training.__dataclass_fields__.keys()
    around = {name: value for name, value in changes.items() if name in fields}
    if steps is None:
        own = {name: value for name, value in changes.items() if name not in around}
        steps = Each(subject.expected(**own))
    dialect = DIALECTS.get(subject.engine.generation, {})
    return Training(steps, **{**dialect, **features_of(subject, changes), **around})


def dense(gradients: Gradients) -> list[list[np.ndarray | None]]:
    """``gradients``, where sparse ones are arrays of their parameter's shape."""
    return [[g.dense if isinstance(g, SparseGradient) else g for g in step] for step in gradients]


def against_rule(
    subject: Subject,
    parameters: Sequence[np.ndarray],
    gradients: Gradients,
    *,
    way: str = "",
    dtype: str = "float32",
    **changes: Any,
) -> Trajectory:
    """Hold a run to the subject's rule, with what surrounds it; return the run.

    That the run is reproducible is a check of its own, and is asked here only where it differs.

    Raises:
        BrokenRule: they differ.
        NotReproducible: two runs differ.
        NotApplicable: there is no rule, or the constructor takes not all of ``changes``.
    """
    training = training_of(subject, **changes)
    options = {"way": way, "dtype": dtype, **changes}
    actual = trajectory(subject, parameters, gradients, **options)
    rule = subject.expected(**{k: v for k, v in changes.items() if k not in FEATURES})
    try:
        follows_rule(actual, training, rule, parameters, dense(gradients), dtype)
    except Violation as violation:
        reproducible(subject, parameters, gradients, **options)
        run = FailingRun(subject, parameters, gradients, way, dtype, changes)
        why = [words for name, words in subject.contradictions.items() if name not in changes]
        raise BrokenRule("; ".join([str(violation), *why]), run) from None
    return actual
