"""The meter for eager TensorFlow: its operations are traced into the train function.

The ring is made of variables of its own, which nothing tracks. What a step writes into them stands
behind ``apply`` or ``apply_gradients`` in the same graph, so that it sees the step's result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import MEASURES, SAFE, Measured, Meter, Taking, Targets, latest
from slotscope.engines.tensorflow_runtime import tensorflow


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
        if ring is None or ring.refs != tuple(targets.refs) or ring.capacity != capacity:
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
    """Tensor (variables, numbers) of :data:`MEASURES`, by XLA, which reads and reduces in one."""
    if not values:
        return tensorflow().zeros((0, len(MEASURES[measures])))
    return _compiled(measures)(list(values))


@functools.cache
def _compiled(measures: str) -> Any:
    tf = tensorflow()
    plain = tf.autograph.experimental.do_not_convert(functools.partial(_numbers, measures=measures))
    return tf.function(plain, jit_compile=True)


def _numbers(values: Sequence[Any], measures: str) -> Any:
    tf = tensorflow()
    precise = [v if v.dtype == tf.float64 else tf.cast(v, tf.float32) for v in values]
    arrays = [tf.reshape(v, [-1]) for v in precise]
    sums = [tf.reduce_sum(a * a) for a in arrays]
    squares = tf.stack([tf.cast(s, tf.float64) for s in sums])
    safe = tf.reduce_all((squares > SAFE[0]) & (squares < SAFE[1]))
    norms = tf.cond(
        safe,
        lambda: tf.sqrt(squares),
        lambda: tf.stack([tf.cast(_scaled_norm(a), tf.float64) for a in arrays]),
    )
    if measures == "norms":
        return norms[:, None]
    rest = [tf.cast(_others(a, s), tf.float64) for a, s in zip(arrays, sums, strict=True)]
    return tf.concat([norms[:, None], tf.stack(rest)], axis=1)


def _scaled_norm(array: Any) -> Any:
    """The L2 norm with no square that over- or underflows."""
    tf = tensorflow()
    if not array.shape[0]:
        return tf.zeros((), array.dtype)
    largest = tf.reduce_max(tf.abs(array))
    scale = tf.where((largest > 0) & tf.math.is_finite(largest), largest, 1)
    scaled = array / scale
    return scale * tf.sqrt(tf.reduce_sum(scaled * scaled))


def _others(array: Any, squares: Any) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements.

    The last two take a read of their own, and only where the least magnitude or the sum of
    squares says that there is something to count.
    """
    tf = tensorflow()
    size = array.shape[0]
    if not size:
        return tf.constant([np.nan, np.nan, np.nan, np.nan, 0], array.dtype)

    def count(test: Callable[[Any], Any]) -> Callable[[], Any]:
        return lambda: tf.reduce_sum(tf.cast(test(array), array.dtype))

    def none() -> Any:
        return tf.zeros((), array.dtype)

    zeros = tf.cond(tf.reduce_min(tf.abs(array)) > 0, none, count(lambda a: tf.equal(a, 0)))
    finite, nan = tf.math.is_finite, tf.math.is_nan
    nonfinite = tf.cond(finite(squares), none, count(lambda a: ~finite(a)))
    # XLA leaves NaN out of a minimum here, NumPy doesn't.
    missing = tf.cond(finite(squares), none, count(nan))
    spoilt = tf.where(missing > 0, tf.constant(np.nan, array.dtype), 0)
    smallest, largest = tf.reduce_min(array) + spoilt, tf.reduce_max(array) + spoilt
    return tf.stack([tf.reduce_sum(array) / size, smallest, largest, zeros / size, nonfinite])
