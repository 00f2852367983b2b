"""Constructing once more what has been constructed, and what the optimizer shows afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from slotscope.engines import Engine
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind


def construct_again(engine: Engine, model: Any) -> None:
    """Call by hand, for a model that was trained, the method that makes the optimizer's slots.

    To be called in the engine's scope.
    """
    engine.build_again(model)


def shown(engine: Engine, optimizer: Any, slot: str = "momentum") -> list[float]:
    """The values of all slots of this name that the optimizer itself shows, one number each."""
    refs = [variable.ref for variable in engine.variables(optimizer) if variable.slot == slot]
    with engine.scope() as session:
        return [float(value.item()) for value in engine.read(refs, session) if value is not None]


def weight(model: Any) -> float:
    """The weight of a model that has one."""
    return float(model.get_weights()[0].item())


def error_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Name of the type of the error that a call raises; empty if it raises none."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        return type(error).__name__
    return ""


def noticed(recording: Recording) -> pd.DataFrame:
    """The events of a recording without its steps: after how many batches, what, and details."""
    events = [event for event in recording.events if event.kind is not EventKind.STEPPED]
    rows = [(event.iterations, event.kind, event.detail) for event in events]
    return pd.DataFrame(rows, columns=["batches", "event", "detail"])
