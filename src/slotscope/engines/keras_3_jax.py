"""``keras-jax``: Keras 3 on JAX.

The state enters and leaves the jitted train function as arrays, and between steps of ``fit`` the
variables themselves are empty.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.driving import loops
from slotscope.engines.driving.devices import DataParallel, Devices
from slotscope.engines.driving.loops import Loop
from slotscope.engines.keras_3 import Keras3
from slotscope.engines.meters.carried import CarriedVariables
from slotscope.engines.meters.jax import JaxMeter
from slotscope.engines.meters.jax_copies import JaxCopies
from slotscope.engines.meters.meter import Meter
from slotscope.engines.private_names import held
from slotscope.engines.records import Identity
from slotscope.errors import HandedOverError


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

    runs_unseen: ClassVar[bool] = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._carried = CarriedVariables()

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

    def state_of_arrays(self, optimizer: Any, arrays: Sequence[Any]) -> dict[int, Any]:
        refs = self.shows(optimizer)
        if len(arrays) != len(refs):
            raise HandedOverError(
                f"recording.step got {len(arrays)} arrays, and the optimizer has {len(refs)}"
                " variables. Pass the optimizer variables that stateless_apply returned, its second"
                " result."
            )
        return {id(ref): array for ref, array in zip(refs, arrays, strict=True)}

    def _in_flight(self, optimizer: Any, state: Any) -> dict[int, Any]:
        """The optimizer's arrays in the train function's state, none where nothing tells them."""
        refs = self.shows(optimizer)
        arrays = self._carried.arrays(refs, state)
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
        if measures == "values" and getattr(model, "steps_per_execution", 1) == 1:
            return JaxCopies(every, self.state_before, self.state_after)
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
