"""The meter for eager TensorFlow: its operations are traced into the train function.

The ring is made of variables of its own, which nothing tracks. What a step writes into them stands
behind ``apply`` or ``apply_gradients`` in the same graph, so that it sees the step's result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.layout import Layout
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

    def __init__(
        self, refs: Sequence[Any], measures: str, every: int, capacity: int, layout: Layout | None
    ) -> None:
        super().__init__(refs, every, layout)
        tf = tensorflow()
        self.capacity = capacity
        with tf.init_scope():
            make = functools.partial(tf.Variable, trainable=False)
            self.made = make(tf.zeros((), tf.int64))
            self.counters = make(tf.zeros((capacity, 2), tf.int64))
            shapes = shapes_of_rows(len(refs), measures, layout)
            self.rows = [make(tf.zeros((capacity, *shape), dtype)) for shape, dtype in shapes]

    def write(self, before: Any, after: Any, rows: Callable[[], Sequence[Any]], every: int) -> None:
        """Put one step behind the last, and ``rows`` if they are due."""
        tf = tensorflow()
        place = (self.made % self.capacity)[None]
        counters = tf.stack([before, after])[None]
        self.counters.scatter_update(tf.IndexedSlices(counters, place))

        def write_row() -> Any:
            for variable, row in zip(self.rows, rows(), strict=True):
                variable.scatter_update(tf.IndexedSlices(row[None], place))
            return tf.constant(True)

        if every == 1:
            write_row()
        else:
            tf.cond(tf.equal(after % every, 0), write_row, lambda: tf.constant(False))
        self.made.assign_add(1)

    def drain(self) -> Measured:
        """The steps since it was drained last."""
        with tensorflow().init_scope():
            made, counters, *rows = (v.numpy() for v in (self.made, self.counters, *self.rows))
            return self.take(made, counters[:, 0], counters[:, 1], *rows)


def shapes_of_rows(
    variables: int, measures: str, layout: Layout | None
) -> list[tuple[tuple[int, ...], str]]:
    """Shape and dtype of what a step leaves in a ring."""
    if layout is None:
        return [((variables, len(MEASURES[measures])), "float64")]
    return [((width,), dtype) for dtype, width in layout.widths.items()]


def rows_of(values: Sequence[Any], measures: str, layout: Layout | None) -> list[Any]:
    """What a step leaves in a ring, as tensors."""
    tf = tensorflow()
    if layout is None:
        return [tf.cast(numbers(values, measures), tf.float64)]
    groups = layout.sorted(values)
    return [tf.concat([tf.reshape(value, [-1]) for value in group], 0) for group in groups]


class TensorFlowMeter(Meter):
    """Measures behind what applies the gradients.

    Where the data runs out, or a step fails, TensorFlow has run what does not depend on the data:
    Keras's step counter is such. So what is written depends on what the step has updated.

    Args:
        variable: the ``tf.Variable`` of an object in the optimizer's list, or of a parameter.
        parameters: those that the step updates.
    """

    def __init__(
        self,
        measures: str,
        every: int,
        variable: Callable[[Any], Any],
        parameters: Callable[[], Sequence[Any]],
    ) -> None:
        super().__init__(measures, every)
        self.variable = variable
        self._parameters = parameters
        self._rings: list[Ring] = []
        self._before: Any = None

    def applying(self, targets: Targets) -> None:
        self._before = None if targets.counter is None else self._now(targets)

    def _now(self, targets: Targets) -> Any:
        tf = tensorflow()
        return tf.cast(self.variable(targets.counter).read_value(), tf.int64)

    def applied(self, targets: Targets) -> None:
        variables = [self.variable(ref) for ref in targets.refs]
        layout = self.layout([v.shape for v in variables], [v.dtype.name for v in variables])
        capacity = max(self.capacity, targets.longest)
        ring = self._rings[-1] if self._rings else None
        if ring is None or ring.capacity != capacity or not same_refs(ring.refs, targets.refs):
            ring = Ring(targets.refs, self.measures, self.every, capacity, layout)
            self._rings.append(ring)
        after = self._now(targets)
        # An optimizer that makes its counter in its first step has counted none before.
        before = after - 1 if self._before is None else self._before

        def rows() -> list[Any]:
            return rows_of([v.read_value() for v in variables], self.measures, layout)

        with tensorflow().control_dependencies(self._updated(variables)):
            ring.write(before, after, rows, self.every)

    def _updated(self, variables: Sequence[Any]) -> list[Any]:
        """What the step has updated, as soon as it has: slots, or parameters if there are none."""
        if not any(variable.shape.rank for variable in variables):
            variables = [self.variable(parameter) for parameter in self._parameters()]
        return [variable.read_value() for variable in variables]

    def drain(self) -> list[Measured]:
        return with_steps([ring.drain() for ring in self._rings])
