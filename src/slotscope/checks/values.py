"""Values: every slot and parameter after every step, against the rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.compare import compare
from slotscope.checks.run import Gradients, reproducible
from slotscope.checks.subject import Subject
from slotscope.engines import SparseGradient
from slotscope.rules.training import FEATURES, Each, Training

#: Small integers over powers of two: exact in every dtype that is checked, bfloat16 included.
SHAPES = {
    "scalar": (),
    "vector": (3,),
    "matrix": (4, 3),
    "rank 3": (2, 3, 2),
    "rank 4": (2, 1, 3, 2),
}


def exact(shape: tuple[int, ...], scale: float = 1.0, shift: int = 0) -> np.ndarray:
    """Different numbers of both signs, none of them zero, each an odd multiple of scale / 8."""
    size = int(np.prod(shape))
    numbers = (np.arange(size) * 5 + shift * 3) % 11 - 5
    return np.asarray((2 * numbers.reshape(shape) + 1) * scale / 8, np.float32)


def chosen(shapes: list[tuple[int, ...]], steps: int, scale: float = 1.0) -> Gradients:
    """Gradients for ``steps`` steps."""
    return [
        [exact(shape, scale, 1 + step + n) for n, shape in enumerate(shapes)]
        for step in range(steps)
    ]


def against_rule(
    subject: Subject,
    parameters: list[np.ndarray],
    gradients: Gradients,
    *,
    way: str = "",
    dtype: str = "float32",
    **changes: Any,
) -> None:
    """Hold a run to the subject's rule, with what surrounds it.

    Raises:
        Violation: they differ.
        NotReproducible: two runs differ.
        NotApplicable: there is no rule, or the constructor takes not all of ``changes``.
    """
    features = {name: value for name, value in changes.items() if name in FEATURES}
    rule = subject.expected(**{k: v for k, v in changes.items() if k not in features})
    training = Training(Each(rule), **features)
    actual = reproducible(subject, parameters, gradients, way=way, dtype=dtype, **changes)
    dense = [[g.dense if isinstance(g, SparseGradient) else g for g in step] for step in gradients]
    compare(actual, training.states(parameters, dense), rule, dtype)


@check(cases=tuple(SHAPES), quick=("matrix",))
def check_every_step_follows_the_rule(subject: Subject, case: str) -> None:
    """After every step, every slot and parameter is what the rule says."""
    shapes = [SHAPES[case], (3,)]
    against_rule(subject, [exact(s) for s in shapes], chosen(shapes, 5))
