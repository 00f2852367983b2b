"""Meters: numbers about every optimizer variable, taken inside of the step that made them.

To copy a slot to the host at each step costs more than the step. A meter has the framework reduce
each variable to a few numbers where it lies, as a part of what runs anyway, and write them into a
*ring*: an array (steps, variables, numbers) on the device, beside the step counter of each row.
The ring belongs to the meter, not to the optimizer or the model; it is copied to the host in
bulk, long before it would be written over. So nothing waits for a transfer, and a call that makes
many steps leaves a row for each.

The sum of squares of a large variable is taken in its own precision, at least float32. Where that
is too little, so that squares are lost, the same step takes it again, in float64 or with numbers
scaled by the largest: that costs a second read, in such a step only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

#: Between these, a sum of squares in float32 has lost none that matter.
SAFE = (1e-24, 1e36)

#: Arrays of at most this many elements are measured together: each operation has its price.
SMALL = 16_384
#: On the CPU, XLA reads an array of more elements in pieces: for fewer, compiling that costs more.
LARGE = 1 << 18
#: A piece has at most this many elements; they are read this many
PIECE = 2048
#: at a time,
ABREAST = 4
#: and this many times before another sum begins, as a long one drifts in float32.
TIMES = 16


@dataclass(frozen=True, slots=True)
class Targets:
    """What is measured when a train function is called.

    Attributes:
        refs: the optimizer variables, without the step counter.
        counter: the step counter.
        longest: the most steps that one call makes.
    """

    refs: Sequence[Any]
    counter: Any
    longest: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows that a meter hands over, in order.

    Attributes:
        refs: the variables, in the order of the second axis.
        iterations: int64 array (steps,): the step counter after each step.
        numbers: float64 array (steps, variables, numbers) of the level that is measured.
        last: the step counter now, whether its step has a row or not; None if the rows were
            lost with the device's memory.
    """

    refs: tuple[Any, ...]
    iterations: np.ndarray
    numbers: np.ndarray
    last: int | None


class Meter(ABC):
    """Measures in every ``every``-th step of one model's train function.

    Args:
        measures: a key of :data:`~slotscope.engines.meters.statistics.MEASURES`.
        every: a row is made where the step counter is a multiple of this.
    """

    #: Steps that a ring holds, at least.
    capacity: ClassVar[int] = 1024
    #: Whether it needs a train function of its own, made while it listens.
    remakes: ClassVar[bool] = True

    def __init__(self, measures: str, every: int) -> None:
        self.measures = measures
        self.every = every

    def patches(self, trainer: Any) -> Iterable[tuple[Any, str, Callable[..., Any]]]:
        """Places, as (owner, name, listener), that the meter needs to be called at."""
        return []

    # Each meter has a use for some of these.
    def run(self, function: Any, targets: Targets, session: Any) -> bool:
        """``function``, the train function of a graph, is about to run in ``session``.

        Returns:
            Whether it measures; else what it leaves must be read.
        """
        return False

    def enter(
        self, optimizer: Any, targets: Targets, args: tuple[Any, ...]
    ) -> tuple[Any, ...] | None:
        """The train function's arguments as it shall get them; None if it cannot be measured."""
        return args

    def leave(self, result: Any) -> Any:
        """The train function's result as its caller shall get it."""
        return result

    def applied(self, targets: Targets) -> None:  # noqa: B027
        """Gradients were applied within the train function, or a trace of that was made."""

    def undo(self) -> None:  # noqa: B027
        """Take out again what was put into the train function."""

    @property
    def away(self) -> bool:
        """Whether its rows were given to a call of the train function, and did not come back."""
        return False

    @abstractmethod
    def drain(self) -> list[Measured]:
        """Every row that was not handed over before."""


class Taking:
    """Takes the rows out of one ring, each once.

    Args:
        refs: the variables that the ring is about.
    """

    def __init__(self, refs: Sequence[Any]) -> None:
        self.refs = tuple(refs)
        self._taken = 0

    def take(self, place: Any, last: Any, iterations: Any, rows: Any) -> Measured:
        """The rows written since the last time.

        Args:
            place: how many rows were ever written.
            last: the step counter now.
            iterations: array (capacity,): the step counter of each row.
            rows: array (capacity, variables, numbers).
        """
        iterations, rows = np.asarray(iterations), np.asarray(rows)
        begin = max(self._taken, int(place) - len(rows))
        at = np.arange(begin, int(place)) % len(rows)
        self._taken = int(place)
        return Measured(
            self.refs, iterations[at].astype(np.int64), rows[at].astype(np.float64), int(last)
        )


def same_refs(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether both are the same variables; ``==`` between two would compare what they hold."""
    return list(map(id, ours)) == list(map(id, theirs))


def parted(
    arrays: Sequence[Any], size: Callable[[Any], int], limit: int
) -> tuple[list[Any], list[Any], np.ndarray | None]:
    """The arrays of up to ``limit`` elements, and the larger ones.

    Returns:
        Both, and for each of ``arrays`` its place among both together; None if that is its own.
    """
    order = sorted(range(len(arrays)), key=lambda place: size(arrays[place]) > limit)
    small = [arrays[place] for place in order if size(arrays[place]) <= limit]
    large = [arrays[place] for place in order[len(small) :]]
    return small, large, None if order == sorted(order) else np.argsort(order)


def pieces(size: int) -> tuple[int, int, int]:
    """How an array of ``size`` elements is parted: how many groups, elements of a piece, rest.

    A group is :data:`TIMES` times :data:`ABREAST` pieces.
    """
    each = TIMES * ABREAST
    groups = -(-size // (each * PIECE))
    width = size // (each * groups)
    return groups, width, size - groups * each * width


def with_rows(found: Sequence[Measured]) -> list[Measured]:
    """Those that have rows, or had some."""
    return [part for part in found if len(part.iterations) or part.last is None]


def latest(found: Sequence[Measured]) -> list[Measured]:
    """What several rings gave, the older ones only where they had rows."""
    return [*with_rows(found[:-1]), *found[-1:]]


def lost(refs: Sequence[Any]) -> Measured:
    """What is left of rows that the device no longer has."""
    return Measured(tuple(refs), np.zeros(0, np.int64), np.zeros((0, 0, 0)), None)
