"""The kernelspec through which notebooks get warm kernels by name."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ipykernel.kernelspec import get_kernel_dict, write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager

from slotscope.errors import KernelSpecError

PROVISIONER = "slotscope-warm"


def install(name: str, display_name: str, *, user: bool, prefix: str | None, **config: Any) -> Path:
    """Write a kernelspec whose kernels are warm, for the interpreter that runs this.

    Args:
        name: the name of the kernel, as ``papermill -k`` and ``--nbval-kernel-name`` take it.
        display_name: the name of the kernel, as JupyterLab shows it.
        user: whether it is for this user; else it is for an environment.
        prefix: the prefix of that environment; None is the system's.
        **config: options of :class:`~slotscope.kernels.provisioner.WarmProvisioner`.

    Returns:
        The folder of the kernelspec.

    Raises:
        KernelSpecError: the name can't be one, or the folder can't be written.
    """
    metadata: dict[str, Any] = get_kernel_dict()["metadata"]
    overrides = {
        "display_name": display_name,
        "metadata": metadata
        | {"kernel_provisioner": {"provisioner_name": PROVISIONER, "config": config}},
    }
    with tempfile.TemporaryDirectory() as folder:
        written = write_kernel_spec(os.path.join(folder, "spec"), overrides)
        try:
            installed = KernelSpecManager().install_kernel_spec(
                written, kernel_name=name, user=user, prefix=prefix
            )
        except (OSError, ValueError) as error:
            why = str(error).rstrip(".")
            raise KernelSpecError(
                f"The kernel {name!r} can't be installed: {why}. Choose another name, or with "
                "--user, --sys-prefix or --prefix another place."
            ) from error
    return Path(installed)
