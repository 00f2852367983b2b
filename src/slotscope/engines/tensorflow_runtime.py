"""What the engines on eager TensorFlow share: its variables, its tensors, its traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.base import Engine
from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.tensorflow import TensorFlowMeter
from slotscope.engines.private_names import held
from slotscope.engines.records import Gradient, Identity, SparseGradient


class EagerTensorFlow(Engine):
    """An engine whose steps run in a ``tf.function``, or eagerly, on eager variables."""

    def variable(self, ref: Any) -> Any:
        """The ``tf.Variable`` of an object in the optimizer's list."""
        return ref

    def takes_assigned(self, model: Any) -> bool:
        return bool(model.run_eagerly) or getattr(model, "train_function", None) is None

    def asked(self, optimizer: Any, model: Any) -> dict[str, Any]:
        left_alone = tensorflow().autograph.experimental.do_not_convert(lambda: None)
        asked = super().asked(optimizer, model)
        asked["a function that autograph leaves alone"] = left_alone
        asked["the class of compiled functions"] = self.runners()[0][0]
        return asked

    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        with tensorflow().init_scope():  # a trace may be under way
            return [_value(self.variable(ref)) for ref in refs]

    def convert_to_numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor)

    def identify(self, ref: Any, state: Any = None) -> Identity:
        variable = self.variable(ref)
        if isinstance(variable, tensorflow().distribute.DistributedValues):
            variable = variable.values[0]  # mirrored: the first replica's
        handle = getattr(variable, "handle", None)
        key = getattr(handle, "_id", None) or held(variable, "_unique_id", "tensorflow")
        return Identity(id(ref), key, _buffer(variable))

    def tensor(self, gradient: Gradient, dtype: str) -> Any:
        """``gradient`` as TensorFlow takes it: a tensor, slices, or None."""
        tf = tensorflow()
        if isinstance(gradient, SparseGradient):
            values = tf.constant(gradient.values, dtype)
            return tf.IndexedSlices(values, tf.constant(gradient.indices), gradient.shape)
        return None if gradient is None else tf.constant(gradient, dtype)

    def meter(self, model: Any, measures: str, every: int) -> TensorFlowMeter | None:
        distribute = tensorflow().distribute
        alone = distribute.get_strategy()
        if distribute.has_strategy() or getattr(model, "distribute_strategy", alone) is not alone:
            return None  # each replica would write a row of its own
        return TensorFlowMeter(measures, every, self.variable)

    def trace(self, arguments: Any) -> Any:
        """The graph that is being built, None if ops run for real."""
        tf = tensorflow()
        return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()

    def convert(self, function: Callable[..., Any]) -> Callable[..., Any]:
        tf = tensorflow()
        if tf.executing_eagerly():
            return function
        autograph = tf.__internal__.autograph
        converted: Callable[..., Any] = autograph.tf_convert(
            function, autograph.control_status_ctx(), convert_by_default=False
        )
        return converted

    def mark(self, wrapper: Callable[..., Any]) -> Callable[..., Any]:
        # Autograph then calls it as it is, and its conversion status stays what it was.
        vars(wrapper)["autograph_info__"] = {}
        return wrapper

    def runners(self) -> list[tuple[Any, str]]:
        return [(type(tensorflow().function(lambda: None)), "__call__")]


def _value(variable: Any) -> np.ndarray | None:
    value = np.asarray(variable.numpy())
    # One that a trace has made, and not yet initialized, reads as an empty array.
    return value if variable.shape.is_compatible_with(value.shape) else None


def _buffer(variable: Any) -> int | None:
    """Address of a variable's data; None for one whose tensor shows no buffer."""
    value = variable.read_value()
    if "/device:CPU:" not in getattr(value, "backing_device", ""):
        return None  # symbolic, or elsewhere: what that shows is a copy in the CPU's memory
    try:
        return int(np.frombuffer(memoryview(value), dtype=np.uint8).ctypes.data)
    except (ValueError, TypeError):  # bfloat16 has no buffer format
        array = getattr(value, "_numpy", lambda: None)()
        return int(array.ctypes.data) if isinstance(array, np.ndarray) else None
