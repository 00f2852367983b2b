"""Meters: numbers about every optimizer variable, taken inside of the step that made them.

To copy a slot to the host at each step costs more than the step. A meter has the framework reduce
each variable to a few numbers where it lies, as a part of what runs anyway, and write them into a
*ring*: an array (steps, variables, numbers) on the device, beside the step counter before and after
each step. Where values are kept, their own bits are written in the place of numbers.
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

from slotscope.engines.meters.layout import Layout

#: A ring of values takes about this many bytes.
ROOM = 1 << 22

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
    r"""What a meter hands over: every step, in order, and the rows of those where one was due.

    Attributes:
        refs: the variables, in the order of the second axis.
        before: int64 array (steps,): the step counter before each step.
        after: int64 array (steps,): the step counter after it; a compiled step that applies
            gradients twice moves it by two.
        due: bool array (steps,): whether there is a row.
        numbers: float64 array (rows, variables, numbers) of the level that is measured.
        values: where values are kept, of each variable an array (rows, \*shape); there are no
            numbers then.
        buffers: int64 array (rows, variables): where the values lay, -1 for unknown. Where it is
            given, each row is of a call of its own.
        lost: whether the device's memory, and steps with it, was lost.
    """

    refs: tuple[Any, ...]
    before: np.ndarray
    after: np.ndarray
    due: np.ndarray
    numbers: np.ndarray
    values: tuple[np.ndarray, ...] | None = None
    buffers: np.ndarray | None = None
    lost: bool = False


class Meter(ABC):
    """Measures in every ``every``-th step of one model's train function.

    Args:
        measures: a key of :data:`~slotscope.engines.meters.statistics.MEASURES`.
        every: a row is made where the step counter is a multiple of this.
    """

    #: Steps that a ring holds, at least; fewer where it holds values.
    capacity: int = 1024
    #: Whether it needs a train function of its own, made while it listens.
    remakes: ClassVar[bool] = True

    def __init__(self, measures: str, every: int) -> None:
        self.measures = measures
        self.every = every

    def patches(self, trainer: Any) -> Iterable[tuple[Any, str, Callable[..., Any]]]:
        """Places, as (owner, name, listener), that the meter needs to be called at."""
        return []

    def layout(self, shapes: Sequence[Sequence[int]], dtypes: Sequence[str]) -> Layout | None:
        """How values lie in the ring, which holds fewer steps of them; None if none are kept."""
        if self.measures != "values":
            return None
        layout = Layout(shapes, dtypes)
        self.capacity = max(1, min(type(self).capacity, ROOM // max(layout.bytes, 1)))
        return layout

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

    def applying(self, targets: Targets) -> None:  # noqa: B027
        """The same, before they are."""

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
    """Takes what was measured out of one ring, each step once.

    Args:
        refs: the variables that the ring is about.
        every: a row is due where the step counter is a multiple of this.
        layout: how values lie in the rows, if those are what is taken.
    """

    def __init__(self, refs: Sequence[Any], every: int, layout: Layout | None = None) -> None:
        self.refs = tuple(refs)
        self.layout = layout
        self._every = every
        self._taken = 0

    def take(self, made: Any, before: Any, after: Any, *rows: Any) -> Measured:
        """What was written since the last time.

        Args:
            made: how many steps were ever written.
            before: array (capacity,): the step counter before each step.
            after: array (capacity,): the step counter after it.
            *rows: array (capacity, variables, numbers); or for each dtype of the layout an array
                (capacity, width).
        """
        before, after = np.asarray(before), np.asarray(after)
        begin = max(self._taken, int(made) - len(after))
        at = np.arange(begin, int(made)) % len(after)
        self._taken = int(made)
        due = after[at] % self._every == 0
        taken = [np.asarray(table)[at[due]] for table in rows]
        counters = before[at].astype(np.int64), after[at].astype(np.int64), due
        if self.layout is None:
            return Measured(self.refs, *counters, taken[0].astype(np.float64))
        none = np.zeros((int(due.sum()), len(self.refs), 0))
        values = self.layout.parted(dict(zip(self.layout.widths, taken, strict=True)))
        return Measured(self.refs, *counters, none, values)


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


def with_steps(found: Sequence[Measured]) -> list[Measured]:
    """Those that have steps, or had some."""
    return [part for part in found if len(part.after) or part.lost]


def lost(refs: Sequence[Any]) -> Measured:
    """What is left of steps that the device no longer has."""
    none = np.zeros(0, np.int64)
    return Measured(tuple(refs), none, none, none > 0, np.zeros((0, 0, 0)), lost=True)
