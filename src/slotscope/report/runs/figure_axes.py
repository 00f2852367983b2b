"""Which parameters of a sweep span its figures.

Only a parameter that varies tells anything. The x axis takes the numeric one of most values, colour
the next, columns and rows of panels the two after that. Parameters that go together take one place.
What repeats a run, such as a seed, spans nothing: its runs lie above each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.kinds_of_values import is_number, key, number
from slotscope.report.runs.linked_parameters import led, sampled

#: More colours can't be told apart, unless they are a scale, and more panels don't fit a page.
_COLOURS, _SCALE, _PANELS = 7, 12, 6
#: A line through more values is a scribble, points say it better.
_JOINED = 40
#: Parameters of these names, and those that end so, repeat a run.
_REPEATS = ("seed", "repeat", "replicate", "random_state")


@dataclass(frozen=True, slots=True)
class Span:
    """Which parameters span the panels of a figure.

    Attributes:
        levels: the values of each parameter that varies.
        x, colour, column, row: names of parameters; None if there is no more to tell.
        joined: whether runs are joined over ``x``: it is numbers, and they were not sampled.
    """

    levels: Mapping[str, Sequence[Any]]
    x: str | None
    colour: str | None
    column: str | None
    row: str | None
    joined: bool = False

    def of(self, name: str | None) -> Sequence[Any]:
        """The values of a parameter."""
        return [None] if name is None else self.levels[name]

    def ordered(self, name: str | None) -> bool:
        """Whether all values of a parameter are numbers that an axis can have."""
        return name is not None and _ordered(self.levels[name])

    def level(self, run: FinishedRun, name: str | None) -> int:
        """The place of a run's value among those of a parameter; 0 if there is none."""
        if name is None:
            return 0
        return [key(value) for value in self.levels[name]].index(key(run.setting(name)))


@dataclass(frozen=True, slots=True)
class Grid:
    """The parameters and results of a sweep.

    Attributes:
        levels: for each parameter that varies, its values: numbers by size, others as they came.
        span: those that span the figures.
        pooled: those that vary and span nothing.
        together: for each parameter that leads others, those that go with it.
        sampled: numeric parameters that were drawn together. They span nothing together, so a
            result is drawn over each of them; the x axis comes first.
        echoes: results that are a parameter again, in every run that has them.
    """

    levels: Mapping[str, Sequence[Any]]
    span: Span
    pooled: tuple[str, ...]
    together: Mapping[str, Sequence[str]]
    sampled: tuple[str, ...]
    echoes: frozenset[str]

    @property
    def varying(self) -> tuple[str, ...]:
        """The names of the parameters that vary."""
        return tuple(self.levels)


def grid_of(runs: Sequence[FinishedRun]) -> Grid:
    """The axes that fit these runs."""
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    levels = {name: _levels(runs, name) for name in names}
    levels = {name: found for name, found in levels.items() if len(found) > 1}
    ordered = [name for name in levels if _ordered(levels[name])]
    places = {name: _places(runs, name, found) for name, found in levels.items()}
    # Names lead numbers, as what a person compares; what repeats a run leads nothing else.
    first = sorted(levels, key=lambda name: (_repeats(name), name in ordered))
    together = led(places, first, ordered)
    left = sorted((n for n in levels if n in together), key=lambda name: -len(levels[name]))
    left = [name for name in left if not _repeats(name)] or left
    drawn = sampled(places, [name for name in left if name in ordered])
    x = next((name for name in left if name in (drawn or ordered)), None)
    x = x or next(iter(left), None)
    span = span_of(levels, x, [name for name in left if name != x and name not in drawn])
    joined = x in ordered and x not in drawn and len(span.of(x)) <= _JOINED
    used = (span.x, span.colour, span.column, span.row)
    pooled = tuple(name for name in levels if name in together and name not in used)
    return Grid(levels, replace(span, joined=joined), pooled, together, drawn, _echoes(runs))


def span_of(levels: Mapping[str, Sequence[Any]], x: str | None, names: Sequence[str]) -> Span:
    """Colour, columns and rows for the first of ``names`` that have few enough values for each."""
    left = list(names)

    def take(most: int, scale: int) -> str | None:
        for name in left:
            if len(levels[name]) <= (scale if _ordered(levels[name]) else most):
                left.remove(name)
                return name
        return None

    return Span(levels, x, take(_COLOURS, _SCALE), take(_PANELS, _PANELS), take(_PANELS, _PANELS))


def _ordered(levels: Sequence[Any]) -> bool:
    return all(math.isfinite(number(level)) for level in levels)


def _levels(runs: Sequence[FinishedRun], name: str) -> list[Any]:
    found = list({key(v): v for v in (run.setting(name) for run in runs)}.values())
    return sorted(found) if all(map(is_number, found)) else found


def _places(runs: Sequence[FinishedRun], name: str, levels: Sequence[Any]) -> list[int]:
    place = {key(level): number for number, level in enumerate(levels)}
    return [place[key(run.setting(name))] for run in runs]


def _repeats(name: str) -> bool:
    return name.lower().endswith(_REPEATS)


def _echoes(runs: Sequence[FinishedRun]) -> frozenset[str]:
    names = {name for run in runs for name in run.results if name in run.parameters}
    return frozenset(
        name
        for name in names
        if all(
            type(run.results[name]) in (type(None), bool, int, float, str)
            and run.results[name] == run.parameters.get(name)
            for run in runs
            if name in run.results
        )
    )
