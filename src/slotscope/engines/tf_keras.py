"""``tf_keras-legacy`` and ``tf_keras``: the middle generation, under ``tf.function``.

The legacy optimizers make their slots with ``add_slot`` in the first ``apply_gradients``; the new
ones make them in ``build``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.driven import named
from slotscope.engines.driving import loops, programs
from slotscope.engines.driving.devices import Devices, Mirrored
from slotscope.engines.driving.formats import (
    CHECKPOINT,
    PICKLE,
    SAVED_MODEL,
    Format,
    file,
    lists,
    own_variables,
    weights,
)
from slotscope.engines.driving.loops import Loop
from slotscope.engines.driving.programs import Program
from slotscope.engines.importing import tensorflow
from slotscope.engines.private_names import held
from slotscope.engines.records import Gradient, OptimizerVariable
from slotscope.engines.tensorflow_graph import path_of
from slotscope.engines.tensorflow_runtime import EagerTensorFlow
from slotscope.engines.tf_keras_state import (
    LEGACY_ARGUMENTS,
    PREAMBLE,
    LegacyRate,
    built_foreign,
    built_variables,
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
from slotscope.engines.watched import base_modules


class TfKerasEager(EagerTensorFlow):
    """What the two engines under ``tf.function`` share."""

    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "tf_keras")
    extra: ClassVar[str] = "tensorflow"
    stepping: ClassVar[tuple[str, ...]] = ("apply_gradients",)
    traced: ClassVar[tuple[str, ...]] = ("apply_gradients",)
    takes_what_is_made: ClassVar[bool] = True
    trains_as_compiled: ClassVar[bool] = True
    surrounding: ClassVar[tuple[str, ...]] = (
        "apply_gradients",
        "finalize_variable_values",
        "_transform_gradients",
        "_clip_gradients",
        "_apply_weight_decay",
        "_update_model_variables_moving_average",
    )
    ways: ClassVar[tuple[str, ...]] = ("apply_gradients", "compiled")
    compiled_ways: ClassVar[tuple[str, ...]] = ("compiled", "jit")
    running: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("run_eagerly", True),
        ("jit_compile", True),
        ("steps_per_execution", 4),
    )
    loops: ClassVar[Mapping[str, Loop]] = loops.TENSORFLOW
    two_devices: ClassVar[Devices | None] = Mirrored()
    building_ways: ClassVar[tuple[str, ...]] = ways
    traces: ClassVar[int] = 2
    formats: ClassVar[tuple[Format, ...]] = (
        file(".keras"),
        weights(".weights.h5", keeps_rate=False),
        file(".h5"),
        SAVED_MODEL,
        weights(""),
        CHECKPOINT,
        lists(keeps_rate=False),
        PICKLE,
    )

    def parameters(
        self, arrays: Sequence[np.ndarray], dtype: str, names: Sequence[str] = ()
    ) -> list[Any]:
        variable = tensorflow().Variable
        return [variable(a, dtype=dtype, name=name) for a, name in named(arrays, names)]

    def path(self, parameter: Any) -> str:
        return path_of(parameter)

    def applier(
        self, optimizer: Any, parameters: Sequence[Any], like: Sequence[Gradient], way: str
    ) -> Callable[[Sequence[Gradient]], None]:
        def apply(tensors: Sequence[Any]) -> None:
            if hasattr(optimizer, "get_unscaled_gradients"):
                tensors = optimizer.get_unscaled_gradients(tensors)
            optimizer.apply_gradients(zip(tensors, parameters, strict=True))

        compiled = {"apply_gradients": None, "compiled": False, "jit": True}[way]
        if compiled is not None:
            apply = tensorflow().function(apply, jit_compile=compiled)

        def step(gradients: Sequence[Gradient]) -> None:
            apply([self.tensor(g, p.dtype) for g, p in zip(gradients, parameters, strict=True)])

        return step

    preamble: ClassVar[list[str]] = PREAMBLE
    #: The attribute of an optimizer that holds its variables.
    holds: ClassVar[str]

    def program(self, program: Program) -> str:
        if program.way != self.ways[0] or program.sparse or program.empty:
            return super().program(program)
        return programs.tf_keras(program, self.preamble, self.holds)

    def build_for(self, model: Any) -> None:
        self.build(model.optimizer, model.trainable_variables)

    def loss_scaled(self, optimizer: Any) -> Any:
        return self.keras.mixed_precision.LossScaleOptimizer(optimizer, dynamic_growth_steps=2)

    @property
    def keras(self) -> ModuleType:
        self.require()
        return load()

    def seed(self, number: int) -> None:
        self.keras.utils.set_random_seed(number)

    def parts(self, optimizer: Any) -> Iterable[Any]:
        return parts(optimizer)

    def iterations(self, optimizer: Any) -> Any:
        return step_counter(optimizer)

    @classmethod
    def compiling(cls) -> list[type]:
        return compiling_classes(graph=False)


class TfKerasLegacy(TfKerasEager):
    """tf_keras under ``tf.function`` with the legacy optimizers."""

    name: ClassVar[str] = "tf_keras-legacy"
    generation: ClassVar[str] = "tf_keras-legacy"
    place: ClassVar[str] = "tf_keras.optimizers.legacy."
    holds: ClassVar[str] = "weights"
    lists_anew: ClassVar[bool] = False
    shared_arguments: ClassVar[tuple[str, ...]] = LEGACY_ARGUMENTS
    #: The file of its time comes first: .keras and .weights.h5 came when it was a legacy.
    formats: ClassVar[tuple[Format, ...]] = (
        file(".h5"),
        *(format for format in TfKerasEager.formats if format.name != ".h5"),
    )
    counted: ClassVar[tuple[str, ...]] = ("apply_gradients", "add_slot")
    constructor: ClassVar[str] = "apply_gradients"
    building: ClassVar[tuple[str, ...]] = ("_create_all_weights",)
    adding: ClassVar[tuple[str, ...]] = ("add_slot",)

    @property
    def optimizers(self) -> ModuleType:
        return self.keras.optimizers.legacy

    def named(self, identifier: Any) -> Any:
        return self.keras.optimizers.get(identifier, use_legacy_optimizer=True)

    def build(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        with tensorflow().name_scope(held(inner(optimizer), "_name", "tf_keras")):
            held(optimizer, "_create_all_weights", "tf_keras")(list(parameters))

    @classmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        return "tf_keras" in base_modules(optimizer) and is_legacy(optimizer)

    @classmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return _runs_in_functions(model) and is_legacy(optimizer)

    def rate_variable(self, optimizer: Any) -> Any:
        return legacy_rate_variable(optimizer)

    def rate_source(self, optimizer: Any) -> LegacyRate:
        return LegacyRate.of(optimizer)

    def rates(self, source: LegacyRate, held: np.ndarray, before: np.ndarray) -> np.ndarray:
        return source.at(held, before)

    def counts_steps(self, optimizer: Any) -> bool:
        return True  # in a variable that its first step makes

    def shows(self, optimizer: Any) -> list[Any]:
        return list(optimizer.weights)

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        return legacy_variables(optimizer)

    def foreign(self, optimizer: Any, model: Any) -> bool:
        return legacy_foreign(optimizer, model)

    def asked(self, optimizer: Any, model: Any) -> dict[str, Any]:
        return super().asked(optimizer, model) | {"a legacy optimizer": inner(optimizer)}


class TfKeras(TfKerasEager):
    """tf_keras under ``tf.function`` with its new optimizers."""

    name: ClassVar[str] = "tf_keras"
    generation: ClassVar[str] = "tf_keras"
    place: ClassVar[str] = "tf_keras.optimizers."
    holds: ClassVar[str] = "variables"
    formats: ClassVar[tuple[Format, ...]] = (
        *TfKerasEager.formats,
        own_variables(keeps_rate=False),
    )
    counted: ClassVar[tuple[str, ...]] = (
        "build",
        "add_variable_from_reference",
        "apply_gradients",
        "update_step",
    )
    adding: ClassVar[tuple[str, ...]] = ("add_variable", "add_variable_from_reference")

    ways: ClassVar[tuple[str, ...]] = ("apply_gradients", "compiled", "jit")

    def rate_variable(self, optimizer: Any) -> Any:
        # Under a schedule, the step itself puts there what it uses.
        rate = getattr(inner(optimizer), "_learning_rate", None)
        used = getattr(inner(optimizer), "_current_learning_rate", None)
        return used if callable(rate) or rate is None else rate

    def get_weights(self, optimizer: Any) -> list[np.ndarray]:
        return [self.convert_to_numpy(v) for v in optimizer.variables]

    def build(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        optimizer.build(list(parameters))

    @classmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        modern = "tf_keras" in base_modules(optimizer) and hasattr(optimizer, "update_step")
        return modern and not is_legacy(optimizer)

    @classmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return _runs_in_functions(model) and not is_legacy(optimizer)

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        return built_variables(optimizer)

    def foreign(self, optimizer: Any, model: Any) -> bool:
        return built_foreign(optimizer, model)


def _runs_in_functions(model: Any) -> bool:
    return "tf_keras" in base_modules(model) and not is_graph_model(model)
