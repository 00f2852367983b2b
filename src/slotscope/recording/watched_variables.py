"""An optimizer variable that is watched: which object it is, and whether training moves it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from slotscope.engines.records import OptimizerVariable
from slotscope.engines.watched import Watched


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
        self.statistics: np.ndarray | None = None
        self._numberings = (_Numbering(), _Numbering(), _Numbering())

    def identity(self, engine: Watched, state: Any) -> list[int]:
        """Numbers for its object, handle and buffer, as in ``Row.identity``."""
        found = engine.identify(self.ref, state)
        tokens = (found.object, found.handle, found.buffer)
        return [number(token) for number, token in zip(self._numberings, tokens, strict=True)]

    def moved(self, statistics: np.ndarray) -> bool:
        """Whether it has other statistics than when it was last read."""
        last = self.statistics
        return last is not None and not np.array_equal(last, statistics, equal_nan=True)


class _Numbering:
    """Numbers tokens in the order in which they first appear; None is -1.

    A jax Array has no hash and never comes back once it has been replaced: it is held on to until
    then, since the id of one that is gone may be used again.
    """

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}
        self.arrays = 0
        self.last: Any = None

    def __call__(self, token: Any) -> int:
        if token is None:
            return -1
        if isinstance(token, Hashable):
            return self.known.setdefault(token, len(self.known))
        if token is not self.last:
            self.last = token
            self.arrays += 1
        return self.arrays - 1


def updated(
    variables: Sequence[WatchedVariable], statistics: np.ndarray, shown: Mapping[str, int]
) -> tuple[np.ndarray, set[str]]:
    """Which variable of each slot training updates.

    Args:
        variables: those that were read.
        statistics: of each, what was read.
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
        moved = [p for p in places if variables[p].moved(statistics[p])]
        in_sight = [p for p in places if variables[p].index == shown.get(label)]
        if len(places) > 1:
            chosen = (moved or in_sight or places)[-1]
            live[places] = False
            live[chosen] = True
        if moved and not set(moved) & set(in_sight):
            frozen.add(label)
    return live, frozen
