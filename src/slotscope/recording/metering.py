"""A meter in the train function of one model, for the time of a watch.

What :mod:`slotscope.engines.meters` measures is traced and compiled with the train function. So
the model makes one anew while the watch is on, and has the one it had when the watch ends.
"""

from __future__ import annotations

from typing import Any

from slotscope.engines.meters.meter import Measured, Meter
from slotscope.recording.patches import listen, original_of


class Metering:
    """Puts ``meter`` into what ``trainer`` trains by, and empties it in time."""

    def __init__(self, meter: Meter, trainer: Any) -> None:
        self.meter = meter
        self.trainer = trainer
        self._undrained = 0
        self._stops = [listen(*patch) for patch in meter.patches(trainer)]
        self._before: Any = None
        if meter.remakes:
            self._before = original_of(trainer, "train_function")
            vars(trainer)["train_function"] = None

    def compiling(self) -> None:
        """The model is about to be compiled: what it had was for what was compiled before."""
        self._before = None

    def ran(self, steps: int) -> bool:
        """``steps`` at most were made; whether the ring may not hold as many again."""
        self._undrained += steps
        return self._undrained + steps > max(self.meter.capacity, steps)

    def drain(self) -> list[Measured]:
        """The rows that steps have left since the last time."""
        if not self._undrained:
            return []
        self._undrained = 0
        return self.meter.drain()

    def remove(self) -> None:
        """Leave the model as it was."""
        self.meter.undo()
        while self._stops:
            self._stops.pop()()
        if self.meter.remakes:
            vars(self.trainer)["train_function"] = self._before
