"""What the rows of a slot together say of it: that it stayed zero, stood still, or only shrank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from slotscope.recording.records import EventKind

#: A factor is one and the same where it differs by less, which rounding of float32 does not reach.
_SAME = 1e-4
#: Of fewer rows nothing is said: two may be alike by chance.
_ROWS = 4


class _Norms:
    """What is kept of one slot's L2 norms."""

    def __init__(self) -> None:
        self.rows = 0
        self.last = np.nan
        self.lowest, self.highest = np.inf, -np.inf
        self.smallest_ratio, self.largest_ratio = np.inf, -np.inf
        self.finite = True

    def update(self, norms: np.ndarray) -> int | None:
        """Take more norms; the place of the first that is not finite, if none was before."""
        known = np.concatenate([[self.last], norms]) if self.rows else norms
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = known[1:] / known[:-1]
        if len(ratios):
            self.smallest_ratio = min(self.smallest_ratio, ratios.min())
            self.largest_ratio = max(self.largest_ratio, ratios.max())
        self.rows += len(norms)
        self.last = norms[-1]
        self.lowest, self.highest = min(self.lowest, norms.min()), max(self.highest, norms.max())
        bad = np.flatnonzero(~np.isfinite(norms))
        if not len(bad) or not self.finite:
            return None
        self.finite = False
        return int(bad[0])

    @property
    def kind(self) -> EventKind | None:
        """What is to be said of the slot at the end."""
        if self.rows < _ROWS or not self.finite:
            return None
        if self.highest == 0:
            return EventKind.ZERO_SLOT
        if self.lowest == self.highest:
            return EventKind.STILL_SLOT
        constant = self.largest_ratio - self.smallest_ratio < _SAME * self.largest_ratio
        return EventKind.DECAYING_SLOT if constant and self.largest_ratio < 1 else None


class SlotHealth:
    """Follows the L2 norm of each slot, by the index of its variable."""

    def __init__(self) -> None:
        self._norms: defaultdict[int, _Norms] = defaultdict(_Norms)

    def update(self, indices: Sequence[int], norms: np.ndarray) -> dict[int, int]:
        """Take the norms of more rows.

        Args:
            indices: of the variables.
            norms: float64 array (rows, variables).

        Returns:
            For each variable that is not finite for the first time, the row.
        """
        found = {}
        for column, index in enumerate(indices):
            first = self._norms[index].update(norms[:, column])
            if first is not None:
                found[index] = first
        return found

    def verdicts(self) -> dict[EventKind, list[int]]:
        """What is to be said of slots at the end, and of which."""
        kinds: dict[EventKind, list[int]] = {}
        for index, norms in sorted(self._norms.items()):
            if norms.kind is not None:
                kinds.setdefault(norms.kind, []).append(index)
        return kinds
