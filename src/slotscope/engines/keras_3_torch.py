"""``keras-torch``: Keras 3 on torch, where everything runs eagerly."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.driving import loops
from slotscope.engines.driving.loops import Loop
from slotscope.engines.keras_3 import Keras3
from slotscope.engines.meters.torch import TorchMeter
from slotscope.engines.private_names import lacking
from slotscope.engines.records import Identity


class KerasTorch(Keras3):
    """Keras 3 on torch."""

    name: ClassVar[str] = "keras-torch"
    backend_name: ClassVar[str] = "torch"
    writable_tensors: ClassVar[bool] = True
    follows_trainable: ClassVar[bool] = True
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

    def hear_of_steps(
        self, model: Any, stepped: Callable[[str], None]
    ) -> Callable[[], None] | None:
        from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

        own = {id(variable.value) for variable in model.weights}

        def hear(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            groups = optimizer.param_groups
            if any(id(tensor) in own for group in groups for tensor in group["params"]):
                stepped(f"torch.optim.{type(optimizer).__name__}")

        handle = register_optimizer_step_post_hook(hear)
        stop: Callable[[], None] = handle.remove
        return stop

    def meter(self, model: Any, measures: str, every: int) -> TorchMeter:
        return TorchMeter(measures, every)

    def read(self, refs: Sequence[Any], state: Any = None) -> list[np.ndarray | None]:
        import torch

        tensors = [ref.value.detach().cpu() for ref in refs]
        # NumPy has no bfloat16; float32 holds each of its values exactly.
        return [(t.float() if t.dtype is torch.bfloat16 else t).numpy().copy() for t in tensors]

    def identify(self, ref: Any, state: Any = None) -> Identity:
        return Identity(id(ref), id(ref.value), int(ref.value.data_ptr()))
