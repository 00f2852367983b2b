"""A forked kernel, with the methods of :class:`subprocess.Popen` that jupyter_client uses."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from typing import IO

from slotscope.kernels.server import wire

#: Seconds to wait for the exit status of a kernel that has ended, which its server sends. A server
#: that has died is noticed at once, as its connection closes.
EXIT_STATUS_WAIT = 60.0


class ForkedProcess:
    """A kernel that is a server's child. It is known by a descriptor, never by a reused number.

    Attributes:
        pid: the pid of the kernel.
        returncode: as in ``Popen``; None as long as it runs, 1 if it can no longer be told, as its
            server was killed first.
    """

    stdin: IO[bytes] | None = None

    def __init__(
        self,
        pid: int,
        descriptor: int,
        connection: socket.socket,
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
    ) -> None:
        """
        Args:
            pid: the pid of the kernel.
            descriptor: the descriptor of its process; closed with this object.
            connection: on which the server says how the kernel ended.
            stdout: the reading end of a pipe, where one was asked for.
            stderr: the same.
        """
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self._descriptor = descriptor
        self._connection = connection
        connection.settimeout(EXIT_STATUS_WAIT)

    def poll(self) -> int | None:
        """The exit status; None as long as the kernel runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the kernel's end.

        Raises:
            subprocess.TimeoutExpired: it still runs after this many seconds.
        """
        code = self._ended(None if timeout is None else max(0, round(timeout * 1000)))
        if code is None:
            raise subprocess.TimeoutExpired("a warm kernel", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel; nothing happens where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, milliseconds: int | None) -> int | None:
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            if poll.poll(milliseconds):
                self.returncode = self._exit_status()
                self._close()
        return self.returncode

    def _exit_status(self) -> int:
        """The exit status, as the server sends it; 1 where it can't any more."""
        try:
            message, descriptors = wire.receive(self._connection)
            wire.close(descriptors)
            return int(message["ended"])
        except (OSError, ValueError, KeyError):
            return 1

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._connection.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self._close()
