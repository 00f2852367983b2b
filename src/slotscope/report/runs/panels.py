"""Small multiples, drawn: a panel for each value of two parameters, a colour for each of a third.

Every run is a point, or a curve where its result is an array. Points of one colour are joined by
their median. What has no place on the axes is marked at their edge: a cross at the bottom is a run
that failed, a triangle at the top a value that is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from slotscope.report.figures.light_and_dark import BAD, STYLE, Shade, shades
from slotscope.report.results.as_text import brief, printable
from slotscope.report.runs.figure_axes import Span
from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.kinds_of_values import is_number, number, series
from slotscope.report.runs.overlapping_lines import Line, draw_lines
from slotscope.sweep.run_records import FAILED

_MARKERS = "os^DvPX"
#: From this ratio of the largest to the smallest on, an axis is logarithmic.
_LOG_X, _LOG_Y = 50, 1000
_POINTS, _CURVES = 200, 300
#: matplotlib reckons with multiples of what it draws, which must be floats, too.
_LARGEST = 1e300
#: So few values are each a tick.
_TICKS = 8
#: This many names have room below an axis.
_NAMES = 30
#: Inches: the width of a panel, and of all panels together at most.
_PANEL, _PAGE = 4.6, 10.5


Drawn = tuple[Figure, list[Shade]]


def scalar_figure(runs: Sequence[FinishedRun], span: Span, name: str) -> Drawn:
    """A number of each run over the parameter ``span.x``, with the colours that were used.

    Raises:
        OverflowError: what is drawn is further apart than floats can tell.
    """
    places = {run.id: _place(run, span) for run in runs}
    numbers = [r for r in runs if r.status != FAILED and is_number(r.results.get(name))]
    values = {run.id: number(run.results[name]) for run in numbers}
    _near([value for value in values.values() if math.isfinite(value)], name)
    _near(list(places.values()), str(span.x))
    colours = shades(len(span.of(span.colour)), span.ordered(span.colour))
    logarithmic = _wide([value for value in values.values() if math.isfinite(value)], _LOG_Y)

    def draw(axes: Any, found: Sequence[Sequence[FinishedRun]]) -> None:
        lines = []
        for level, here in enumerate(found):
            finite = [run for run in here if math.isfinite(values.get(run.id, math.nan))]
            x, y = [places[run.id] for run in finite], [values[run.id] for run in finite]
            marker, alpha = _MARKERS[level % len(_MARKERS)], 0.7 if len(x) > len(set(x)) else 1
            axes.plot(x, y, marker, color=colours[level][0], markersize=5, alpha=alpha, mew=0)
            lines += [Line(level, *_medians(x, y))] if span.joined else []
        draw_lines(axes, lines, [light for light, _ in colours], logarithmic, linewidth=1.5)
        every = [run for here in found for run in here]
        beyond = [places[r.id] for r in every if not math.isfinite(values.get(r.id, 0))]
        failed = [places[run.id] for run in every if run.status == FAILED]
        for height, mark, at in ((0.97, "^", beyond), (0.03, "x", failed)):
            edge = {"transform": axes.get_xaxis_transform(), "mew": 0 if mark == "^" else None}
            axes.plot(at, [height] * len(at), mark, color=BAD[0], ms=5, **edge)

    figure = _panels(runs, span, colours, draw, name, span.x or "run", _MARKERS)
    _x_scale(figure.axes, span)
    if logarithmic:
        _logarithmic(figure.axes[0], "y")
    return figure, colours


def curve_figure(runs: Sequence[FinishedRun], span: Span, name: str) -> Drawn:
    """An array of each run over its index, with the colours that were used.

    Raises:
        OverflowError: what is drawn is further apart than floats can tell.
    """
    have = [run for run in runs if series(run.results.get(name)) is not None]
    have = have[:: math.ceil(len(have) / _CURVES)]
    for run in have:
        curve = np.asarray(series(run.results[name]))
        _near(curve[np.isfinite(curve)], name)
    colours = shades(len(span.of(span.colour)), span.ordered(span.colour))

    def draw(axes: Any, found: Sequence[Sequence[FinishedRun]]) -> None:
        lines = [
            _thinned(level, np.asarray(series(run.results[name])))
            for level, here in enumerate(found)
            for run in here
        ]
        draw_lines(axes, lines, [light for light, _ in colours], False, linewidth=1.1, alpha=0.8)

    figure = _panels(have, span, colours, draw, name, "index", "")
    figure.axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, colours


def _panels(
    runs: Sequence[FinishedRun],
    span: Span,
    colours: Sequence[Shade],
    draw: Callable[[Any, Sequence[Sequence[FinishedRun]]], None],
    name: str,
    below: str,
    markers: str,
) -> Figure:
    rows, columns = span.of(span.row), span.of(span.column)
    with matplotlib.rc_context(STYLE):
        width = min(_PANEL * len(columns), _PAGE) + 1.3 * (span.colour is not None)
        height = 2.5 * len(rows) + (1.3 if _crowded(span) else 0.3)
        figure = Figure(figsize=(width, height), layout="constrained")
        grid = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
        for (row, column), axes in np.ndenumerate(grid):
            here = [
                run
                for run in runs
                if span.level(run, span.row) == row and span.level(run, span.column) == column
            ]
            levels = [span.level(run, span.colour) for run in here]
            draw(
                axes,
                [
                    [run for run, of in zip(here, levels, strict=True) if of == level]
                    for level in range(len(colours))
                ],
            )
            axes.set_title(_title(span, row, column), loc="left")
        for axes in grid[-1]:
            axes.set_xlabel(_short(below))
        for axes in grid[:, 0]:
            axes.set_ylabel(_short(name))
        if span.colour is not None:
            _legend(figure, span, colours, markers)
    return figure


def _legend(figure: Figure, span: Span, colours: Sequence[Shade], markers: str) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=shade[0], marker=markers[level % 7 : level % 7 + 1], markersize=4)
        for level, shade in enumerate(colours)
    ]
    labels = [_short(brief(value)) for value in span.of(span.colour)]
    figure.legend(
        handles, labels, title=_short(str(span.colour)), loc="outside right upper", fontsize=8
    )


def _title(span: Span, row: int, column: int) -> str:
    parts = []
    for name, level in ((span.column, column), (span.row, row)):
        if name is not None:
            parts.append(f"{_short(name)} {_short(brief(span.levels[name][level]))}")
    return "\n".join(parts)


def _x_scale(all_axes: Sequence[Any], span: Span) -> None:
    levels, labels = span.of(span.x), _x_labels(span)
    if span.ordered(span.x):
        if _wide(levels, _LOG_X):
            _logarithmic(all_axes[0], "x")
        if len(levels) <= _TICKS and len(span.of(span.column)) <= 2:
            all_axes[0].set_xticks(levels, labels)
        return
    for axes in all_axes:
        every = names_shown(span)
        axes.set_xticks(range(0, len(labels), every), labels[::every])
        axes.tick_params(axis="x", labelrotation=60 if _crowded(span) else 0)
        axes.set_xlim(-0.5, len(labels) - 0.5)


def names_shown(span: Span) -> int:
    """How many names on the x axis share the room of one. If 3, each third is shown; if 1, all."""
    return math.ceil(len(span.of(span.x)) / _NAMES)


def _x_labels(span: Span) -> list[str]:
    return [_short(brief(level)) for level in span.of(span.x)]


def _crowded(span: Span) -> bool:
    """Whether the names on the x axis do not fit beside each other."""
    named = span.x is not None and not span.ordered(span.x)
    shown = _x_labels(span)[:: names_shown(span)]
    return named and sum(map(len, shown)) * len(span.of(span.column)) > 40


def _logarithmic(axes: Any, which: str) -> None:
    """Scale and labels of an axis, and of those that share it: 0.001 and not a power."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _medians(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    at: dict[float, list[float]] = {}
    for place, value in zip(x, y, strict=True):
        at.setdefault(place, []).append(value)
    return np.array(sorted(at)), np.array([np.median(at[place]) for place in sorted(at)])


def _thinned(level: int, curve: np.ndarray) -> Line:
    index = np.arange(len(curve))
    if len(curve) > _POINTS:
        index = np.unique(np.linspace(0, len(curve) - 1, _POINTS).round().astype(int))
    return Line(level, index, curve[index])


def _place(run: FinishedRun, span: Span) -> float:
    if span.ordered(span.x):
        return number(run.parameters[str(span.x)])
    return float(span.level(run, span.x))


def _near(values: Sequence[float] | np.ndarray, name: str) -> None:
    """
    Raises:
        OverflowError: an axis of ``values`` would need numbers that floats don't have.
    """
    if len(values) and np.abs(values).max() > _LARGEST:
        raise OverflowError(f"{name} has values beyond {_LARGEST:g}")


def _wide(values: Sequence[float], ratio: float) -> bool:
    return len(values) > 0 and min(values) > 0 and max(values) >= ratio * min(values)


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= 24 else f"{text[:22]}..."
