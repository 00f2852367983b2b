"""Which values of parameters and results are numbers, curves, or the same as others."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number(value: Any) -> float:
    """``value`` as a float, infinite where it is too large; NaN where it is no number."""
    try:
        return float(value) if is_number(value) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def key(value: Any) -> str:
    """The text by which two values of a parameter are the same or not; they are what JSON holds."""
    return json.dumps(value, sort_keys=True)


def is_curve(value: Any) -> bool:
    """Whether :func:`series` has an array of ``value``."""
    return series(value) is not None


def series(value: Any) -> np.ndarray | None:
    """``value`` as an array of one axis and at least two numbers; None if it is none."""
    if isinstance(value, list) and not all(map(is_number, value)):
        return None
    if not isinstance(value, (list, np.ndarray)):
        return None
    array = np.asarray(list(map(number, value)) if isinstance(value, list) else value)
    if array.ndim != 1 or len(array) < 2 or array.dtype.kind not in "iuf":
        return None
    return array.astype(np.float64)
