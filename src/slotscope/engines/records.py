"""The plain records that engines take and give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class OptimizerVariable:
    """One variable of an optimizer, as the engine finds it now.

    Attributes:
        slot: what it holds, in Keras 3's words (``momentum``, ``velocity``, ``iterations``).
        parameter: path of the model parameter it belongs to; empty if it belongs to none.
        name: the variable's own name in its engine.
        shape: its static shape.
        dtype: name of its dtype.
        ref: the live variable object.
        untold: whether it seems to belong to a parameter, and nothing tells to which.
        optimizer: which of several optimizers it belongs to; empty for the one that is watched.
    """

    slot: str
    parameter: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    ref: Any
    untold: bool = False
    optimizer: str = ""

    @property
    def label(self) -> str:
        """``slot/parameter``, or the slot alone; ``optimizer:slot`` for one of several."""
        label = f"{self.slot}/{self.parameter}" if self.parameter else self.slot
        return f"{self.optimizer}:{label}" if self.optimizer else label


@dataclass(frozen=True, slots=True)
class Identity:
    """Three things that may or may not stay the same from one step to the next.

    Attributes:
        object: the Python variable object.
        handle: the TensorFlow resource handle, torch Parameter or jax Array, or a key of it.
        buffer: address of the data; None if the engine does not tell.
    """

    object: Any
    handle: Any
    buffer: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """Whether an engine can run here.

    Attributes:
        name: the engine's.
        versions: version of each distribution that it needs and that is installed.
        problem: why it cannot run in this process; empty if it can.
        remedy: the command that mends it.
        elsewhere: whether it could run in another process of this environment.
    """

    name: str
    versions: dict[str, str]
    problem: str = ""
    remedy: str = ""
    elsewhere: bool = False

    @property
    def available(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class SparseGradient:
    """Rows of a gradient, as an Embedding makes it; a row that comes twice counts twice.

    Attributes:
        values: array (rows, ...).
        indices: int32 array (rows,): where each row belongs.
        shape: the shape of the parameter.
    """

    values: np.ndarray
    indices: np.ndarray
    shape: tuple[int, ...]

    @property
    def dense(self) -> np.ndarray:
        """The same gradient as an array of the parameter's shape."""
        array = np.zeros(self.shape, self.values.dtype)
        np.add.at(array, self.indices, self.values)
        return array


#: What one parameter gets in one step; None if it had no part in the loss.
Gradient = np.ndarray | SparseGradient | None
