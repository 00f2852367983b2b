"""Numbers about arrays, in operations of JAX.

Small arrays are put together, and reduced as one; for others XLA on the CPU makes a pass of each
reduction. A large one is read once there, by a loop over pieces that fit in the cache.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import ABREAST, LARGE, MEASURES, SAFE, TIMES, parted, pieces
from slotscope.engines.meters.packed import WIDTH, Layout

#: Arrays of so many elements, at most, are measured together: each operation has its price.
SMALL = 16_384


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
        small, fives = Together([_wide(a) for a in little]), _each(_five, large).reshape(-1, 5)
        squares = jnp.concatenate([small.sums(lambda rows: rows * rows), fives[:, 0]])
        rest = jnp.concatenate([small.others(), _described(large, fives)])
        found = jnp.concatenate([_norms(little, large, squares)[:, None], rest], axis=1)
    return found if places is None else found[places]


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


class Together:
    """Small arrays, as the rows of one matrix.

    Args:
        arrays: flat ones.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        import jax.numpy as jnp

        self._lie = Layout([array.size for array in arrays])
        padded = [jnp.pad(a, (0, fill)) for a, fill in zip(arrays, self._lie.fill, strict=True)]
        self._rows = jnp.concatenate([jnp.zeros(0), *padded]).reshape(-1, WIDTH)

    def sums(self, of: Callable[[Any], Any]) -> Any:
        """For each array, the sum of what ``of`` makes of its elements, 0 where that was added."""
        import jax.numpy as jnp

        return self._reduced(jnp.sum, of(self._rows), 0)

    def _reduced(self, reduce: Any, rows: Any, neutral: float) -> Any:
        import jax.numpy as jnp

        of_rows = jnp.append(reduce(rows, axis=1), neutral)
        return reduce(of_rows[self._lie.places], axis=1, initial=neutral)

    def others(self) -> Any:
        """Mean, min, max, zero fraction and number of nonfinite elements of each."""
        import jax.numpy as jnp

        inside, dtype = self._lie.inside, self._rows.dtype
        smallest, largest = (
            self._reduced(reduce, jnp.where(inside, self._rows, neutral), neutral)
            for reduce, neutral in ((jnp.min, jnp.inf), (jnp.max, -jnp.inf))
        )
        zeros = self.sums(lambda rows: ((rows == 0) & inside).astype(dtype))
        nonfinite = self.sums(lambda rows: (~jnp.isfinite(rows)).astype(dtype))
        sizes = self._lie.sizes.astype(dtype)
        extremes = [jnp.where(sizes > 0, found, jnp.nan) for found in (smallest, largest)]
        mean = self.sums(lambda rows: rows) / sizes
        return jnp.stack([mean, *extremes, zeros / sizes, nonfinite], axis=1)


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


def _described(arrays: Sequence[Any], found: Any) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements of large arrays.

    Args:
        arrays: flat ones.
        found: array (arrays, 5) of what :func:`_five` says of each.
    """
    import jax.numpy as jnp

    if not arrays:
        return jnp.zeros((0, 5))
    sizes = np.array([a.size for a in arrays])
    nonfinite = jnp.stack([_nonfinite(*pair) for pair in zip(arrays, found[:, 1], strict=True)])
    mean, share = found[:, 1] / sizes, found[:, 4] / sizes
    return jnp.stack([mean, found[:, 2], found[:, 3], share, nonfinite], axis=1)


def _nonfinite(array: Any, total: Any) -> Any:
    """How many elements are not finite: none where their sum is."""
    import jax
    import jax.numpy as jnp

    return jax.lax.cond(
        jnp.isfinite(total),
        lambda: jnp.zeros_like(total),
        lambda: jnp.sum(~jnp.isfinite(array)).astype(total.dtype),
    )
