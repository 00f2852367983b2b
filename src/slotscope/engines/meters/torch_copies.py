"""Copies of tensors at many steps, one operation of torch a step and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from slotscope.engines.meters.layout import Layout


class Copies:
    """The values of the same tensors at many steps; they stay on their device until taken.

    Args:
        layout: how they lie in a row.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rows: list[list[Any]] = [[] for _ in layout.widths]

    def add(self, tensors: Sequence[Any]) -> None:
        """The next step."""
        import torch

        for rows, group in zip(self._rows, self._layout.sorted(tensors), strict=True):
            rows.append(torch.cat([tensor.reshape(-1) for tensor in group]))

    def take(self) -> tuple[np.ndarray, ...]:
        r"""Of each tensor an array (steps, \*shape), of the steps since the last call."""
        import torch

        tables = {}
        for dtype, rows in zip(self._layout.widths, self._rows, strict=True):
            table = torch.stack(rows).cpu()
            # NumPy has no bfloat16; float32 holds each of its values exactly.
            tables[dtype] = (table.float() if table.dtype is torch.bfloat16 else table).numpy()
            rows.clear()
        return self._layout.parted(tables)
