"""Waiting in tests: for what comes to be, however long a machine takes for it."""

import time

import psutil

#: Seconds after which what a test waits for is said never to come. No machine is as slow, so this
#: decides nothing but how long a test that fails takes.
HANGS = 1800


def until(condition, said=lambda: "it never came to be"):
    """Wait until a condition holds."""
    end = time.monotonic() + HANGS
    while not condition():
        assert time.monotonic() < end, said()
        time.sleep(0.02)


def ended(pid):
    """Whether a process has ended; one that was not waited for has, too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
