"""Numbers about arrays, in operations of TensorFlow.

Small arrays are put together, and reduced as one; a larger one is read by TensorFlow's own fast
operations, once for each number. A large one on the CPU is read once for all six, by a loop over
pieces that fit in the cache, which XLA compiles.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.meter import ABREAST, LARGE, MEASURES, SAFE, TIMES, parted, pieces
from slotscope.engines.meters.packed import WIDTH, Layout

#: Arrays of so many elements, at most, are measured together: each operation has its price.
SMALL = 16_384
#: So many elements of a larger one are added up in its own precision.
PART = 64


def numbers(values: Sequence[Any], measures: str) -> Any:
    """Tensor (variables, numbers) of :data:`MEASURES`, in float64."""
    tf = tensorflow()
    if not values:
        return tf.zeros((0, len(MEASURES[measures])), tf.float64)
    arrays = [tf.reshape(v, [-1]) for v in values]
    small, others, places = parted(arrays, _size, SMALL)
    rows = [Together(small).numbers(measures)] if small else []
    rows += [_alone(array, measures)[None] for array in others]
    found = tf.concat(rows, axis=0)
    return found if places is None else tf.gather(found, places)


def _size(array: Any) -> int:
    """Elements; of float64 never few, as there is no wider dtype to add squares in."""
    is_double = array.dtype == tensorflow().float64
    return max(array.shape[0], SMALL + 1) if is_double else int(array.shape[0])


class Together:
    """Small arrays, as the rows of one matrix of float64.

    Args:
        arrays: flat ones, at least one, of dtypes whose squares float64 holds.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        tf = tensorflow()
        self._lie = Layout([array.shape[0] for array in arrays])
        padded = []
        for array, fill in zip(arrays, self._lie.fill, strict=True):
            padded += [_wide(array), tf.zeros(fill)]
        self._rows = _precise(tf.reshape(tf.concat(padded, axis=0), [-1, WIDTH]))

    def numbers(self, measures: str) -> Any:
        """Tensor (arrays, numbers)."""
        tf = tensorflow()
        rows, inside, sizes = self._rows, self._lie.inside, self._lie.sizes.astype(np.float64)
        norms = tf.sqrt(self._sums(rows * rows))
        if measures == "norms":
            return norms[:, None]
        # A minimum here may leave NaN out, NumPy's doesn't.
        none = (sizes == 0) | (self._sums(tf.math.is_nan(rows)) > 0)
        smallest, largest = (
            tf.where(none, tf.constant(np.nan, tf.float64), self._reduced(reduce, rows, neutral))
            for reduce, neutral in ((tf.reduce_min, np.inf), (tf.reduce_max, -np.inf))
        )
        zeros = self._sums(tf.equal(rows, 0) & inside)
        share, mean = zeros / sizes, self._sums(rows) / sizes
        return tf.stack([norms, mean, smallest, largest, share, self._sums(_nonfinite(rows))], 1)

    def _sums(self, rows: Any) -> Any:
        return self._of_arrays(tensorflow().reduce_sum, _precise(rows), 0)

    def _reduced(self, reduce: Any, rows: Any, neutral: float) -> Any:
        """The same of a minimum or maximum; what fills the last rows has no part in it."""
        neutrals = tensorflow().constant(neutral, rows.dtype)
        return self._of_arrays(
            reduce, tensorflow().where(self._lie.inside, rows, neutrals), neutral
        )

    def _of_arrays(self, reduce: Any, rows: Any, neutral: float) -> Any:
        """``rows`` reduced to one number for each array."""
        tf = tensorflow()
        of_rows = tf.concat([reduce(rows, axis=1), tf.constant([neutral], tf.float64)], axis=0)
        return reduce(tf.gather(of_rows, self._lie.places), axis=1)


@functools.cache
def _compiled(function: Callable[[Any], Any]) -> Any:
    tf = tensorflow()
    return tf.function(tf.autograph.experimental.do_not_convert(function), jit_compile=True)


def _alone(array: Any, measures: str) -> Any:
    """The numbers of a flat array."""
    tf = tensorflow()
    if measures == "norms":
        return _norm(array, _squares(array))[None]
    five = _five(array)
    return tf.concat([_norm(array, five[0])[None], _described(array, five)], axis=0)


def _norm(array: Any, squares: Any) -> Any:
    """The L2 norm, of the sum of squares where that is safe."""
    tf = tensorflow()
    safe = (squares > SAFE[0]) & (squares < SAFE[1])
    return tf.cond(safe, lambda: tf.sqrt(squares), lambda: _scaled_norm(array))


def _scaled_norm(array: Any) -> Any:
    """The L2 norm with no square that over- or underflows."""
    tf = tensorflow()
    precise = _precise(array)
    if not array.shape[0]:
        return tf.zeros((), tf.float64)
    largest = tf.reduce_max(tf.abs(precise))
    scale = tf.where((largest > 0) & tf.math.is_finite(largest), largest, 1)
    scaled = precise / scale
    return scale * tf.sqrt(tf.reduce_sum(scaled * scaled))


def _described(array: Any, five: Any) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements of a flat array.

    Args:
        array: of any length.
        five: what :func:`_five` says of it.
    """
    tf = tensorflow()
    size = array.shape[0]
    if not size:
        return tf.constant([np.nan, np.nan, np.nan, np.nan, 0], tf.float64)
    _, total, least, most, zeros = tf.unstack(five)
    found = tf.cond(
        tf.math.is_finite(total),
        lambda: tf.zeros(2, tf.float64),
        lambda: tf.stack([_precise_sum(test(array)) for test in (_nonfinite, tf.math.is_nan)]),
    )
    # A minimum here may leave NaN out, NumPy's doesn't.
    spoilt = tf.where(found[1] > 0, tf.constant(np.nan, tf.float64), 0)
    return tf.stack([total / size, least + spoilt, most + spoilt, zeros / size, found[0]])


def _nonfinite(array: Any) -> Any:
    return ~tensorflow().math.is_finite(array)


def _precise(array: Any) -> Any:
    tf = tensorflow()
    return tf.cast(array, tf.float64)


def _wide(array: Any) -> Any:
    tf = tensorflow()
    return array if array.dtype == tf.float64 else tf.cast(array, tf.float32)


# ---- the five, by operations of their own, each of which is fast


def _five(array: Any) -> Any:
    """Sum of squares, sum, minimum, maximum and number of zeros."""
    tf = tensorflow()
    if array.shape[0] > LARGE and not tf.config.list_logical_devices("GPU"):
        return _compiled(_in_pieces)(array)
    wide = _wide(array)
    sums = _squares(wide), _sum(wide)
    ends = (_precise(reduce(wide)) for reduce in (tf.reduce_min, tf.reduce_max))
    return tf.stack([*sums, *ends, _count(tf.equal(wide, 0))])


def _squares(array: Any) -> Any:
    tf = tensorflow()
    return 2 * _precise(tf.nn.l2_loss(_wide(array)))


def _sum(array: Any) -> Any:
    """The sum of many parts, each of which is a product with ones."""
    tf = tensorflow()
    whole = array.shape[0] // PART * PART
    parts = tf.linalg.matvec(tf.reshape(array[:whole], [-1, PART]), tf.ones(PART, array.dtype))
    return _precise_sum(parts) + _precise_sum(array[whole:])


def _count(found: Any) -> Any:
    """Four bytes of 0 or 1 are added at once, as one int32; a byte has room for 250 of them."""
    tf = tensorflow()
    whole = found.shape[0] // 1000 * 1000
    four = tf.bitcast(tf.reshape(tf.cast(found[:whole], tf.uint8), [-1, 4]), tf.int32)
    sums = tf.reduce_sum(tf.reshape(four, [-1, 250]), axis=1)
    return _precise_sum(tf.bitcast(sums, tf.uint8)) + _precise_sum(found[whole:])


def _precise_sum(array: Any) -> Any:
    tf = tensorflow()
    return tf.reduce_sum(_precise(array))


# ---- the five, by XLA


def _at_once(array: Any) -> Any:
    return _reduced(map(_precise, _parts(_wide(array))))


def _parts(array: Any) -> tuple[Any, ...]:
    """What is reduced to the five numbers."""
    tf = tensorflow()
    return array * array, array, array, array, tf.cast(tf.equal(array, 0), array.dtype)


def _reduced(parts: Iterable[Any]) -> Any:
    tf = tensorflow()
    add, least, most = tf.reduce_sum, tf.reduce_min, tf.reduce_max
    pairs = zip((add, add, least, most, add), parts, strict=True)
    return tf.stack([reduce(part) for reduce, part in pairs])


def _joined(these: Sequence[Any], those: Sequence[Any]) -> tuple[Any, ...]:
    """Two of :func:`_parts` as one."""
    tf = tensorflow()
    joins = (tf.add, tf.add, tf.minimum, tf.maximum, tf.add)
    return tuple(join(*two) for join, *two in zip(joins, these, those, strict=True))


def _in_pieces(array: Any) -> Any:
    """The five numbers by one loop, which holds their parts and joins the next pieces to them."""
    tf = tensorflow()
    groups, width, rest = pieces(array.shape[0])

    def abreast(begin: Any) -> tuple[Any, ...]:
        places = [begin + number * width for number in range(ABREAST)]
        found = [_wide(tf.slice(array, [place], [width])) for place in places]
        return functools.reduce(_joined, map(_parts, found))

    def group(number: Any) -> Any:
        begin = number * (TIMES * ABREAST * width)

        def one_more(time: Any, held: Any) -> tuple[Any, Any]:
            return time + 1, _joined(held, abreast(begin + time * (ABREAST * width)))

        none = _wide(tf.zeros(width, array.dtype))
        begun = (none, none, none + np.inf, none - np.inf, none)
        _, held = tf.while_loop(lambda time, _: time < TIMES, one_more, (tf.constant(0), begun))
        return _reduced(map(_precise, held))

    found = tf.map_fn(group, tf.range(groups), fn_output_signature=tf.float64)
    if rest:
        found = tf.concat([found, _at_once(array[-rest:])[None]], axis=0)
    return _reduced(tf.unstack(found, axis=1))
