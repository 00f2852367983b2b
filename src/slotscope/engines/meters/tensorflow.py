"""The meter for eager TensorFlow: its operations are traced into the train function.

The ring is made of variables of its own, which nothing tracks. What a step writes into them stands
behind ``apply`` or ``apply_gradients`` in the same graph, so that it sees the step's result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.meter import (
    Measured,
    Meter,
    Taking,
    Targets,
    latest,
    same_refs,
)
from slotscope.engines.meters.statistics import MEASURES
from slotscope.engines.meters.tensorflow_numbers import numbers


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
