"""The figures of a sweep's results: over which parameters they are, and what they say in words."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from slotscope.report.figures.light_and_dark import image
from slotscope.report.results.as_text import brief
from slotscope.report.runs.drawable_results import Undrawn, drawable, odd
from slotscope.report.runs.figure_axes import Grid, Span, span_of
from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.kinds_of_values import is_curve, is_number, number, series
from slotscope.report.runs.overlapping_lines import alternate
from slotscope.report.runs.panels import curve_figure, names_shown, scalar_figure
from slotscope.sweep.run_records import FAILED

#: At most this many results are drawn, as figures and as arrays; the table has all.
SCALARS, ARRAYS = 4, 2


@dataclass(frozen=True, slots=True)
class Multiple:
    """One figure of the page.

    Attributes:
        source: the source of an image: a ``data:`` address.
        width, height: in pixels.
        alt: what it shows, in words.
        caption: how to read it.
    """

    source: str
    width: int
    height: int
    alt: str
    caption: str


def figures(runs: Sequence[FinishedRun], grid: Grid) -> tuple[list[Multiple], list[Undrawn]]:
    """The figures, and the results that have none, or not over each parameter."""
    found = drawable(runs, grid)
    spans = [grid.span, *(replace(grid.span, x=name) for name in grid.sampled[1:])]
    most = max(1, SCALARS // len(spans))
    wanted = [
        (name, functools.partial(_scalar, runs, grid, span, name))
        for name in found.scalars[:most]
        for span in spans[:SCALARS]
    ]
    wanted += [
        (name, functools.partial(_curves, runs, grid, name)) for name in found.arrays[:ARRAYS]
    ]
    drawn: list[Multiple] = []
    undrawn: dict[str, Undrawn] = {}
    for name, draw in wanted:
        try:
            drawn.append(draw())
        except Exception as error:  # whatever matplotlib raises, the rest of the page is written
            undrawn[name] = Undrawn(name, str(error) or type(error).__name__)
    beyond = [f"{n} over {s.x}" for n in found.scalars[:most] for s in spans[SCALARS:]]
    beyond += [*found.scalars[most:], *found.arrays[ARRAYS:]]
    return drawn, [*undrawn.values(), *found.mixed, *map(Undrawn, beyond)]


def _scalar(runs: Sequence[FinishedRun], grid: Grid, span: Span, name: str) -> Multiple:
    figure, used = scalar_figure(runs, span, name)
    numbers = [
        (number(run.results[name]), run)
        for run in runs
        if run.status != FAILED and is_number(run.results.get(name))
    ]
    finite = [(value, run) for value, run in numbers if math.isfinite(value)]
    medians = span.joined and _repeated([run for _, run in finite], span)
    notes = ["Each point is a run."]
    if medians:
        notes = [f"Each point is a run, a line their median over {' and '.join(grid.pooled)}."]
    notes += _notes(grid, span, figure)
    if failed := sum(run.status == FAILED for run in runs):
        notes.append(f"A cross at the bottom is a run that failed ({failed}).")
    if beyond := len(numbers) - len(finite):
        notes.append(f"A triangle at the top is a value that is not finite ({beyond}).")
        notes += ["Medians are of the finite values."] if medians else []
    if others := odd(runs, name, is_number):
        notes.append(f"Not drawn, as no number: {others}.")
    if not span.ordered(span.x) and (every := names_shown(span)) > 1:
        notes.append(f"There is room for one in {every} of the names on the axis.")
    extent = ""
    if finite:
        low, high = min(finite, key=lambda f: f[0]), max(finite, key=lambda f: f[0])
        extent = (
            f" It is least, {brief(low[0])}, at {_at(low[1], grid)};"
            f" and greatest, {brief(high[0])}, at {_at(high[1], grid)}."
        )
    alt = f"{name} over {span.x}{_colours(span, 'points')}{_panels(span)}.{extent}"
    return _multiple(figure, used, alt, f"{name} over {span.x}. {' '.join(notes)}")


def _curves(runs: Sequence[FinishedRun], grid: Grid, name: str) -> Multiple:
    span = curves_span(grid)
    figure, used = curve_figure(runs, span, name)
    curves = [c for run in runs if (c := series(run.results.get(name))) is not None]
    longest = max(map(len, curves))
    drawn = sum(len(axes.lines) for axes in figure.axes)
    notes = [f"{name} over its index, a curve for each run.", *_notes(grid, span, figure)]
    if drawn < len(curves):
        notes.append(f"{drawn} of {len(curves)} runs are drawn.")
    gaps = [len(curve) - int(np.isfinite(curve).sum()) for curve in curves]
    if sum(gaps):
        notes.append(
            f"{sum(gaps)} of {sum(map(len, curves))} values, in {sum(map(bool, gaps))} of"
            f" {len(curves)} runs, are not finite and not drawn."
        )
    if others := odd(runs, name, is_curve):
        notes.append(f"Not drawn, as no array of one axis: {others}.")
    lengths = f"{len(curves)} curves of up to {longest} values" if len(curves) > 1 else "a curve"
    alt = f"{name} over its index: {lengths}{_colours(span, 'curves')}{_panels(span)}."
    return _multiple(figure, used, alt, " ".join(notes))


def _notes(grid: Grid, span: Span, figure: object) -> list[str]:
    """What goes with the parameters of a figure, and what its lines hide."""
    found = []
    for leader in filter(None, (span.x, span.colour, span.column, span.row)):
        if followers := grid.together[leader]:
            go = "goes" if len(followers) == 1 else "go"
            found.append(f"{' and '.join(followers)} {go} with {leader}.")
    return found + ["Where lines lie on each other, their colours alternate."] * alternate(figure)


def _repeated(runs: Sequence[FinishedRun], span: Span) -> bool:
    """Whether two runs are at one place of a figure."""
    names = (span.x, span.colour, span.column, span.row)
    return len({tuple(span.level(run, name) for name in names) for run in runs}) < len(runs)


def curves_span(grid: Grid) -> Span:
    """Curves have their index as x, which frees a parameter for the colours."""
    names = [n for n in (grid.span.x, grid.span.colour, grid.span.column, grid.span.row) if n]
    return span_of(grid.levels, None, names)


def _multiple(figure: object, used: Sequence[tuple[str, str]], alt: str, caption: str) -> Multiple:
    width, height = figure.get_size_inches()  # type: ignore[attr-defined]
    return Multiple(image(figure, used), round(width * 96), round(height * 96), alt, caption)


def _colours(span: Span, things: str) -> str:
    return f", {things} coloured by {span.colour}" if span.colour else ""


def _panels(span: Span) -> str:
    names = [name for name in (span.column, span.row) if name]
    return f", a panel for each {' and '.join(names)}" if names else ""


def _at(run: FinishedRun, grid: Grid) -> str:
    return ", ".join(f"{name} {brief(run.setting(name))}" for name in grid.varying)
