"""Statistics of an array in the host's memory, by NumPy, in pieces that stay in the cache.

So the memory is read once, whatever is asked. Sums are dot products, which are the fastest there
are, of short rows, as a long sum drifts in float32; those of rows are added up in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from slotscope.engines.meters.meter import SAFE
from slotscope.engines.meters.statistics import measured

#: A row has this many elements,
ROW = 1 << 9
#: and a piece this many rows.
ROWS = 1 << 8


def statistics(flat: np.ndarray) -> list[float]:
    """The statistics of an array (elements,) of float32 or float64, not empty."""
    with np.errstate(all="ignore"):
        return measured(HostArray(flat))


def row_norms(rows: np.ndarray) -> np.ndarray:
    """The L2 norm of each row: float64 array (rows,).

    Args:
        rows: array (rows, elements) of any dtype.
    """
    if rows.dtype != np.float32:
        rows = rows.astype(np.float64)
    with np.errstate(all="ignore"):
        squares = np.einsum("ij,ij->i", rows, rows).astype(np.float64)
        unsafe = ~((SAFE[0] < squares) & (squares < SAFE[1]))
        wide = rows[unsafe].astype(np.float64)
        squares[unsafe] = np.einsum("ij,ij->i", wide, wide)
        norms: np.ndarray = np.sqrt(squares)
    return norms


class HostArray:
    """A :class:`~slotscope.engines.meters.statistics.Reading` of an array that is not empty."""

    def __init__(self, flat: np.ndarray) -> None:
        self.size = flat.size
        self._pieces = _pieces(flat)
        self._ones = np.ones((1, ROW), flat.dtype)
        squares, sums, smallest, largest = [], [], [], []
        zeros = 0
        for piece in self._pieces:
            squares.append(_dots(piece, piece))
            sums.append(self._row_sums(piece))
            low, high = np.minimum.reduce(piece, axis=None), np.maximum.reduce(piece, axis=None)
            if not (low > 0 or high < 0):
                zeros += int(np.count_nonzero(piece == 0))
            smallest.append(low)
            largest.append(high)
        self._squares = _sum(squares)
        self.total = _sum(sums)
        # Python's own lose a NaN.
        self.smallest, self.largest = float(np.min(smallest)), float(np.max(largest))
        self.zero_fraction = zeros / flat.size

    @cached_property
    def norm(self) -> float:
        """The L2 norm, of sums of squares if those have lost none."""
        total = self._squares
        if not SAFE[0] < total < SAFE[1]:
            wide = (piece.astype(np.float64) for piece in self._pieces)
            total = _sum(_dots(piece, piece) for piece in wide)
        return math.sqrt(total)

    @cached_property
    def nonfinite(self) -> int:
        """How many elements are not finite: none where their sum is."""
        if math.isfinite(self.total):
            return 0
        return sum(int(np.count_nonzero(~np.isfinite(piece))) for piece in self._pieces)

    def sums(self, of: Callable[[np.ndarray], np.ndarray]) -> float:
        made = (of(piece).astype(piece.dtype) for piece in self._pieces)
        return _sum(map(self._row_sums, made))

    def _row_sums(self, piece: np.ndarray) -> np.ndarray:
        return _dots(piece, self._ones[:, : piece.shape[1]])


def _pieces(flat: np.ndarray) -> list[np.ndarray]:
    """The array as matrices of whole rows, and what is left as one of a shorter row."""
    whole = flat.size // ROW * ROW
    rows, rest = flat[:whole].reshape(-1, ROW), flat[whole:].reshape(1, -1)
    pieces = [rows[begin : begin + ROWS] for begin in range(0, len(rows), ROWS)]
    return [*pieces, rest] if rest.size else pieces


def _dots(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The dot product of each row with that of another matrix, or with its only one."""
    return np.matmul(rows[:, None, :], others[:, :, None]).ravel()


def _sum(parts: Iterable[np.ndarray]) -> float:
    return float(np.concatenate(list(parts)).sum(dtype=np.float64))
