"""Messages between a server and those who ask it: JSON objects, with file descriptors beside them.

Each message is four bytes of length and the object. Descriptors travel with the length, so none is
lost however the bytes are cut; those received are closed in programs that the receiver runs.
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

LENGTH = struct.Struct("!I")
#: No request is longer; the environment is by far its largest part.
LONGEST = 16 * 2**20
MOST_DESCRIPTORS = 64

Message = dict[str, Any]


def send(connection: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone, or takes nothing within the socket's timeout.
    """
    body = json.dumps(message).encode("ascii")
    socket.send_fds(connection, [LENGTH.pack(len(body))], list(descriptors))
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[Message, list[int]]:
    """The next message, and the descriptors that came with it, which are the caller's to close.

    Raises:
        OSError: the other side is gone (:class:`EOFError` is raised as a ``ConnectionError``), or
            sends nothing within the socket's timeout.
        ValueError: what came is no message.
    """
    head, descriptors = _head(connection)
    try:
        while len(head) < LENGTH.size:
            head += _some(connection, LENGTH.size - len(head))
        (length,) = LENGTH.unpack(head)
        if length > LONGEST:
            raise ValueError(f"a message of {length} bytes")
        body = bytearray()
        while len(body) < length:
            body += _some(connection, length - len(body))
        message = json.loads(body)
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")
    except BaseException:
        close(descriptors)
        raise
    return message, descriptors


def close(descriptors: Sequence[int]) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)


def peer(connection: socket.socket) -> tuple[int, int]:
    """Process id and user id of the other side, as the kernel of the system knows them."""
    credentials = struct.Struct("3i")
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
    pid, uid, _ = credentials.unpack(found)
    return pid, uid


def _head(connection: socket.socket) -> tuple[bytes, list[int]]:
    room = array.array("i", [0] * MOST_DESCRIPTORS)
    data, ancillary, _, _ = connection.recvmsg(
        LENGTH.size, socket.CMSG_LEN(room.itemsize * len(room)), socket.MSG_CMSG_CLOEXEC
    )
    received = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received.frombytes(content[: len(content) - len(content) % received.itemsize])
    if not data:
        close(received)
        raise ConnectionError("the other side is gone")
    return data, list(received)


def _some(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size)
    if not data:
        raise ConnectionError("the other side is gone")
    return data
