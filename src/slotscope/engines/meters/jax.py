"""The meter for Keras 3 on JAX: the ring rides in the train function's state.

The state is a tuple of lists of arrays, which the jitted train step takes and gives. For the time
of the watch it has one part more, donated as the others are, and taken off again before Keras
looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from slotscope.engines.meters.carried import Addresses, CarriedVariables, viewed
from slotscope.engines.meters.jax_numbers import numbers
from slotscope.engines.meters.jax_tables import empty, written
from slotscope.engines.meters.layout import Layout
from slotscope.engines.meters.meter import (
    Measured,
    Meter,
    Taking,
    Targets,
    lost,
    with_steps,
)
from slotscope.engines.meters.statistics import MEASURES


class Riding(NamedTuple):
    """The part that is told by its type: the ring.

    Attributes:
        made: int32 array (): how many steps were made.
        table: int32 array (capacity, 2 + numbers): of each step the counter before and
            after it, and the bits of its numbers.
        values: where those are kept, of each dtype an array (capacity, width).
    """

    made: Any
    table: Any
    values: tuple[Any, ...] = ()


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
        self._addresses = Addresses()

    def patches(self, trainer: Any) -> Iterable[tuple[Any, str, Callable[..., Any]]]:
        return [(trainer, "train_step", self._train_step)]

    def enter(
        self, optimizer: Any, targets: Targets, args: tuple[Any, ...]
    ) -> tuple[Any, ...] | None:
        state, *others = args
        variables = optimizer.variables
        self._addresses.note()
        shown = tuple(map(id, variables))
        arrays = self._carried.arrays(variables, state)
        whole = isinstance(state, tuple) and len(state) == 4
        if arrays is None or not whole or arrays is not state[2]:
            return None  # a train step with a state of its own making, or another release's
        if shown != self._shown or self._ring is None:
            self._left = with_steps(self.drain())
            self._shown = shown
            places = {ref: place for place, ref in enumerate(shown)}
            known = [ref for ref in targets.refs if id(ref) in places]
            self._at = [places[id(ref)] for ref in known]
            own = [arrays[place] for place in self._at]
            layout = self.layout([a.shape for a in own], [str(a.dtype) for a in own])
            self._taking = Taking(known, self.every, layout)
            self._counter = places[id(targets.counter)]
            self._ring = self._empty(max(self.capacity, targets.longest), layout)
        return ((*state, self._ring), *others)

    def leave(self, result: Any) -> Any:
        logs, (*state, self._ring) = result
        if self._ring.values:
            self._addresses.of([state[2][place] for place in self._at])
        return logs, tuple(state)

    @property
    def away(self) -> bool:
        return self._ring is not None and self._ring.table.is_deleted()

    def _empty(self, capacity: int, layout: Layout | None) -> Riding:
        import jax.numpy as jnp

        width = 2 + len(self._at) * len(MEASURES[self.measures])
        table = jnp.zeros((capacity, width), jnp.int32)
        values = () if layout is None else empty(layout, capacity)
        return Riding(jnp.zeros((), jnp.int32), table, values)

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

        at = ring.made % capacity

        def row() -> Any:
            return numbers(arrays, self.measures).astype(jnp.float32).ravel().view(jnp.int32)

        if ring.values:  # of each step: those that are not due are left out later
            found = jnp.zeros(0, jnp.int32)
        elif self.every == 1:
            found = row()
        else:
            due = counters[1] % self.every == 0
            found = jax.lax.cond(due, row, lambda: jnp.zeros(width - 2, jnp.int32))
        new = jnp.append(counters, found)[None]
        table = jax.lax.dynamic_update_slice(ring.table, new, (at, 0))
        return Riding(ring.made + 1, table, written(ring.values, arrays, at))

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        if self._ring is None:
            return left
        if self.away:  # given to a step that failed
            self._ring, self._addresses = None, Addresses()
            return [*left, lost(self._taking.refs)]
        made, table, *rows = map(viewed, (self._ring.made, self._ring.table, *self._ring.values))
        if not rows:
            shape = (len(table), len(self._at), len(MEASURES[self.measures]))
            rows = [table[:, 2:].copy().view(np.float32).reshape(shape)]
        found = self._taking.take(made, table[:, 0], table[:, 1], *rows)
        return with_steps([*left, self._addresses.told(found) if self._ring.values else found])
