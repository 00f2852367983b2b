"""The statistics of an optimizer variable: a table of which each is one entry.

An entry says its statistic twice. NumPy's form is of values that were copied to the host. The
measured form is of a :class:`Reading`: what a backend's own operations tell of arrays where they
lie. Every backend has readings with these members (TensorFlow, also in a graph; JAX; torch; and
the host's memory), so that an entry is all there is to a statistic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol

import numpy as np


class Reading(Protocol):
    """What a backend reads of one array, or of several at once: a number, or one for each."""

    @property
    def size(self) -> Any:
        """How many elements."""

    @property
    def norm(self) -> Any:
        """The L2 norm, with no square that over- or underflows."""

    @property
    def total(self) -> Any:
        """The sum."""

    @property
    def smallest(self) -> Any:
        """The minimum, NaN where one element is."""

    @property
    def largest(self) -> Any:
        """The maximum, NaN where one element is."""

    @property
    def zero_fraction(self) -> Any:
        """The share of elements that are exactly zero."""

    @property
    def nonfinite(self) -> Any:
        """How many elements are NaN or infinite."""

    def sums(self, of: Callable[[Any], Any]) -> Any:
        """The sum of what ``of`` makes of each element, by operators such as ``abs`` and ``>``."""


@dataclass(frozen=True, slots=True)
class Statistic:
    """One number that describes an optimizer variable at one step.

    Attributes:
        name: its column in ``Recording.statistics``.
        of_values: its NumPy form, for an array (elements,) of float64 that is not empty.
        of_reading: its form on every backend.
        of_nothing: what it is for an array without elements.
        dtype: the dtype of its column in pandas.
    """

    name: str
    of_values: Callable[[np.ndarray], Any]
    of_reading: Callable[[Reading], Any]
    of_nothing: float = math.nan
    dtype: str = "float64"


#: Every statistic by its name, in the order of the columns. A new one goes to the end: recordings
#: that were saved before have NaN for it.
STATISTICS = {
    statistic.name: statistic
    for statistic in (
        Statistic(
            "l2",
            of_values=lambda flat: np.sqrt(np.dot(flat, flat)),
            of_reading=attrgetter("norm"),
            of_nothing=0.0,
        ),
        Statistic(
            "mean", of_values=np.mean, of_reading=lambda reading: reading.total / reading.size
        ),
        Statistic("min", of_values=np.min, of_reading=attrgetter("smallest")),
        Statistic("max", of_values=np.max, of_reading=attrgetter("largest")),
        Statistic(
            "zero_fraction",
            of_values=lambda flat: np.count_nonzero(flat == 0) / flat.size,
            of_reading=attrgetter("zero_fraction"),
        ),
        Statistic(
            "nonfinite",
            of_values=lambda flat: flat.size - np.count_nonzero(np.isfinite(flat)),
            of_reading=attrgetter("nonfinite"),
            of_nothing=0.0,
            dtype="Int64",
        ),
    )
}

#: What is measured of each variable, by the name of the level; norms are the first statistics,
#: and where values are kept, statistics are computed from them.
MEASURES: dict[str, Collection[str]] = {
    "norms": ("l2",),
    "statistics": STATISTICS.keys(),
    "values": (),
}


def measured(reading: Reading) -> list[Any]:
    """Every statistic of what was read."""
    return [statistic.of_reading(reading) for statistic in STATISTICS.values()]


def of_nothing() -> list[float]:
    """Every statistic of an array without elements."""
    return [statistic.of_nothing for statistic in STATISTICS.values()]


def describe(values: np.ndarray) -> np.ndarray:
    """Every statistic of an array of any shape and dtype, in float64."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    if not flat.size:
        return np.array(of_nothing())
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array([statistic.of_values(flat) for statistic in STATISTICS.values()])
