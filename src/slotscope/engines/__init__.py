"""The ways in which Keras runs an optimizer, behind one small protocol."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from slotscope.engines.base import Engine
from slotscope.engines.records import (
    Gradient,
    Identity,
    OptimizerVariable,
    SparseGradient,
    Status,
)
from slotscope.errors import UnknownEngineError, UnknownModelError, UnknownOptimizerError

__all__ = [
    "ENGINES",
    "Engine",
    "Gradient",
    "Identity",
    "OptimizerVariable",
    "SparseGradient",
    "Status",
    "engine",
    "engine_of",
    "engine_of_optimizer",
    "engine_statuses",
]

#: Every engine, in order of the generations: its name and where its class is.
ENGINES = {
    "keras-2.1": "slotscope.engines.keras_2_1:Keras21",
    "tf_keras-graph": "slotscope.engines.tf_keras_graph:TfKerasGraph",
    "tf_keras-legacy": "slotscope.engines.tf_keras:TfKerasLegacy",
    "tf_keras": "slotscope.engines.tf_keras:TfKeras",
    "keras-tensorflow": "slotscope.engines.keras_3_tensorflow:KerasTensorFlow",
    "keras-jax": "slotscope.engines.keras_3_jax:KerasJax",
    "keras-torch": "slotscope.engines.keras_3_torch:KerasTorch",
}


def engine_classes() -> Iterator[type[Engine]]:
    """The class of every engine; no framework is imported."""
    for place in ENGINES.values():
        module, _, name = place.partition(":")
        yield getattr(importlib.import_module(module), name)


def engine(name: str, **options: Any) -> Engine:
    """The engine called ``name``, ready to build models with.

    Args:
        name: one of :data:`ENGINES`.
        **options: ``release`` (str) for ``keras-2.1``: ``"2.1.0"`` to ``"2.1.6"``, the default.

    Raises:
        UnknownEngineError: there is no engine of this name.
        EngineUnavailableError: it cannot run in this environment, or in this process.
    """
    for cls in engine_classes():
        if cls.name == name:
            cls.require()
            return cls(**options)
    raise UnknownEngineError(f"There is no engine {name!r}. Choose one of: {', '.join(ENGINES)}.")


def engine_of(model: Any, optimizer: Any = None) -> Engine:
    """The engine that runs ``model``, found from its class and its optimizer's.

    Args:
        model: any object.
        optimizer: the one that trains the model, by default the one it was compiled with.

    Raises:
        UnknownModelError: it is not a model of any engine.
    """
    if optimizer is None:
        optimizer = getattr(model, "optimizer", None)
    if hasattr(type(model), "fit"):  # a layer and an optimizer come from the same packages
        cls = _owner(lambda cls: cls.owns(model, optimizer))
        if cls is not None:
            return cls.of(model)
    raise UnknownModelError(
        f"This is not a Keras model that slotscope knows: {type(model).__module__}."
        f"{type(model).__qualname__}.\nExpected a model of one of the engines"
        f" {', '.join(ENGINES)}: a keras.Model, a tf_keras.Model, or a model of Keras 2.1"
        f" built with slotscope.engine('keras-2.1').keras."
    )


def engine_of_optimizer(optimizer: Any) -> Engine:
    """The engine on which ``optimizer`` works, found from its class.

    Raises:
        UnknownOptimizerError: it is not an optimizer of any engine.
    """
    cls = _owner(lambda cls: cls.owns_optimizer(optimizer))
    if cls is not None:
        return cls.of(optimizer)
    raise UnknownOptimizerError(
        f"This is not a Keras optimizer that slotscope knows: {type(optimizer).__module__}."
        f"{type(optimizer).__qualname__}.\nExpected an instance of keras.optimizers.Optimizer,"
        f" tf_keras.optimizers.Optimizer, or an optimizer of Keras 2.1 built with"
        f" slotscope.engine('keras-2.1').keras."
    )


def _owner(owns: Callable[[type[Engine]], bool]) -> type[Engine] | None:
    """The first class that ``owns``, or the last of its subclasses that do; None if none does."""
    owner: type[Engine] | None = None
    for cls in engine_classes():
        if (owner is None or issubclass(cls, owner)) and owns(cls):
            owner = cls
    return owner


def engine_statuses() -> list[Status]:
    """For every engine, whether it can run here; imports no framework."""
    return [cls.status() for cls in engine_classes()]
