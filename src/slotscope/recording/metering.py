"""A meter in the train function of one model, for the time of a watch.

What :mod:`slotscope.engines.meters` measures is traced and compiled with the train function. So
the model makes one anew while the watch is on, and has the one it had when the watch ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slotscope.engines.meters.meter import Measured, Meter, Targets
from slotscope.recording.patches import listen, original_of

#: What a model holds of its train function; tf_keras has the inner one too.
_FUNCTIONS = ("train_function", "train_tf_function")


class Metering:
    """Puts ``meter`` into what ``trainer`` trains by, and empties it in time.

    A ``fit`` may be under way, and call what ``trainer`` holds for the next batch: where it has a
    train function, it gets another one at once.

    Args:
        meter: what measures.
        trainer: what holds the train function.
        maker: the name of its method that makes one.
    """

    def __init__(self, meter: Meter, trainer: Any, maker: str) -> None:
        self.meter = meter
        self.trainer = trainer
        self._maker = maker
        #: The most steps that were made since the rows were taken out last.
        self.undrained = 0
        self._applied = 0
        self._rows_a_step = 1
        self._stops: list[Callable[[], None]] = []
        self.making()
        self._before: dict[str, Any] = {}
        if meter.remakes:
            held = vars(trainer)
            self._before = {name: held[name] for name in _FUNCTIONS if name in held}
            self._before["train_function"] = original_of(trainer, "train_function")
            held["train_function"] = None
            if self._before["train_function"] is not None:
                self._make()

    def _make(self) -> None:
        getattr(self.trainer, self._maker)()

    def compiling(self) -> None:
        """The model is about to be compiled: what it had was for what was compiled before."""
        self._before = dict.fromkeys(self._before)

    def making(self) -> None:
        """A train function is about to be made: of a function that no other was made of.

        JAX would find the trace of the earlier one, with its optimizer and loss, and run that.
        """
        self._stop_listening()
        self._stops = [listen(*patch) for patch in self.meter.patches(self.trainer)]

    def _stop_listening(self) -> None:
        while self._stops:
            self._stops.pop()()

    def applying(self, targets: Targets) -> None:
        """Gradients are about to be applied within the train function, or traced to be."""
        self.meter.applying(targets)

    def applied(self, targets: Targets) -> None:
        """Gradients were applied within the train function, or a trace of that was made."""
        self._applied += 1
        self.meter.applied(targets)

    def ran(self, steps: int) -> bool:
        """``steps`` at most were made; whether the ring may not hold as many again."""
        # A train step of its own may apply gradients twice; two traces at once look the same.
        self._rows_a_step = max(self._rows_a_step, self._applied)
        self._applied = 0
        rows = steps * self._rows_a_step
        self.undrained += rows
        return self.undrained + rows > max(self.meter.capacity, rows)

    def drain(self) -> list[Measured]:
        """The rows that steps have left since the last time."""
        self.undrained = 0
        return self.meter.drain()

    def remove(self) -> None:
        """Leave the model as it was; it has a train function now if it has one already."""
        self.meter.undo()
        self._stop_listening()
        made = self.meter.remakes and vars(self.trainer).get("train_function") is not None
        vars(self.trainer).update(self._before)
        if made and self._before["train_function"] is None:
            self._make()
