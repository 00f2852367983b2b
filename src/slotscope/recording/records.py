"""The plain records of a recording: events, optimizer variables, and rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from slotscope.engines.meters.statistics import STATISTICS, describe


class EventKind(StrEnum):
    """What can happen to an optimizer, and how a figure marks it.

    A member equals its text: ``event.kind == "stepped"``. Figures draw the kinds that occur in
    the order in which they stand here.

    Attributes:
        meaning: what happened, in words.
        marker: matplotlib's name of its marker.
        size: of the marker, in points.
        colour: the colour of the marker, as matplotlib reads it; most are Okabe and Ito's, which
            colour-blind readers can tell apart.
        is_step: whether an event of this kind stands for steps, which are counted and drawn at
            their number. Other events are drawn between steps.
    """

    meaning: str
    marker: str
    size: float
    colour: str
    is_step: bool

    CONSTRUCTED = (
        "constructed",
        "variables appeared for parameters that had none",
        "D",
        7,
        "#D55E00",
    )
    TRACED = (
        "traced",
        "the optimizer's update was traced, on TensorFlow and JAX",
        "^",
        8,
        "#009E73",
    )
    STEPPED = ("stepped", "the step counter moved", "|", 11, "#0072B2", True)
    COMPILED = ("compiled", "`model.compile` was called", "s", 6, "#555555")
    REPLACED = (
        "replaced",
        "a slot got a new variable: a recompile, a second `get_updates` or `build`",
        "X",
        8,
        "#CC79A7",
    )
    SHARED = ("shared", "the optimizer serves another model too", "*", 11, "#E69F00")
    OTHER_MODEL = (
        "other model",
        "another model was compiled where a watch took the first one",
        "*",
        11,
        "#555555",
    )
    FROZEN_MIRROR = (
        "frozen mirror",
        "the optimizer shows variables that training no longer updates",
        "P",
        8,
        "#56B4E9",
    )
    STARTED_LATE = (
        "started late",
        "the optimizer had made steps before it was watched",
        ">",
        8,
        "#0072B2",
    )
    RESTORED = (
        "restored",
        "the step counter was moved on by something that was no step: state that was loaded, or a"
        " value that was assigned; or, where values are kept, slots had others as a fit began than"
        " the last step left",
        "v",
        8,
        "#009E73",
    )
    COUNTER_MOVED = (
        "counter moved",
        "the step counter was moved on by what was no step of this model: a call that failed, or"
        " ran out of data, and updated nothing; or another model that shares the optimizer",
        "v",
        8,
        "#555555",
    )
    SET_BACK = ("counter set back", "the step counter was moved backwards", "<", 8, "#D55E00")
    SKIPPED = (
        "skipped",
        "gradients were applied and the step counter did not move, as where loss scaling finds an"
        " overflow",
        "o",
        6,
        "#E69F00",
    )
    NO_STEP = (
        "no step",
        "the train function ran, and this optimizer made no step; a warning comes with it",
        "$0$",
        8,
        "#000000",
    )
    OTHER_OPTIMIZER = (
        "other optimizer",
        "another optimizer than the one that is watched made steps",
        "h",
        8,
        "#CC79A7",
    )
    NOT_FINITE = (
        "not finite",
        "a slot has an element that is NaN or infinite, for the first time",
        "$!$",
        8,
        "#D55E00",
    )
    ZERO_SLOT = (
        "zero slot",
        "a slot was zero at every recorded step; where another slot of the same parameter moved,"
        " its values may be too small for its dtype",
        "$z$",
        8,
        "#56B4E9",
    )
    DECAYING_SLOT = (
        "decaying slot",
        "a slot shrank by one factor from row to row: no gradient came",
        "$d$",
        8,
        "#56B4E9",
    )
    STILL_SLOT = (
        "still slot",
        "a slot that is not zero was the same at every recorded step",
        "$s$",
        8,
        "#56B4E9",
    )
    TRAINABLE_CHANGED = (
        "trainable changed",
        "parameters were frozen, or made trainable, while the model was watched",
        "H",
        8,
        "#E69F00",
    )
    FROZEN_MOVED = (
        "frozen moved",
        "training moved parameters that are not trainable",
        "p",
        8,
        "#D55E00",
    )
    NOT_MOVED = (
        "not moved",
        "parameters that are trainable were the same at the end as at the beginning",
        "_",
        9,
        "#555555",
    )
    GAP = (
        "gap",
        "steps that left no row: a compiled call made several, or the step counter could not be"
        " read, or it stands further than the steps that were seen; a warning comes with it",
        "x",
        8,
        "#000000",
    )
    UNTOLD = (
        "untold",
        "something that cannot be told: to which parameter a slot belongs, how often a method that"
        " isn't there is called, what a release calls otherwise; a warning comes with it",
        "1",
        9,
        "#555555",
    )

    # The defaults are for `EventKind(text)`, which finds a member and does not come here.
    def __new__(
        cls,
        text: str,
        meaning: str = "",
        marker: str = "",
        size: float = 0,
        colour: str = "",
        is_step: bool = False,
    ) -> EventKind:
        kind = str.__new__(cls, text)
        kind._value_ = text
        kind.meaning, kind.marker, kind.size, kind.colour = meaning, marker, size, colour
        kind.is_step = is_step
        return kind


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the optimizer.

    Attributes:
        kind: what; its text, such as ``"stepped"``, is taken, too.
        iterations: the optimizer's step counter when it happened.
        detail: what exactly, in words.
        count: how many variables, steps or parameters it is about.
        step: how many steps had been made since the watch began.

    Raises:
        ValueError: there is no such kind.
    """

    kind: EventKind
    iterations: int
    detail: str = ""
    count: int = 1
    step: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", EventKind(self.kind))


@dataclass(frozen=True, slots=True)
class Variable:
    """One optimizer variable that was seen.

    Attributes:
        slot: what it holds, in Keras 3's words.
        parameter: path of its model parameter; empty if it belongs to none.
        number: 1, or more where it replaced another variable of this slot and parameter.
        name: its own name in its engine.
        shape: its shape.
        dtype: its dtype.
        created: the step counter when it appeared; -1 where it was there before the watch.
        initial: the value that all of its elements had when first read; NaN where they differed
            or could not be read before a step.
        optimizer: which of several optimizers it belongs to; empty for the one that is watched.
    """

    slot: str
    parameter: str
    number: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    created: int
    initial: float = float("nan")
    optimizer: str = ""

    @property
    def place(self) -> str:
        """``slot/parameter``, or ``optimizer:slot`` where it belongs to one of several."""
        place = f"{self.slot}/{self.parameter}" if self.parameter else self.slot
        return f"{self.optimizer}:{place}" if self.optimizer else place

    @property
    def label(self) -> str:
        """Its place, with its number where it is not the first there."""
        return self.place if self.number == 1 else f"{self.place} ({self.number})"


def native(value: np.ndarray) -> np.ndarray:
    """``value`` in a dtype that NumPy itself has; float32 holds every narrower float exactly."""
    array = np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)


@dataclass(frozen=True)
class Row:
    """What was read after one step.

    Attributes:
        step: how many steps were made since the watch began, this one included.
        iterations: the optimizer's step counter after the step.
        indices: which variables were read, as indices into the recording's list.
        numbers: float64 array (variables, statistics), see
            :class:`~slotscope.engines.meters.statistics.Statistic`; None where they are computed
            from the values when :attr:`statistics` is asked for.
        identity: int64 array (variables, 3) for object, handle and buffer: 0 for the first one
            seen, 1 for the second, and so on; -1 where the engine does not tell.
        live: bool array (variables,), whether training updates this variable of its slot.
        values: an array for each variable, or None if only statistics were kept.
        learning_rate: the one that the step used, from a schedule too; NaN where nothing tells.
    """

    step: int
    iterations: int
    indices: np.ndarray
    numbers: np.ndarray | None
    identity: np.ndarray
    live: np.ndarray
    values: tuple[np.ndarray, ...] | None
    learning_rate: float = float("nan")

    @cached_property
    def statistics(self) -> np.ndarray:
        """float64 array (variables, statistics)."""
        if self.numbers is not None:
            return self.numbers
        found = [describe(values) for values in self.values or ()]
        return np.array(found).reshape(-1, len(STATISTICS))
