"""The provisioner ``slotscope-warm``: a forked kernel where there can be one, else an ordinary one.

jupyter_client takes it for a kernelspec that names it in ``metadata.kernel_provisioner``, and for
all that name none where ``JUPYTER_DEFAULT_PROVISIONER_NAME=slotscope-warm`` is set.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import os
import sys
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Float, List, Unicode

from slotscope.errors import KernelServerError

LOGGER = logging.getLogger(__name__)
#: Arguments of ``Popen`` that a forked kernel can be given; those of jupyter_client are not its.
KNOWN = frozenset({"cwd", "env", "stdin", "stdout", "stderr", "independent"})
IGNORED = frozenset({"extra_arguments", "kernel_id"})

#: What started in this process: warm kernels, and why others were ordinary.
STARTED: collections.Counter[str] = collections.Counter()
WARM = "warm"


class WarmProvisioner(LocalProvisioner):
    """Starts kernels by forking a server that has imported the frameworks.

    Once started, a kernel is interrupted, restarted and killed as :class:`LocalProvisioner` does.
    """

    idle = Float(900.0, help="Seconds after which a server that nobody asks ends.", config=True)
    packages = List(Unicode(), help="What a server imports; empty: all it knows.", config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel that does what ``cmd`` would, or run ``cmd`` and say why."""
        try:
            process = await asyncio.to_thread(self._fork, cmd, kwargs)
        except KernelServerError as error:
            STARTED[str(error)] += 1
            LOGGER.warning("An ordinary kernel starts, not a warm one. %s", error)
            return await super().launch_kernel(cmd, **kwargs)
        STARTED[WARM] += 1
        self.process: Any = process
        self.pid = process.pid
        # It leads a session of its own.
        self.pgid = process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    def _fork(self, cmd: list[str], kwargs: dict[str, Any]) -> Any:
        if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
            raise KernelServerError(
                f"Python {sys.version.split()[0]} on {sys.platform} can't fork one."
            )
        from slotscope.kernels.launch import launch

        unknown = kwargs.keys() - KNOWN - IGNORED
        if unknown:
            raise KernelServerError(f"It can't be started with {', '.join(sorted(unknown))}.")
        known = {name: value for name, value in kwargs.items() if name in KNOWN}
        return launch(cmd, idle=self.idle, packages=tuple(self.packages), **known)
