"""The meter for Keras 3 on torch: everything is eager, and a row stays a tensor on its device."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from slotscope.engines.meters.meter import Measured, Meter, Targets, same_refs, with_rows
from slotscope.engines.meters.torch_numbers import Describing


class TorchMeter(Meter):
    """Measures when gradients have been applied."""

    remakes: ClassVar[bool] = False

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._refs: tuple[Any, ...] = ()
        self._counters: list[Any] = []
        self._describing: Describing | None = None
        self._last: Any = None
        self._steps = 0
        self._left: list[Measured] = []

    def applied(self, targets: Targets) -> None:
        if not same_refs(self._refs, targets.refs):
            self._left = with_rows(self.drain())
            self._refs, self._describing = tuple(targets.refs), None
        value = targets.counter.value.detach()
        # To ask another device would wait for it: there, steps are counted from the last drain on.
        ask = self._last is None or value.device.type == "cpu"
        self._steps = int(value) if ask else self._steps + 1
        self._last = value
        if self._steps % self.every == 0:
            self._counters.append(value.clone())
            # Not `value`, which would cast in an autocast scope, and takes its time to find out.
            tensors = [ref._value.detach() for ref in self._refs]
            if self._describing is None:
                self._describing = Describing(tensors, self.measures)
            self._describing.add(tensors)

    def drain(self) -> list[Measured]:
        import torch

        left, self._left = self._left, []
        if self._last is None:
            return left
        last = int(self._last)
        self._last = None
        if self._describing is None or not self._counters:
            return [*left, Measured(self._refs, np.zeros(0, np.int64), np.zeros((0, 0, 0)), last)]
        iterations = torch.stack(self._counters).cpu().numpy().astype(np.int64)
        rows = self._describing.take().cpu().numpy()
        self._counters = []
        return [*left, Measured(self._refs, iterations, rows, last)]
