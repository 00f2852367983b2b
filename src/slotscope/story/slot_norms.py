"""How large the slots of each optimizer are, batch by batch, on the same real data.

The model is softmax regression on the digits, from zero, so that every optimizer is given the same
gradient at the first batch. Each is trained by ``fit`` under watch; beside it runs its rule in
float64, with gradients that NumPy computes, whose slots are what the recorded ones should be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slotscope.checks.problems.warnings_and_logs import without_advice
from slotscope.engines import Engine
from slotscope.recording.recording import Recording
from slotscope.recording.watch import watch
from slotscope.story.batches import apart, rule_states, rule_training
from slotscope.story.digits import shuffled, softmax_regression

#: What an optimizer is asked for besides its defaults: without it, SGD of Keras 3 has no slot.
OPTIONS: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.9}}

#: A norm that is smaller by no more than this, relative, has not fallen: it was rounded otherwise.
LEVEL = 2.0**-16

#: The names of the two parameters, in the order of the model.
PARAMETERS = ("kernel", "bias")


def slot_norms(engine: Engine, names: list[str], steps: int, size: int, seed: int) -> pd.DataFrame:
    """Train with each optimizer in turn.

    Args:
        engine: where to train.
        names: the names of optimizers; by default all that the engine has.
        steps: how many batches.
        size: rows of a batch.
        seed: shuffles the digits.

    Returns:
        One row for each optimizer, slot and batch: ``batch``, from 1; ``norm``, the L2 norm of the
        slot over the parameters that have it; ``rule``, the rule's; and ``apart``, how far
        the two are from each other (see :func:`slotscope.story.batches.apart`).

    Raises:
        UnknownOptimizerError: the engine has no optimizer of one of these names.
    """
    tables = []
    for name in names or engine.optimizer_names:
        optimizer = engine.optimizer(name, **OPTIONS.get(name, {}))
        x, y = shuffled(steps, size, seed)
        with engine.scope(), without_advice():
            model = softmax_regression(engine, optimizer)
            with watch(model, keep="values") as recording:
                model.fit(x, y, batch_size=size, shuffle=False, verbose=0)
        training = rule_training(name, engine.generation, **OPTIONS.get(name, {}))
        expected = rule_states(training, x, y, size)
        tables.append(_compared(name, recording, expected))
    return pd.concat(tables, ignore_index=True)


def _compared(
    name: str, recording: Recording, expected: list[dict[str, np.ndarray]]
) -> pd.DataFrame:
    rows = []
    for slot in dict.fromkeys(v.slot for v in recording.seen if v.parameter):
        held = {v.parameter.rpartition("/")[2] for v in recording.seen if v.slot == slot}
        places = [place for place, known in enumerate(PARAMETERS) if known in held]
        recorded = [recording.values(slot, PARAMETERS[place]) for place in places]
        for number, state in enumerate(expected):
            ruled = [state[f"{slot}/p{place}"] for place in places]
            now = [np.asarray(values[number], np.float64) for values in recorded]
            rows.append((name, slot, number + 1, _norm(now), _norm(ruled), apart(now, ruled)))
    columns = ["optimizer", "slot", "batch", "norm", "rule", "apart"]
    return pd.DataFrame(rows, columns=columns)


def _norm(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(array**2) for array in arrays)))


def in_short(norms: pd.DataFrame) -> pd.DataFrame:
    """One row for each slot, from what :func:`slot_norms` returned.

    Columns: ``first`` and ``last``, the norm after the first batch and after the last; ``never
    falls``, whether it was never smaller than a batch before by more than :data:`LEVEL`; ``apart``,
    the largest.
    """
    groups = norms.groupby(["optimizer", "slot"], sort=False)
    return pd.DataFrame(
        {
            "first": groups["norm"].first(),
            "last": groups["norm"].last(),
            "never falls": groups["norm"].agg(_never_falls),
            "apart": groups["apart"].max(),
        }
    )


def _never_falls(norm: pd.Series) -> bool:
    before = norm.to_numpy()[:-1]
    return bool((norm.to_numpy()[1:] >= before * (1 - LEVEL)).all())
