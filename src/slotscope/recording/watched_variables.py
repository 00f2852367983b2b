"""An optimizer variable that is watched: which object it is, and whether training moves it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from slotscope.engines.records import Identity, OptimizerVariable


class WatchedVariable:
    """The live object, and what was last read from it.

    Args:
        found: what the optimizer showed.
        index: its place among the variables of the recording.
    """

    def __init__(self, found: OptimizerVariable, index: int) -> None:
        self.index = index
        self.ref = found.ref
        self.slot = found.slot
        self.label = found.label
        self.last: np.ndarray | None = None
        self._numberings = (_Numbering(), _Numbering(), _Numbering())

    def identity(self, found: Identity) -> list[int]:
        """Numbers for its object, handle and buffer, as in ``Row.identity``."""
        tokens = (found.object, found.handle, found.buffer)
        return [number(token) for number, token in zip(self._numberings, tokens, strict=True)]

    def object_and_handle(self, found: Identity) -> list[int]:
        """The first two of :meth:`identity`."""
        return [self._numberings[0](found.object), self._numberings[1](found.handle)]

    def new_handles(self, rows: int) -> np.ndarray:
        """Numbers for its handle in so many rows, where each row has a new one."""
        return self._numberings[1].new(rows)

    def buffers(self, addresses: np.ndarray) -> np.ndarray:
        """Numbers for its buffer, of int64 array (rows,); -1 for unknown."""
        return self._numberings[2].all(addresses)

    def holds_values(self, shape: tuple[int, ...]) -> bool:
        """Whether what was last read are values, of this shape, and not statistics of them."""
        return self.last is not None and self.last.shape == shape

    def moved(self, read: np.ndarray) -> bool:
        """Whether it has other values, or other statistics, than when it was last read."""
        return self.last is not None and not np.array_equal(self.last, read, equal_nan=True)


class _Numbering:
    """Numbers tokens in the order in which they first appear; None is -1.

    A jax Array has no hash and never comes back once it has been replaced: it is held on to until
    then, since the id of one that is gone may be used again.
    """

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}
        self.arrays = 0
        self.latest = -1
        self.last: Any = None

    def __call__(self, token: Any) -> int:
        if token is None:
            return -1
        if isinstance(token, Hashable):
            return self.known.setdefault(token, len(self.known) + self.arrays)
        if token is not self.last:
            self.last = token
            self.latest = len(self.known) + self.arrays
            self.arrays += 1
        return self.latest

    def new(self, count: int) -> np.ndarray:
        """Numbers of so many tokens that never were there before and never come again."""
        first = len(self.known) + self.arrays
        self.arrays += count
        return np.arange(first, first + count)

    def all(self, tokens: np.ndarray) -> np.ndarray:
        """Numbers of many tokens, most of which are like the one before."""
        begins = np.flatnonzero(np.diff(tokens, prepend=tokens[:1] - 1))
        numbers = [self(None if token < 0 else token) for token in tokens[begins].tolist()]
        return np.repeat(np.array(numbers, dtype=np.int64), np.diff(begins, append=len(tokens)))


def updated(
    variables: Sequence[WatchedVariable], read: Sequence[np.ndarray], shown: Mapping[str, int]
) -> tuple[np.ndarray, set[str]]:
    """Which variable of each slot training updates.

    Args:
        variables: those that were read.
        read: of each, its values or its statistics.
        shown: the index of the one that the optimizer shows, by label.

    Returns:
        A bool for each variable; and the labels of which the shown one stands still while another
        moves.
    """
    rivals = defaultdict(list)
    for place, variable in enumerate(variables):
        rivals[variable.label].append(place)
    live = np.ones(len(variables), dtype=bool)
    frozen = set()
    for label, places in rivals.items():
        moved = [p for p in places if variables[p].moved(read[p])]
        in_sight = [p for p in places if variables[p].index == shown.get(label)]
        if len(places) > 1:
            chosen = (moved or in_sight or places)[-1]
            live[places] = False
            live[chosen] = True
        if moved and not set(moved) & set(in_sight):
            frozen.add(label)
    return live, frozen
