"""The rows of steps that a meter has taken where they were made."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from slotscope.engines.meters.host_numbers import row_norms
from slotscope.engines.meters.meter import Measured
from slotscope.engines.meters.statistics import STATISTICS
from slotscope.engines.watched import Watched
from slotscope.recording.records import Row, native
from slotscope.recording.seen_variables import SeenVariables


def measured_rows(
    found: Measured,
    steps: np.ndarray,
    engine: Watched,
    variables: SeenVariables,
    keeps: Callable[[Sequence[np.ndarray]], bool],
) -> tuple[list[Row], np.ndarray]:
    """The rows of the steps that were due and moved the step counter.

    Args:
        found: what was measured.
        steps: int64 array (steps,): the number of each step.
        engine: the engine that has measured.
        variables: those of the recording.
        keeps: whether the values of a step that left these are kept.

    Returns:
        The rows; and float64 array (rows, variables), the L2 norms.
    """
    moved = found.after > found.before
    kept, rows = moved & found.due, moved[found.due]
    if not kept.any():
        return [], np.zeros((0, len(found.refs)))
    places = [p for p, ref in enumerate(found.refs) if variables.index_of(ref) is not None]
    known = [index for ref in found.refs if (index := variables.index_of(ref)) is not None]
    indices = np.array(known, dtype=np.int64)
    values = None
    if found.values is not None:
        every = rows.all()  # as they are then: what is picked is a copy
        blocks = [found.values[place] for place in places]
        values = [native(block if every else block[rows]) for block in blocks]
    numbers = _numbers(found, rows, places, values)
    after = found.after[kept]
    rates = engine.rates(variables.rate_source, _held(found, rows, variables), after - 1)
    identities = _identities(found, rows, places, engine, variables, indices)
    if values is not None and not keeps([block[0] for block in values]):
        values = None
    made = []
    alone = variables.alone(known)
    live = np.ones(len(places), dtype=bool)
    columns = steps[kept].tolist(), after.tolist(), identities, rates.tolist()
    for place, (step, iterations, identity, rate) in enumerate(zip(*columns, strict=True)):
        own = None if values is None else tuple(block[place] for block in values)
        if not alone:
            live = variables.live(known, numbers[place] if own is None else own)
        given = numbers[place] if own is None else None
        made.append(Row(step, iterations, indices, given, identity, live, own, rate))
    if alone:  # nothing can go on unseen, but the next row is compared with the last
        variables.note_read(known, numbers[-1] if own is None else own)
    return made, numbers[:, :, 0]


def _numbers(
    found: Measured, rows: np.ndarray, places: list[int], values: list[np.ndarray] | None
) -> np.ndarray:
    """Float64 array (rows, variables, statistics); NaN for those that were not measured."""
    if values is None:
        measured = found.numbers[rows][:, places]
    else:
        norms = [row_norms(block.reshape(len(block), -1)) for block in values]
        measured = np.stack(norms, axis=1)[:, :, None] if norms else found.numbers[rows]
    lacking = len(STATISTICS) - measured.shape[2]
    return np.pad(measured, ((0, 0), (0, 0), (0, lacking)), constant_values=np.nan)


def _held(found: Measured, rows: np.ndarray, variables: SeenVariables) -> np.ndarray:
    """What the variable of the learning rate held at each row; its norm is that, too."""
    for place, ref in enumerate(found.refs):
        if ref is variables.rate and found.values is None:
            return found.numbers[rows][:, place, 0]
        if ref is variables.rate and found.values is not None:
            return found.values[place][rows].astype(np.float64).reshape(-1)
    return np.full(int(rows.sum()), np.nan)


def _identities(
    found: Measured,
    rows: np.ndarray,
    places: list[int],
    engine: Watched,
    variables: SeenVariables,
    indices: np.ndarray,
) -> list[np.ndarray]:
    """Of each row, as in ``Row.identity``."""
    made = np.flatnonzero(rows)
    numbers = np.full((len(made), len(places), 3), -1, dtype=np.int64)
    for column, index in enumerate(indices.tolist()):
        variable = variables.all[index]
        if engine.keeps_handles:
            # Of one time, which is that of each row: an object, and its handle.
            numbers[:, column, :2] = variable.object_and_handle(engine.identify(variable.ref))
        else:
            numbers[:, column, 0] = 0
        if found.buffers is not None:
            if not engine.keeps_handles:
                numbers[:, column, 1] = variable.new_handles(len(made))
            numbers[:, column, 2] = variable.buffers(found.buffers[made, places[column]])
    return list(numbers)
