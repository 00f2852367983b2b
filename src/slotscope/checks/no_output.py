"""What a check may not do to the program that runs it: write to its terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings, log lines and what C++ writes to stderr away from terminals and notebooks.

    What the optimizer itself prints is not held back.
    """
    logged = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), _deaf():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logged)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """File descriptor 2 leads nowhere; ``sys.stderr`` leads where it did."""
    with contextlib.ExitStack() as stack:
        try:
            saved = os.dup(2)
        except OSError:  # closed: a daemon
            yield
            return
        stack.callback(os.close, saved)
        if _is_descriptor_2():
            kept = sys.stderr
            kept.flush()
            sys.stderr = stack.enter_context(open(saved, "w", buffering=1, closefd=False))
            stack.callback(setattr, sys, "stderr", kept)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        stack.callback(os.dup2, saved, 2)
        yield


def _is_descriptor_2() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False
