"""What a check may not do to the program that runs it: hang, or write to its terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from types import FrameType

#: A check that takes longer than this many seconds hangs. The slowest takes a few.
TIME_LIMIT = 60.0

#: After so many checks that had to be stopped the rest is not run any more.
STOPPED_LIMIT = 3


class Stopped(BaseException):
    """The time is up. Not an ``Exception``, which the code that hangs might catch and go on."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise :class:`Stopped` inside of the block when ``seconds`` have passed.

    It comes again every second, in case that it was swallowed. Only Python code in the main thread
    can be stopped so, where the system has interval timers; elsewhere there is no limit.
    """
    if not hasattr(signal, "setitimer") or not _in_main_thread():
        yield
        return
    running = True

    def stop(number: int, frame: FrameType | None) -> None:
        if running:
            raise Stopped(f"stopped after {seconds:g} s")

    start = time.monotonic()
    handler = signal.signal(signal.SIGALRM, stop)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if remaining:  # somebody else's timer, pytest-timeout's for one
            left = max(remaining - (time.monotonic() - start), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


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
