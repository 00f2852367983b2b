"""Whether a copy of this process could go on: not of its threads, nor of its accelerators' drivers.

``fork`` copies the one thread that calls it. A lock that another one holds is never released in the
copy, and a driver that has been initialised, CUDA's for one, refuses to work in it. What a driver
has initialised it holds open: a file in ``/dev``. So nothing is asked of a framework, which might
initialise the driver by answering.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

#: The major number of ``/dev/null``, ``/dev/zero``, ``/dev/urandom`` and the like.
MEMORY = 1
#: Device files of what CUDA_VISIBLE_DEVICES hides: NVIDIA's, and AMD's.
HIDDEN = ("/dev/nvidia", "/dev/kfd", "/dev/dri")


def hindrance() -> str:
    """What this process has that a copy of it would lack; empty if it may be forked.

    Raises:
        OSError: the system doesn't say.
    """
    found, opened = threads(), devices()
    if len(found) != 1:
        return f"{len(found)} threads: {', '.join(found)}"
    return f"a driver's files open: {', '.join(opened)}" if opened else ""


def threads() -> list[str]:
    """The names of this process's threads, as the system knows them.

    Raises:
        OSError: the system doesn't say.
    """
    names = []
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/self/task/{thread}/comm") as file:
            names.append(file.read().strip())
    return names


def devices() -> list[str]:
    """The device files that this process has open, but terminals, and those that hold nothing.

    Where ``CUDA_VISIBLE_DEVICES`` hides every GPU, what a driver opened to learn so doesn't count.

    Raises:
        OSError: the system doesn't say.
    """
    unseen = HIDDEN if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") else ()
    return sorted({path for path in _opened() if not path.startswith(tuple(unseen))})


def _opened() -> Iterator[str]:
    for number in map(int, os.listdir("/proc/self/fd")):
        with contextlib.suppress(OSError):  # the listing's own is closed by now
            found = os.fstat(number)
            special = stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) != MEMORY
            if special and not os.isatty(number):
                yield os.readlink(f"/proc/self/fd/{number}")
