"""What the rows of a slot together say of it: that it stayed zero, stood still, or only shrank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slotscope.recording.records import EventKind

#: A factor is one and the same where it differs by less, which rounding of float32 does not reach.
_SAME = 1e-4
#: Of fewer rows nothing is said: two may be alike by chance.
_ROWS = 4


class SlotHealth:
    """Follows the L2 norm of each slot, by the index of its variable.

    Attributes of it are arrays with one element for each index that came so far.
    """

    def __init__(self) -> None:
        #: How many rows each had, and in how many it was not as in the row before.
        self._rows, self._changes = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._bad = np.zeros(0, bool)
        self._first, self._last = np.zeros(0), np.zeros(0)
        self._lowest, self._highest = np.zeros(0), np.zeros(0)
        self._smallest_ratio, self._largest_ratio = np.zeros(0), np.zeros(0)

    def _grow(self, size: int) -> None:
        more = size - len(self._rows)
        if more <= 0:
            return
        self._first = np.append(self._first, np.full(more, np.nan))
        none = np.zeros(more, np.int64)
        self._rows, self._changes = np.append(self._rows, none), np.append(self._changes, none)
        self._bad = np.append(self._bad, np.zeros(more, bool))
        self._last = np.append(self._last, np.full(more, np.nan))
        low, high = np.full(more, np.inf), np.full(more, -np.inf)
        self._lowest, self._highest = np.append(self._lowest, low), np.append(self._highest, high)
        self._smallest_ratio = np.append(self._smallest_ratio, low)
        self._largest_ratio = np.append(self._largest_ratio, high)

    def update(self, indices: Sequence[int], norms: np.ndarray) -> dict[int, int]:
        """Take the norms of more rows.

        Args:
            indices: of the variables.
            norms: float64 array (rows, variables).

        Returns:
            For each variable that is not finite for the first time, the row.
        """
        if not len(indices):
            return {}
        at = np.array(indices, dtype=np.int64)
        self._grow(int(at.max()) + 1)
        before = np.concatenate([self._last[None, at], norms[:-1]])
        # Before its first row nothing tells of a slot.
        self._changes[at] += ((norms != before) & ~np.isnan(before)).sum(axis=0)
        self._first[at] = np.where(self._rows[at] > 0, self._first[at], norms[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = norms / before
            # The first row of a slot has none before it: fmin and fmax leave NaN out.
            self._smallest_ratio[at] = np.fmin(self._smallest_ratio[at], np.fmin.reduce(ratios))
            self._largest_ratio[at] = np.fmax(self._largest_ratio[at], np.fmax.reduce(ratios))
        self._rows[at] += len(norms)
        self._last[at] = norms[-1]
        self._lowest[at] = np.fmin(self._lowest[at], np.fmin.reduce(norms))
        self._highest[at] = np.fmax(self._highest[at], np.fmax.reduce(norms))
        bad = ~np.isfinite(norms)
        new = bad.any(axis=0) & ~self._bad[at]
        self._bad[at] |= new
        return {
            indices[place]: int(bad[:, place].argmax()) for place in np.flatnonzero(new).tolist()
        }

    def changes(self, index: int, initial: float) -> tuple[int, int]:
        """How many rows a slot had, and in how many it was not as before.

        Args:
            index: of its variable.
            initial: what each of its elements was at first, NaN if nothing tells.
        """
        if index >= len(self._rows):
            return 0, 0
        began = bool(initial == 0 and self._first[index] > 0)
        return int(self._rows[index]), int(self._changes[index]) + began

    def verdicts(self) -> dict[EventKind, list[int]]:
        """What is to be said of slots at the end, and of which."""
        kinds: dict[EventKind, list[int]] = {}
        for index in np.flatnonzero((self._rows >= _ROWS) & ~self._bad).tolist():
            kind = self._kind(index)
            if kind is not None:
                kinds.setdefault(kind, []).append(index)
        return kinds

    def _kind(self, index: int) -> EventKind | None:
        if self._highest[index] == 0:
            return EventKind.ZERO_SLOT
        if self._lowest[index] == self._highest[index]:
            return EventKind.STILL_SLOT
        smallest, largest = self._smallest_ratio[index], self._largest_ratio[index]
        shrinks = smallest > (1 - _SAME) * largest and largest < 1 and self._lowest[index] > 0
        return EventKind.DECAYING_SLOT if shrinks else None
