"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside ``path`` to write to; it takes the place of ``path`` when the block is left.

    After an error there is nothing of it, and what ``path`` was is still there.
    """
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def left_behind(folder: Path, *names: str) -> Iterator[Path]:
    """What killed processes left half-written of the files of these names in a folder."""
    written = re.compile(rf"\.({'|'.join(map(re.escape, names))})-\d+-\d+")
    for path in folder.iterdir():
        if written.fullmatch(path.name):
            yield path
