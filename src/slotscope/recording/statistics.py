"""Six numbers that describe an optimizer variable at one step."""

from __future__ import annotations

import numpy as np

from slotscope.engines.meters.meter import MEASURES

#: Their names, in order: the columns of ``Recording.statistics``.
NAMES = MEASURES["statistics"]


def describe(values: np.ndarray) -> np.ndarray:
    """The numbers of :data:`NAMES` for an array of any shape and dtype, in float64.

    ``l2`` is the square root of the sum of squares, ``zero_fraction`` the share of elements that
    are exactly zero, ``nonfinite`` the number of elements that are NaN or infinite. An empty array
    has ``l2`` 0 and NaN for its mean, minimum, maximum and zero fraction.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if not flat.size:
        return np.array([0.0, np.nan, np.nan, np.nan, np.nan, 0.0])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(
            [
                np.sqrt(np.dot(flat, flat)),
                flat.mean(),
                flat.min(),
                flat.max(),
                np.count_nonzero(flat == 0) / flat.size,
                flat.size - np.count_nonzero(np.isfinite(flat)),
            ]
        )
