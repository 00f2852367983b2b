"""The meter for Keras 3 on torch: everything is eager, and a row stays a tensor on its device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from slotscope.engines.meters.meter import (
    MEASURES,
    SAFE,
    Measured,
    Meter,
    Targets,
    same_refs,
    with_rows,
)

#: Tensors of so many elements, at most, are measured together, and in float64.
SMALL = 4096
#: So many squares are added up in the tensor's own precision.
PART = 512


class TorchMeter(Meter):
    """Measures when gradients have been applied."""

    remakes: ClassVar[bool] = False

    def __init__(self, measures: str, every: int) -> None:
        super().__init__(measures, every)
        self._refs: tuple[Any, ...] = ()
        self._counters: list[Any] = []
        self._rows: list[Any] = []
        self._last: Any = None
        self._steps = 0
        self._left: list[Measured] = []

    def applied(self, targets: Targets) -> None:
        if not same_refs(self._refs, targets.refs):
            self._left = with_rows(self.drain())
            self._refs = tuple(targets.refs)
        value = targets.counter.value.detach()
        # To ask another device would wait for it: there, steps are counted from the last drain on.
        ask = self._last is None or value.device.type == "cpu"
        self._steps = int(value) if ask else self._steps + 1
        self._last = value
        if self._steps % self.every == 0:
            self._counters.append(self._last.clone())
            self._rows.append(numbers([ref.value.detach() for ref in self._refs], self.measures))

    def drain(self) -> list[Measured]:
        import torch

        left, self._left = self._left, []
        if self._last is None:
            return left
        last = int(self._last)
        self._last = None
        if not self._rows:
            return [*left, Measured(self._refs, np.zeros(0, np.int64), np.zeros((0, 0, 0)), last)]
        iterations = torch.stack(self._counters).cpu().numpy().astype(np.int64)
        rows = torch.stack(self._rows).double().cpu().numpy()
        self._counters, self._rows = [], []
        return [*left, Measured(self._refs, iterations, rows, last)]


def numbers(tensors: Sequence[Any], measures: str) -> Any:
    """Tensor (variables, numbers) of :data:`~slotscope.engines.meters.meter.MEASURES`."""
    import torch

    if not tensors:
        return torch.zeros((0, len(MEASURES[measures])))
    floats = [t if t.dtype in (torch.float32, torch.float64) else t.float() for t in tensors]
    norms = _norms(floats)
    unsafe = ~((norms > SAFE[0] ** 0.5) & (norms < SAFE[1] ** 0.5))
    if norms.device.type != "cpu" or unsafe.any():  # elsewhere, asking would wait
        precise = torch.stack([torch.linalg.vector_norm(t, dtype=torch.float64) for t in floats])
        norms = torch.where(unsafe, precise, norms)
    if measures == "norms":
        return norms[:, None]
    rest = torch.stack([_others(t) for t in floats])
    return torch.cat([norms[:, None], rest], dim=1)


def _norms(tensors: Sequence[Any]) -> Any:
    """Their L2 norms in float64, those of all small tensors in one call."""
    import torch

    small = [t for t in tensors if t.numel() <= SMALL]
    norms = iter(torch._foreach_norm(small, 2, torch.float64) if small else ())
    return torch.stack([next(norms) if t.numel() <= SMALL else _norm(t) for t in tensors])


def _norm(tensor: Any) -> Any:
    """The L2 norm of a large tensor, by parts: a long sum of squares in float32 drifts."""
    import torch

    norm = torch.linalg.vector_norm
    flat = tensor.reshape(-1)
    whole = flat.numel() // PART * PART
    parts = norm(flat[:whole].view(-1, PART), dim=1).double()
    return norm(torch.cat([parts, norm(flat[whole:]).double()[None]]))


def _others(tensor: Any) -> Any:
    """Mean, min, max, zero fraction and number of nonfinite elements, in float64."""
    import torch

    size = tensor.numel()
    if not size:
        empty = [torch.nan, torch.nan, torch.nan, torch.nan, 0.0]
        return torch.tensor(empty, dtype=torch.float64, device=tensor.device)
    smallest, largest = torch.aminmax(tensor)
    total = tensor.sum()
    zeros = size - torch.count_nonzero(tensor)
    if tensor.device.type == "cpu" and torch.isfinite(total):
        nonfinite = torch.zeros((), dtype=torch.float64)
    else:
        nonfinite = size - torch.isfinite(tensor).sum()
    found = (total / size, smallest, largest, zeros / size, nonfinite)
    return torch.stack([number.double() for number in found])
