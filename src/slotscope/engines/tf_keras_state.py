"""What an optimizer of tf_keras keeps: which variable is which slot of which parameter."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

import numpy as np

from slotscope.engines.importing import quiet_import, tensorflow
from slotscope.engines.private_names import held
from slotscope.engines.rates import decayed, scheduled
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.slot_names import slot_name, unique_paths
from slotscope.engines.tensorflow_graph import described, path_of

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


def compiling_classes(*, graph: bool) -> list[type]:
    """The class whose ``compile`` models in a graph run, or all others; none if not imported."""
    if "tf_keras" not in sys.modules:
        return []
    from tf_keras.src.engine import training, training_v1

    return [training_v1.Model if graph else training.Model]


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
    if is_legacy(optimizer):
        return held(holder, "_iterations", "tf_keras")
    return getattr(holder, "iterations", None)


def parts(optimizer: Any) -> list[Any]:
    holder = inner(optimizer)
    return [optimizer] if holder is optimizer else [optimizer, holder]


def is_legacy(optimizer: Any) -> bool:
    return "OptimizerV2" in class_names(inner(optimizer))


def legacy_variables(optimizer: Any) -> list[OptimizerVariable]:
    """The weights of an ``OptimizerV2``, labelled by its table of slots."""
    holder = inner(optimizer)
    labels = {}
    slots_of = held(holder, "_slots", "tf_keras")
    for slots, path in zip(slots_of.values(), _legacy_paths(holder), strict=True):
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
        found.append(described(slot, parameter, variable, known=id(variable) in labels))
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
    return bool(known) and not known.issuperset(held(inner(optimizer), "_slots", "tf_keras"))


def built_foreign(optimizer: Any, model: Any) -> bool:
    """The same of a new optimizer, which numbers its parameters when it is built."""
    known = {held(v, "_unique_id", "tensorflow") for v in weights_of(model)}
    built = any(variable.parameter for variable in built_variables(optimizer))
    holder = inner(optimizer)
    return bool(known) and built and not known.issuperset(held(holder, "_index_dict", "tf_keras"))


def legacy_rate_variable(optimizer: Any) -> Any:
    """The variable of ``learning_rate``, None before it is made, or where it is a schedule."""
    rate = _legacy_rate(optimizer)
    return rate if hasattr(rate, "read_value") else None


@dataclass(frozen=True)
class LegacyRate:
    """What ``_decayed_lr`` of an ``OptimizerV2`` computes a learning rate from.

    Attributes:
        rate: a number, a variable, a schedule or a function.
        decay: the optimizer's ``decay``.
    """

    rate: Any
    decay: float

    @classmethod
    def of(cls, optimizer: Any) -> Self:
        """That of ``optimizer`` now."""
        return cls(_legacy_rate(optimizer), getattr(inner(optimizer), "_initial_decay", 0.0))

    def at(self, held_rates: np.ndarray, before: np.ndarray) -> np.ndarray:
        """The rates of steps that find the counter so, where a variable held ``held_rates``."""
        return decayed(scheduled(self.rate, held_rates, before), self.decay, before)


def _legacy_rate(optimizer: Any) -> Any:
    return held(inner(optimizer), "_hyper", "tf_keras").get("learning_rate")


def _legacy_paths(optimizer: Any) -> list[str]:
    """Paths of the parameters that have slots; a slot is named ``scope/path/own name``."""
    slots_of = held(optimizer, "_slots", "tf_keras").values()
    firsts = [next(iter(slots.items())) for slots in slots_of]
    scope = held(optimizer, "_name", "tf_keras")
    return unique_paths(
        _within(scope, variable).removesuffix(f"/{own}") for own, variable in firsts
    )


def built_variables(optimizer: Any) -> list[OptimizerVariable]:
    """The variables of a new tf_keras optimizer, named ``scope/own name/path``."""
    holder = inner(optimizer)
    labels = []
    for variable in optimizer.variables:
        own, _, path = _within(holder.name, variable).partition("/")
        counts = variable is holder.iterations
        labels.append(("iterations" if counts else slot_name(holder, own), path))
    unique = unique_paths("/".join(label) for label in labels)
    found = []
    for variable, (slot, path), label in zip(optimizer.variables, labels, unique, strict=True):
        found.append(described(slot, label.removeprefix(f"{slot}/") if path else "", variable))
    return found


def _within(scope: str, variable: Any) -> str:
    """The path of ``variable`` from behind the name scope that its optimizer opened."""
    return path_of(variable).split(f"{scope}/", 1)[-1]
