"""The meter for eager TensorFlow: its operations are traced into the train function.

The ring is made of variables of its own, which nothing tracks. What a step writes into them stands
behind ``apply`` or ``apply_gradients`` in the same graph, so that it sees the step's result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from slotscope.engines.meters.meter import (
    MEASURES,
    SAFE,
    Measured,
    Meter,
    Taking,
    Targets,
    latest,
    parted,
    same_refs,
)
from slotscope.engines.tensorflow_runtime import tensorflow

#: An array of more elements is summed by TensorFlow's own operations.
LARGE = 16_384
#: So many elements of it are added up in its own precision.
PART = 64


class Ring(Taking):
    """The variables on the device: how many rows were written, their counters, their numbers."""

    def __init__(self, refs: Sequence[Any], measures: str, capacity: int) -> None:
        super().__init__(refs)
        tf = tensorflow()
        shape = (capacity, len(refs), len(MEASURES[measures]))
        self.capacity = capacity
        with tf.init_scope():
            make = functools.partial(tf.Variable, trainable=False)
            self.place = make(tf.zeros((), tf.int64))
            self.last = make(tf.zeros((), tf.int64))
            self.iterations = make(tf.zeros(capacity, tf.int64))
            self.rows = make(tf.zeros(shape, tf.float64))

    def write(self, counter: Any, numbers: Any) -> None:
        """Put one row behind the last."""
        tf = tensorflow()
        place = self.place % self.capacity
        slices = tf.IndexedSlices
        self.iterations.scatter_update(slices(counter[None], place[None]))
        self.rows.scatter_update(slices(tf.cast(numbers, tf.float64)[None], place[None]))
        self.place.assign_add(1)

    def drain(self) -> Measured:
        """The rows written since it was drained last."""
        with tensorflow().init_scope():
            held = (self.place, self.last, self.iterations, self.rows)
            return self.take(*(variable.numpy() for variable in held))


class TensorFlowMeter(Meter):
    """Measures behind what applies the gradients.

    Args:
        variable: the ``tf.Variable`` of an object in the optimizer's list.
    """

    def __init__(self, measures: str, every: int, variable: Callable[[Any], Any]) -> None:
        super().__init__(measures, every)
        self.variable = variable
        self._rings: list[Ring] = []

    def applied(self, targets: Targets) -> None:
        capacity = max(self.capacity, targets.longest)
        ring = self._rings[-1] if self._rings else None
        if ring is None or ring.capacity != capacity or not same_refs(ring.refs, targets.refs):
            ring = Ring(targets.refs, self.measures, capacity)
            self._rings.append(ring)
        variables = [self.variable(ref) for ref in targets.refs]
        counter = self.variable(targets.counter)
        measure_and_write(ring, counter, variables, self.measures, self.every)

    def drain(self) -> list[Measured]:
        return latest([ring.drain() for ring in self._rings])


def measure_and_write(
    ring: Any, counter: Any, variables: Sequence[Any], measures: str, every: int
) -> None:
    """Add a row to ``ring`` if one is due, as operations of the graph that is being built."""
    tf = tensorflow()
    now = tf.cast(counter.read_value(), tf.int64)
    ring.last.assign(now)

    def write() -> Any:
        ring.write(now, numbers([v.read_value() for v in variables], measures))
        return tf.constant(True)

    if every == 1:
        write()
    else:
        tf.cond(tf.equal(now % every, 0), write, lambda: tf.constant(False))


def numbers(values: Sequence[Any], measures: str) -> Any:
    """Tensor (variables, numbers) of :data:`MEASURES`, in float64.

    Small arrays are measured by XLA, all of them in one call. It adds up one number after the
    other, so that large ones are better left to TensorFlow's own operations.
    """
    tf = tensorflow()
    if not values:
        return tf.zeros((0, len(MEASURES[measures])), tf.float64)
    precise = [v if v.dtype == tf.float64 else tf.cast(v, tf.float32) for v in values]
    arrays = [tf.reshape(v, [-1]) for v in precise]
    small, large, places = parted(arrays, lambda a: a.shape[0], LARGE)
    rows = [_compiled(measures)(small)] if small else []
    rows += [_numbers(large, measures, FAST)] if large else []
    found = tf.concat(rows, axis=0)
    return found if places is None else tf.gather(found, places)


@functools.cache
def _compiled(measures: str) -> Any:
    tf = tensorflow()

    def small(arrays: Sequence[Any]) -> Any:
        return _numbers(arrays, measures, PLAIN)

    return tf.function(tf.autograph.experimental.do_not_convert(small), jit_compile=True)


class Adding(NamedTuple):
    """How a flat array is added up, each in float64.

    Attributes:
        squares: the sum of its squares.
        sum: its sum.
        count: how many of a boolean one are true.
    """

    squares: Callable[[Any], Any]
    sum: Callable[[Any], Any]
    count: Callable[[Any], Any]


def _sum(array: Any) -> Any:
    tf = tensorflow()
    return tf.reduce_sum(tf.cast(array, tf.float64))


def _fast_sum(array: Any) -> Any:
    """The sum of many parts, each of which is a product with ones: that is fast."""
    tf = tensorflow()
    whole = array.shape[0] // PART * PART
    parts = tf.linalg.matvec(tf.reshape(array[:whole], [-1, PART]), tf.ones(PART, array.dtype))
    return _sum(parts) + _sum(array[whole:])


def _fast_squares(array: Any) -> Any:
    tf = tensorflow()
    return 2 * tf.cast(tf.nn.l2_loss(array), tf.float64)


def _fast_count(found: Any) -> Any:
    """Four bytes of 0 or 1 are added at once, as one int32; a byte has room for 250 of them."""
    tf = tensorflow()
    whole = found.shape[0] // 1000 * 1000
    four = tf.bitcast(tf.reshape(tf.cast(found[:whole], tf.uint8), [-1, 4]), tf.int32)
    sums = tf.reduce_sum(tf.reshape(four, [-1, 250]), axis=1)
    return _sum(tf.bitcast(sums, tf.uint8)) + _sum(found[whole:])


PLAIN = Adding(lambda array: _sum(array * array), _sum, _sum)
FAST = Adding(_fast_squares, _fast_sum, _fast_count)


def _numbers(arrays: Sequence[Any], measures: str, adding: Adding) -> Any:
    """The numbers of flat arrays."""
    tf = tensorflow()
    squares = tf.stack([adding.squares(a) for a in arrays])
    norms = tf.cond(
        tf.reduce_all((squares > SAFE[0]) & (squares < SAFE[1])),
        lambda: tf.sqrt(squares),
        lambda: tf.stack([_scaled_norm(a) for a in arrays]),
    )
    if measures == "norms":
        return norms[:, None]
    finite = tf.reduce_all(tf.math.is_finite(squares))
    rest = tf.stack([_others(a, finite, adding) for a in arrays])
    return tf.concat([norms[:, None], rest], axis=1)


def _scaled_norm(array: Any) -> Any:
    """The L2 norm with no square that over- or underflows."""
    tf = tensorflow()
    precise = tf.cast(array, tf.float64)
    if not array.shape[0]:
        return tf.zeros((), tf.float64)
    largest = tf.reduce_max(tf.abs(precise))
    scale = tf.where((largest > 0) & tf.math.is_finite(largest), largest, 1)
    scaled = precise / scale
    return scale * tf.sqrt(tf.reduce_sum(scaled * scaled))


def _others(array: Any, finite: Any, adding: Adding) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements.

    Args:
        array: a flat one.
        finite: whether all of its elements are, or else some of it or of others may not be.
        adding: how it is added up.
    """
    tf = tensorflow()
    size = array.shape[0]
    if not size:
        return tf.constant([np.nan, np.nan, np.nan, np.nan, 0], tf.float64)

    def count(test: Callable[[Any], Any]) -> Any:
        none = tf.zeros((), tf.float64)
        return tf.cond(finite, lambda: none, lambda: adding.count(test(array)))

    nonfinite = count(lambda a: ~tf.math.is_finite(a))
    # A minimum here leaves NaN out, NumPy's doesn't.
    spoilt = tf.where(count(tf.math.is_nan) > 0, tf.constant(np.nan, tf.float64), 0)
    extremes = [tf.cast(f(array), tf.float64) + spoilt for f in (tf.reduce_min, tf.reduce_max)]
    zeros = adding.count(tf.equal(array, 0))
    return tf.stack([adding.sum(array) / size, *extremes, zeros / size, nonfinite])
