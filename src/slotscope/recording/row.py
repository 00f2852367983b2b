"""One row of a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """What was read after one step.

    Attributes:
        iterations: the optimizer's step counter after the step.
        indices: which variables were read, as indices into the recording's list.
        statistics: float64 array (variables, 6), see :mod:`slotscope.recording.statistics`.
        identity: int64 array (variables, 3) for object, handle and buffer: 0 for the first one
            seen, 1 for the second, and so on; -1 where the engine does not tell.
        live: bool array (variables,), whether training updates this variable of its slot.
        values: an array for each variable, or None where only statistics were kept.
    """

    iterations: int
    indices: np.ndarray
    statistics: np.ndarray
    identity: np.ndarray
    live: np.ndarray
    values: tuple[np.ndarray, ...] | None
