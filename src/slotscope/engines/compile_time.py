"""How long compilers took in this process, where a framework tells.

JAX does, by the event that it records after each compilation; TensorFlow and torch don't.
"""

from __future__ import annotations

import sys
from typing import Any

#: What JAX records when XLA has compiled a program.
EVENT = "/jax/core/compile/backend_compile_duration"


class _Told:
    """What was told so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._listens = False

    def listen(self) -> None:
        """Listen to JAX, once it is imported."""
        if not self._listens and "jax.monitoring" in sys.modules:
            self._listens = True
            monitoring = sys.modules["jax.monitoring"]
            monitoring.register_event_duration_secs_listener(self._add)

    def _add(self, event: str, seconds: float, **_: Any) -> None:
        if event == EVENT:
            self.seconds += seconds


_told = _Told()


def compiled() -> float:
    """Seconds on a clock that compilers took, since this was first asked for with JAX imported."""
    _told.listen()
    return _told.seconds
