"""The table of the page: which columns it has, and the text of each cell.

A parameter or a result that is the same in every run is told once, above the table, and a result
that only repeats a parameter isn't told again. Of a run's record, the template shows number and
status; columns are its seconds, its error where any run failed, and its attempts where any run took
more than one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slotscope.report.results.as_text import brief, cut
from slotscope.report.results.encoding import tag_of
from slotscope.report.results.reading import StoredResult
from slotscope.report.runs.data_frame import columns
from slotscope.report.runs.figure_axes import Grid
from slotscope.report.runs.finished_run import DEFAULT, FinishedRun
from slotscope.report.runs.kinds_of_values import is_number, number
from slotscope.sweep.run_records import FAILED

#: Characters of a cell, and different values of a column that is filtered by choosing.
_LONGEST, _CHOICES = 80, 12
NUMBER, CHOICE, TEXT, LONG = "number", "choice", "text", "long"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the table.

    Attributes:
        text: as shown, cut where it is long.
        order: the number by which it is sorted, as JavaScript reads it; empty for what comes last.
        whole: all of it, where it was cut or rounded.
    """

    text: str
    order: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        name: its heading.
        kind: ``number``, ``choice`` (few different texts), ``text``, or ``long``.
        cells: one a run.
    """

    name: str
    kind: str
    cells: tuple[Cell, ...]


def columns_of(
    runs: Sequence[FinishedRun], grid: Grid
) -> tuple[list[Column], list[tuple[str, Cell]]]:
    """The columns that tell runs apart, and what is the same in all of them, by name.

    Errors come first: beside the status of the runs that they explain.
    """
    found = _errors(runs)
    same: list[tuple[str, Cell]] = []
    parameters, results = columns(runs)
    for name, title in parameters.items():
        column = _column(title, [run.setting(name) for run in runs], _exact)
        if name in grid.varying or len(runs) == 1:
            found.append(column)
        else:
            same.append((title, column.cells[0]))
    for name, title in results.items():
        if name in grid.echoes or name in elsewhere(runs):
            continue
        column = _column(title, [run.results.get(name) for run in runs])
        if len(runs) > 1 and _all_same(runs, name):
            same.append((title, next(cell for cell in column.cells if cell.text)))
        else:
            found.append(column)
    return found + _run_columns(runs), same


def elsewhere(runs: Sequence[FinishedRun]) -> dict[str, str]:
    """The results that no cell can show, as figures and tables, with what each is."""
    found = {}
    for run in runs:
        for name, value in run.results.items():
            if isinstance(value, StoredResult):
                found[name] = value.kind
            elif kind := tag_of(value):
                found[name] = kind.lstrip("$")
    return found


def _errors(runs: Sequence[FinishedRun]) -> list[Column]:
    if not any(run.error for run in runs):
        return []
    return [Column("error", LONG, tuple(_cell(run.error and str(run.error)) for run in runs))]


def _run_columns(runs: Sequence[FinishedRun]) -> list[Column]:
    found = [_column("seconds", [run.seconds for run in runs])]
    if any(run.attempts > 1 for run in runs):
        found.append(_column("attempts", [run.attempts for run in runs]))
    return found


def _all_same(runs: Sequence[FinishedRun], name: str) -> bool:
    """Whether every run that is done has the same plain value of a result."""
    values = [run.results.get(name) for run in runs if run.status != FAILED or name in run.results]
    plain = all(isinstance(value, (bool, int, float, str)) for value in values)
    return plain and len(set(map(repr, values))) == 1


def _column(name: str, values: Sequence[Any], text: Callable[[Any], str] = brief) -> Column:
    present = [value for value in values if value is not None and value is not DEFAULT]
    if 2 * sum(map(is_number, present)) > len(present):
        return Column(name, NUMBER, tuple(_number(value, text) for value in values))
    cells = tuple(map(_cell, values))
    words = all(isinstance(value, (str, bool)) for value in present)
    few = len({cell.text for cell in cells}) <= _CHOICES and not any(cell.whole for cell in cells)
    return Column(name, CHOICE if words and few else TEXT, cells)


def _exact(value: float) -> str:
    return cut(repr(value).removesuffix(".0"), _LONGEST)


def _number(value: Any, text: Callable[[Any], str]) -> Cell:
    if not is_number(value):
        return _cell(value)
    size, shown = number(value), text(value)
    order = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(size, repr(size))
    whole = repr(value).removesuffix(".0")
    return Cell(shown, "" if math.isnan(size) else order, "" if shown == whole else cut(whole))


def _cell(value: Any) -> Cell:
    if value is None:
        return Cell("")
    text = brief(value)
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
    return Cell(short, whole="" if short == text else cut(text))
