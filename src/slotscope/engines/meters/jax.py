"""The meter for Keras 3 on JAX: the ring rides in the train function's state.

The state is a tuple of lists of arrays, which the jitted train step takes and gives. For the time
of the watch it has one part more, donated as the others are, and taken off again before Keras
looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from slotscope.engines.meters.meter import (
    MEASURES,
    SAFE,
    Measured,
    Meter,
    Taking,
    Targets,
    lost,
    parted,
    with_rows,
)


class Riding(NamedTuple):
    """The part that is told by its type."""

    ring: Any


class JaxMeter(Meter):
    """Measures behind ``train_step``, in the same compiled function."""

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._ring: Any = None
        self._taking = Taking(())
        self._shown: tuple[int, ...] = ()
        self._at: list[int] = []
        self._counter = 0
        self._left: list[Measured] = []

    def patches(self, trainer: Any) -> Iterable[tuple[Any, str, Callable[..., Any]]]:
        return [(trainer, "train_step", self._train_step)]

    def enter(
        self, optimizer: Any, targets: Targets, args: tuple[Any, ...]
    ) -> tuple[Any, ...] | None:
        state, *others = args
        shown = tuple(map(id, optimizer.variables))
        if not isinstance(state, tuple) or len(state) != 4 or len(state[2]) != len(shown):
            return None  # a train step with a state of its own making
        if shown != self._shown or self._ring is None:
            self._left = with_rows(self.drain())
            self._shown = shown
            places = {ref: place for place, ref in enumerate(shown)}
            self._taking = Taking([ref for ref in targets.refs if id(ref) in places])
            self._at = [places[id(ref)] for ref in self._taking.refs]
            self._counter = places[id(targets.counter)]
            self._ring = self._empty(max(self.capacity, targets.longest))
        return ((*state, Riding(self._ring)), *others)

    def leave(self, result: Any) -> Any:
        logs, (*state, riding) = result
        self._ring = riding.ring
        return logs, tuple(state)

    def _empty(self, capacity: int) -> Any:
        import jax.numpy as jnp

        width = 1 + len(self._at) * len(MEASURES[self.measures])
        return jnp.zeros((capacity + 1, max(width, 2)), jnp.int32)

    def _train_step(self, proceed: Any, /, state: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(state[-1], Riding):
            return proceed(state, *args, **kwargs)
        logs, new = proceed(tuple(state[:-1]), *args, **kwargs)
        return logs, (*new, Riding(self._measured(state[-1].ring, new[2])))

    def _measured(self, ring: Any, variables: Sequence[Any]) -> Any:
        import jax
        import jax.numpy as jnp

        # What is measured must not change how the step itself is fused, and so rounded.
        counter, *arrays = jax.lax.optimization_barrier(
            [variables[self._counter], *(variables[place] for place in self._at)]
        )

        def row() -> Any:
            bits = numbers(arrays, self.measures).astype(jnp.float32).ravel().view(jnp.int32)
            return (
                jnp.zeros(ring.shape[1], jnp.int32).at[1 : 1 + bits.size].set(bits).at[0].set(now)
            )

        now = counter.astype(jnp.int32)
        written = ring[-1, 0]
        due = now % self.every == 0
        if self.every == 1:
            new = row()
        else:  # what is written where no row is due is written over by the next
            new = jax.lax.cond(due, row, lambda: jnp.zeros(ring.shape[1], jnp.int32))
        ring = ring.at[written % (len(ring) - 1)].set(new)
        return ring.at[-1, :2].set(jnp.stack([written + due, now]))

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        if self._ring is None:
            return left
        if self._ring.is_deleted():  # given away to a step that failed
            self._ring = None
            return [*left, lost(self._taking.refs)]
        everything = np.asarray(self._ring)
        table, head = everything[:-1], everything[-1]
        shape = (-1, len(self._at), len(MEASURES[self.measures]))
        values = table[:, 1 : 1 + shape[1] * shape[2]].copy().view(np.float32).reshape(shape)
        return [*left, self._taking.take(head[0], head[1], table[:, 0], values)]


#: Arrays of so many elements, at most, are measured together: each operation has its price.
SMALL = 16_384
#: So many elements of one are reduced at once.
WIDTH = 128
#: So many ones float32 adds up exactly.
EXACT = 1 << 24


def numbers(arrays: Sequence[Any], measures: str) -> Any:
    """Array (variables, numbers) of :data:`MEASURES`, as traced operations."""
    import jax
    import jax.numpy as jnp

    if not arrays:
        return jnp.zeros((0, len(MEASURES[measures])))
    arrays = [a.astype(jnp.promote_types(a.dtype, jnp.float32)).ravel() for a in arrays]
    little, large, places = parted(arrays, lambda a: a.size, SMALL)
    small = Together(little)
    squares = jnp.concatenate([small.sums(lambda rows: rows * rows), _each(_squares, large)])
    safe = jnp.all((squares > SAFE[0]) & (squares < SAFE[1]))
    norms = jax.lax.cond(
        safe,
        lambda: jnp.sqrt(squares),
        lambda: _each(_scaled_norm, [*little, *large]),
    )
    found = norms[:, None]
    if measures == "statistics":
        rest = jnp.concatenate([small.others(), _each(_others, large).reshape(-1, 5)])
        found = jnp.concatenate([found, rest], axis=1)
    return found if places is None else found[places]


def _each(function: Callable[[Any], Any], arrays: Sequence[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.stack([function(a) for a in arrays]) if arrays else jnp.zeros(0)


class Together:
    """Small arrays, as the rows of one: a few operations reduce them all.

    Args:
        arrays: flat ones; the last row of each is filled up with zeros.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        import jax.numpy as jnp

        self.sizes = np.array([a.size for a in arrays], dtype=np.int64)
        padded = [jnp.pad(a, (0, -a.size % WIDTH)) for a in arrays]
        self.rows = jnp.concatenate([jnp.zeros(0), *padded]).reshape(-1, WIDTH)
        counts = -(-self.sizes // WIDTH)
        # Which rows are of which array; where one has fewer than the longest, one that is no row.
        column = np.arange(counts.max(initial=0))
        places = (np.cumsum(counts) - counts)[:, None] + column
        self._places = np.where(column < counts[:, None], places, len(self.rows))
        used = np.full(len(self.rows), WIDTH)
        whole = counts > 0
        used[np.cumsum(counts)[whole] - 1] -= (-self.sizes % WIDTH)[whole]
        self._inside = np.arange(WIDTH) < used[:, None]

    def sums(self, of: Callable[[Any], Any]) -> Any:
        """For each array, the sum of what ``of`` makes of its elements, 0 where that was added."""
        import jax.numpy as jnp

        return self._reduced(jnp.sum, of(self.rows), 0)

    def _reduced(self, reduce: Any, rows: Any, neutral: float) -> Any:
        import jax.numpy as jnp

        of_rows = jnp.append(reduce(rows, axis=1), neutral)
        return reduce(of_rows[self._places], axis=1, initial=neutral)

    def others(self) -> Any:
        """Mean, min, max, zero fraction and number of nonfinite elements of each."""
        import jax.numpy as jnp

        inside, dtype = self._inside, self.rows.dtype
        smallest, largest = (
            self._reduced(reduce, jnp.where(inside, self.rows, neutral), neutral)
            for reduce, neutral in ((jnp.min, jnp.inf), (jnp.max, -jnp.inf))
        )
        zeros = self.sums(lambda rows: ((rows == 0) & inside).astype(dtype))
        nonfinite = self.sums(lambda rows: (~jnp.isfinite(rows)).astype(dtype))
        sizes = self.sizes.astype(dtype)
        extremes = [jnp.where(self.sizes > 0, found, jnp.nan) for found in (smallest, largest)]
        mean = self.sums(lambda rows: rows) / sizes
        return jnp.stack([mean, *extremes, zeros / sizes, nonfinite], axis=1)


def _squares(array: Any) -> Any:
    import jax.numpy as jnp

    return jnp.sum(array * array)


def _scaled_norm(array: Any) -> Any:
    """The L2 norm with no square that over- or underflows."""
    import jax.numpy as jnp

    if not array.size:
        return jnp.zeros((), array.dtype)
    largest = jnp.max(jnp.abs(array))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    scaled = array / scale
    return scale * jnp.sqrt(jnp.sum(scaled * scaled))


def _others(array: Any) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements of a large array.

    Zeros are counted by signs, a fast sum, unless one is not a number or there may be too many.
    """
    import jax
    import jax.numpy as jnp

    def count(test: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: jnp.sum(test(array)).astype(array.dtype)

    total = jnp.sum(array)
    finite = jnp.isfinite(total)
    zeros = jax.lax.cond(
        finite & (array.size <= EXACT),
        lambda: array.size - jnp.sum(jnp.abs(jnp.sign(array))),
        count(lambda a: a == 0),
    )
    nonfinite = jax.lax.cond(
        finite, lambda: jnp.zeros((), array.dtype), count(lambda a: ~jnp.isfinite(a))
    )
    mean, share = total / array.size, zeros / array.size
    return jnp.stack([mean, jnp.min(array), jnp.max(array), share, nonfinite])
