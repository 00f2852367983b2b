"""``keras-tensorflow``, ``keras-jax`` and ``keras-torch``: Keras 3 on its three backends.

One optimizer class for all of them: ``build`` makes the variables, ``update_step`` computes, and
the backend decides what a step is. On TensorFlow it is a ``tf.function``; on JAX the state enters
and leaves the jitted train function as arrays, and between steps of ``fit`` the variables
themselves are empty; on torch everything runs eagerly.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.base import (
    Engine,
    Gradient,
    Identity,
    OptimizerVariable,
    Status,
    base_modules,
    installed,
    named,
)
from slotscope.engines.driving import loops, programs
from slotscope.engines.driving.devices import DataParallel, Devices, Mirrored
from slotscope.engines.driving.formats import (
    PICKLE,
    Format,
    broken,
    file,
    lists,
    own_variables,
    weights,
)
from slotscope.engines.driving.loops import Loop
from slotscope.engines.driving.programs import Program
from slotscope.engines.keras_3_state import counter, labelled, load, parameters_of, parts
from slotscope.engines.meters.jax import JaxMeter, Layout
from slotscope.engines.meters.meter import Meter
from slotscope.engines.meters.torch import TorchMeter
from slotscope.engines.private_names import held, lacking
from slotscope.engines.tensorflow_runtime import EagerTensorFlow, tensorflow


class Keras3(Engine):
    """Keras 3; a process has one backend, chosen when ``keras`` is first imported."""

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

    @property
    def versions(self) -> dict[str, str]:
        # A nightly is installed over keras, whose metadata stays what it was.
        loaded = getattr(sys.modules.get("keras"), "__version__", None)
        return super().versions | ({"keras": loaded} if loaded else {})

    @property
    def keras(self) -> ModuleType:
        self.require()
        os.environ["KERAS_BACKEND"] = self.backend_name
        if installed("tensorflow"):
            # Keras imports it on every backend, to save a model; here its log lines are caught.
            tensorflow()
        return load()

    def seed(self, number: int) -> None:
        self.keras.utils.set_random_seed(number)

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
    def owns(cls, model: Any, optimizer: Any) -> bool:
        return "keras" in base_modules(model) and _running_backend() == cls.backend_name

    def iterations(self, optimizer: Any) -> Any:
        return counter(getattr(optimizer, "inner_optimizer", optimizer))

    def variables(self, optimizer: Any, model: Any = None) -> list[OptimizerVariable]:
        found = {id(v.ref): v for part in parts(optimizer) for v in labelled(part)}
        return [found[id(ref)] for ref in self.shows(optimizer) if id(ref) in found]

    def parts(self, optimizer: Any) -> Iterable[Any]:
        return parts(optimizer)

    def foreign(self, optimizer: Any, model: Any) -> bool:
        known = {id(v) for v in model.variables}
        held = {id(v) for part in parts(optimizer) for v in parameters_of(part)}
        return bool(known) and not known.issuperset(held)


def _running_backend() -> str | None:
    """The backend of the ``keras`` of this process, None where it has not been imported."""
    backend = getattr(sys.modules.get("keras"), "backend", None)
    return None if backend is None else str(backend.backend())


class KerasTensorFlow(EagerTensorFlow, Keras3):
    """Keras 3 on TensorFlow."""

    name: ClassVar[str] = "keras-tensorflow"
    backend_name: ClassVar[str] = "tensorflow"
    requires: ClassVar[tuple[str, ...]] = ("keras", "tensorflow")
    extra: ClassVar[str] = "tensorflow"

    ways: ClassVar[tuple[str, ...]] = (*Keras3.ways, "compiled", "jit")
    compiled_ways: ClassVar[tuple[str, ...]] = ("compiled", "jit")
    loops: ClassVar[Mapping[str, Loop]] = loops.TENSORFLOW
    two_devices: ClassVar[Devices | None] = Mirrored()
    building_ways: ClassVar[tuple[str, ...]] = (*Keras3.building_ways, "compiled")
    traces: ClassVar[int] = 2

    def variable(self, ref: Any) -> Any:
        return ref.value

    def _applied(self, optimizer: Any, parameters: list[Any], way: str) -> Callable[..., None]:
        if way not in ("compiled", "jit"):
            return super()._applied(optimizer, parameters, way)
        apply = super()._applied(optimizer, parameters, "apply")
        tf = tensorflow()
        plain = tf.autograph.experimental.do_not_convert(apply)  # as Keras's own train step is
        compiled: Callable[..., None] = tf.function(plain, jit_compile=way == "jit")
        return compiled


class KerasJax(Keras3):
    """Keras 3 on JAX. The state maps ids of variables to the arrays in flight."""

    name: ClassVar[str] = "keras-jax"
    backend_name: ClassVar[str] = "jax"
    requires: ClassVar[tuple[str, ...]] = ("keras", "jax")
    extra: ClassVar[str] = "jax"
    ways: ClassVar[tuple[str, ...]] = (*Keras3.ways, "stateless_apply", "jit")
    compiled_ways: ClassVar[tuple[str, ...]] = ("jit",)
    loops: ClassVar[Mapping[str, Loop]] = loops.JAX
    two_devices: ClassVar[Devices | None] = DataParallel()
    keeps_handles: ClassVar[bool] = False
    takes_sparse: ClassVar[bool] = False
    #: As JAX is by default, with 64 bits switched off.
    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float16", "bfloat16")
    #: A branch is traced and compiled at every eager step, ten times as long as all of the rest.
    branching_way: ClassVar[str] = "without jit"
    counted: ClassVar[tuple[str, ...]] = (
        "build",
        "add_variable",
        "apply",
        "stateless_apply",
        "update_step",
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._layout = Layout()

    def state_before(self, optimizer: Any, args: tuple[Any, ...]) -> Any:
        return self._in_flight(optimizer, args[0] if args else None)

    def state_after(self, optimizer: Any, result: Any) -> Any:
        with_logs = isinstance(result, tuple) and len(result) == 2
        return self._in_flight(optimizer, result[1] if with_logs else result)

    def _applied(self, optimizer: Any, parameters: list[Any], way: str) -> Callable[..., None]:
        import jax

        if way == "without jit":
            plain = super()._applied(optimizer, parameters, "apply")

            def apply(tensors: Sequence[Any]) -> None:
                with self.uncompiled():
                    plain(tensors)

            return apply
        if way != "jit":
            return super()._applied(optimizer, parameters, way)
        return self._stateless(optimizer, parameters, jax.jit(optimizer.stateless_apply))

    def uncompiled(self) -> contextlib.AbstractContextManager[Any]:
        import jax

        context: contextlib.AbstractContextManager[Any] = jax.disable_jit()
        return context

    def _in_flight(self, optimizer: Any, state: Any) -> dict[int, Any]:
        """The optimizer's arrays in the train function's state, none where nothing tells them."""
        refs = self.shows(optimizer)
        arrays = self._layout.arrays(refs, state)
        return {} if arrays is None else {id(r): a for r, a in zip(refs, arrays, strict=True)}

    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        return [_copied(self._array(ref, state)) for ref in refs]

    def identify(self, ref: Any, state: Any = None) -> Identity:
        array = self._array(ref, state)
        return Identity(id(ref), array, _pointer(array))

    def _array(self, ref: Any, state: Any) -> Any:
        return state[id(ref)] if state and id(ref) in state else held(ref, "_value", "keras")

    def meter(self, model: Any, measures: str, every: int) -> Meter | None:
        # Sharded, or kept by NNX, the state has another layout.
        nnx = getattr(self.keras.config, "is_nnx_enabled", lambda: False)()
        if nnx or self.keras.distribution.distribution() is not None:
            return None
        # A train function of a user's own may take no state but Keras's, without the ring.
        made_by = getattr(getattr(type(model), self.maker, None), "__module__", "")
        if not made_by.startswith("keras."):
            return None
        return JaxMeter(measures, every)

    def trace(self, arguments: Any) -> Any:
        import jax

        leaves = jax.tree_util.tree_leaves(arguments)
        return object() if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves) else None


def _is_concrete(array: Any) -> bool:
    import jax

    concrete = isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer)
    return concrete and not array.is_deleted()


def _copied(array: Any) -> np.ndarray | None:
    """A copy that leaves no reference behind: JAX reuses the buffer in the next step."""
    if not _is_concrete(array):
        return None
    try:
        return np.from_dlpack(array).copy()
    except (BufferError, TypeError, ValueError, RuntimeError):  # bfloat16; another device
        return np.array(array)


def _pointer(array: Any) -> int | None:
    tells = hasattr(array, "unsafe_buffer_pointer")  # documented nowhere
    if not tells or not _is_concrete(array) or len(array.devices()) > 1:
        return None
    return int(array.unsafe_buffer_pointer())


class KerasTorch(Keras3):
    """Keras 3 on torch."""

    name: ClassVar[str] = "keras-torch"
    backend_name: ClassVar[str] = "torch"
    writable_tensors: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("keras", "torch")
    extra: ClassVar[str] = "torch"
    traces: ClassVar[int] = 0
    takes_sparse: ClassVar[bool] = False
    ways: ClassVar[tuple[str, ...]] = (*Keras3.ways, "stateless_apply", "one by one")
    compiled_ways: ClassVar[tuple[str, ...]] = ("one by one",)
    #: Everything is eager; torch.compile, which jit_compile=True asks for, needs a C++ compiler.
    running: ClassVar[tuple[tuple[str, Any], ...]] = ()
    loops: ClassVar[Mapping[str, Loop]] = loops.TORCH
    counted: ClassVar[tuple[str, ...]] = (*Keras3.counted, "_parallel_update_step")
    optional: ClassVar[tuple[str, ...]] = ("_parallel_update_step",)

    def uncounted(self, optimizer: Any) -> list[str]:
        # The module of the class itself: the base of all others is there, too.
        own = type(optimizer).__module__.startswith("keras.src.backend.torch.optimizers")
        lacks = own and not hasattr(optimizer, "_parallel_update_step")
        return super().uncounted(optimizer) + ["_parallel_update_step"] * lacks

    def _applied(self, optimizer: Any, parameters: list[Any], way: str) -> Callable[..., None]:
        if way == "one by one":
            if hasattr(optimizer, "_parallel_update_step"):
                self._one_by_one(optimizer)
            way = "apply"
        return super()._applied(optimizer, parameters, way)

    def _one_by_one(self, optimizer: Any) -> None:
        """Give a built-in optimizer what a subclass of it gets: update_step for each parameter."""
        home = "keras.src.optimizers"
        classes = [cls for cls in type(optimizer).__mro__ if cls.__module__.startswith(home)]
        if not classes:
            raise lacking(home, "keras")
        names = ("_backend_update_step", "_internal_apply_gradients")  # Keras 3.0 had the second
        held_here = [name for name in names if hasattr(classes[0], name)]
        if not held_here:
            raise lacking(names[0], "keras")
        for name in held_here:
            vars(optimizer)[name] = functools.partial(getattr(classes[0], name), optimizer)

    def meter(self, model: Any, measures: str, every: int) -> TorchMeter:
        return TorchMeter(measures, every)

    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        import torch

        tensors = [ref.value.detach().cpu() for ref in refs]
        # NumPy has no bfloat16; float32 holds each of its values exactly.
        return [(t.float() if t.dtype is torch.bfloat16 else t).numpy().copy() for t in tensors]

    def identify(self, ref: Any, state: Any = None) -> Identity:
        return Identity(id(ref), id(ref.value), int(ref.value.data_ptr()))
