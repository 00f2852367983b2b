"""Worker processes of a warm kernel start warm, too.

A notebook that runs other backends of Keras does so in worker processes (by loky), each of which
would import its framework anew. So a kernel has a *twin*: a fork of it, made while it had one
thread and had run nothing, which forks a worker whenever loky would run an interpreter. The worker
is made the kernel's own child: its parent in between ends at once, and the kernel adopts orphans.
Where anything is not as it was foreseen, loky does what it always does.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from . import wire
from .wire import Message

#: The module that loky runs in a worker.
WORKER = "loky.backend.popen_loky_posix"
PR_SET_CHILD_SUBREAPER = 36
#: No descriptor that a worker is given has a number as high.
HIGH = 512
#: May differ between a kernel and its worker: Keras is here on each backend.
FREE = frozenset({"KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "MPLBACKEND"})


def twin(request: Message) -> Message | None:
    """Fork the twin of this kernel.

    Returns:
        None in the kernel. In a worker, when one is asked for: its request.
    """
    if "loky" not in sys.modules:
        return None
    here, there = socket.socketpair()
    group = os.getpgrp()
    if os.fork() == 0:
        # When it shuts down, ipykernel ends what is in its group, and waits until nothing is.
        os.setpgid(0, 0)
        here.close()
        return _serve(there, group)
    there.close()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    module = sys.modules["loky.backend.fork_exec"]
    vars(module)["fork_exec"] = Launcher(here, request, vars(module)["fork_exec"])
    spawning = sys.modules["multiprocessing.util"]
    ordinary = vars(spawning)["spawnv_passfds"]
    vars(spawning)["spawnv_passfds"] = functools.partial(_spawn, ordinary)
    return None


def run(request: Message) -> None:
    """Be a worker, from its first line to its last."""
    sys.modules.pop(WORKER, None)
    sys.argv = [WORKER, *request["argv"]]
    sys.orig_argv = request["command"]
    if pandas := sys.modules.get("pandas"):
        pandas.set_option("display.max_columns", 0)  # as where there is no notebook
    sys.breakpointhook = sys.__breakpointhook__  # a kernel's debugger listens to the kernel alone
    runpy.run_module(WORKER, run_name="__main__", alter_sys=True)


class Launcher:
    """What is called in place of loky's ``fork_exec``."""

    def __init__(
        self, connection: socket.socket, request: Message, ordinary: Callable[..., int]
    ) -> None:
        self._connection = connection
        self._environment: Mapping[str, str] = request["env"]
        self._prefixes = tuple(request["prefixes"])
        self._ordinary = ordinary
        self._lock = threading.Lock()

    def __call__(
        self, cmd: Sequence[str], keep_fds: Sequence[int], env: Mapping[str, str] | None = None
    ) -> int:
        """The process id of a new worker."""
        environment = {**os.environ, **(env or {})}
        if list(cmd[:3]) == [sys.executable, "-m", WORKER] and self._same(environment):
            numbers = sorted({0, 1, 2, *map(int, keep_fds)})
            message = {
                "argv": list(cmd[3:]),
                "command": list(cmd),
                "env": environment,
                "cwd": os.getcwd(),
                "numbers": numbers,
            }
            with contextlib.suppress(OSError, ValueError), self._lock:
                wire.send(self._connection, message, numbers)
                return int(wire.receive(self._connection)[0]["pid"])
        return self._ordinary(cmd, keep_fds, env)

    def _same(self, environment: Mapping[str, str]) -> bool:
        """Whether what was imported would be imported the same way there."""

        def read(variables: Mapping[str, str]) -> dict[str, str]:
            found = variables.items()
            return {k: v for k, v in found if k.startswith(self._prefixes) and k not in FREE}

        return read(environment) == read(self._environment)


def _spawn(
    ordinary: Callable[..., int], path: bytes, args: Sequence[str | bytes], passfds: Sequence[int]
) -> int:
    """Start a process in place of multiprocessing's ``spawnv_passfds``, which loky calls, too.

    Resource trackers ignore SIGTERM, and end when the kernel has. In the kernel's group ipykernel
    would wait for that, as in :func:`twin`, so they have groups of their own.
    """
    if not any("resource_tracker" in os.fsdecode(text) for text in args):
        return ordinary(path, args, passfds)
    tracker = subprocess.Popen(args, executable=path, pass_fds=passfds, process_group=0)
    tracker.returncode = 0  # nobody waits for it here
    return tracker.pid


def _serve(connection: socket.socket, group: int) -> Message:
    """Fork workers into a group until the kernel is gone, in the twin. Only a worker returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the kernel and its workers
    while True:
        try:
            message, descriptors = wire.receive(connection)
        except (OSError, ValueError):
            os._exit(0)
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            worker = os.fork()
            if worker:
                os.write(writing, str(worker).encode())
                os._exit(0)
            for descriptor in (reading, writing):
                os.close(descriptor)
            connection.close()
            os.setpgid(0, group)
            _place(descriptors, message["numbers"])
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.chdir(message["cwd"])
            return message
        os.waitpid(between, 0)
        pid = int(os.read(reading, 32))
        wire.close([reading, writing, *descriptors])
        with contextlib.suppress(OSError):
            wire.send(connection, {"pid": pid})


def _place(descriptors: Sequence[int], numbers: Sequence[int]) -> None:
    """Give descriptors the numbers that they have in the kernel."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH) for descriptor in descriptors]
    wire.close(descriptors)
    for descriptor, number in zip(high, numbers, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
