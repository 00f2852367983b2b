"""Training on two devices, each of them a part of this machine's CPU.

A runtime is told of them before it starts, so this is for worker processes
(:func:`slotscope.processes.on_engine.on_two_devices`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from slotscope.engines.importing import tensorflow


class Mirrored:
    """TensorFlow: ``tf.distribute.MirroredStrategy`` over two logical CPU devices."""

    environment: Mapping[str, str] = {"CUDA_VISIBLE_DEVICES": "-1"}

    @contextlib.contextmanager
    def scope(self, engine: Any) -> Iterator[None]:
        """The block in which models are made and trained on both devices."""
        tf = tensorflow()
        cpu = tf.config.list_physical_devices("CPU")[0]
        if len(tf.config.get_logical_device_configuration(cpu) or ()) != 2:
            part = tf.config.LogicalDeviceConfiguration
            tf.config.set_logical_device_configuration(cpu, [part(), part()])
        with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
            yield


class DataParallel:
    """JAX: ``keras.distribution.DataParallel`` over two host devices."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables for two devices, with this process's flags, which may settle arithmetic."""
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
        return {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"}

    @contextlib.contextmanager
    def scope(self, engine: Any) -> Iterator[None]:
        """The block in which models are made and trained on both devices."""
        distribution = engine.keras.distribution
        with distribution.DataParallel(devices=["cpu:0", "cpu:1"]).scope():
            yield


Devices = Mirrored | DataParallel
