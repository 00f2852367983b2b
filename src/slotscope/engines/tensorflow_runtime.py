"""What the engines on TensorFlow share: its import, its variables, its traces."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.base import Identity, quiet_import


@functools.cache
def tensorflow() -> Any:
    """The ``tensorflow`` package, imported without its log lines."""
    with quiet_import():
        import tensorflow as tf

        # The first use of the runtime logs too; it is made here, once.
        tf.config.list_physical_devices()
    return tf


def read_eager(variables: Sequence[Any]) -> list[np.ndarray | None]:
    """Copies of the values of eager ``tf.Variable`` objects, also from within a trace."""
    with tensorflow().init_scope():
        return [_value(variable) for variable in variables]


def _value(variable: Any) -> np.ndarray | None:
    value = np.asarray(variable.numpy())
    # One that a trace has made, and not yet initialized, reads as an empty array.
    return value if variable.shape.is_compatible_with(value.shape) else None


def identify_eager(ref: Any, variable: Any) -> Identity:
    """``ref`` is the object that the optimizer holds, ``variable`` its ``tf.Variable``.

    Of a variable that ``tf.distribute`` mirrors, the first replica's is identified.
    """
    if hasattr(variable, "_distribute_strategy") and hasattr(variable, "values"):
        variable = variable.values[0]
    handle = getattr(variable, "handle", None)
    return Identity(id(ref), getattr(handle, "_id", None) or variable._unique_id, _buffer(variable))


def _buffer(variable: Any) -> int | None:
    """Address of a variable's data; None for one whose tensor shows no buffer."""
    value = variable.read_value()
    try:
        return int(np.frombuffer(memoryview(value), dtype=np.uint8).ctypes.data)
    except (ValueError, TypeError):  # bfloat16 has no buffer format
        array = getattr(value, "_numpy", lambda: None)()
        return int(array.ctypes.data) if isinstance(array, np.ndarray) else None


def current_trace() -> Any:
    """The outermost function graph that is being traced, None where ops run for real."""
    tf = tensorflow()
    if tf.executing_eagerly():
        return None
    graph = tf.compat.v1.get_default_graph()
    outermost = None
    while hasattr(graph, "outer_graph"):
        outermost, graph = graph, graph.outer_graph
    return outermost


def as_autograph_would(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with the conversion that autograph would give it at this point of a trace."""
    tf = tensorflow()
    if tf.executing_eagerly():
        return function
    autograph = tf.__internal__.autograph
    converted: Callable[..., Any] = autograph.tf_convert(
        function, autograph.control_status_ctx(), convert_by_default=False
    )
    return converted


def mark_for_autograph(wrapper: Any) -> Any:
    """Make autograph call ``wrapper`` as it is, with the conversion status left untouched."""
    wrapper.autograph_info__ = {}
    return wrapper


def compiled_function_call() -> tuple[Any, str]:
    """Where every call of a ``tf.function`` passes through, as (owner, name)."""
    return type(tensorflow().function(lambda: None)), "__call__"
