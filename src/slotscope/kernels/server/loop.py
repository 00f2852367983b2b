"""The server: it listens, shows that it may fork, forks, and says how each kernel ended."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import selectors
import socket
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from . import child, wire
from .forking import hindrance, threads
from .preload import ForeignModuleError, Preloaded
from .wire import Message

#: Seconds within which a request must be here once its first byte is; meanwhile nobody else is
#: answered.
PATIENCE = 30.0


def main(folder: str, name: str, idle: str) -> None:
    """Import, then serve until idle for ``idle`` seconds.

    Standard input has the token and a description for those who list servers; standard output is
    told in one line of JSON when the server is ready, or why it cannot be.
    """
    given = json.loads(sys.stdin.readline())
    ready = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.filterwarnings("ignore", message=".*fork", category=Warning)
    try:
        preloaded = Preloaded(given["fingerprint"]["packages"])
        left = hindrance()
    except (ForeignModuleError, OSError) as error:
        ready.write(json.dumps({"problem": str(error)}) + "\n")
        return
    if left:
        ready.write(json.dumps({"problem": f"the imports left {left}"}) + "\n")
        return
    server = ForkServer(preloaded, Path(folder), name, float(idle), given)
    ready.write(json.dumps({"ready": True}) + "\n")
    ready.close()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.chdir("/")
    request = server.serve()
    if request is not None:
        child.become(request, preloaded.families, preloaded.backend)


class ForkServer:
    """One server as it is in its own process, and the kernels that it forked."""

    def __init__(
        self, preloaded: Preloaded, folder: Path, name: str, idle: float, given: dict[str, Any]
    ) -> None:
        self._preloaded = preloaded
        self._socket = folder / f"{name}.sock"
        self._card = folder / f"{name}.json"
        self._idle = idle
        self._token: str = given["token"]
        self._last = time.monotonic()
        self._started = time.time()
        self._forked = 0
        #: pid and connection of each kernel, by a descriptor of its process.
        self._kernels: dict[int, tuple[int, socket.socket]] = {}
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = socket.socket(socket.AF_UNIX)
        self._socket.unlink(missing_ok=True)
        self._listener.bind(str(self._socket))
        self._socket.chmod(0o600)
        self._identity = self._socket.stat().st_ino
        self._listener.listen(64)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        card = {"pid": os.getpid(), "packages": preloaded.names, **given}
        with open(os.open(self._card, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(card, file)

    def serve(self) -> Message | None:
        """Answer requests until this server has retired and its last kernel has ended.

        A request for a kernel forks this process, and the child returns from here, too.

        Returns:
            In a forked child, the request that it has to fulfil, so that it becomes a kernel; in
            the server itself, at the end, None.
        """
        while self._listener is not None or self._kernels:
            for key, _ in self._selector.select(self._remaining()):
                request = key.data(key.fileobj)
                if request is not None:
                    return request
            if self._listener is not None and self._remaining() == 0:
                self._retire()
        return None

    def _remaining(self) -> float | None:
        """Seconds until this server has been idle for long enough; None as long as it isn't."""
        if self._kernels or self._listener is None:
            return None
        return max(0.0, self._last + self._idle - time.monotonic())

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        self._last = time.monotonic()
        if wire.peer(connection)[1] == os.getuid():
            self._selector.register(connection, selectors.EVENT_READ, self._answer)
        else:
            connection.close()

    def _answer(self, connection: socket.socket) -> Message | None:
        """Answer the one request of a connection. Only a forked child gets it back, else None."""
        self._selector.unregister(connection)
        self._last = time.monotonic()
        try:
            request, descriptors = wire.receive(connection)
        except (OSError, ValueError):
            connection.close()
            return None
        try:
            if not hmac.compare_digest(str(request.get("token")).encode(), self._token.encode()):
                connection.close()
            elif request.get("do") == "fork" and len(descriptors) in (3, 4):
                return self._fork(connection, request, descriptors)
            elif request.get("do") == "status":
                self._reply(connection, self._status())
            elif request.get("do") == "stop":
                self._retire()
                self._reply(connection, self._status())
            else:
                connection.close()
        finally:
            wire.close(descriptors)
        return None

    def _status(self) -> Message:
        return {
            "pid": os.getpid(),
            "kernels": sorted(pid for pid, _ in self._kernels.values()),
            "forked": self._forked,
            "idle": 0.0 if self._kernels else time.monotonic() - self._last,
            "since": self._started,
            "threads": len(threads()),
            "packages": self._preloaded.names,
            "failed": self._preloaded.failed,
        }

    def _fork(
        self, connection: socket.socket, request: Message, descriptors: list[int]
    ) -> Message | None:
        """Fork a kernel, unless something hinders. Returns the request only in the forked child."""
        if changed := self._preloaded.changed():
            self._retire()
            self._reply(connection, {"stale": changed})
            return None
        if has := hindrance():
            self._reply(connection, {"refused": f"the server has {has}"})
            return None
        pid = os.fork()
        if pid == 0:
            try:
                self._become(connection, request, descriptors)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    wire.send(connection, {"refused": f"{type(error).__name__}: {error}"})
                os._exit(1)
            owner = descriptors[3] if descriptors[3:] else None
            descriptors.clear()
            return {**request, "owner": owner}
        process = os.pidfd_open(pid)
        self._forked += 1
        self._kernels[process] = (pid, connection)
        self._selector.register(process, selectors.EVENT_READ, self._reap)
        return None

    def _become(self, connection: socket.socket, request: Message, descriptors: list[int]) -> None:
        """Let go, in the forked child, of what is the server's, and say that the kernel is here.

        The answer comes from the kernel itself: whoever gets it has one, also if the server is
        killed right now, and no kernel stays for one who doesn't.
        """
        if self._listener is not None:
            self._listener.close()
        self._selector.close()
        for process, (_, other) in self._kernels.items():
            os.close(process)
            other.close()
        child.settle(request, descriptors[:3])
        process = os.pidfd_open(os.getpid())
        wire.send(connection, {"pid": os.getpid()}, [process])
        os.close(process)
        connection.close()

    def _reap(self, process: int) -> None:
        """Tell the one who asked for a kernel how it ended."""
        pid, connection = self._kernels.pop(process)
        self._selector.unregister(process)
        _, status = os.waitpid(pid, 0)
        os.close(process)
        self._last = time.monotonic()
        self._reply(connection, {"ended": os.waitstatus_to_exitcode(status)})

    def _retire(self) -> None:
        """Take no more requests; what is running is still waited for."""
        if self._listener is None:
            return
        self._selector.unregister(self._listener)
        self._listener.close()
        self._listener = None
        # A new server may have put its own in their place.
        with contextlib.suppress(FileNotFoundError):
            if self._socket.stat().st_ino == self._identity:
                self._card.unlink(missing_ok=True)
                self._socket.unlink()

    @staticmethod
    def _reply(connection: socket.socket, message: Message) -> None:
        with contextlib.suppress(OSError):
            wire.send(connection, message)
        connection.close()
