"""The arrays of an optimizer that a train function of JAX takes and gives: which, and where."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import Measured


class CarriedVariables:
    """Where Keras's train function carries the optimizer's arrays.

    It takes and gives ``(trainable, non-trainable, optimizer, metrics)`` variables, beside the data
    or the logs. That is no promise: so what is taken for the optimizer's has the shapes and dtypes
    of its variables, and is alone in that, or at Keras's own place: a layer may have a counter and
    a float, as plain SGD does. It is looked for once for the same variables, as a look takes as
    long as a tenth of a small model's step.
    """

    #: Keras's own place, the third of four.
    OWN = (2,)

    def __init__(self) -> None:
        self._ids: tuple[int, ...] = ()
        self._first: Callable[[], Any] = lambda: None
        self._place: tuple[Any, ...] = ()

    def arrays(self, refs: Sequence[Any], carried: Any) -> Sequence[Any] | None:
        """The list of arrays in ``carried`` that is like ``refs``; None if nothing tells it.

        Args:
            refs: the optimizer variables.
            carried: tuples, lists and dicts of arrays, in each other.
        """
        ids = tuple(map(id, refs))
        if refs and self._first() is refs[0] and ids == self._ids:
            found = _at(self._place, carried)
            if found is not None and len(found) == len(refs):
                return found
        places = [place for place, part in _lists(carried) if refs and _like(part, refs)]
        if self.OWN in places and len(carried) == 4:
            places = [self.OWN]
        if len(places) != 1:
            return None
        self._ids, self._first, self._place = ids, weakref.ref(refs[0]), places[0]
        return _at(self._place, carried)


def _at(place: tuple[Any, ...], carried: Any) -> Sequence[Any] | None:
    """The list of arrays to which the keys of ``place`` lead; None if they lead to none."""
    try:
        for key in place:
            carried = carried[key]
    except (IndexError, KeyError, TypeError):
        return None
    parts = list(carried.values()) if isinstance(carried, dict) else carried
    return parts if isinstance(parts, (list, tuple)) else None


def _lists(carried: Any, place: tuple[Any, ...] = ()) -> Iterable[tuple[tuple[Any, ...], Any]]:
    """Each list of arrays in ``carried``, with the keys that lead there."""
    if isinstance(carried, (dict, list, tuple)):
        items = list(carried.items() if isinstance(carried, dict) else enumerate(carried))
        if any(hasattr(part, "shape") for _, part in items):
            yield place, [part for _, part in items]
        else:
            for key, part in items:
                yield from _lists(part, (*place, key))


def _like(arrays: Sequence[Any], refs: Sequence[Any]) -> bool:
    if len(arrays) != len(refs) or not all(hasattr(array, "shape") for array in arrays):
        return False
    return all(
        array.shape == tuple(ref.shape) and _name(array.dtype) in _names(ref.dtype)
        for array, ref in zip(arrays, refs, strict=True)
    )


_name = functools.cache(str)


@functools.cache
def _names(dtype: str) -> tuple[str, str]:
    """A dtype, and what JAX makes of it while 64 bits are switched off."""
    return dtype, dtype.replace("64", "32")


class Addresses:
    """Where the arrays lay that each call has left.

    They are asked when the next call comes, as to ask one that is not computed yet would wait.
    """

    def __init__(self) -> None:
        self._arrays: Sequence[Any] = []
        self._rows: list[list[int]] = []

    def of(self, arrays: Sequence[Any]) -> None:
        """A call has left ``arrays``."""
        self._arrays = arrays

    def note(self) -> None:
        """Another call is about to take what the last one left."""
        if self._arrays:
            self._rows.append(_addresses(self._arrays))
            self._arrays = []

    def told(self, found: Measured) -> Measured:
        """``found`` with the addresses since the last time, if each step was a call."""
        self.note()
        rows, self._rows = np.array(self._rows, dtype=np.int64), []
        return replace(found, buffers=rows[found.due]) if len(rows) == len(found.due) else found


def _addresses(arrays: Sequence[Any]) -> list[int]:
    try:
        return [array.unsafe_buffer_pointer() for array in arrays]
    except (AttributeError, RuntimeError, ValueError):  # gone already, or in several places
        return [-1] * len(arrays)


def viewed(array: Any) -> np.ndarray:
    """A view of an array: one that ``np.asarray`` gave would keep calls from writing into it."""
    try:
        return np.from_dlpack(array)
    except (BufferError, TypeError, ValueError, RuntimeError):  # bfloat16; another device
        return np.asarray(array)
