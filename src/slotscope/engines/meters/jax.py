"""The meter for Keras 3 on JAX: the ring rides in the train function's state.

The state is a tuple of lists of arrays, which the jitted train step takes and gives. For the time
of the watch it has one part more, donated as the others are, and taken off again before Keras
looks.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from slotscope.engines.meters.jax_numbers import numbers
from slotscope.engines.meters.meter import (
    Measured,
    Meter,
    Taking,
    Targets,
    lost,
    with_steps,
)
from slotscope.engines.meters.statistics import MEASURES


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


class Riding(NamedTuple):
    """The part that is told by its type: the ring.

    Attributes:
        made: int32 array (): how many steps were made.
        table: int32 array (capacity, 2 + numbers): of each step the counter before and
            after it, and the bits of its numbers.
    """

    made: Any
    table: Any


class JaxMeter(Meter):
    """Measures behind ``train_step``, in the same compiled function."""

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._ring: Riding | None = None
        self._taking = Taking((), every)
        self._shown: tuple[int, ...] = ()
        self._at: list[int] = []
        self._counter = 0
        self._left: list[Measured] = []
        self._carried = CarriedVariables()

    def patches(self, trainer: Any) -> Iterable[tuple[Any, str, Callable[..., Any]]]:
        return [(trainer, "train_step", self._train_step)]

    def enter(
        self, optimizer: Any, targets: Targets, args: tuple[Any, ...]
    ) -> tuple[Any, ...] | None:
        state, *others = args
        variables = optimizer.variables
        shown = tuple(map(id, variables))
        whole = isinstance(state, tuple) and len(state) == 4
        if not whole or self._carried.arrays(variables, state) is not state[2]:
            return None  # a train step with a state of its own making, or another release's
        if shown != self._shown or self._ring is None:
            self._left = with_steps(self.drain())
            self._shown = shown
            places = {ref: place for place, ref in enumerate(shown)}
            known = [ref for ref in targets.refs if id(ref) in places]
            self._taking = Taking(known, self.every)
            self._at = [places[id(ref)] for ref in self._taking.refs]
            self._counter = places[id(targets.counter)]
            self._ring = self._empty(max(self.capacity, targets.longest))
        return ((*state, self._ring), *others)

    def leave(self, result: Any) -> Any:
        logs, (*state, self._ring) = result
        return logs, tuple(state)

    @property
    def away(self) -> bool:
        return self._ring is not None and self._ring.table.is_deleted()

    def _empty(self, capacity: int) -> Riding:
        import jax.numpy as jnp

        width = 2 + len(self._at) * len(MEASURES[self.measures])
        return Riding(jnp.zeros((), jnp.int32), jnp.zeros((capacity, width), jnp.int32))

    def _train_step(self, proceed: Any, /, state: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(state[-1], Riding):
            return proceed(state, *args, **kwargs)
        before = state[2][self._counter]
        logs, new = proceed(tuple(state[:-1]), *args, **kwargs)
        return logs, (*new, self._measured(state[-1], before, new[2]))

    def _measured(self, ring: Riding, before: Any, variables: Sequence[Any]) -> Riding:
        import jax
        import jax.numpy as jnp

        # What is measured must not change how the step itself is fused, and so rounded.
        counter, *arrays = jax.lax.optimization_barrier(
            [variables[self._counter], *(variables[place] for place in self._at)]
        )

        counters = jnp.stack([before, counter]).astype(jnp.int32)
        capacity, width = ring.table.shape

        def row() -> Any:
            return numbers(arrays, self.measures).astype(jnp.float32).ravel().view(jnp.int32)

        if self.every == 1:
            found = row()
        else:
            due = counters[1] % self.every == 0
            found = jax.lax.cond(due, row, lambda: jnp.zeros(width - 2, jnp.int32))
        new = jnp.append(counters, found)[None]
        table = jax.lax.dynamic_update_slice(ring.table, new, (ring.made % capacity, 0))
        return Riding(ring.made + 1, table)

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        if self._ring is None:
            return left
        if self.away:  # given to a step that failed
            self._ring = None
            return [*left, lost(self._taking.refs)]
        made, table = map(np.asarray, self._ring)
        shape = (len(table), len(self._at), len(MEASURES[self.measures]))
        values = table[:, 2:].copy().view(np.float32).reshape(shape)
        return with_steps([*left, self._taking.take(made, table[:, 0], table[:, 1], values)])
