"""Numbers about tensors, in operations of torch, each of which has its price.

So small tensors are only copied at a step, all of them by one operation, and those of many steps
are described together. A large one is described where it lies; statistics, which are many reads
to torch, by NumPy if that is the host.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from slotscope.engines.meters import host_numbers
from slotscope.engines.meters.host_numbers import ROW
from slotscope.engines.meters.meter import SAFE, SMALL, parted
from slotscope.engines.meters.statistics import MEASURES, measured, of_nothing

#: Copies are described when they have this many elements, or are of this many steps.
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

    reading = Rows(rows)
    if measures == "norms":
        return reading.norm[:, None]
    if not reading.size:
        nothing = torch.tensor(of_nothing(), dtype=torch.float64, device=rows.device)
        return nothing.expand(len(rows), -1)
    return torch.stack([number.double() for number in measured(reading)], dim=1)


class Rows:
    """The reading of one small tensor at many steps: a row for each."""

    def __init__(self, rows: Any) -> None:
        import torch

        self._rows = rows
        self.size = rows.shape[1]
        self.norm = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)

    @cached_property
    def _finite(self) -> bool:
        """Whether all elements are known to be finite; elsewhere, asking would wait."""
        import torch

        return self.norm.device.type == "cpu" and bool(torch.isfinite(self.norm).all())

    @property
    def total(self) -> Any:
        return self.sums(lambda rows: rows)

    @property
    def smallest(self) -> Any:
        return self._rows.amin(dim=1)

    @property
    def largest(self) -> Any:
        return self._rows.amax(dim=1)

    @property
    def zero_fraction(self) -> Any:
        if self._finite:
            nonzero = self._rows.sign().abs_().sum(dim=1)  # faster than to count them
        else:
            nonzero = self._rows.count_nonzero(dim=1)
        return 1 - nonzero / self.size

    @property
    def nonfinite(self) -> Any:
        import torch

        if self._finite:
            return torch.zeros_like(self.norm)
        return self.size - torch.isfinite(self._rows).sum(dim=1)

    def sums(self, of: Callable[[Any], Any]) -> Any:
        import torch

        return of(self._rows).sum(dim=1, dtype=torch.float64)


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

    reading = Queued(tensor)
    if measures == "norms":
        return reading.norm[None]
    return torch.stack([number.double() for number in measured(reading)])


class Queued:
    """The reading of one large tensor on an accelerator."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self.size = tensor.numel()

    @property
    def norm(self) -> Any:
        import torch

        return torch.linalg.vector_norm(self._tensor, dtype=torch.float64)

    @property
    def total(self) -> Any:
        return self.sums(lambda tensor: tensor)

    @cached_property
    def _ends(self) -> Any:
        return self._tensor.aminmax()

    @property
    def smallest(self) -> Any:
        return self._ends.min

    @property
    def largest(self) -> Any:
        return self._ends.max

    @property
    def zero_fraction(self) -> Any:
        return (self.size - self._tensor.count_nonzero()) / self.size

    @property
    def nonfinite(self) -> Any:
        # What is finite leaves zero, all else NaN.
        return (self._tensor - self._tensor).count_nonzero()

    def sums(self, of: Callable[[Any], Any]) -> Any:
        import torch

        return of(self._tensor).sum(dtype=torch.float64)


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
