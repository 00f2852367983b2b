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
    parted,
    same_refs,
    with_rows,
)

#: Tensors of so many elements, at most, are measured together: each call has its price.
SMALL = 16_384
#: So many squares of a larger one are added up in its own precision.
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
        return torch.zeros((0, len(MEASURES[measures])), dtype=torch.float64)
    floats = [t if t.dtype in (torch.float32, torch.float64) else t.float() for t in tensors]
    small, large, places = parted(floats, torch.Tensor.numel, SMALL)
    found = [_together(small, measures)] if small else []
    found += [_alone(tensor, measures)[None] for tensor in large]
    rows = torch.cat(found)
    return rows if places is None else rows[places]


def _together(tensors: Sequence[Any], measures: str) -> Any:
    """The numbers of small tensors: rows of one, filled up with zeros, in float64."""
    import torch

    flat = [t.reshape(-1) for t in tensors]
    if len({t.dtype for t in flat}) > 1:
        flat = [t.double() for t in flat]
    rows = torch.nn.utils.rnn.pad_sequence(flat, batch_first=True).double()
    norms = torch.linalg.vector_norm(rows, dim=1)
    if measures == "norms":
        return norms[:, None]
    sizes = torch.tensor([t.numel() for t in flat], device=rows.device)
    inside = torch.arange(rows.shape[1], device=rows.device) < sizes[:, None]
    extremes = [
        _extreme(reduce, torch.where(inside, rows, neutral), neutral, sizes)
        for reduce, neutral in ((torch.amin, torch.inf), (torch.amax, -torch.inf))
    ]
    zeros = sizes - torch.count_nonzero(rows, dim=1)
    nonfinite = (~torch.isfinite(rows)).sum(dim=1).double()
    return torch.stack([norms, rows.sum(dim=1) / sizes, *extremes, zeros / sizes, nonfinite], dim=1)


def _extreme(reduce: Any, rows: Any, neutral: float, sizes: Any) -> Any:
    import torch

    one_more = torch.nn.functional.pad(rows, (0, 1), value=neutral)
    return torch.where(sizes > 0, reduce(one_more, dim=1), torch.nan)


def _alone(tensor: Any, measures: str) -> Any:
    """The numbers of a large tensor."""
    import torch

    norm = _norm(tensor)
    unsafe = ~((norm > SAFE[0] ** 0.5) & (norm < SAFE[1] ** 0.5))
    if norm.device.type != "cpu" or unsafe:  # elsewhere, asking would wait
        precise = torch.linalg.vector_norm(tensor, dtype=torch.float64)
        norm = torch.where(unsafe, precise, norm)
    return norm[None] if measures == "norms" else torch.stack([norm, *_others(tensor)])


def _norm(tensor: Any) -> Any:
    """The L2 norm by parts: a long sum of squares in float32 drifts."""
    import torch

    norm = torch.linalg.vector_norm
    flat = tensor.reshape(-1)
    whole = flat.numel() // PART * PART
    parts = norm(flat[:whole].view(-1, PART), dim=1).double()
    return norm(torch.cat([parts, norm(flat[whole:]).double()[None]]))


def _others(tensor: Any) -> list[Any]:
    """Mean, min, max, zero fraction and number of nonfinite elements, in float64."""
    import torch

    size = tensor.numel()
    asked = tensor.device.type == "cpu"  # elsewhere, asking would wait
    smallest, largest = torch.aminmax(tensor)
    total = tensor.sum()
    none = torch.zeros((), dtype=torch.float64, device=tensor.device)
    apart = asked and (smallest > 0 or largest < 0)
    zeros = none if apart else size - torch.count_nonzero(tensor)
    finite = asked and torch.isfinite(total)
    nonfinite = none if finite else size - torch.isfinite(tensor).sum()
    found = (total / size, smallest, largest, zeros / size, nonfinite)
    return [number.double() for number in found]
