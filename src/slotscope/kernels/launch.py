"""Starting one kernel: a fork of the right server, in the place of ``Popen``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import IO, Any

from slotscope.errors import KernelServerError
from slotscope.kernels.fingerprint import PREFIXES, fingerprint
from slotscope.kernels.forked_process import ForkedProcess
from slotscope.kernels.server import wire
from slotscope.kernels.servers import Server, find_or_start

LAUNCHER = ["-m", "ipykernel_launcher"]
#: A server that is killed, or finds itself out of date, costs another try.
TRIES = 3


def launch(
    command: list[str],
    *,
    idle: float,
    packages: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    independent: bool = False,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
) -> ForkedProcess:
    """Fork a kernel.

    Args:
        command: what would start an ordinary one: Python, its options, ``-m ipykernel_launcher``,
            and that module's arguments.
        idle: seconds after which a server that is started for it ends, when nobody asks.
        packages: what the server imports; by default all that it knows and finds.
        env: its environment; by default this process's.
        cwd: its working directory; by default this process's.
        independent: whether it lives on when this process ends.
        stdin: as in ``Popen``; by default it is empty.
        stdout: as in ``Popen``.
        stderr: as in ``Popen``.

    Raises:
        KernelServerError: it can't be had; the message says why.
    """
    interpreter, options, arguments = _parts(command)
    environment = dict(os.environ if env is None else env)
    if not independent:
        environment["JPY_PARENT_PID"] = str(os.getpid())
    folder = os.path.abspath(cwd or Path.cwd())
    found = fingerprint(interpreter, options, environment, folder, packages)
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "do": "fork",
        "argv": arguments,
        "command": command,
        "env": environment,
        "prefixes": PREFIXES,
        "cwd": folder,
        "umask": umask,
        "affinity": sorted(os.sched_getaffinity(0)),
        "ignored": [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN],
    }
    with Streams(stdin, stdout, stderr) as streams:
        owner = [] if independent else [os.pidfd_open(os.getpid())]
        try:
            for tries_left in reversed(range(TRIES)):
                server = find_or_start(found, environment, idle)
                try:
                    return _ask(server, request, [*streams.given, *owner], streams)
                except (OSError, ValueError) as error:
                    if not tries_left:
                        raise KernelServerError(
                            f"Its server went away {TRIES} times: {error}."
                        ) from error
        finally:
            wire.close(owner)
    raise AssertionError("unreachable")


def _ask(
    server: Server, request: dict[str, Any], descriptors: list[int], streams: Streams
) -> ForkedProcess:
    """The forked kernel.

    Raises:
        OSError: the server is gone, or out of date; another one may do it.
        ValueError: it answers what is no answer.
        KernelServerError: it refuses.
    """
    connection = server.connect()
    try:
        wire.send(connection, {"token": server.token, **request}, descriptors)
        answer, received = wire.receive(connection)
        if "pid" in answer and len(received) == 1:
            return ForkedProcess(answer["pid"], received[0], connection, *streams.take())
        wire.close(received)
        if "refused" in answer:
            raise KernelServerError(f"Its server refuses: {answer['refused']}.")
        raise ConnectionError(f"{answer.get('stale', 'something')} has changed")
    except BaseException:
        connection.close()
        raise


def _parts(command: list[str]) -> tuple[str, tuple[str, ...], list[str]]:
    """The interpreter, its options, and the arguments of the launcher."""
    for place in range(1, len(command) - 1):
        if command[place : place + 2] == LAUNCHER:
            options = tuple(command[1:place])
            return command[0], options, command[place + 2 :]
    raise KernelServerError(f"It isn't started by {' '.join(['python', *LAUNCHER])}.")


class Streams:
    """Standard input, output and error as ``Popen`` takes them, as descriptors to be sent."""

    def __init__(self, stdin: Any, stdout: Any, stderr: Any) -> None:
        self._asked = (stdin, stdout, stderr)
        self._own: list[int] = []
        self._pipes: list[IO[bytes] | None] = [None, None]
        self.given: list[int] = []

    def __enter__(self) -> Streams:
        stdin, stdout, stderr = self._asked
        try:
            if stdin not in (None, subprocess.DEVNULL):
                raise KernelServerError("It can't be given a standard input.")
            self.given.append(self._null(os.O_RDONLY))
            self.given.append(self._descriptor(stdout, 1))
            same = stderr == subprocess.STDOUT
            self.given.append(self.given[1] if same else self._descriptor(stderr, 2))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        wire.close(self._own)
        self._own.clear()
        for pipe in self.take():
            if pipe is not None:
                pipe.close()

    def take(self) -> tuple[IO[bytes] | None, IO[bytes] | None]:
        """The reading ends of pipes, which are from now on the caller's."""
        stdout, stderr = self._pipes
        self._pipes = [None, None]
        return stdout, stderr

    def _descriptor(self, asked: Any, number: int) -> int:
        if asked == subprocess.PIPE:
            reading, writing = os.pipe()
            self._own.append(writing)
            self._pipes[number - 1] = os.fdopen(reading, "rb")
            return writing
        if asked == subprocess.DEVNULL:
            return self._null(os.O_WRONLY)
        if asked is None:
            with contextlib.suppress(OSError):
                os.fstat(number)
                return number
            return self._null(os.O_WRONLY)
        return asked if isinstance(asked, int) else int(asked.fileno())

    def _null(self, mode: int) -> int:
        self._own.append(os.open(os.devnull, mode))
        return self._own[-1]
