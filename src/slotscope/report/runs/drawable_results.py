"""Which results of a sweep are drawn: what most of their values are decides.

A result that is a number in most runs is drawn as one, and a few runs in which it is something else
are named. Where no kind of value has most of the runs, a figure would be mostly empty: there is
none, and the page says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slotscope.report.results.as_text import brief
from slotscope.report.runs.figure_axes import Grid
from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.kinds_of_values import is_curve, is_number
from slotscope.sweep.run_records import FAILED

#: At most this many runs are named below a figure, each with this many characters of its value.
_NAMED, _LONGEST = 5, 40


@dataclass(frozen=True, slots=True)
class Undrawn:
    """A result that has no figure.

    Attributes:
        name: the name of the result.
        reason: why it can't be drawn; empty if it is only beyond the number for a page.
    """

    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Drawable:
    """The results of a sweep, by what can be drawn of them.

    Attributes:
        scalars: names of those that are numbers, and vary.
        arrays: names of those that are arrays of one axis.
        mixed: those that are neither in most runs, and in some.
    """

    scalars: tuple[str, ...]
    arrays: tuple[str, ...]
    mixed: tuple[Undrawn, ...]


def drawable(runs: Sequence[FinishedRun], grid: Grid) -> Drawable:
    """What can be drawn of these runs."""
    done = [run for run in runs if run.status != FAILED]
    scalars, arrays, mixed = [], [], []
    for name in dict.fromkeys(name for run in done for name in run.results):
        values = list(_values(done, name).values())
        numbers = [value for value in values if is_number(value)]
        curves = sum(is_curve(value) for value in values)
        if 2 * len(numbers) > len(values):
            if grid.span.x and name not in grid.echoes and len(set(map(repr, numbers))) > 1:
                scalars.append(name)
        elif 2 * curves > len(values):
            arrays.append(name)
        elif numbers or curves:
            kinds = {"a number": len(numbers), "an array of one axis": curves}
            kinds["something else"] = len(values) - sum(kinds.values())
            parts = [f"{kind} in {count}" for kind, count in kinds.items() if count]
            mixed.append(Undrawn(name, f"of {len(values)} runs, it is {', '.join(parts)}"))
    return Drawable(tuple(scalars), tuple(arrays), tuple(mixed))


def odd(runs: Sequence[FinishedRun], name: str, fits: Callable[[Any], bool]) -> str:
    """In words, in which runs a result has another kind of value than is drawn; empty for none."""
    done = [run for run in runs if run.status != FAILED]
    found = {id: value for id, value in _values(done, name).items() if not fits(value)}
    numbers = {run.id: run.number for run in done}
    told = []
    for id, value in list(found.items())[:_NAMED]:
        text = brief(value)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        told.append(f"run {numbers[id]} ({text})")
    if more := len(found) - len(told):
        told.append(f"{more} more")
    return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))


def _values(runs: Sequence[FinishedRun], name: str) -> Mapping[str, Any]:
    """What runs have of a result, by their ids."""
    found = {run.id: run.results.get(name) for run in runs}
    return {id: value for id, value in found.items() if value is not None}
