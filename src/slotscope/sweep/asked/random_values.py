"""Random values of a sweep, the same ones whenever the same seed draws them.

Every parameter has a stream of its own, so that more samples, or another parameter beside it,
leave the first values as they were, and runs that are done stay done.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

#: Digits that a drawn float has: as many as a person may type, and the same on every machine.
DIGITS = 6

Draw = Callable[[random.Random, Any], Any]

#: What can be drawn: how it is written, and one value from a stream.
DISTRIBUTIONS: dict[str, tuple[str, Draw]] = {
    "uniform": (
        "{uniform = [0.0, 1.0]}",
        lambda stream, ends: _rounded(stream.uniform(*ends), ends),
    ),
    "loguniform": (
        "{loguniform = [1e-4, 1.0]}",
        lambda stream, ends: _rounded(math.exp(stream.uniform(*map(math.log, ends))), ends),
    ),
    "integers": ("{integers = [1, 8]}", lambda stream, ends: stream.randint(*ends)),
    "choice": ('{choice = ["SGD", "Adam"]}', random.Random.choice),
}


def draws(name: str, description: Any, samples: int, seed: int) -> list[Any]:
    """The values of one parameter.

    Args:
        name: the name of the parameter.
        description: one of ``{"uniform": [a, b]}``, ``{"loguniform": [a, b]}`` (both ends
            included), ``{"integers": [a, b]}`` (both ends included) and ``{"choice": [...]}``.
        samples: how many.
        seed: the seed of the sweep.

    Raises:
        ValueError: the description is none of these.
    """
    expected = f"expected one of {', '.join(example for example, _ in DISTRIBUTIONS.values())}"
    if not isinstance(description, dict) or len(description) != 1:
        raise ValueError(expected)
    ((kind, given),) = description.items()
    if kind not in DISTRIBUTIONS:
        raise ValueError(f"{kind} is not a distribution: {expected}")
    example, draw = DISTRIBUTIONS[kind]
    if not isinstance(given, list) or not given:
        raise ValueError(f"expected {example}")
    if kind != "choice":
        _check_ends(kind, given)
    stream = random.Random(f"{seed}:{name}")  # its hash of a text is the same everywhere
    return [draw(stream, given) for _ in range(samples)]


def _check_ends(kind: str, given: list[Any]) -> None:
    kinds = (int,) if kind == "integers" else (int, float)
    good = len(given) == 2 and all(type(end) in kinds and math.isfinite(end) for end in given)
    if not good or given[0] > given[1]:
        what = "whole numbers" if kind == "integers" else "numbers"
        raise ValueError(f"{kind} = {given}: expected two {what}, the smaller one first")
    if kind == "loguniform" and given[0] <= 0:
        raise ValueError(f"loguniform = {given}: expected numbers above 0")


def _rounded(value: float, ends: list[Any]) -> float:
    return min(max(float(f"{value:.{DIGITS}g}"), float(ends[0])), float(ends[1]))
