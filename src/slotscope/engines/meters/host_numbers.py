"""Statistics of an array in the host's memory, by NumPy, in pieces that stay in the cache.

So the memory is read once, whatever is asked. Sums are dot products, which are the fastest there
are, of short rows, as a long sum drifts in float32; those of rows are added up in float64.
"""

from __future__ import annotations

import math

import numpy as np

from slotscope.engines.meters.meter import SAFE

#: A row has so many elements,
ROW = 1 << 9
#: and a piece so many rows.
ROWS = 1 << 8


def statistics(flat: np.ndarray) -> list[float]:
    """The six numbers of an array (elements,) of float32 or float64, not empty."""
    with np.errstate(all="ignore"):
        return _statistics(flat)


def _statistics(flat: np.ndarray) -> list[float]:
    pieces = _pieces(flat)
    ones = np.ones((1, ROW), flat.dtype)
    squares, sums, smallest, largest = [], [], [], []
    zeros = 0
    for piece in pieces:
        squares.append(_dots(piece, piece))
        sums.append(_dots(piece, ones[:, : piece.shape[1]]))
        low, high = np.minimum.reduce(piece, axis=None), np.maximum.reduce(piece, axis=None)
        if not (low > 0 or high < 0):
            zeros += int(np.count_nonzero(piece == 0))
        smallest.append(low)
        largest.append(high)
    total = _sum(sums)
    finite = math.isfinite(total)
    nonfinite = 0 if finite else sum(int(np.count_nonzero(~np.isfinite(p))) for p in pieces)
    extremes = float(np.min(smallest)), float(np.max(largest))  # Python's own lose a NaN
    mean, share = total / flat.size, zeros / flat.size
    return [_norm(squares, pieces), mean, *extremes, share, nonfinite]


def _pieces(flat: np.ndarray) -> list[np.ndarray]:
    """The array as matrices of whole rows, and what is left as one of a shorter row."""
    whole = flat.size // ROW * ROW
    rows, rest = flat[:whole].reshape(-1, ROW), flat[whole:].reshape(1, -1)
    pieces = [rows[begin : begin + ROWS] for begin in range(0, len(rows), ROWS)]
    return [*pieces, rest] if rest.size else pieces


def _dots(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The dot product of each row with that of another matrix, or with its only one."""
    return np.matmul(rows[:, None, :], others[:, :, None]).ravel()


def _sum(parts: list[np.ndarray]) -> float:
    return float(np.concatenate(parts).sum(dtype=np.float64))


def _norm(squares: list[np.ndarray], pieces: list[np.ndarray]) -> float:
    """The L2 norm, of sums of squares if those have lost none."""
    total = _sum(squares)
    if not SAFE[0] < total < SAFE[1]:
        total = _sum([_dots(wide, wide) for wide in (p.astype(np.float64) for p in pieces)])
    return math.sqrt(total)
