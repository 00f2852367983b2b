"""The meter for Keras 3 on torch: everything is eager, and a row stays a tensor on its device."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from slotscope.engines.meters.meter import Measured, Meter, Targets, same_refs, with_steps
from slotscope.engines.meters.statistics import MEASURES
from slotscope.engines.meters.torch_copies import Copies
from slotscope.engines.meters.torch_numbers import Describing


class TorchMeter(Meter):
    """Measures when gradients have been applied."""

    remakes: ClassVar[bool] = False

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._refs: tuple[Any, ...] = ()
        self._before: list[Any] = []
        self._after: list[Any] = []
        self._due: list[bool] = []
        self._describing: Describing | Copies | None = None
        self._buffers: list[list[int]] = []
        self._steps: int | None = None
        self._left: list[Measured] = []

    def applying(self, targets: Targets) -> None:
        # One that failed has applied nothing, and its counter is none of a step.
        self._before = [*self._before[: len(self._after)], self._now(targets)]

    def _now(self, targets: Targets) -> Any:
        """The step counter: a number, or a tensor where to ask for it would wait."""
        value = targets.counter.value.detach()
        return int(value) if value.device.type == "cpu" else value.clone()

    def applied(self, targets: Targets) -> None:
        if not same_refs(self._refs, targets.refs):
            self._left = with_steps(self.drain())
            self._refs, self._describing = tuple(targets.refs), None
        now = self._now(targets)
        # To ask another device would wait for it: there, steps are counted from the last drain on.
        ask = self._steps is None or isinstance(now, int)
        self._steps = int(now) if ask else (self._steps or 0) + 1
        self._after.append(now)
        self._due.append(self._steps % self.every == 0)
        if self._due[-1]:
            self._add()

    def _add(self) -> None:
        """Take the row of a step."""
        # Not `value`, which would cast in an autocast scope, and takes its time to find out.
        tensors = [ref._value.detach() for ref in self._refs]
        if self._describing is None:
            self._describing = self._made(tensors)
        self._describing.add(tensors)
        if self.measures == "values":
            self._buffers.append([tensor.data_ptr() for tensor in tensors])

    def _made(self, tensors: list[Any]) -> Describing | Copies:
        names = [str(tensor.dtype).removeprefix("torch.") for tensor in tensors]
        layout = self.layout([tensor.shape for tensor in tensors], names)
        return Describing(tensors, self.measures) if layout is None else Copies(layout)

    def drain(self) -> list[Measured]:
        left, self._left = self._left, []
        count = len(self._after)  # of one that is under way there is no more than a beginning
        before, after = _numbers(self._before[:count]), _numbers(self._after)
        due = np.array(self._due, dtype=bool)
        self._before, self._after = self._before[count:], []
        self._due, self._steps = [], None
        rows = np.zeros((int(due.sum()), len(self._refs), len(MEASURES[self.measures])))
        values = buffers = None
        if isinstance(self._describing, Copies) and due.any():
            values = self._describing.take()
            buffers, self._buffers = np.array(self._buffers, dtype=np.int64), []
        elif isinstance(self._describing, Describing) and due.any():
            rows = self._describing.take().cpu().numpy()
        found = Measured(self._refs, before, after, due, rows, values, buffers)
        return with_steps([*left, found])


def _numbers(found: list[Any]) -> np.ndarray:
    """int64 array of numbers, or of tensors on one device."""
    import torch

    if found and not isinstance(found[0], int):
        return torch.stack(found).cpu().numpy().astype(np.int64)
    return np.array(found, dtype=np.int64)
