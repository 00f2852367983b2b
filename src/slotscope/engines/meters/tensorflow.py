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
    same_refs,
    with_steps,
)
from slotscope.engines.meters.statistics import MEASURES
from slotscope.engines.meters.tensorflow_numbers import numbers


class Ring(Taking):
    """The variables on the device: how many steps were made, their counters, their numbers."""

    def __init__(self, refs: Sequence[Any], measures: str, every: int, capacity: int) -> None:
        super().__init__(refs, every)
        tf = tensorflow()
        shape = (capacity, len(refs), len(MEASURES[measures]))
        self.capacity = capacity
        with tf.init_scope():
            make = functools.partial(tf.Variable, trainable=False)
            self.made = make(tf.zeros((), tf.int64))
            self.counters = make(tf.zeros((capacity, 2), tf.int64))
            self.rows = make(tf.zeros(shape, tf.float64))

    def write(self, before: Any, after: Any, numbers: Callable[[], Any], every: int) -> None:
        """Put one step behind the last, and ``numbers`` if they are due."""
        tf = tensorflow()
        place = (self.made % self.capacity)[None]
        counters = tf.stack([before, after])[None]
        self.counters.scatter_update(tf.IndexedSlices(counters, place))

        def write_row() -> Any:
            row = tf.cast(numbers(), tf.float64)[None]
            self.rows.scatter_update(tf.IndexedSlices(row, place))
            return tf.constant(True)

        if every == 1:
            write_row()
        else:
            tf.cond(tf.equal(after % every, 0), write_row, lambda: tf.constant(False))
        self.made.assign_add(1)

    def drain(self) -> Measured:
        """The steps since it was drained last."""
        with tensorflow().init_scope():
            made, counters, rows = (v.numpy() for v in (self.made, self.counters, self.rows))
            return self.take(made, counters[:, 0], counters[:, 1], rows)


class TensorFlowMeter(Meter):
    """Measures behind what applies the gradients.

    Args:
        variable: the ``tf.Variable`` of an object in the optimizer's list.
    """

    def __init__(self, measures: str, every: int, variable: Callable[[Any], Any]) -> None:
        super().__init__(measures, every)
        self.variable = variable
        self._rings: list[Ring] = []
        self._before: Any = None

    def applying(self, targets: Targets) -> None:
        self._before = None if targets.counter is None else self._now(targets)

    def _now(self, targets: Targets) -> Any:
        tf = tensorflow()
        return tf.cast(self.variable(targets.counter).read_value(), tf.int64)

    def applied(self, targets: Targets) -> None:
        capacity = max(self.capacity, targets.longest)
        ring = self._rings[-1] if self._rings else None
        if ring is None or ring.capacity != capacity or not same_refs(ring.refs, targets.refs):
            ring = Ring(targets.refs, self.measures, self.every, capacity)
            self._rings.append(ring)
        after = self._now(targets)
        # An optimizer that makes its counter in its first step has counted none before.
        before = after - 1 if self._before is None else self._before
        variables = [self.variable(ref) for ref in targets.refs]

        def measure() -> Any:
            return numbers([v.read_value() for v in variables], self.measures)

        ring.write(before, after, measure, self.every)

    def drain(self) -> list[Measured]:
        return with_steps([ring.drain() for ring in self._rings])
