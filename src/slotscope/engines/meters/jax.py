"""The meter for Keras 3 on JAX: the ring rides in the train function's state.

The state is a tuple of lists of arrays, which the jitted train step takes and gives. For the time
of the watch it has one part more, donated as the others are, and taken off again before Keras
looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from slotscope.engines.meters.meter import (
    MEASURES,
    SAFE,
    Measured,
    Meter,
    Taking,
    Targets,
    lost,
    with_rows,
)


class Ring(NamedTuple):
    """The arrays on the device: how many rows were written, their step counters, their numbers."""

    place: Any
    last: Any
    iterations: Any
    rows: Any


class JaxMeter(Meter):
    """Measures behind ``train_step``, in the same compiled function."""

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._ring: Ring | None = None
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
        return ((*state, self._ring), *others)

    def leave(self, result: Any) -> Any:
        logs, (*state, self._ring) = result
        return logs, tuple(state)

    def _empty(self, capacity: int) -> Ring:
        import jax.numpy as jnp

        shape = (capacity, len(self._at), len(MEASURES[self.measures]))
        return Ring(jnp.int32(0), jnp.int32(0), jnp.zeros(capacity, jnp.int32), jnp.zeros(shape))

    def _train_step(self, proceed: Any, /, state: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(state[-1], Ring):
            return proceed(state, *args, **kwargs)
        logs, new = proceed(tuple(state[:-1]), *args, **kwargs)
        return logs, (*new, self._measured(state[-1], new[2]))

    def _measured(self, ring: Ring, variables: Sequence[Any]) -> Ring:
        import jax

        # What is measured must not change how the step itself is fused, and so rounded.
        counter, *arrays = jax.lax.optimization_barrier(
            [variables[self._counter], *(variables[place] for place in self._at)]
        )

        ring = ring._replace(last=counter.astype(ring.last.dtype))

        def write() -> Ring:
            place = ring.place % ring.rows.shape[0]
            rows = ring.rows.at[place].set(numbers(arrays, self.measures).astype(ring.rows.dtype))
            return Ring(ring.place + 1, ring.last, ring.iterations.at[place].set(ring.last), rows)

        if self.every == 1:
            return write()
        return jax.lax.cond(counter % self.every == 0, write, lambda: ring)

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        if self._ring is None:
            return left
        if self._ring.rows.is_deleted():  # given away to a step that failed
            self._ring = None
            return [*left, lost(self._taking.refs)]
        return [*left, self._taking.take(*self._ring)]


def numbers(arrays: Sequence[Any], measures: str) -> Any:
    """Array (variables, numbers) of :data:`MEASURES`, as traced operations."""
    import jax
    import jax.numpy as jnp

    if not arrays:
        return jnp.zeros((0, len(MEASURES[measures])))
    arrays = [a.astype(jnp.promote_types(a.dtype, jnp.float32)).ravel() for a in arrays]
    squares = jnp.stack([jnp.sum(a * a) for a in arrays])
    safe = jnp.all((squares > SAFE[0]) & (squares < SAFE[1]))
    norms = jax.lax.cond(
        safe, lambda: jnp.sqrt(squares), lambda: jnp.stack([_scaled_norm(a) for a in arrays])
    )
    if measures == "norms":
        return norms[:, None]
    rest = jnp.stack([_others(a, square) for a, square in zip(arrays, squares, strict=True)])
    return jnp.concatenate([norms[:, None], rest], axis=1)


def _scaled_norm(array: Any) -> Any:
    """The L2 norm with no square that over- or underflows."""
    import jax.numpy as jnp

    if not array.size:
        return jnp.zeros((), array.dtype)
    largest = jnp.max(jnp.abs(array))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    scaled = array / scale
    return scale * jnp.sqrt(jnp.sum(scaled * scaled))


def _others(array: Any, squares: Any) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements.

    The last two take a read of their own, and only where the least magnitude or the sum of
    squares says that there is something to count.
    """
    import jax
    import jax.numpy as jnp

    if not array.size:
        return jnp.asarray([jnp.nan, jnp.nan, jnp.nan, jnp.nan, 0], array.dtype)

    def count(test: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: jnp.sum(test(array)).astype(array.dtype)

    def none() -> Any:
        return jnp.zeros((), array.dtype)

    zeros = jax.lax.cond(jnp.min(jnp.abs(array)) > 0, none, count(lambda a: a == 0))
    nonfinite = jax.lax.cond(jnp.isfinite(squares), none, count(lambda a: ~jnp.isfinite(a)))
    mean, share = jnp.sum(array) / array.size, zeros / array.size
    return jnp.stack([mean, jnp.min(array), jnp.max(array), share, nonfinite])
