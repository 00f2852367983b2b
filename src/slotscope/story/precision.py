"""From which learning rate on an optimizer moves a weight that is kept in half precision.

A floating point number has neighbours, and a step moves it only where the sum is nearer to another
one than to itself: where the step is more than half of the spacing, or just half of it and the last
bit of the number is odd, since ties go to even. Of SGD the step is the learning rate times the
gradient, so this is a closed form.

The other optimizers compute their steps from slots and constants that are in half precision too.
What is lost there is seen by comparison with their rules in float64, of which nothing but the
weight is rounded after each step.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slotscope.engines import Engine
from slotscope.rules import rule
from slotscope.rules.training import Now
from slotscope.story.batches import rule_training

#: Bits of a number, the hidden one included.
BITS = {"float16": 11, "bfloat16": 8}
#: A weight by a rule in float64 is a multiple of two to the minus this.
_FINE = 44
#: Learning rates are these powers of two.
EXPONENTS = tuple(range(0, -25, -1))

#: What became of a weight.
MOVES, STAYS, LOST, REFUSED = "moves", "stays", "not finite", "refused"

#: What an optimizer's threshold is beside its rule's: the same, or half or twice of it; another
#: one; none, where the rule has one; or NaN or an error, at some rates or at all.
AS_THE_RULE, OTHERWISE, NEVER = "as the rule", "not as the rule", "never moves"
SOMEWHERE, NOWHERE = "NaN at some rates", "NaN or an error"
VERDICTS = (AS_THE_RULE, OTHERWISE, NEVER, SOMEWHERE, NOWHERE)

#: Optimizers whose threshold is the rule's in either dtype.
FAITHFUL = ("SGD", "Lion", "Adagrad", "Adamax", "RMSprop", "Adadelta", "Adafactor", "Muon")


def rounded(value: np.ndarray, dtype: str) -> np.ndarray:
    """``value`` as ``dtype`` has it, in float64; below its smallest normal number not exact."""
    fraction, exponent = np.frexp(value)
    scale = 2.0 ** BITS[dtype]
    found: np.ndarray = np.ldexp(np.round(fraction * scale) / scale, exponent)
    return np.asarray(found)


def spacing(weight: float, dtype: str) -> float:
    """From ``weight``, above 0 and of ``dtype``, to its neighbour below."""
    fraction, exponent = math.frexp(weight)
    return math.ldexp(1.0, exponent - BITS[dtype] - (fraction == 0.5))


def sgd_moves(weight: float, step: float, dtype: str) -> bool:
    """Whether ``weight`` less ``step`` is another number: the closed form.

    Args:
        weight: above 0 and of ``dtype``.
        step: above 0, a power of two.
        dtype: a key of :data:`BITS`.
    """
    half = spacing(weight, dtype) / 2
    odd = math.fmod(weight / spacing(weight, dtype), 2) == 1
    return step > half or (step == half and odd)


def survey(
    engine: Engine, dtype: str, weight: float, steps: int, names: Sequence[str] = ()
) -> pd.DataFrame:
    """Optimizers of ``engine`` at every power of two, with the gradient 1.

    Args:
        engine: one of Keras 3's.
        dtype: the dtype of the weights, ``float16`` or ``bfloat16``.
        weight: where they start, above 0; rounded to ``dtype``.
        steps: how many.
        names: the names of optimizers; by default all.

    Returns:
        A row for each optimizer and exponent of the learning rate: ``measured``, what became of
        the weights, and ``expected``, by the rule in float64.
    """
    start = np.full((2, 2), rounded(np.asarray(weight), dtype))
    rows = []
    with warnings.catch_warnings():
        # NumPy's, where constants leave the range of float16; what comes of it is what we look at.
        warnings.simplefilter("ignore", RuntimeWarning)
        for name in names or engine.optimizer_names:
            for exponent in EXPONENTS:
                measured = _fate(start, _trained, engine, name, dtype, start, exponent, steps)
                expected = _fate(start, _ruled, name, dtype, start, exponent, steps)
                rows.append((name, exponent, measured, expected))
    return pd.DataFrame(rows, columns=["optimizer", "exponent", "measured", "expected"])


def thresholds(found: pd.DataFrame) -> pd.DataFrame:
    """The smallest power of two at which each optimizer moves.

    Args:
        found: what :func:`survey` returned.

    Returns:
        One row an optimizer: ``measured`` and ``expected``, exponents, missing where it moves at no
        rate up to 1; ``default``, its own learning rate; and ``verdict``, one of :data:`VERDICTS`.
    """
    rows = {}
    for name, own in found.groupby("optimizer"):
        least = {
            column: own["exponent"][own[column] == MOVES].min()
            for column in ("measured", "expected")
        }
        default = float(rule(str(name), "keras-3").rate(0))
        rows[name] = {**least, "default": default, "verdict": _verdict(own, **least)}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("optimizer")
    return table.astype({"measured": "Int64", "expected": "Int64"})


def _verdict(own: pd.DataFrame, measured: float, expected: float) -> str:
    lost = own["measured"].isin([LOST, REFUSED])
    if lost.any():
        return NOWHERE if lost.all() else SOMEWHERE
    beyond = EXPONENTS[0] + 1
    least, ruled = (beyond if math.isnan(e) else e for e in (measured, expected))
    alike = abs(least - ruled) <= 1
    if least == beyond and not alike:
        return NEVER
    once = ((own["measured"] == MOVES) == (own["exponent"] >= least)).all()
    return AS_THE_RULE if alike and once else OTHERWISE


def _fate(start: np.ndarray, train: Callable[..., np.ndarray], *args: Any) -> str:
    try:
        end = train(*args)
    except (TypeError, ValueError):
        return REFUSED
    if not np.isfinite(end).all():
        return LOST
    return MOVES if (end != start).all() else STAYS


def _trained(
    engine: Engine, name: str, dtype: str, start: np.ndarray, exponent: int, steps: int
) -> np.ndarray:
    optimizer = engine.optimizer(name, learning_rate=2.0**exponent)
    gradients: Sequence[np.ndarray] = [np.ones_like(start)]
    with engine.scope():
        parameters = engine.parameters([start], dtype)
        step = engine.stepper(optimizer, parameters, gradients, engine.ways[0])
        for _ in range(steps):
            step(gradients)
        return np.array(engine.read(parameters)[0]).astype(np.float64)


def _ruled(name: str, dtype: str, start: np.ndarray, exponent: int, steps: int) -> np.ndarray:
    now = Now(rule_training(name, "keras-3", learning_rate=2.0**exponent), [start])
    for _ in range(steps):
        now.apply([np.ones_like(start)])
        # What is a tie but for roundings of float64, which differ by processor, is one.
        exact = np.round(now.parameters[0] * 2.0**_FINE) / 2.0**_FINE
        now.parameters = [rounded(exact, dtype)]
    return now.parameters[0]
