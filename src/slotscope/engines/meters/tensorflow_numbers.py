"""Numbers about arrays, in operations of TensorFlow.

Small arrays are put together, and reduced as one; a larger one is read by TensorFlow's own fast
operations, once for each number. A large one on the CPU is read once for all, by a loop over
pieces that fit in the cache, which XLA compiles.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.meter import ABREAST, LARGE, SAFE, SMALL, TIMES, parted, pieces
from slotscope.engines.meters.packed import WIDTH, Packing
from slotscope.engines.meters.statistics import MEASURES, measured, of_nothing

#: This many elements of a larger one are added up in its own precision.
PART = 64


def numbers(values: Sequence[Any], measures: str) -> Any:
    """Tensor (variables, numbers) of :data:`MEASURES`, in float64."""
    tf = tensorflow()
    if not values:
        return tf.zeros((0, len(MEASURES[measures])), tf.float64)
    arrays = [tf.reshape(v, [-1]) for v in values]
    small, others, places = parted(arrays, _size, SMALL)
    rows = [_together(small, measures)] if small else []
    rows += [_alone(array, measures)[None] for array in others]
    found = tf.concat(rows, axis=0)
    return found if places is None else tf.gather(found, places)


def _size(array: Any) -> int:
    """Elements; of float64 never few, as there is no wider dtype to add squares in."""
    is_double = array.dtype == tensorflow().float64
    return max(array.shape[0], SMALL + 1) if is_double else int(array.shape[0])


def _together(arrays: Sequence[Any], measures: str) -> Any:
    """Tensor (arrays, numbers) of small arrays."""
    reading = Packed(arrays)
    if measures == "norms":
        return reading.norm[:, None]
    return tensorflow().stack(measured(reading), axis=1)


class Packed:
    """The reading of small arrays, as the rows of one matrix of float64.

    Args:
        arrays: flat ones, at least one, of dtypes whose squares float64 holds.
    """

    def __init__(self, arrays: Sequence[Any]) -> None:
        tf = tensorflow()
        self._packing = Packing([array.shape[0] for array in arrays])
        self.size = self._packing.sizes.astype(np.float64)
        padded = []
        for array, fill in zip(arrays, self._packing.fill, strict=True):
            padded += [_wide(array), tf.zeros(fill)]
        self._rows = _precise(tf.reshape(tf.concat(padded, axis=0), [-1, WIDTH]))

    @property
    def norm(self) -> Any:
        return tensorflow().sqrt(self._sums(self._rows * self._rows))

    @property
    def total(self) -> Any:
        return self._sums(self._rows)

    @cached_property
    def _without_ends(self) -> Any:
        """Which have no minimum; one taken here may leave NaN out, NumPy's doesn't."""
        return (self.size == 0) | (self._sums(tensorflow().math.is_nan(self._rows)) > 0)

    @property
    def smallest(self) -> Any:
        return self._end(tensorflow().reduce_min, np.inf)

    @property
    def largest(self) -> Any:
        return self._end(tensorflow().reduce_max, -np.inf)

    @property
    def zero_fraction(self) -> Any:
        return self._sums(tensorflow().equal(self._rows, 0) & self._packing.inside) / self.size

    @property
    def nonfinite(self) -> Any:
        return self._sums(_nonfinite(self._rows))

    def sums(self, of: Callable[[Any], Any]) -> Any:
        tf = tensorflow()
        made = _precise(of(self._rows))
        return self._sums(tf.where(self._packing.inside, made, tf.zeros_like(made)))

    def _sums(self, rows: Any) -> Any:
        return self._of_arrays(tensorflow().reduce_sum, _precise(rows), 0)

    def _end(self, reduce: Any, neutral: float) -> Any:
        """A minimum or maximum; what fills the last rows has no part in it."""
        tf = tensorflow()
        inside = tf.where(self._packing.inside, self._rows, tf.constant(neutral, tf.float64))
        found = self._of_arrays(reduce, inside, neutral)
        return tf.where(self._without_ends, tf.constant(np.nan, tf.float64), found)

    def _of_arrays(self, reduce: Any, rows: Any, neutral: float) -> Any:
        """``rows`` reduced to one number for each array."""
        tf = tensorflow()
        of_rows = tf.concat([reduce(rows, axis=1), tf.constant([neutral], tf.float64)], axis=0)
        return reduce(tf.gather(of_rows, self._packing.places), axis=1)


@functools.cache
def _compiled(function: Callable[[Any], Any]) -> Any:
    tf = tensorflow()
    return tf.function(tf.autograph.experimental.do_not_convert(function), jit_compile=True)


def _alone(array: Any, measures: str) -> Any:
    """The numbers of a flat array."""
    tf = tensorflow()
    if measures == "norms":
        return _norm(array, _squares(array))[None]
    if not array.shape[0]:
        return tf.constant(of_nothing(), tf.float64)
    return tf.stack([_precise(number) for number in measured(Alone(array))])


class Alone:
    """The reading of one array that is not small.

    Args:
        array: a flat one, not empty.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        self.size = array.shape[0]
        found = tensorflow().unstack(_five(array))
        self._squares, self.total, self._least, self._most, self._zeros = found

    @property
    def norm(self) -> Any:
        return _norm(self._array, self._squares)

    @property
    def smallest(self) -> Any:
        return self._least + self._spoilt

    @property
    def largest(self) -> Any:
        return self._most + self._spoilt

    @property
    def zero_fraction(self) -> Any:
        return self._zeros / self.size

    @property
    def nonfinite(self) -> Any:
        return self._odd[0]

    @cached_property
    def _odd(self) -> Any:
        """How many elements are not finite, and how many NaN: none where their sum is finite."""
        tf = tensorflow()
        tests = (_nonfinite, tf.math.is_nan)
        return tf.cond(
            tf.math.is_finite(self.total),
            lambda: tf.zeros(2, tf.float64),
            lambda: tf.stack([_precise_sum(test(self._array)) for test in tests]),
        )

    @cached_property
    def _spoilt(self) -> Any:
        """NaN or 0: a minimum here may leave NaN out, NumPy's doesn't."""
        tf = tensorflow()
        return tf.where(self._odd[1] > 0, tf.constant(np.nan, tf.float64), 0)

    def sums(self, of: Callable[[Any], Any]) -> Any:
        return _precise_sum(of(_wide(self._array)))


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
