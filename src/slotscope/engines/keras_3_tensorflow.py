"""``keras-tensorflow``: Keras 3 on TensorFlow, where a step is a ``tf.function``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ClassVar

from slotscope.engines.driving import loops
from slotscope.engines.driving.devices import Devices, Mirrored
from slotscope.engines.driving.loops import Loop
from slotscope.engines.importing import tensorflow
from slotscope.engines.keras_3 import Keras3
from slotscope.engines.tensorflow_runtime import EagerTensorFlow


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

    @property
    def keras(self) -> ModuleType:
        keras = super().keras  # first: TensorFlow imports Keras, on the backend that was chosen
        tensorflow()  # makes the runtime, without the lines that it logs
        return keras

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
