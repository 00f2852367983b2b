"""The table of a sweep's runs as a file of Parquet, whose columns each have one type.

A column that mixes kinds of values keeps the kind that most of its values are of; the others are
null, and told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from slotscope.files import whole
from slotscope.report.runs.data_frame import table
from slotscope.report.runs.folder import SweepFolder
from slotscope.report.runs.kinds_of_values import is_number

#: What pyarrow raises where a column is nothing for it.
_UNFIT = (pa.ArrowException, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a file lacks of its table.

    Attributes:
        columns: names of those that are left out.
        values: how many values are null, by the name of each column in which some are.
    """

    columns: tuple[str, ...]
    values: Mapping[str, int]

    def in_words(self) -> Iterator[str]:
        """A sentence for each attribute that is not empty."""
        if self.columns:
            yield f"left out of it, as Parquet cannot hold them: {', '.join(self.columns)}"
        if self.values:
            odd = ", ".join(f"{name} ({count})" for name, count in self.values.items())
            yield f"null in it, as most values of the column are of another kind: {odd}"


def write(sweep: SweepFolder, path: Path) -> Iterator[str]:
    """Write the table of a sweep; returns what it lacks, in words."""
    return write_parquet(table(sweep.runs), path).in_words()


def write_parquet(frame: pd.DataFrame, path: str | PathLike[str]) -> Lacking:
    """Write the table to a file of Parquet, whole or not at all.

    Arrays become lists. Columns that Parquet cannot hold, as those of figures, recordings and
    tables, whole numbers of more than 64 bits, and text that isn't Unicode, are left out.

    Returns:
        What was left out.
    """
    kept, left_out, odd = {}, [], {}
    for name, column in frame.items():
        values = [_plain(value) for value in column] if column.dtype == object else column
        try:
            kept[str(name)] = _array(values)
        except _UNFIT:
            try:
                most = _of_most(list(values))
                kept[str(name)] = _array(most)
                odd[str(name)] = _count(values) - _count(most)
            except _UNFIT:
                left_out.append(str(name))
    with whole(Path(path)) as temporary:
        pq.write_table(pa.table({"run": pa.array(frame.index), **kept}), temporary)
    return Lacking(tuple(left_out), odd)


def _array(values: Any) -> pa.Array:
    """
    Raises:
        TypeError, ValueError, OverflowError, pa.ArrowException: Parquet cannot hold the values.
    """
    if any(isinstance(value, (pd.DataFrame, pd.Series)) for value in values):
        raise TypeError("pyarrow would take a table within a table apart")
    return pa.array(values, from_pandas=True)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _of_most(values: Sequence[Any]) -> list[Any]:
    """The values of the kind that most have, None in place of the others.

    Raises:
        TypeError: no kind has most.
    """
    kinds = Counter(_kind(value) for value in values if value is not None)
    kind, count = kinds.most_common(1)[0]
    if 2 * count <= kinds.total():
        raise TypeError("no kind of value has most of the runs")
    return [value if _kind(value) == kind else None for value in values]


def _kind(value: Any) -> type:
    return float if is_number(value) else type(value)


def _count(values: Sequence[Any]) -> int:
    return sum(value is not None for value in values)
