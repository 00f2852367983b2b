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


def draws(name: str, description: Any, samples: int, seed: int) -> list[Any]:
    """The values of one parameter.

    Args:
        name: of the parameter.
        description: one of ``{"uniform": [a, b]}``, ``{"loguniform": [a, b]}`` (both ends
            included), ``{"integers": [a, b]}`` (both ends included) and ``{"choice": [...]}``.
        samples: how many.
        seed: of the sweep.

    Raises:
        ValueError: the description is none of these.
    """
    if not isinstance(description, dict) or len(description) != 1:
        raise ValueError(f"expected one of {', '.join(_EXAMPLES)}")
    ((kind, given),) = description.items()
    if kind not in _KINDS:
        raise ValueError(f"{kind} is not a distribution: expected one of {', '.join(_EXAMPLES)}")
    if not isinstance(given, list) or not given:
        raise ValueError(f"expected {_EXAMPLES[_KINDS.index(kind)]}")
    if kind != "choice":
        _range(kind, given)
    stream = random.Random(f"{seed}:{name}")  # its hash of a text is the same everywhere
    return [_DRAWN[kind](stream, given) for _ in range(samples)]


def _range(kind: str, given: list[Any]) -> None:
    kinds = (int,) if kind == "integers" else (int, float)
    good = len(given) == 2 and all(type(end) in kinds and math.isfinite(end) for end in given)
    if not good or given[0] > given[1]:
        what = "whole numbers" if kind == "integers" else "numbers"
        raise ValueError(f"{kind} = {given}: expected two {what}, the smaller one first")
    if kind == "loguniform" and given[0] <= 0:
        raise ValueError(f"loguniform = {given}: expected numbers above 0")


def _uniform(stream: random.Random, ends: list[Any]) -> float:
    return _rounded(stream.uniform(*ends), ends)


def _loguniform(stream: random.Random, ends: list[Any]) -> float:
    return _rounded(math.exp(stream.uniform(*map(math.log, ends))), ends)


def _rounded(value: float, ends: list[Any]) -> float:
    return min(max(float(f"{value:.{DIGITS}g}"), float(ends[0])), float(ends[1]))


def _integers(stream: random.Random, ends: list[Any]) -> int:
    return stream.randint(*ends)


def _choice(stream: random.Random, values: list[Any]) -> Any:
    return stream.choice(values)


_DRAWN: dict[str, Callable[[random.Random, list[Any]], Any]] = {
    "uniform": _uniform,
    "loguniform": _loguniform,
    "integers": _integers,
    "choice": _choice,
}
_KINDS = tuple(_DRAWN)
_EXAMPLES = (
    "{uniform = [0.0, 1.0]}",
    "{loguniform = [1e-4, 1.0]}",
    "{integers = [1, 8]}",
    '{choice = ["SGD", "Adam"]}',
)
