"""Every optimizer of an engine, and every variable that it makes for one small model.

The model is a Dense layer with a kernel of shape (4, 3) and a bias of shape (3,). It is trained
for three batches with each optimizer in turn, under watch, so a census says what was made, by how
many calls, when, and whether training ever moved it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slotscope.checks.problems.warnings_and_logs import without_advice
from slotscope.engines import Engine
from slotscope.recording.recording import Recording
from slotscope.recording.records import Variable
from slotscope.recording.watch import watch

#: What an optimizer is asked for besides its defaults, because it makes other slots then.
OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "SGD": ({"momentum": 0.5},),
    "Adam": ({"amsgrad": True},),
}
#: The shapes of the parameters.
SHAPES = {"kernel": (4, 3), "bias": (3,)}


def census(engine: Engine) -> pd.DataFrame:
    """One row for each variable of each optimizer of ``engine``.

    Columns: ``engine``; ``optimizer``, with the options that are not its defaults; ``constructor``,
    the method that makes slots, and ``calls`` of it while training; ``slot``; ``parameter``
    (``kernel``, ``bias``, or empty for a variable that belongs to neither); ``shape``; ``initial``,
    the value of all of its elements before the first batch, NaN where they differ; ``created``, the
    step counter when it appeared (missing: before training); ``moved``, whether training changed
    it; ``listed``, whether the optimizer's own list of variables holds it.
    """
    tables = []
    for name in engine.optimizer_names:
        for options in ({}, *OPTIONS.get(name, ())):
            with engine.scope(), without_advice():
                recording, unlisted = _trained(engine, engine.optimizer(name, **options))
            table = pd.DataFrame(
                [_row(recording, variable, engine.constructor) for variable in recording.seen]
            )
            table["listed"] = [label not in unlisted for label in table.pop("label")]
            settings = ", ".join(f"{key}={value}" for key, value in options.items())
            table.insert(0, "optimizer", f"{name}({settings})" if settings else name)
            tables.append(table)
    joined = pd.concat(tables, ignore_index=True)
    joined.insert(0, "engine", engine.name)
    joined["created"] = joined["created"].astype("Int64").replace(-1, pd.NA)
    return joined


def construction(census: pd.DataFrame) -> pd.DataFrame:
    """One row for each engine: how often its constructing method ran, and when slots appeared.

    Columns: ``constructor``; ``optimizers``, how many were trained; ``calls``, how often the method
    was called for each of them; ``slots before the first step`` and ``slots later``, over all of
    them.
    """
    slots = census[census["parameter"] != ""]
    created = slots["created"].groupby(slots["engine"], sort=False)
    groups = census.groupby("engine", sort=False)
    return pd.DataFrame(
        {
            "constructor": groups["constructor"].first(),
            "optimizers": groups["optimizer"].nunique(),
            "calls": groups["calls"].agg(lambda calls: ", ".join(map(str, sorted(set(calls))))),
            "slots before the first step": created.agg(lambda steps: int((steps == 0).sum())),
            "slots later": created.agg(lambda steps: int((steps != 0).sum())),
        }
    )


def slots_by_engine(census: pd.DataFrame) -> pd.DataFrame:
    """One row for each optimizer, one column for each engine: its slots, by name.

    ``none`` is an optimizer without slots, an empty cell an engine without the optimizer. Engines
    whose columns are alike share one.
    """
    order = pd.unique(census["optimizer"])
    by_engine = {
        engine: rows.groupby("optimizer").apply(_names).reindex(order).fillna("")
        for engine, rows in census.groupby("engine", sort=False)
    }
    columns: dict[tuple[str, ...], list[str]] = {}
    for engine, cells in by_engine.items():
        columns.setdefault(tuple(cells), []).append(str(engine))
    return pd.DataFrame({", ".join(names): by_engine[names[0]] for names in columns.values()})


def gathered(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The different rows of ``columns``, and the engines that have each."""
    engines = rows.groupby(list(columns), sort=False, dropna=False)["engine"]
    return engines.agg(lambda names: ", ".join(pd.unique(names))).rename("engines").reset_index()


def _names(rows: pd.DataFrame) -> str:
    """The slots of one optimizer; told apart by parameter where they differ."""
    slots = {
        parameter: ", ".join(rows.loc[rows["parameter"] == parameter, "slot"])
        for parameter in SHAPES
    }
    if len(set(slots.values())) == 1:
        return slots["kernel"] or "none"
    return "; ".join(f"{parameter}: {names}" for parameter, names in slots.items())


def _trained(engine: Engine, optimizer: Any) -> tuple[Recording, set[str]]:
    """What three batches leave, and the labels of what ``optimizer`` does not list."""
    layers = engine.keras.layers
    x = layers.Input((4,))
    model = engine.keras.models.Model(x, layers.Dense(3)(x))
    model.compile(optimizer=optimizer, loss="mse")
    inputs = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    with watch(model) as recording:
        for batch in inputs:  # `fit` would cost TensorFlow a pipeline of data for each optimizer
            model.train_on_batch(batch[None], np.ones((1, 3), np.float32))
    own = optimizer.weights if hasattr(optimizer, "weights") else optimizer.variables
    listed = {id(variable) for variable in own}
    found = engine.variables(optimizer, model)
    return recording, {variable.label for variable in found if id(variable.ref) not in listed}


def _row(recording: Recording, variable: Variable, constructor: str) -> dict[str, Any]:
    values = recording.values(variable.slot, variable.parameter)
    start = values[0] if np.isnan(variable.initial) else np.float32(variable.initial)
    return {
        "constructor": constructor,
        "calls": recording.counts[constructor],
        "slot": variable.slot,
        "parameter": variable.parameter.rpartition("/")[2],
        "shape": variable.shape,
        "initial": variable.initial,
        "created": variable.created,
        "moved": bool((values != start).any()),
        "label": variable.label,
    }
