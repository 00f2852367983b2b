"""The meter for graphs that a session runs: operations beside the updates of the train function.

``K.function`` groups the update ops; for the time of the watch the group has one op more, which
runs when all others have. Nothing orders the operations of such a graph but what is said here.
A graph never loses an operation: those of a watch stay in it, in no collection and run by nobody,
and the next watch uses them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

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
from slotscope.engines.private_names import held


class GraphMeter(Meter):
    """Measures in the ``session.run`` that makes the step."""

    remakes: ClassVar[bool] = False
    #: What earlier watches have put into the graph of a train function.
    _made: ClassVar[WeakKeyDictionary[Any, list[Operations]]] = WeakKeyDictionary()

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._parts: list[Part] = []
        self._left: list[Measured] = []

    def patches(self, trainer: Any) -> Iterable[tuple[Any, str, Callable[..., Any]]]:
        tensorflow()
        from tensorflow.python.client.session import BaseSession

        return [(BaseSession, "close", self._closing)]

    def _closing(self, proceed: Any, session: Any, /) -> Any:
        """A session is about to be closed, and with it goes what its variables hold."""
        for part in [part for part in self._parts if part.session is session]:
            self._left += with_steps([part.drain()])
            part.take_out()
            self._parts.remove(part)
        return proceed(session)

    def run(self, function: Any, targets: Targets, session: Any) -> bool:
        held(function, "updates_op", "tf_keras")
        refs = tuple(ref for ref in targets.refs if hasattr(ref, "read_value"))
        last = self._parts[-1] if self._parts else None
        if last is not None and last.serves(function, refs, session):
            return True
        if last is not None:
            last.take_out()
        operations = self._operations(function, refs, targets.counter)
        if operations is not None:
            self._parts.append(Part(function, operations, session))
        return operations is not None

    def _operations(self, function: Any, refs: tuple[Any, ...], counter: Any) -> Operations | None:
        """Those that an earlier watch made, or new ones; None if the graph takes no more."""
        made = self._made.setdefault(function, [])
        for operations in made:
            same = operations.updates is function.updates_op and same_refs(operations.refs, refs)
            if same and operations.level == (self.measures, self.every):
                return operations
        if function.updates_op.graph.finalized:
            return None
        made.append(Operations(function.updates_op, refs, counter, self))
        return made[-1]

    def undo(self) -> None:
        for part in self._parts:
            part.take_out()

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        return [*left, *with_steps([part.drain() for part in self._parts])]


class Operations:
    """What a graph gets: a ring, and an op that makes the updates and writes a row.

    Attributes:
        refs: the variables that are measured.
        level: what is measured, and every how many steps.
        updates: the train function's own op.
        measured: the op that runs in its place.
        ring: the variables that hold how many steps were made, the step counter after each, and
            the rows.
    """

    def __init__(
        self, updates: Any, refs: tuple[Any, ...], counter: Any, meter: GraphMeter
    ) -> None:
        self.refs = refs
        self.level = (meter.measures, meter.every)
        self.updates = updates
        tf = tensorflow()
        with updates.graph.as_default(), tf.compat.v1.name_scope("slotscope/"):
            self.ring = _ring(meter.capacity, len(refs), len(MEASURES[meter.measures]))
            with tf.control_dependencies([updates]):
                self.measured = tf.group(updates, self._row(counter, meter))

    def _row(self, counter: Any, meter: GraphMeter) -> Any:
        """The op that notes the step, and writes a row if one is due."""
        tf = tensorflow()
        made, after, rows = self.ring
        now = tf.cast(counter.read_value(), tf.int64)
        before = made.read_value()
        at = (before % meter.capacity)[None]

        def write() -> Any:
            values = [ref.read_value() for ref in self.refs]
            row = tf.cast(numbers(values, meter.measures), tf.float64)
            with tf.control_dependencies([rows.scatter_update(tf.IndexedSlices(row[None], at))]):
                return tf.identity(before)

        if meter.every == 1:
            wrote = write()
        else:
            wrote = tf.cond(tf.equal(now % meter.every, 0), write, lambda: before)
        counted = after.scatter_update(tf.IndexedSlices(now[None], at))
        with tf.control_dependencies([wrote, counted]):
            return tf.group(made.assign(before + 1))


def _ring(capacity: int, variables: int, measures: int) -> tuple[Any, ...]:
    tf = tensorflow()
    shapes = [((), tf.int64), ((capacity,), tf.int64)]
    shapes.append(((capacity, variables, measures), tf.float64))
    return tuple(
        tf.compat.v1.Variable(
            lambda shape=shape, dtype=dtype: tf.zeros(shape, dtype),
            trainable=False,
            use_resource=True,
            collections=[],
        )
        for shape, dtype in shapes
    )


class Part(Taking):
    """Operations in use: by one train function, in one session."""

    def __init__(self, function: Any, operations: Operations, session: Any) -> None:
        super().__init__(operations.refs, operations.level[1])
        self.function = function
        self.session = session
        self._operations = operations
        session.run([variable.initializer for variable in operations.ring])
        self._put(operations.measured)

    def serves(self, function: Any, refs: tuple[Any, ...], session: Any) -> bool:
        """Whether it is about this function, these variables and this session."""
        return self.function is function and self.session is session and same_refs(self.refs, refs)

    def _put(self, updates: Any) -> None:
        self.function.updates_op = updates
        if hasattr(self.function, "_callable_fn"):
            self.function._callable_fn = None  # tf_keras looks at the op only when it makes this

    def take_out(self) -> None:
        """Let the train function run its own updates alone, as it did."""
        if self.function.updates_op is self._operations.measured:
            self._put(self._operations.updates)

    def drain(self) -> Measured:
        """The steps since it was drained last."""
        made, after, rows = self.session.run(list(self._operations.ring))
        # What is read before the updates is not told in a graph: a step moves the counter by one,
        # or leaves it. What moves it otherwise runs in the session, and comes behind a drain.
        found = self.take(made, after - 1, after, rows)
        stays = np.diff(found.after, prepend=0) == 0
        return replace(found, before=found.after - ~stays)
