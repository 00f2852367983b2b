"""Keras 3: what it does alike on all of its backends, each of which is an engine of its own.

One optimizer class for all of them: ``build`` makes the variables, ``update_step`` computes, and
the backend decides what a step is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.available import installed
from slotscope.engines.base import Engine
from slotscope.engines.driven import named
from slotscope.engines.driving import programs
from slotscope.engines.driving.formats import (
    PICKLE,
    Format,
    broken,
    file,
    lists,
    own_variables,
    weights,
)
from slotscope.engines.driving.programs import Program
from slotscope.engines.importing import tensorflow
from slotscope.engines.keras_3_state import (
    all_labelled,
    counter,
    counting_part,
    learning_rate_of,
    load,
    parameters_of,
    parts,
)
from slotscope.engines.private_names import held
from slotscope.engines.rates import scheduled
from slotscope.engines.records import Gradient, OptimizerVariable, Status
from slotscope.engines.watched import base_modules, defining


class Keras3(Engine):
    """Keras 3; a process has one backend, chosen when ``keras`` is first imported."""

    #: What every engine on Keras 3 is a variant of.
    name: ClassVar[str] = "keras-3"
    backend_name: ClassVar[str]
    generation: ClassVar[str] = "keras-3"
    ways: ClassVar[tuple[str, ...]] = (
        "apply",
        "apply_gradients",
        "apply without variables",
    )
    running: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("run_eagerly", True),
        ("jit_compile", False),
        ("steps_per_execution", 4),
    )
    building_ways: ClassVar[tuple[str, ...]] = ("apply", "apply_gradients")
    formats: ClassVar[tuple[Format, ...]] = (
        file(".keras"),
        weights(".weights.h5"),
        file(".h5"),
        weights(".weights.json", like=".weights.h5", since="3.10", max_shard_size=1.0),
        lists(),
        own_variables(),
        PICKLE,
        broken("orbax", "orbax is not installed"),
    )
    counted: ClassVar[tuple[str, ...]] = ("build", "add_variable", "apply", "update_step")
    surrounding: ClassVar[tuple[str, ...]] = (
        "apply",
        "apply_gradients",
        "stateless_apply",
        "finalize_variable_values",
        "_backend_apply_gradients",
        "_clip_gradients",
        "_apply_weight_decay",
        "_update_model_variables_moving_average",
    )
    adding: ClassVar[tuple[str, ...]] = ("add_variable",)
    stepping: ClassVar[tuple[str, ...]] = ("apply",)
    traced: ClassVar[tuple[str, ...]] = ("apply", "stateless_apply")

    @classmethod
    def status(cls) -> Status:
        status = super().status()
        running = _running_backend()
        if status.problem or running in (None, cls.backend_name):
            return status
        problem = f"this process already runs Keras on {running}"
        remedy = f"start a process with KERAS_BACKEND={cls.backend_name}"
        return Status(cls.name, status.versions, problem, remedy, elsewhere=True)

    @classmethod
    def process_environment(cls) -> dict[str, str]:
        return {"KERAS_BACKEND": cls.backend_name}

    @property
    def versions(self) -> dict[str, str]:
        # A nightly is installed over keras, whose metadata stays what it was.
        loaded = getattr(sys.modules.get("keras"), "__version__", None)
        return super().versions | ({"keras": loaded} if loaded else {})

    @property
    def keras(self) -> ModuleType:
        self.require()
        os.environ["KERAS_BACKEND"] = self.backend_name
        return load()

    def seed(self, number: int) -> None:
        keras = self.keras  # first: TensorFlow imports Keras, on the backend that was chosen
        if installed("tensorflow"):
            tensorflow()  # Keras seeds it on every backend; so its log lines are caught
        keras.utils.set_random_seed(number)

    @classmethod
    def owns_optimizer(cls, optimizer: Any) -> bool:
        return "keras" in base_modules(optimizer) and _running_backend() == cls.backend_name

    def parameters(
        self, arrays: Sequence[np.ndarray], dtype: str, names: Sequence[str] = ()
    ) -> list[Any]:
        return [self._parameter(array, dtype, name) for array, name in named(arrays, names)]

    def _parameter(self, array: np.ndarray, dtype: str, path: str) -> Any:
        scope, _, name = path.rpartition("/")
        with self.keras.name_scope(scope) if scope else contextlib.nullcontext():
            return self.keras.Variable(array, dtype=dtype, name=name)

    def path(self, parameter: Any) -> str:
        return str(parameter.path)

    def tensor(self, gradient: Gradient, dtype: str) -> Any:
        """``gradient`` as the backend has it."""
        return None if gradient is None else self.keras.ops.convert_to_tensor(gradient, dtype)

    def build(self, optimizer: Any, parameters: Sequence[Any]) -> None:
        optimizer.build(list(parameters))

    def applier(
        self, optimizer: Any, parameters: Sequence[Any], like: Sequence[Gradient], way: str
    ) -> Callable[[Sequence[Gradient]], None]:
        apply = self._applied(optimizer, list(parameters), way)

        def step(gradients: Sequence[Gradient]) -> None:
            apply([self.tensor(g, p.dtype) for g, p in zip(gradients, parameters, strict=True)])

        return step

    def _applied(self, optimizer: Any, parameters: list[Any], way: str) -> Callable[..., None]:
        """What applies a list of tensors to ``parameters`` in the given way."""
        if way == "apply":
            return lambda tensors: optimizer.apply(tensors, parameters)
        if way == "apply_gradients":
            return lambda tensors: optimizer.apply_gradients(zip(tensors, parameters, strict=True))
        if way == "apply without variables":
            return lambda tensors: optimizer.apply(tensors)
        return self._stateless(optimizer, parameters, optimizer.stateless_apply)

    def _stateless(
        self, optimizer: Any, parameters: list[Any], stateless_apply: Callable[..., Any]
    ) -> Callable[..., None]:
        def apply(tensors: Sequence[Any]) -> None:
            refs = [*optimizer.variables, *parameters]
            new_parameters, new_state = stateless_apply(
                [v.value for v in optimizer.variables], tensors, [v.value for v in parameters]
            )
            for ref, value in zip(refs, [*new_state, *new_parameters], strict=True):
                ref.assign(value)

        return apply

    place: ClassVar[str] = "keras.optimizers."

    @property
    def preamble(self) -> list[str]:
        chosen = f'os.environ["KERAS_BACKEND"] = "{self.backend_name}"'
        return ["import os", chosen, "import keras"]

    def program(self, program: Program) -> str:
        if program.way != self.ways[0] or program.sparse or program.empty:
            return super().program(program)
        return programs.keras_3(program, self.preamble)

    def build_for(self, model: Any) -> None:
        model.optimizer.build(model.trainable_variables)

    def get_weights(self, optimizer: Any) -> list[np.ndarray]:
        return [np.array(self.convert_to_numpy(v)) for v in optimizer.variables]

    def loss_scaled(self, optimizer: Any) -> Any:
        return self.keras.optimizers.LossScaleOptimizer(optimizer, dynamic_growth_steps=2)

    def set_learning_rate(self, optimizer: Any, rate: Any) -> None:
        if callable(held(optimizer, "_learning_rate", "keras")) and not callable(rate):
            # What Keras says of a schedule; of any other function it says nothing, and crashes.
            raise TypeError("a learning rate that is a function cannot be set to a number")
        super().set_learning_rate(optimizer, rate)

    def convert_to_numpy(self, tensor: Any) -> np.ndarray:
        found: np.ndarray = self.keras.ops.convert_to_numpy(tensor)
        return found

    @classmethod
    def compiling(cls) -> list[type]:
        keras = sys.modules.get("keras")
        here = _running_backend() == cls.backend_name
        return [defining(keras.Model, "compile")] if keras is not None and here else []

    @classmethod
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return "keras" in base_modules(model) and _running_backend() == cls.backend_name

    def iterations(self, optimizer: Any) -> Any:
        return counter(counting_part(optimizer))

    def rate_variable(self, optimizer: Any) -> Any:
        rate = learning_rate_of(optimizer)
        return None if callable(rate) else rate

    def rate_source(self, optimizer: Any) -> Any:
        return learning_rate_of(optimizer)

    def rates(self, source: Any, held: np.ndarray, before: np.ndarray) -> np.ndarray:
        return scheduled(source, held, before)

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        found = all_labelled(optimizer)
        return [found[id(ref)] for ref in self.shows(optimizer) if id(ref) in found]

    def parts(self, optimizer: Any) -> Iterable[Any]:
        return parts(optimizer)

    def foreign(self, optimizer: Any, model: Any) -> bool:
        known = {id(v) for v in model.variables}
        held = {id(v) for part in parts(optimizer) for v in parameters_of(part)}
        return bool(known) and not known.issuperset(held)


def _running_backend() -> str | None:
    """The backend of the ``keras`` of this process, None if it has not been imported."""
    backend = getattr(sys.modules.get("keras"), "backend", None)
    return None if backend is None else str(backend.backend())
