"""What is called in each phase of a model's life: a first fit, a second, and after compiling again.

``compile`` is given the optimizer that the model has, so that whatever is made anew is made for an
optimizer that has been at work already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from slotscope.engines import Engine
from slotscope.recording.recording import Recording
from slotscope.recording.watch import watch

PHASES = ("first fit", "second fit", "compile again", "third fit")


def life(
    engine: Engine,
    build: Callable[[Engine, Any], Any],
    optimizer: str,
    batches: int,
    epochs: int = 1,
    **config: Any,
) -> tuple[Recording, pd.DataFrame]:
    """Train a model in three fits, the last one after compiling it again.

    Args:
        engine: where to train.
        build: makes a compiled model with one input and one output, as
            :func:`slotscope.story.one_weight.one_weight` does.
        optimizer: its name.
        batches: how many there are in an epoch, of one row each.
        epochs: the epochs of each fit.
        **config: for the optimizer.

    Returns:
        What was recorded, and how often what was called: a row for each of :data:`PHASES`.
    """
    counts: list[dict[str, int]] = [{}]
    with engine.scope():
        model = build(engine, engine.optimizer(optimizer, **config))
        x = np.ones((batches, model.input_shape[-1]), np.float32)
        y = np.full((batches, 1), 1024, np.float32)
        with watch(model) as recording:
            for phase in PHASES:
                if phase == "compile again":
                    model.compile(optimizer=model.optimizer, loss="mean_absolute_error")
                else:
                    model.fit(x, y, batch_size=1, epochs=epochs, shuffle=False, verbose=0)
                counts.append(dict(recording.counts))
    table = pd.DataFrame(counts).fillna(0).astype(int).diff().iloc[1:]
    return recording, table.set_axis(PHASES, axis="index").astype(int)


def two_layers(engine: Engine, optimizer: Any) -> Any:
    """A compiled model with four parameters, two kernels and two biases."""
    layers = engine.keras.layers
    x = layers.Input((4,))
    # JAX compiles a random number generator for each shape, for longer than the train step.
    ones = {"kernel_initializer": "ones"}
    y = layers.Dense(1, name="out", **ones)(layers.Dense(3, name="hidden", **ones)(x))
    model = engine.keras.models.Model(x, y)
    model.compile(optimizer=optimizer, loss="mean_absolute_error")
    return model


def in_words(counts: pd.DataFrame) -> pd.Series:
    """For each phase, what was called, as text; steps are left out, and what was not called."""
    return counts.drop(columns="steps").apply(
        lambda row: ", ".join(f"{name} {count}" for name, count in row.items() if count), axis=1
    )


def side_by_side(recordings: dict[str, Recording]) -> pd.DataFrame:
    """The counts of several recordings: a row for each thing counted, a column for each engine.

    Rows are in the order in which generations brought them; totals come last. A cell is empty if
    an engine has no such method.
    """
    totals = ["slots created", "traces", "steps"]
    table = pd.DataFrame({name: recording.counts for name, recording in recordings.items()})
    order = [*table.index.drop(totals), *totals]
    return table.reindex(order).astype("Int64").astype(object).fillna("")
