"""Tables on JAX into which the values of each step are written, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slotscope.engines.meters.layout import Layout


def empty(layout: Layout, capacity: int) -> tuple[Any, ...]:
    """Tables for the values of ``capacity`` steps."""
    import jax.numpy as jnp

    return tuple(jnp.zeros((capacity, width), dtype) for dtype, width in layout.widths.items())


def written(tables: Sequence[Any], arrays: Sequence[Any], at: Any) -> tuple[Any, ...]:
    """The tables with ``arrays`` in row ``at``, as traced operations."""
    import jax

    if not tables:
        return ()
    layout = Layout([array.shape for array in arrays], [str(array.dtype) for array in arrays])
    new = []
    for table, group in zip(tables, layout.sorted(arrays), strict=True):
        begin = 0
        for array in group:  # one by one: to put them together first takes ten times as long
            table = jax.lax.dynamic_update_slice(table, array.ravel()[None], (at, begin))
            begin += array.size
        new.append(table)
    return tuple(new)
