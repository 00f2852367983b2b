"""Frameworks, imported without the lines that they log meanwhile."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Keep the C++ log lines of a framework's import away from notebooks and terminals.

    They carry a time and a process id, and no environment variable silences all of them, so
    file descriptor 2 points to the null device while the import runs.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@functools.cache
def tensorflow() -> Any:
    """The ``tensorflow`` package."""
    with quiet_import():
        import tensorflow as tf

        # The first use of the runtime logs too; it is made here, once.
        tf.config.list_physical_devices()
    return tf
