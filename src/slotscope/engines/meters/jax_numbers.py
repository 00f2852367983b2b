"""Numbers about arrays, in operations of JAX.

Small arrays are put together, and reduced as one; for others XLA on the CPU makes a pass of each
reduction. A large one is read once there, by a loop over pieces that fit in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import ABREAST, LARGE, SAFE, SMALL, TIMES, parted, pieces
from slotscope.engines.meters.packed import WIDTH, Packing
from slotscope.engines.meters.statistics import MEASURES, Reading, measured


def numbers(arrays: Sequence[Any], measures: str) -> Any:
    """Array (variables, numbers) of :data:`MEASURES`, as traced operations."""
    import jax.numpy as jnp

    if not arrays:
        return jnp.zeros((0, len(MEASURES[measures])))
    arrays = [array.ravel() for array in arrays]
    little, large, places = parted(arrays, lambda a: a.size, SMALL)
    if measures == "norms":
        found = _norms(little, large, _each(_squares, [*little, *large]))[:, None]
    else:
        small, alone = SmallArrays([_wide(a) for a in little]), LargeArrays(large)
        norms = _norms(little, large, jnp.concatenate([small.squares, alone.squares]))
        small.norm, alone.norm = norms[: len(little)], norms[len(little) :]
        found = jnp.concatenate([_table(small), _table(alone)] if large else [_table(small)])
    return found if places is None else found[places]


def _table(reading: Reading) -> Any:
    import jax.numpy as jnp

    return jnp.stack(measured(reading), axis=1)


def _norms(little: Sequence[Any], large: Sequence[Any], squares: Any) -> Any:
    """The L2 norms of small and of large arrays, of sums of squares where those are safe.

    An array that is zero, or tiny, is read again; small ones together, a large one by itself.
    """
    import jax
    import jax.numpy as jnp

    safe = (squares > SAFE[0]) & (squares < SAFE[1])
    count = len(little)
    norms = [
        jax.lax.cond(
            safe[count + number],
            lambda place=count + number: jnp.sqrt(squares[place]),
            lambda array=array: _scaled_norm(array).astype(squares.dtype),
        )
        for number, array in enumerate(large)
    ]
    of_little = jax.lax.cond(
        jnp.all(safe[:count]),
        lambda: jnp.sqrt(squares[:count]),
        lambda: _each(_scaled_norm, little).astype(squares.dtype),
    )
    return jnp.concatenate([of_little, jnp.stack(norms)]) if norms else of_little


def _wide(array: Any) -> Any:
    import jax.numpy as jnp

    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def _each(function: Callable[[Any], Any], arrays: Sequence[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.stack([function(a) for a in arrays]) if arrays else jnp.zeros(0)


class SmallArrays:
    """The reading of small arrays, as the rows of one matrix.

    Args:
        arrays: flat ones.

    Attributes:
        norm: array (arrays,), given when the squares of all arrays have been looked at.
    """

    norm: Any

    def __init__(self, arrays: Sequence[Any]) -> None:
        import jax.numpy as jnp

        self._packing = Packing([array.size for array in arrays])
        fill = self._packing.fill
        padded = [jnp.pad(a, (0, zeros)) for a, zeros in zip(arrays, fill, strict=True)]
        self._rows = jnp.concatenate([jnp.zeros(0), *padded]).reshape(-1, WIDTH)
        self.size = self._packing.sizes.astype(self._rows.dtype)

    def _sums(self, rows: Any) -> Any:
        import jax.numpy as jnp

        return self._reduced(jnp.sum, rows.astype(self._rows.dtype), 0)

    def _reduced(self, reduce: Any, rows: Any, neutral: float) -> Any:
        import jax.numpy as jnp

        of_rows = jnp.append(reduce(rows, axis=1), neutral)
        return reduce(of_rows[self._packing.places], axis=1, initial=neutral)

    def _end(self, reduce: Any, neutral: float) -> Any:
        import jax.numpy as jnp

        found = self._reduced(reduce, jnp.where(self._packing.inside, self._rows, neutral), neutral)
        return jnp.where(self.size > 0, found, jnp.nan)

    @property
    def squares(self) -> Any:
        return self._sums(self._rows * self._rows)

    @property
    def total(self) -> Any:
        return self._sums(self._rows)

    @property
    def smallest(self) -> Any:
        import jax.numpy as jnp

        return self._end(jnp.min, jnp.inf)

    @property
    def largest(self) -> Any:
        import jax.numpy as jnp

        return self._end(jnp.max, -jnp.inf)

    @property
    def zero_fraction(self) -> Any:
        return self._sums((self._rows == 0) & self._packing.inside) / self.size

    @property
    def nonfinite(self) -> Any:
        import jax.numpy as jnp

        return self._sums(~jnp.isfinite(self._rows))

    def sums(self, of: Callable[[Any], Any]) -> Any:
        import jax.numpy as jnp

        return self._sums(jnp.where(self._packing.inside, of(self._rows), 0))


class LargeArrays:
    """The reading of large arrays, each by itself.

    Args:
        arrays: flat ones.

    Attributes:
        norm: array (arrays,), given when the squares of all arrays have been looked at.
    """

    norm: Any

    def __init__(self, arrays: Sequence[Any]) -> None:
        self._arrays = arrays
        self.size = np.array([array.size for array in arrays])
        fives = _each(_five, arrays).reshape(-1, 5)
        self.squares, self.total, self.smallest, self.largest, self._zeros = fives.T

    @property
    def zero_fraction(self) -> Any:
        return self._zeros / self.size

    @property
    def nonfinite(self) -> Any:
        import jax.numpy as jnp

        pairs = zip(self._arrays, self.total, strict=True)
        return jnp.stack([_nonfinite(*pair) for pair in pairs])

    def sums(self, of: Callable[[Any], Any]) -> Any:
        import jax.numpy as jnp

        return _each(lambda array: jnp.sum(of(_wide(array)), dtype=self.total.dtype), self._arrays)


def _squares(array: Any) -> Any:
    import jax.numpy as jnp

    array = _wide(array)
    return jnp.sum(array * array)


def _scaled_norm(array: Any) -> Any:
    """The L2 norm with no square that over- or underflows."""
    import jax.numpy as jnp

    array = _wide(array)
    if not array.size:
        return jnp.zeros((), array.dtype)
    largest = jnp.max(jnp.abs(array))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    scaled = array / scale
    return scale * jnp.sqrt(jnp.sum(scaled * scaled))


def _five(array: Any) -> Any:
    """Sum of squares, sum, minimum, maximum and number of zeros of an array.

    A GPU's compiler makes one pass of five reductions.
    """
    import jax

    if array.size <= LARGE:
        return _at_once(array)
    return jax.lax.platform_dependent(array, cpu=_in_pieces, default=_at_once)


def _at_once(array: Any) -> Any:
    """The five; zeros by their signs, which is a fast sum, unless one is not a number."""
    import jax
    import jax.numpy as jnp

    array = _wide(array)
    others = jnp.sum(jnp.abs(jnp.sign(array)))
    zeros = jax.lax.cond(
        jnp.isnan(others),
        lambda: jnp.sum(array == 0).astype(array.dtype),
        lambda: array.size - others,
    )
    sums = jnp.sum(array * array), jnp.sum(array)
    return jnp.stack([*sums, jnp.min(array), jnp.max(array), zeros])


def _parts(array: Any) -> tuple[Any, ...]:
    """What is reduced to the five numbers."""
    return array * array, array, array, array, (array == 0).astype(array.dtype)


def _reduced(parts: Iterable[Any]) -> Any:
    import jax.numpy as jnp

    reductions: tuple[Any, ...] = (jnp.sum, jnp.sum, jnp.min, jnp.max, jnp.sum)
    return jnp.stack([reduce(part) for reduce, part in zip(reductions, parts, strict=True)])


def _joined(these: Sequence[Any], those: Sequence[Any]) -> tuple[Any, ...]:
    """Two of :func:`_parts` as one."""
    import jax.numpy as jnp

    joins = (jnp.add, jnp.add, jnp.minimum, jnp.maximum, jnp.add)
    return tuple(join(*two) for join, *two in zip(joins, these, those, strict=True))


def _in_pieces(array: Any) -> Any:
    """The five numbers by one loop, which holds their parts and joins the next pieces to them."""
    import jax
    import jax.numpy as jnp

    groups, width, rest = pieces(array.size)

    def abreast(begin: Any) -> tuple[Any, ...]:
        places = [begin + number * width for number in range(ABREAST)]
        found = [_wide(jax.lax.dynamic_slice(array, (place,), (width,))) for place in places]
        return functools.reduce(_joined, map(_parts, found))

    def group(number: Any) -> Any:
        begin = number * TIMES * ABREAST * width

        def one_more(time: Any, held: Any) -> tuple[Any, ...]:
            return _joined(held, abreast(begin + time * ABREAST * width))

        none = _wide(jnp.zeros(width, array.dtype))
        begun = (none, none, none + jnp.inf, none - jnp.inf, none)
        return _reduced(jax.lax.fori_loop(0, TIMES, one_more, begun))

    found = jax.lax.map(group, jnp.arange(groups))
    if rest:
        found = jnp.concatenate([found, _reduced(_parts(_wide(array[-rest:])))[None]])
    return _reduced(found.T)


def _nonfinite(array: Any, total: Any) -> Any:
    """How many elements are not finite: none where their sum is."""
    import jax
    import jax.numpy as jnp

    return jax.lax.cond(
        jnp.isfinite(total),
        lambda: jnp.zeros_like(total),
        lambda: jnp.sum(~jnp.isfinite(array)).astype(total.dtype),
    )
