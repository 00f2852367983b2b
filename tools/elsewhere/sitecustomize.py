"""Python runs this when it starts with this folder on PYTHONPATH: frameworks work elsewhere.

That is a device which is not the one that everything is on by default: of torch ``torch_device``'s,
of JAX the second of two that are parts of the CPU. SLOTSCOPE_ELSEWHERE says of which framework.
"""

from __future__ import annotations

import os
from typing import Any


def _torch() -> Any:
    import torch_device  # type: ignore[import-not-found]

    os.environ["KERAS_TORCH_DEVICE"] = torch_device.NAME
    return torch_device.install()


def _jax() -> None:
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    import jax

    jax.config.update("jax_default_device", jax.devices()[1])


def _opened() -> None:
    from slotscope.kernels.server import forking

    forking.devices = lambda: ["/dev/elsewhere"]


_kept = (_torch if os.environ["SLOTSCOPE_ELSEWHERE"] == "torch" else _jax)()
_opened()
