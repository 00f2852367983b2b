"""``tf_keras-graph``: tf_keras in a graph, where ``get_updates`` lives on.

Its models are ``training_v1`` models, whose ``_make_train_function`` calls ``get_updates`` as
Keras 2.1 did.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.driving.formats import SAVER, Format, file, lists
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.tensorflow_graph import GraphEngine
from slotscope.engines.tf_keras_state import (
    LEGACY_ARGUMENTS,
    PREAMBLE,
    LegacyRate,
    compiling_classes,
    inner,
    is_graph_model,
    is_legacy,
    legacy_foreign,
    legacy_rate_variable,
    legacy_variables,
    load,
    parts,
    step_counter,
)
from slotscope.engines.unnamed_slots import shown_variables, unnamed_foreign, unnamed_variables
from slotscope.engines.watched import base_modules


class TfKerasGraph(GraphEngine):
    """tf_keras in a graph: ``get_updates`` lives on in the legacy optimizers."""

    name: ClassVar[str] = "tf_keras-graph"
    generation: ClassVar[str] = "tf_keras-legacy"
    place: ClassVar[str] = "tf_keras.optimizers.legacy."
    preamble: ClassVar[list[str]] = PREAMBLE
    scope_line: ClassVar[str] = "with tf.Graph().as_default():"
    backend_code: ClassVar[str] = "tf_keras.backend"
    lists_anew: ClassVar[bool] = False
    shared_arguments: ClassVar[tuple[str, ...]] = LEGACY_ARGUMENTS
    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "tf_keras")
    extra: ClassVar[str] = "tensorflow"
    ways: ClassVar[tuple[str, ...]] = ("get_updates", "apply_gradients")
    counted: ClassVar[tuple[str, ...]] = ("get_updates", "apply_gradients", "add_slot")
    optional: ClassVar[tuple[str, ...]] = ("apply_gradients", "add_slot")  # optimizer_v1 has none
    formats: ClassVar[tuple[Format, ...]] = (file(".h5"), SAVER, lists(keeps_rate=False))

    @property
    def keras(self) -> ModuleType:
        self.require()
        return load()

    @property
    def backend(self) -> Any:
        # The public module lacks set_session.
        return self.keras.src.backend

    @functools.cached_property
    def function_class(self) -> type:
        function_class: type = self.backend.GraphExecutionFunction
        return function_class

    def seed(self, number: int) -> None:
        with self.scope():
            self.keras.utils.set_random_seed(number)

    @property
    def optimizers(self) -> ModuleType:
        return self.keras.optimizers.legacy

    @classmethod
    def compiling(cls) -> list[type]:
        return compiling_classes(graph=True)

    @classmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return "tf_keras" in base_modules(model) and is_graph_model(model)

    @classmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        # An OptimizerV2 works in a graph too; by its class alone it is tf_keras-legacy's.
        old = any("optimizer_v1" in cls.__module__ for cls in type(optimizer).__mro__)
        return old and "tf_keras" in base_modules(optimizer)

    def updates(self, optimizer: Any, loss: Any, parameters: list[Any], way: str) -> list[Any]:
        if way == "get_updates":
            return super().updates(optimizer, loss, parameters, way)
        gradients = optimizer.get_gradients(loss, parameters)
        return [optimizer.apply_gradients(zip(gradients, parameters, strict=True))]

    def iterations(self, optimizer: Any) -> Any:
        return step_counter(optimizer)

    def rate_variable(self, optimizer: Any) -> Any:
        if is_legacy(optimizer):
            return legacy_rate_variable(optimizer)
        return super().rate_variable(optimizer)

    def rate_source(self, optimizer: Any) -> Any:
        return LegacyRate.of(optimizer) if is_legacy(optimizer) else super().rate_source(optimizer)

    def rates(self, source: Any, held: np.ndarray, before: np.ndarray) -> np.ndarray:
        legacy = isinstance(source, LegacyRate)
        return source.at(held, before) if legacy else super().rates(source, held, before)

    def counts_steps(self, optimizer: Any) -> bool:
        return is_legacy(optimizer) or super().counts_steps(optimizer)

    def shows(self, optimizer: Any) -> list[Any]:
        return list(optimizer.weights) if is_legacy(optimizer) else shown_variables(optimizer)

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        if is_legacy(optimizer):
            return legacy_variables(optimizer)
        return unnamed_variables(optimizer, model)

    def parts(self, optimizer: Any) -> Iterable[Any]:
        return parts(optimizer)

    def foreign(self, optimizer: Any, model: Any) -> bool:
        if is_legacy(optimizer):
            return legacy_foreign(optimizer, model)
        return unnamed_foreign(optimizer, model)

    def asked(self, optimizer: Any, model: Any) -> dict[str, Any]:
        legacy = {"a legacy optimizer": inner(optimizer)} if is_legacy(optimizer) else {}
        return super().asked(optimizer, model) | legacy
