"""Numbers about tensors, in operations of torch, each of which has its price.

So small tensors are only copied at a step, all of them by one operation, and those of many steps
are described together. A large one is described where it lies; statistics, which are many reads
to torch, by NumPy if that is the host.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slotscope.engines.meters import host_numbers
from slotscope.engines.meters.host_numbers import ROW
from slotscope.engines.meters.meter import MEASURES, SAFE, parted

#: Tensors of so many elements, at most, are copied.
SMALL = 16_384
#: Copies are described when they have so many elements, or are of so many steps.
ROOM, STEPS = 1 << 20, 64


class Describing:
    """The numbers of the same tensors at many steps.

    Args:
        tensors: as they are now; later ones have their shapes and dtypes.
        measures: a key of :data:`MEASURES`.
    """

    def __init__(self, tensors: Sequence[Any], measures: str) -> None:
        import torch

        self._measures = measures
        self._added = 0
        marked = [(tensor, place) for place, tensor in enumerate(tensors)]
        small, large, self._places = parted(marked, lambda pair: pair[0].numel(), SMALL)
        self._small = [place for _, place in small]
        self._large = [place for _, place in large]
        self._sizes = [tensor.numel() for tensor, _ in small]
        steps = min(max(ROOM // max(sum(self._sizes), 1), 1), STEPS)
        if small:
            double = any(tensor.dtype == torch.float64 for tensor, _ in small)
            dtype = torch.float64 if double else torch.float32
            place = small[0][0].device
            self._copies = torch.empty((steps, sum(self._sizes)), dtype=dtype, device=place)
        self._steps = steps
        self._copied = 0
        self._of_small: list[Any] = []
        self._of_large: list[Any] = []

    def add(self, tensors: Sequence[Any]) -> None:
        """The next step."""
        import torch

        if self._small:
            flat = [tensors[place].reshape(-1) for place in self._small]
            torch.cat(flat, out=self._copies[self._copied])
        if self._large:
            large = [_wide(tensors[place]) for place in self._large]
            self._of_large.append(_one_by_one(large, self._measures))
        self._added += 1
        self._copied += 1
        if self._copied == self._steps:
            self._describe()

    def take(self) -> Any:
        """Tensor (steps, variables, numbers), in float64, of the steps since the last call."""
        import torch

        self._describe()
        added, self._added = self._added, 0
        of_small, self._of_small = self._of_small, []
        of_large, self._of_large = self._of_large, []
        if not of_small and not of_large:
            return torch.zeros((added, 0, len(MEASURES[self._measures])), dtype=torch.float64)
        parts = [torch.cat(of_small)] if of_small else []
        parts += [torch.stack(of_large)] if of_large else []
        found = torch.cat(parts, dim=1).double()
        return found if self._places is None else found[:, self._places]

    def _describe(self) -> None:
        import torch

        if self._small and self._copied:
            parts = torch.split(self._copies[: self._copied], self._sizes, dim=1)
            found = [_rows(part, self._measures) for part in parts]
            self._of_small.append(torch.stack(found, dim=1))
        self._copied = 0


def numbers(tensors: Sequence[Any], measures: str) -> Any:
    """Tensor (variables, numbers) of :data:`MEASURES`, in float64."""
    describing = Describing(tensors, measures)
    describing.add(tensors)
    return describing.take()[0]


def _wide(tensor: Any) -> Any:
    import torch

    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def _rows(rows: Any, measures: str) -> Any:
    """The numbers of each row: tensor (rows, numbers)."""
    import torch

    norms = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
    if measures == "norms":
        return norms[:, None]
    size = rows.shape[1]
    if not size:
        none = torch.full_like(norms, torch.nan)
        return torch.stack([norms, none, none, none, none, torch.zeros_like(norms)], dim=1)
    mean = rows.sum(dim=1, dtype=torch.float64) / size
    if norms.device.type == "cpu" and torch.isfinite(norms).all():  # elsewhere, asking would wait
        nonfinite = torch.zeros_like(norms)
        nonzero = rows.sign().abs_().sum(dim=1)  # faster than to count them
    else:
        nonfinite = size - torch.isfinite(rows).sum(dim=1)
        nonzero = torch.count_nonzero(rows, dim=1)
    extremes = torch.amin(rows, dim=1), torch.amax(rows, dim=1)
    found = (norms, mean, *extremes, 1 - nonzero / size, nonfinite)
    return torch.stack([number.double() for number in found], dim=1)


def _one_by_one(tensors: Sequence[Any], measures: str) -> Any:
    """The numbers of large tensors: tensor (tensors, numbers), in float64."""
    import torch

    if tensors[0].device.type != "cpu":
        return torch.stack([_queued(tensor, measures) for tensor in tensors])
    found = [_asked(tensor.reshape(-1), measures) for tensor in tensors]
    return torch.tensor(found, dtype=torch.float64)


def _queued(tensor: Any, measures: str) -> Any:
    """The numbers in few operations, none of which is waited for: what an accelerator likes."""
    import torch

    norm = torch.linalg.vector_norm(tensor, dtype=torch.float64)
    if measures == "norms":
        return norm[None]
    size = tensor.numel()
    zeros = size - torch.count_nonzero(tensor)
    nonfinite = torch.count_nonzero(tensor - tensor)  # what is finite leaves zero, all else NaN
    mean = tensor.sum(dtype=torch.float64) / size
    found = (norm, mean, *torch.aminmax(tensor), zeros / size, nonfinite)
    return torch.stack([number.double() for number in found])


def _asked(flat: Any, measures: str) -> list[float]:
    """The numbers in few reads of memory."""
    return [_norm(flat)] if measures == "norms" else host_numbers.statistics(flat.numpy())


def _norm(flat: Any) -> float:
    """The L2 norm by rows: a long sum of squares in float32 drifts."""
    import torch

    norm = torch.linalg.vector_norm
    whole = len(flat) // ROW * ROW
    rows, rest = norm(flat[:whole].view(-1, ROW), dim=1), norm(flat[whole:])
    found = math.hypot(norm(rows, dtype=torch.float64).item(), rest.item())
    safe = SAFE[0] ** 0.5 < found < SAFE[1] ** 0.5
    return found if safe else float(norm(flat, dtype=torch.float64))
