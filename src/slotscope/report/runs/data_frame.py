"""Runs as a table of pandas."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from slotscope.report.results.as_text import printable
from slotscope.report.runs.finished_run import FinishedRun

#: The columns that every table has, before parameters and results and after them.
FIRST: Mapping[str, Callable[[FinishedRun], Any]] = {
    "number": lambda run: run.number,
    "status": lambda run: run.status,
}
LAST: Mapping[str, Callable[[FinishedRun], Any]] = {
    "error": lambda run: None if run.error is None else str(run.error),
    "seconds": lambda run: run.seconds,
    "attempts": lambda run: run.attempts,
    "started": lambda run: run.started,
    "notebook": lambda run: str(run.notebook),
}


def table(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """One row a run; see :func:`slotscope.results` for the columns."""
    parameters, results = columns(runs)
    packages = list(dict.fromkeys(name for run in runs for name in run.dependencies.versions))
    found: dict[str, Any] = _fixed(FIRST, runs)
    for name, column in parameters.items():
        found[column] = _column([run.parameters for run in runs], name)
    for name, column in results.items():
        found[column] = _column([run.results for run in runs], name)
    found |= _fixed(LAST, runs)
    found["started"] = pd.to_datetime(found["started"], utc=True)
    for name in packages:
        found[f"version.{name}"] = _column([run.dependencies.versions for run in runs], name)
    index = pd.Index([run.id for run in runs], name="run")
    frame = pd.DataFrame({name: _typed(column) for name, column in found.items()})
    return frame.set_axis(index)


def columns(runs: Sequence[FinishedRun]) -> tuple[dict[str, str], dict[str, str]]:
    """The column of each parameter and of each result."""
    taken = {*FIRST, *LAST}
    both = []
    for prefix, mappings in (
        ("parameter", [run.parameters for run in runs]),
        ("result", [run.results for run in runs]),
    ):
        names = dict.fromkeys(name for mapping in mappings for name in mapping)
        found = {}
        for name in names:
            column = printable(name)
            while column in taken or column.startswith("version."):
                column = f"{prefix}.{column}"
            found[name] = column
            taken.add(column)
        both.append(found)
    return both[0], both[1]


def _fixed(
    columns: Mapping[str, Callable[[FinishedRun], Any]], runs: Sequence[FinishedRun]
) -> dict[str, list[Any]]:
    return {name: [value_of(run) for run in runs] for name, value_of in columns.items()}


def _column(mappings: Iterable[Mapping[str, Any]], name: str) -> list[Any]:
    return [mapping.get(name) for mapping in mappings]


def _typed(values: Any) -> Any:
    """A column of the narrowest type that holds ``values``, None being what is missing."""
    if not isinstance(values, list):
        return values
    types = {type(value) for value in values if value is not None}
    missing = any(value is None for value in values)
    if types == {bool}:
        return pd.array(values, dtype="boolean") if missing else np.array(values)
    if types == {int} and all(-(2**63) <= v < 2**63 for v in values if v is not None):
        return pd.array(values, dtype="Int64") if missing else np.array(values, dtype=np.int64)
    if float in types and types <= {int, float}:
        with contextlib.suppress(OverflowError):  # of a whole number that no float can be
            return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    if types == {str} and _is_unicode("".join(filter(None, values))):
        return values  # pandas has another type for strings in each of its generations
    column = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):  # at once, NumPy would stack arrays of one shape
        column[index] = value
    # A lone surrogate would make pandas' own type for strings fail.
    return column if types != {str} else pd.Series(column, dtype=object)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
