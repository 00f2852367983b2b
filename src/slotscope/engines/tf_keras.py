"""``tf_keras-graph``, ``tf_keras-legacy`` and ``tf_keras``: the middle generation.

One package, three ways. Inside a graph its models are ``training_v1`` models, whose
``_make_train_function`` calls ``get_updates`` as Keras 2.1 did; under ``tf.function`` the legacy
optimizers make their slots with ``add_slot`` in the first ``apply_gradients``; the new ones make
them in ``build``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from slotscope.engines import loops, programs
from slotscope.engines.base import (
    Gradient,
    OptimizerVariable,
    base_modules,
    named,
    quiet_import,
    unique_paths,
)
from slotscope.engines.devices import Devices, Mirrored
from slotscope.engines.formats import (
    CHECKPOINT,
    PICKLE,
    SAVED_MODEL,
    SAVER,
    Format,
    file,
    lists,
    own_variables,
    weights,
)
from slotscope.engines.graph import GraphEngine, described, path_of
from slotscope.engines.loops import Loop
from slotscope.engines.programs import Program
from slotscope.engines.tensorflow_runtime import EagerTensorFlow, tensorflow
from slotscope.engines.unnamed import shown_variables, unnamed_foreign, unnamed_variables
from slotscope.engines.vocabulary import slot_name

#: How a program for any of these engines starts.
PREAMBLE = ["import tensorflow as tf", "import tf_keras"]

#: What an ``OptimizerV2`` takes by ``**kwargs``.
LEGACY_ARGUMENTS = ("clipnorm", "clipvalue", "global_clipnorm", "decay")


@functools.cache
def load() -> ModuleType:
    """The ``tf_keras`` package."""
    tensorflow()
    with quiet_import():
        import tf_keras
    return tf_keras


def class_names(obj: Any) -> set[str]:
    return {cls.__name__ for cls in type(obj).__mro__}


def is_graph_model(model: Any) -> bool:
    return any(cls.__module__.endswith("training_v1") for cls in type(model).__mro__)


def inner(optimizer: Any) -> Any:
    """The optimizer that holds the slots: itself, or what a LossScaleOptimizer wraps."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def step_counter(optimizer: Any) -> Any:
    """The counter, None before there is one: asking a legacy optimizer for it would make it."""
    holder = inner(optimizer)
    return getattr(holder, "_iterations" if hasattr(holder, "_iterations") else "iterations", None)


def parts(optimizer: Any) -> list[Any]:
    holder = inner(optimizer)
    return [optimizer] if holder is optimizer else [optimizer, holder]


def is_legacy(optimizer: Any) -> bool:
    return "OptimizerV2" in class_names(inner(optimizer))


def legacy_variables(optimizer: Any) -> list[OptimizerVariable]:
    """The weights of an ``OptimizerV2``, labelled by its table of slots."""
    holder = inner(optimizer)
    labels = {}
    for slots, path in zip(holder._slots.values(), _legacy_paths(holder), strict=True):
        for own, variable in slots.items():
            labels[id(variable)] = (slot_name(holder, own), path)
    found = []
    for variable in optimizer.weights:
        own = (
            "iterations"
            if variable is step_counter(optimizer)
            else path_of(variable).split("/")[-1]
        )
        slot, parameter = labels.get(id(variable), (own, ""))
        found.append(described(slot, parameter, variable))
    return found


def weights_of(model: Any) -> list[Any]:
    """The weights of ``model``, none where it has not been built: tf_keras raises then."""
    try:
        return list(model.weights)
    except ValueError:
        return []


def legacy_foreign(optimizer: Any, model: Any) -> bool:
    """Whether there are slots for parameters that are not the model's."""
    from tf_keras.src.optimizers.legacy.optimizer_v2 import _var_key

    known = {_var_key(v) for v in weights_of(model)}
    return bool(known) and not known.issuperset(inner(optimizer)._slots)


def _legacy_paths(optimizer: Any) -> list[str]:
    """Paths of the parameters that have slots; a slot is named ``scope/path/own name``."""
    firsts = [next(iter(slots.items())) for slots in optimizer._slots.values()]
    return unique_paths(
        _within(optimizer._name, variable).removesuffix(f"/{own}") for own, variable in firsts
    )


def built_variables(optimizer: Any) -> list[OptimizerVariable]:
    """The variables of a new tf_keras optimizer, named ``scope/own name/path``."""
    holder = inner(optimizer)
    own_names = {id(holder._iterations): "iterations", id(holder._learning_rate): "learning_rate"}
    labels = []
    for variable in optimizer.variables:
        own, _, path = _within(holder.name, variable).partition("/")
        labels.append((own_names.get(id(variable)) or slot_name(holder, own), path))
    unique = unique_paths("/".join(label) for label in labels)
    found = []
    for variable, (slot, path), label in zip(optimizer.variables, labels, unique, strict=True):
        found.append(described(slot, label.removeprefix(f"{slot}/") if path else "", variable))
    return found


def _within(scope: str, variable: Any) -> str:
    """The path of ``variable`` from behind the name scope that its optimizer opened."""
    return path_of(variable).split(f"{scope}/", 1)[-1]


class TfKerasGraph(GraphEngine):
    """tf_keras in a graph: ``get_updates`` lives on in the legacy optimizers."""

    name: ClassVar[str] = "tf_keras-graph"
    generation: ClassVar[str] = "tf_keras-legacy"
    place: ClassVar[str] = "tf_keras.optimizers.legacy."
    preamble: ClassVar[list[str]] = PREAMBLE
    scope_line: ClassVar[str] = "with tf.Graph().as_default():"
    backend_code: ClassVar[str] = "tf_keras.backend"
    shared_arguments: ClassVar[tuple[str, ...]] = LEGACY_ARGUMENTS
    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "tf_keras")
    extra: ClassVar[str] = "tensorflow"
    ways: ClassVar[tuple[str, ...]] = ("get_updates", "apply_gradients")
    counted: ClassVar[tuple[str, ...]] = ("get_updates", "apply_gradients", "add_slot")
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


class TfKerasEager(EagerTensorFlow):
    """What the two engines under ``tf.function`` share."""

    requires: ClassVar[tuple[str, ...]] = ("tensorflow", "tf_keras")
    extra: ClassVar[str] = "tensorflow"
    stepping: ClassVar[tuple[str, ...]] = ("apply_gradients",)
    traced: ClassVar[tuple[str, ...]] = ("apply_gradients",)
    takes_what_is_made: ClassVar[bool] = True
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


class TfKerasLegacy(TfKerasEager):
    """tf_keras under ``tf.function`` with the legacy optimizers."""

    name: ClassVar[str] = "tf_keras-legacy"
    generation: ClassVar[str] = "tf_keras-legacy"
    place: ClassVar[str] = "tf_keras.optimizers.legacy."
    holds: ClassVar[str] = "weights"
    shared_arguments: ClassVar[tuple[str, ...]] = LEGACY_ARGUMENTS
    #: The file of its time comes first: .keras and .weights.h5 came when it was a legacy.
    formats: ClassVar[tuple[Format, ...]] = (
        file(".h5"),
        *(format for format in TfKerasEager.formats if format.name != ".h5"),
    )
    counted: ClassVar[tuple[str, ...]] = ("apply_gradients", "add_slot")

    @property
    def optimizers(self) -> ModuleType:
        return self.keras.optimizers.legacy

    def named(self, identifier: Any) -> Any:
        return self.keras.optimizers.get(identifier, use_legacy_optimizer=True)

    def build(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        with tensorflow().name_scope(inner(optimizer)._name):
            optimizer._create_all_weights(list(parameters))

    @classmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        return "tf_keras" in base_modules(optimizer) and is_legacy(optimizer)

    @classmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return _runs_in_functions(model) and is_legacy(optimizer)

    def shows(self, optimizer: Any) -> list[Any]:
        return list(optimizer.weights)

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        return legacy_variables(optimizer)

    def foreign(self, optimizer: Any, model: Any) -> bool:
        return legacy_foreign(optimizer, model)


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

    ways: ClassVar[tuple[str, ...]] = ("apply_gradients", "compiled", "jit")

    def get_weights(self, optimizer: Any) -> list[np.ndarray]:
        return [v.numpy() for v in optimizer.variables]

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
        known = {v._unique_id for v in weights_of(model)}
        return bool(known) and not known.issuperset(getattr(inner(optimizer), "_index_dict", {}))


def _runs_in_functions(model: Any) -> bool:
    return "tf_keras" in base_modules(model) and not is_graph_model(model)
