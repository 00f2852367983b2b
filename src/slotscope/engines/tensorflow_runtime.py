"""What the engines on eager TensorFlow share: its variables, its tensors, its traces."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.base import Engine
from slotscope.engines.importing import tensorflow
from slotscope.engines.meters.tensorflow import TensorFlowMeter
from slotscope.engines.private_names import held
from slotscope.engines.records import Gradient, Identity, SparseGradient
from slotscope.engines.watched import defining, steps_per_execution


class EagerTensorFlow(Engine):
    """An engine whose steps run in a ``tf.function``, or eagerly, on eager variables."""

    def variable(self, ref: Any) -> Any:
        """The ``tf.Variable`` of an object in the optimizer's list."""
        return ref

    def takes_assigned(self, model: Any) -> bool:
        return bool(model.run_eagerly) or getattr(model, "train_function", None) is None

    shares_memory: ClassVar[bool] = True

    def asked(self, optimizer: Any, model: Any) -> dict[str, Any]:
        left_alone = tensorflow().autograph.experimental.do_not_convert(lambda: None)
        asked = super().asked(optimizer, model)
        asked["a function that autograph leaves alone"] = left_alone
        asked["the class of compiled functions"] = self.runners()[0][0]
        return asked

    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        with tensorflow().init_scope():  # a trace may be under way
            return [_value(self.variable(ref)) for ref in refs]

    def take(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        with tensorflow().init_scope():
            return [_shared(self.variable(ref)) for ref in refs]

    def convert_to_numpy(self, tensor: Any) -> np.ndarray:
        return np.asarray(tensor)

    def identify(self, ref: Any, state: Any = None) -> Identity:
        variable = self.variable(ref)
        if isinstance(variable, tensorflow().distribute.DistributedValues):
            variable = variable.values[0]  # mirrored: the first replica's
        return Identity(id(ref), _key(variable), _buffer(variable))

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
        if measures == "values" and steps_per_execution(model) == 1:
            return None  # they are taken when the call has returned
        trainer = self.trainer(model)
        return TensorFlowMeter(measures, every, self.variable, lambda: trainer.trainable_variables)

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


@functools.cache
def _resource_class() -> type:
    return defining(type(tensorflow().Variable(0, trainable=False)), "read_value")


def _is_plain(variable: Any) -> bool:
    """Whether a variable is nothing else: not mirrored, not cast when it is read."""
    mirrored = isinstance(variable, tensorflow().distribute.DistributedValues)
    return isinstance(variable, _resource_class()) and not mirrored


def _tensor(variable: Any) -> Any:
    """What a plain variable holds; ``read_value`` takes four times as long."""
    return tensorflow().raw_ops.ReadVariableOp(resource=variable.handle, dtype=variable.dtype)


def _key(variable: Any) -> Any:
    handle = getattr(variable, "handle", None)
    return getattr(handle, "_id", None) or held(variable, "_unique_id", "tensorflow")


def _value(variable: Any) -> np.ndarray | None:
    return _whole(variable, (_tensor(variable) if _is_plain(variable) else variable).numpy())


def _shared(variable: Any) -> np.ndarray | None:
    """A view of what a variable holds; TensorFlow writes elsewhere while somebody has one."""
    if not _is_plain(variable):
        return _value(variable)
    tensor = _tensor(variable)
    try:
        return _whole(variable, memoryview(tensor))
    except (TypeError, ValueError):  # bfloat16 has no buffer format
        return _whole(variable, tensor.numpy())


def _whole(variable: Any, value: Any) -> np.ndarray | None:
    """``value``; None of one that a trace has made, and not yet initialized: it reads as empty."""
    array = np.asarray(value)
    same = array.shape == tuple(variable.shape) or variable.shape.is_compatible_with(array.shape)
    return array if same else None


def _buffer(variable: Any) -> int | None:
    """Address of a variable's data; None for one whose tensor shows no buffer."""
    return _address(variable.read_value())


def _address(tensor: Any) -> int | None:
    if "/device:CPU:" not in getattr(tensor, "backing_device", ""):
        return None  # symbolic, or elsewhere: what that shows is a copy in the CPU's memory
    array = getattr(tensor, "_numpy", lambda: None)()
    return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else None
