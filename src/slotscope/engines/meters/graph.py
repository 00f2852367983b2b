"""The meter for graphs that a session runs: operations beside the updates of the train function.

``K.function`` groups the update ops; for the time of the watch the group has one op more, which
runs when all others have. The ring's variables are in no collection that a ``Saver`` looks at.
Nothing orders the operations of such a graph but what is said here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from slotscope.engines.meters.meter import MEASURES, Measured, Meter, Taking, Targets, latest
from slotscope.engines.meters.tensorflow import numbers
from slotscope.engines.tensorflow_runtime import tensorflow


class GraphMeter(Meter):
    """Measures in the ``session.run`` that makes the step."""

    remakes: ClassVar[bool] = False

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._parts: list[Part] = []

    def run(self, function: Any, targets: Targets, session: Any) -> None:
        kept = tuple(ref for ref in targets.refs if hasattr(ref, "read_value"))
        last = self._parts[-1] if self._parts else None
        if last is None or last.function is not function or last.refs != kept:
            if last is not None:
                last.take_out()
            part = Part(function, kept, targets.counter, session, self)
            self._parts.append(part)

    def undo(self) -> None:
        for part in self._parts:
            part.take_out()

    def drain(self) -> list[Measured]:
        return latest([part.drain() for part in self._parts])


class Part(Taking):
    """What one train function got: a ring, and the op that writes its rows."""

    def __init__(
        self, function: Any, refs: tuple[Any, ...], counter: Any, session: Any, meter: GraphMeter
    ) -> None:
        super().__init__(refs)
        self.function = function
        self.session = session
        self._updates = function.updates_op
        tf = tensorflow()
        with self._updates.graph.as_default(), tf.compat.v1.name_scope("slotscope/"):
            self._make_ring(meter)
            session.run([v.initializer for v in self._ring])
            with tf.control_dependencies([self._updates]):
                row = self._row(counter, meter)
            self._put(tf.group(self._updates, row))

    def _make_ring(self, meter: GraphMeter) -> None:
        tf = tensorflow()
        shape = (meter.capacity, len(self.refs), len(MEASURES[meter.measures]))
        self._ring = tuple(
            tf.compat.v1.Variable(
                lambda shape=shape, dtype=dtype: tf.zeros(shape, dtype),
                trainable=False,
                use_resource=True,
                collections=["slotscope"],
            )
            for shape, dtype in (
                ((), tf.int64),
                ((), tf.int64),
                (shape[:1], tf.int64),
                (shape, tf.float64),
            )
        )

    def _row(self, counter: Any, meter: GraphMeter) -> Any:
        """The op that writes a row if one is due."""
        tf = tensorflow()
        place, last, iterations, rows = self._ring
        now = tf.cast(counter.read_value(), tf.int64)
        values = [ref.read_value() for ref in self.refs]
        before = place.read_value()

        def write() -> Any:
            row = tf.cast(numbers(values, meter.measures), tf.float64)
            at = (before % meter.capacity)[None]
            written = [
                iterations.scatter_update(tf.IndexedSlices(now[None], at)),
                rows.scatter_update(tf.IndexedSlices(row[None], at)),
            ]
            with tf.control_dependencies(written):
                return tf.identity(place.assign(before + 1))

        wrote = (
            write()
            if meter.every == 1
            else tf.cond(tf.equal(now % meter.every, 0), write, lambda: before)
        )
        return tf.group(wrote, last.assign(now))

    def _put(self, updates: Any) -> None:
        self.function.updates_op = updates
        if hasattr(self.function, "_callable_fn"):
            self.function._callable_fn = None  # tf_keras looks at the op only when it makes this

    def take_out(self) -> None:
        """Let the train function run its own updates alone, as it did."""
        if self.function.updates_op is not self._updates:
            self._put(self._updates)

    def drain(self) -> Measured:
        """The rows written since it was drained last."""
        return self.take(*self.session.run(list(self._ring)))
