"""Which modules of slotscope were imported, here and in the processes that were asked from here.

A run of a notebook tells them when it has ended: they are what its results depend on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

#: Stands for the modules of a process that ended before it could tell them.
UNTOLD = "*"

_elsewhere: set[str] = set()


def imported() -> list[str]:
    """The names of the modules; :data:`UNTOLD` is among them where nobody knows all."""
    here = {name for name in list(sys.modules) if name.partition(".")[0] == "slotscope"}
    return sorted(here | _elsewhere)


def imported_elsewhere(names: Iterable[str]) -> None:
    """Remember what another process has told, or :data:`UNTOLD`."""
    _elsewhere.update(names)
