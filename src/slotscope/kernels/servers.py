"""Servers: where they are found, how one is started once, and what is asked of them.

A server describes itself in its *card*, a file of JSON beside its socket: its process, its token,
what it has imported, and its fingerprint. It removes the card when it ends, but where it is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slotscope.errors import KernelServerError
from slotscope.kernels.fingerprint import SERVER, Fingerprint, server_environment
from slotscope.kernels.server import wire

#: Seconds within which a server answers; it may be forking for others. Then the kernel is an
#: ordinary one.
ANSWER = 120.0
#: Seconds after which a server that could not be started is tried again.
RETRY_AFTER = 600.0
#: Bytes in the path of the folder: a socket's has at most 107, of which a name takes 22.
LONGEST_FOLDER = 85


@dataclass(frozen=True)
class Server:
    """One server as other processes see it, described by its card.

    Attributes:
        name: the name of its fingerprint.
        pid: the pid of its process.
        token: shown with every request.
        packages: what it has imported.
        fingerprint: what its kernels have in common, by name.
    """

    name: str
    pid: int
    token: str
    packages: tuple[str, ...]
    fingerprint: dict[str, Any]

    def ask(self, **request: Any) -> dict[str, Any]:
        """The server's answer to a request, ``do="status"`` or ``do="stop"``.

        Raises:
            OSError: it is gone.
        """
        with self.connect() as connection:
            wire.send(connection, {"token": self.token, **request})
            answer, descriptors = wire.receive(connection)
        wire.close(descriptors)
        return answer

    def connect(self) -> socket.socket:
        """A connection to the server.

        Raises:
            OSError: it is gone, or it is another user's.
        """
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(ANSWER)
            connection.connect(str(folder() / f"{self.name}.sock"))
            if wire.peer(connection)[1] != os.getuid():
                raise PermissionError("another user listens there")
        except BaseException:
            connection.close()
            raise
        return connection


def folder() -> Path:
    """Where sockets are: a folder for this user alone, made where it isn't.

    Raises:
        KernelServerError: it is another user's, others may enter it, or its path is too long.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    parent = Path(runtime) if runtime else Path(tempfile.gettempdir())
    path = parent / f"slotscope-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or path.is_symlink():
        raise KernelServerError(
            f"Others than you may enter {path}, so no kernel server can have its socket there. "
            "Remove it, or set XDG_RUNTIME_DIR to a folder of your own."
        )
    if len(os.fsencode(path)) > LONGEST_FOLDER:
        raise KernelServerError(
            f"The path {path} is too long for a socket. Set XDG_RUNTIME_DIR to a shorter one."
        )
    return path


def known() -> list[Server]:
    """Every server of which there is a card: those that run, and those that were killed."""
    found = (_read_card(path) for path in sorted(folder().glob("*.json")))
    return [server for server in found if server is not None]


def find_or_start(fingerprint: Fingerprint, environment: Mapping[str, str], idle: float) -> Server:
    """The server of a fingerprint. Of several that ask at once one starts it, the others wait.

    Args:
        fingerprint: the fingerprint of the kernel to be.
        environment: the environment of the kernel.
        idle: seconds after which a server that is started here ends, when nobody asks.

    Raises:
        KernelServerError: it cannot be started.
    """
    name = fingerprint.name
    with _alone(name):
        server = _read_card(folder() / f"{name}.json")
        if server is not None:
            with contextlib.suppress(OSError), server.connect():
                return server
        failed, error = _FAILED.get(name, (0.0, None))
        if error is not None and time.monotonic() < failed + RETRY_AFTER:
            raise KernelServerError(str(error))
        try:
            return _start(fingerprint, environment, idle)
        except KernelServerError as error:
            _FAILED[name] = time.monotonic(), error
            raise


def _start(fingerprint: Fingerprint, environment: Mapping[str, str], idle: float) -> Server:
    name, home = fingerprint.name, folder()
    log = home / f"{name}.log"
    python = [fingerprint.interpreter, *fingerprint.options]
    given = {"token": secrets.token_hex(32), "fingerprint": asdict(fingerprint)}
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stderr:
        try:
            process = subprocess.Popen(
                [*python, str(SERVER / "__main__.py"), str(home), name, str(idle)],
                env=server_environment(environment),
                cwd=fingerprint.folder or None,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise KernelServerError(f"No kernel server could be started: {error}.") from error
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout, contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(given) + "\n")
        process.stdin.flush()
        told = process.stdout.readline()
    # Servers outlive this process; of those that it started, it waits for the ones that ended.
    _ADOPTED[:] = [process, *(other for other in _ADOPTED if other.poll() is None)]
    answer = json.loads(told) if told else {"problem": f"it ended; its last words are in {log}"}
    if "problem" in answer:
        raise KernelServerError(f"No kernel server could be started: {answer['problem']}.")
    server = _read_card(home / f"{name}.json")
    if server is None:
        raise KernelServerError("A kernel server ended as soon as it was ready.")
    return server


#: When starting a server failed in this process, and how.
_FAILED: dict[str, tuple[float, KernelServerError]] = {}
#: Servers that this process started.
_ADOPTED: list[subprocess.Popen[str]] = []


def _read_card(path: Path) -> Server | None:
    """The server that a card describes; None if there is no readable card."""
    try:
        card = json.loads(path.read_text())
        packages: Sequence[str] = card["packages"]
        return Server(
            path.stem, card["pid"], card["token"], tuple(packages), dict(card["fingerprint"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """While this is held, no other process of this user's looks for, or starts, that server."""
    with open(os.open(folder() / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
