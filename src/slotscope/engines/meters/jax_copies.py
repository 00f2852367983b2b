"""The meter that keeps values on JAX: what a train function has left is copied beside it.

The copies are made by a compiled function of the meter's own, which is queued as the step is:
nothing waits for it, and the train function stays the one that the model had. It sees what one call
leaves. Where one makes several steps, :class:`~slotscope.engines.meters.jax.JaxMeter` is better.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from slotscope.engines.meters.carried import Addresses, viewed
from slotscope.engines.meters.jax_tables import empty, written
from slotscope.engines.meters.meter import (
    Measured,
    Meter,
    Taking,
    Targets,
    same_refs,
    with_steps,
)

#: The arrays of an optimizer by the ids of its variables; none where nothing tells them.
Find = Callable[[Any, Any], Mapping[int, Any]]


class Ring(NamedTuple):
    """Where copies go.

    Attributes:
        made: int32 array (): how many steps were copied.
        after: int32 array (capacity,): the step counter after each.
        tables: of each dtype of the layout an array (capacity, width).
    """

    made: Any
    after: Any
    tables: tuple[Any, ...]


@functools.cache
def _copying() -> Any:
    """The compiled function that copies what a step has left, before the next one takes it."""
    import jax
    import jax.numpy as jnp

    def copied(ring: Ring, counter: Any, arrays: Sequence[Any]) -> Ring:
        at = ring.made % len(ring.after)
        now = counter.astype(jnp.int32)[None]
        after = jax.lax.dynamic_update_slice(ring.after, now, (at,))
        return Ring(ring.made + 1, after, written(ring.tables, arrays, at))

    return jax.jit(copied, donate_argnums=0)


class JaxCopies(Meter):
    """Copies every optimizer variable behind each call of the train function.

    Args:
        every: a row is made where the step counter is a multiple of this.
        enters: finds the optimizer's arrays, by the ids of its variables, in a call's arguments.
        leaves: finds them in what the call returned.
    """

    remakes: ClassVar[bool] = False

    def __init__(self, every: int, enters: Find, leaves: Find) -> None:
        super().__init__("values", every)
        self._enters, self._leaves = enters, leaves
        self._addresses = Addresses()
        self._optimizer: Any = None
        self._counter: Any = None
        self._taking = Taking((), every)
        self._ring: Ring | None = None
        self._last_counter: Any = None
        self._last_after = 0
        self._before: int | None = None
        self._befores: list[int | None] = []
        self._left: list[Measured] = []

    def enter(
        self, optimizer: Any, targets: Targets, args: tuple[Any, ...]
    ) -> tuple[Any, ...] | None:
        arrays = self._enters(optimizer, args)
        if not arrays:
            return None
        self._addresses.note()
        if self._ring is None or not same_refs(targets.refs, self._taking.refs):
            self._left = with_steps(self.drain())
            self._begin([arrays[id(ref)] for ref in targets.refs], targets)
        self._optimizer = optimizer
        counter = arrays[id(self._counter)]
        # Where the last call left it is known from its own copy.
        self._before = None if counter is self._last_counter else int(viewed(counter))
        return args

    def _begin(self, arrays: list[Any], targets: Targets) -> None:
        import jax.numpy as jnp

        layout = self.layout([a.shape for a in arrays], [str(a.dtype) for a in arrays])
        assert layout is not None
        self._taking = Taking(targets.refs, self.every, layout)
        zero, after = jnp.zeros((), jnp.int32), jnp.zeros(self.capacity, jnp.int32)
        self._ring = Ring(zero, after, empty(layout, self.capacity))
        self._counter, self._last_counter = targets.counter, None

    def leave(self, result: Any) -> Any:
        arrays = self._leaves(self._optimizer, result)
        if arrays:
            own = [arrays[id(ref)] for ref in self._taking.refs]
            self._last_counter = arrays[id(self._counter)]
            self._ring = _copying()(self._ring, self._last_counter, own)
            self._befores.append(self._before)
            self._addresses.of(own)
        return result

    def undo(self) -> None:
        self._ring, self._last_counter = None, None

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        befores, self._befores = self._befores, []
        if self._ring is None or not befores:
            return left
        made, after, *tables = map(viewed, (self._ring.made, self._ring.after, *self._ring.tables))
        at = np.arange(int(made) - len(befores), int(made)) % len(after)
        last = np.concatenate([[self._last_after], after[at[:-1]]])
        before = after.copy()
        before[at] = [b if b is not None else a for b, a in zip(befores, last, strict=True)]
        self._last_after = int(after[at[-1]])
        found = self._taking.take(made, before, after, *tables)
        return with_steps([*left, self._addresses.told(found)])
