"""The runs of this process while they run: what sees and ends their kernels.

A kernel ends by a signal to its process group, so that what it started ends too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from dataclasses import dataclass, field
from typing import Any

import psutil


@dataclass
class RunInProgress:
    """A run while it runs.

    Attributes:
        provisioner: what starts its kernel; empty leaves that to Jupyter.
        sockets: a folder for those between this process and the kernel, and for their file.
        notebook: as far as it came; None before the kernel was asked for.
        client: what talks to the kernel.
        ready: whether its kernel came up.
        stopped: why its kernel was ended, where it was.
        status: with which exit status its kernel ended by itself; None if it did not.
        imported: modules of slotscope that it imported; None as long as its kernel didn't tell.
    """

    provisioner: str = ""
    sockets: str = ""
    notebook: Any = None
    client: Any = None
    ready: bool = False
    stopped: str = ""
    status: int | None = None
    imported: list[str] | None = None
    over: threading.Event = field(default_factory=threading.Event)
    _killed: Any = None
    _ended: Any = None

    def stop(self, why: str) -> None:
        """End the kernel; the run then fails."""
        self.stopped = self.stopped or why
        self.kill()

    def kill(self) -> None:
        """End the kernel and what it started, also where the kernel has ended by itself."""
        manager = getattr(self.client, "km", None)
        provisioner = getattr(manager, "provisioner", None)
        process = getattr(provisioner, "process", None)
        if process is None or process is self._ended:
            return
        status = process.poll()
        group = getattr(provisioner, "pgid", None)
        # Some may have left the group. The number of one that has ended may be another's.
        below = _descendants(process.pid) if status is None else []
        with contextlib.suppress(OSError):
            if group and hasattr(os, "killpg") and group != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
        for started in below:
            with contextlib.suppress(psutil.Error):
                started.kill()
        if status is None:
            self._killed = process
            process.kill()
            return
        self._ended = process  # its group may soon be another's: it is never asked for again
        if process is not self._killed:
            self.status = status


#: What runs in this process, by the thread that runs it.
IN_PROGRESS: dict[int, RunInProgress] = {}
#: Where temporary files of its runs go; None for where they always go.
temporary: str | None = None


def _descendants(process: int) -> list[psutil.Process]:
    """What a process has started that still hangs on it."""
    try:
        return list(psutil.Process(process).children(recursive=True))
    except psutil.Error:
        return []


def stop_all() -> None:
    """End the kernels of this process's runs."""
    for run in list(IN_PROGRESS.values()):
        run.stop("it was interrupted")


def begin(folder: str) -> None:
    """Make this process ready for runs whose temporary files go into a folder."""
    global temporary
    temporary = folder  # not tempfile.tempdir, beside which servers have their sockets
    import papermill  # noqa: F401 - its time is no run's
