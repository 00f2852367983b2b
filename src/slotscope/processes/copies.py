"""Functions that may kill their process: each in a copy of it, where it can be copied."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from slotscope.kernels.server import forking


def in_a_copy(function: Callable[..., Any], *args: Any) -> int:
    """How a copy of this process ended in which ``function(*args)`` ran, by its exit status.

    Where an import opened an accelerator, or the system doesn't say whether one did, a copy could
    not use it: the function runs in this process, which ends.
    """
    copy = os.fork() if _may_fork() else 0
    if not copy:
        try:
            function(*args)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])


def _may_fork() -> bool:
    try:
        return not forking.devices()
    except OSError:
        return False
