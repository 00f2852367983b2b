"""How small arrays lie in one matrix, so that a few operations reduce them all.

Each operation has its price, whatever it reads. Every array begins a row, and the last of its rows
is filled up with zeros; rows are reduced first, and then those of each array.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Elements of a row.
WIDTH = 128


class Packing:
    """Where arrays of these sizes lie.

    Attributes:
        sizes: int64 array (arrays,): elements of each.
        fill: zeros that follow each.
        inside: bool array (rows, :data:`WIDTH`): what is of an array.
        places: int array (arrays, most rows of one): the rows of each; where an array has fewer,
            the number of rows, which is that of none.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = np.array(sizes, dtype=np.int64)
        self.fill = (-self.sizes % WIDTH).tolist()
        counts = -(-self.sizes // WIDTH)
        rows = int(counts.sum())
        column = np.arange(counts.max(initial=0))
        places = (np.cumsum(counts) - counts)[:, None] + column
        self.places = np.where(column < counts[:, None], places, rows)
        used = np.full(rows, WIDTH)
        whole = counts > 0
        used[np.cumsum(counts)[whole] - 1] -= np.array(self.fill, dtype=np.int64)[whole]
        self.inside = np.arange(WIDTH) < used[:, None]
