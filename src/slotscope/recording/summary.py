"""A recording in a few sentences: what its owner would want to be told first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from slotscope.recording.records import Event, EventKind, Row, Variable
from slotscope.recording.row_blocks import SpilledRows

#: So many names are listed in one sentence.
_NAMED = 4
#: What every training run has; a summary counts these, and tells all others.
_ORDINARY = (
    EventKind.CONSTRUCTED,
    EventKind.TRACED,
    EventKind.STEPPED,
    EventKind.COMPILED,
)


#: What is said of a model that was not trained.
_NOT_RUN = (
    " The model's train function did not run. If a model was trained meanwhile, it was another one,"
    " such as a copy that was loaded or cloned."
)


class Recorded(Protocol):
    """What is summarized of a :class:`~slotscope.Recording`."""

    engine: str
    optimizer: str
    every: int
    counts: dict[str, int]
    train_calls: int
    others: dict[str, str]
    steps_of: dict[str, int]
    events: list[Event]
    rows: list[Row] | SpilledRows
    seen: list[Variable]

    @property
    def learning_rates(self) -> np.ndarray: ...


def listed(names: Sequence[str]) -> str:
    """The first few of ``names``, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def plural(count: int, noun: str) -> str:
    """``1 step``, ``2 steps``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def times(count: int) -> str:
    """``once``, ``2 times``."""
    return "once" if count == 1 else f"{count} times"


def sentences(recording: Recorded) -> list[str]:
    """The summary of a recording, a sentence or two in each string."""
    told = [_who(recording), _slots(recording), _rates(recording), _rows(recording)]
    notable = [event for event in recording.events if event.kind not in _ORDINARY]
    told += [f"{event.kind.capitalize()}{_when(event.step)}: {event.detail}." for event in notable]
    return [sentence for sentence in told if sentence]


def _who(recording: Recorded) -> str:
    steps = recording.counts.get("steps", 0) - sum(
        recording.steps_of.get(name, 0) for name in recording.others
    )
    calls = recording.train_calls
    ran = f" The model's train function ran {times(calls)}." if calls not in (0, steps) else ""
    each = [f"{recording.optimizer} on {recording.engine} made {_made(steps)}"]
    for name, kind in recording.others.items():
        each.append(f"model.{name} ({kind}) made {_made(recording.steps_of.get(name, 0))}")
    elsewhere = "" if calls or recording.counts.get("steps") else _NOT_RUN
    return f"{', '.join(each)}.{ran}{elsewhere}"


def _made(steps: int) -> str:
    return plural(steps, "step") if steps else "no step"


def _slots(recording: Recorded) -> str:
    slots = [variable for variable in recording.seen if variable.parameter]
    if not slots:
        return "It has no slots: no optimizer variable belongs to a parameter."
    kinds = Counter(variable.slot for variable in slots if variable.number == 1)
    parameters = len({variable.parameter for variable in slots})
    made = f"Slots for {plural(parameters, 'parameter')}: {', '.join(kinds)}"
    replaced = sum(variable.number > 1 for variable in slots)
    if replaced:
        return f"{made}. {plural(replaced, 'slot')} got a new variable in place of the former one."
    return f"{made}, each made once."


def _rates(recording: Recorded) -> str:
    if recording.others:
        return ""
    rates = recording.learning_rates
    rates = rates[np.isfinite(rates)]
    if not len(rates):
        return ""
    if rates.min() == rates.max():
        return f"The learning rate was {rates[0]:.4g} throughout."
    return (
        f"The learning rate began at {rates[0]:.4g} and ended at {rates[-1]:.4g}, between"
        f" {rates.min():.4g} and {rates.max():.4g}."
    )


def _rows(recording: Recorded) -> str:
    rows = len(recording.rows)
    if not rows:
        return ""
    first = next(iter(recording.rows))
    full = np.isfinite(first.statistics[:, 1]).any() if len(first.statistics) else False
    what = "values" if first.values is not None else "statistics" if full else "norms"
    every = "" if recording.every == 1 else f", one in {recording.every} steps"
    return f"{plural(rows, 'row')} with {what}{every}."


def _when(step: int) -> str:
    return f" after step {step}" if step else ""
