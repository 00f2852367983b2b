"""How the values of several arrays lie in one row, so that a few operations copy them all.

Those of one dtype stand behind each other, each as it is in memory. A row for each dtype is what
a step leaves; nothing is converted, so values come back to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Place:
    """Where an array lies: in the row of ``dtype``, from ``begin`` to ``end``."""

    dtype: str
    begin: int
    end: int
    shape: tuple[int, ...]


class Layout:
    """Where arrays of these shapes and dtypes lie.

    Attributes:
        places: of each array.
        widths: elements of the row of each dtype.
    """

    def __init__(self, shapes: Sequence[Sequence[int]], dtypes: Sequence[str]) -> None:
        self.places: list[Place] = []
        self.widths: dict[str, int] = {}
        for shape, dtype in zip(shapes, dtypes, strict=True):
            begin = self.widths.get(dtype, 0)
            self.widths[dtype] = end = begin + math.prod(shape)
            self.places.append(Place(dtype, begin, end, tuple(shape)))

    @property
    def bytes(self) -> int:
        """How much memory the rows of one step take, about."""
        return sum(width * _itemsize(dtype) for dtype, width in self.widths.items())

    def sorted(self, arrays: Sequence[Any]) -> Iterator[list[Any]]:
        """For each dtype, those of ``arrays`` that lie in its row, in order."""
        pairs = list(zip(arrays, self.places, strict=True))
        for dtype in self.widths:
            yield [array for array, place in pairs if place.dtype == dtype]

    def parted(self, tables: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Of each array, its values in many rows: views (rows, \\*shape).

        Args:
            tables: array (rows, width) of each dtype.
        """
        return tuple(
            table[:, place.begin : place.end].reshape(len(table), *place.shape)
            for place in self.places
            for table in (tables[place.dtype],)
        )


def _itemsize(dtype: str) -> int:
    """Bytes of an element: those of most dtypes have it in their names."""
    bits = "".join(filter(str.isdigit, dtype))
    return int(bits or 8) // 8
