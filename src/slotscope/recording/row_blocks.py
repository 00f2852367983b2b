"""Rows on disk: a folder of Parquet files, one for each block of steps, which pandas opens whole.

A block appears in the folder complete or not at all, and what a recording knows besides its rows
is written anew before each of them. So a process that is killed leaves every block that it had
finished, and the memory of a long run stays flat.

Columns: ``step``, ``iterations`` and ``learning_rate`` of the row, ``variable`` (its label), the
numbers of :mod:`slotscope.engines.meters.statistics`, and what makes a row again: ``index`` (of the
variable),
``object``, ``handle``, ``buffer``, ``live`` (see :class:`slotscope.recording.records.Row`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from slotscope.engines.meters.statistics import STATISTICS
from slotscope.errors import RowsNotWrittenWarning
from slotscope.files import whole
from slotscope.recording.records import Row

#: What a folder of blocks keeps besides them; pandas leaves out what begins so.
ABOUT = "_about.json"
#: The columns that are of a row, not of a variable in it.
_OF_ROWS = {"step": "int64", "iterations": "int64", "learning_rate": "float64"}
_IDENTITY = ["object", "handle", "buffer"]


class SpilledRows:
    """Rows of which only the latest are in memory; a list of rows as far as anyone looks.

    Args:
        folder: an existing folder; one of its own, which goes with the rows, by default.
        about: gives what is written beside the rows, as text.
        labels: gives the label of each variable.
        block: how many rows make a file.
    """

    def __init__(
        self,
        folder: Path | None,
        about: Callable[[], str],
        labels: Callable[[], list[str]],
        block: int = 1024,
    ) -> None:
        self._own = TemporaryDirectory(prefix="slotscope-") if folder is None else None
        self.folder = Path(self._own.name) if self._own else Path(str(folder))
        self._about, self._labels, self._block = about, labels, block
        self._stored = sum(int(part.stem.split("-")[1]) for part in self._parts())
        self._latest: list[Row] = []
        self._refused = False

    def append(self, row: Row) -> None:
        """Add a row; every now and then, this writes a block."""
        self._latest.append(row)
        if len(self._latest) >= self._block and not self._refused:
            self.write()

    def extend(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.append(row)

    def write(self) -> None:
        """Write what is in memory alone; where that cannot be, it stays there, with a warning."""
        try:
            with whole(self.folder / ABOUT) as path:  # first: no block without its variables
                path.write_text(self._about(), "utf-8")
            if self._latest:
                name = f"{self._stored:012d}-{len(self._latest):06d}.parquet"
                table = table_of(self._latest, self._labels())
                with whole(self.folder / name) as path:
                    table.to_parquet(path, index=False)
                self._stored += len(self._latest)
                self._latest = []
        except OSError as error:
            self._refused = True  # asked for at each row, the next try would cost more each time
            warnings.warn(
                f"Rows cannot be written to {self.folder} ({error}): they stay in memory. Free"
                " some space, and write them by recording.save(...).",
                RowsNotWrittenWarning,
                stacklevel=2,
            )

    def table(self) -> pd.DataFrame:
        """All rows, as the files have them."""
        tables = [_read(part) for part in self._parts()]
        if self._latest or not tables:
            tables.append(table_of(self._latest, self._labels()))
        return pd.concat(tables, ignore_index=True)

    def _parts(self) -> list[Path]:
        """The files in order; a name says after how many rows it begins, and its number of rows."""
        return sorted(self.folder.glob("*.parquet"))

    def __len__(self) -> int:
        return self._stored + len(self._latest)

    def __iter__(self) -> Iterator[Row]:
        for part in self._parts():
            yield from _rows(_read(part))
        yield from tuple(self._latest)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return list(self)[place]
        at = range(len(self))[place]
        return next(islice(self, at, None))

    def __reduce__(self) -> Any:
        return list, (list(self),)


def table_of(rows: list[Row], labels: list[str]) -> pd.DataFrame:
    """The columns of a block."""
    sizes = [len(row.indices) for row in rows]
    index = np.concatenate([np.zeros(0, np.int64), *(row.indices for row in rows)])
    numbers = np.concatenate([np.zeros((0, len(STATISTICS))), *(row.statistics for row in rows)])
    identity = np.concatenate([np.zeros((0, 3), np.int64), *(row.identity for row in rows)])
    live = np.concatenate([np.zeros(0, bool), *(row.live for row in rows)])
    of_rows = {name: [getattr(row, name) for row in rows] for name in _OF_ROWS}
    table = pd.DataFrame({name: np.repeat(own, sizes) for name, own in of_rows.items()})
    table = table.astype(_OF_ROWS)
    table["variable"] = pd.Categorical.from_codes(index, labels)
    table[list(STATISTICS)] = numbers
    table["index"] = index
    table[_IDENTITY] = identity
    table["live"] = live
    return table


def _read(part: Path) -> pd.DataFrame:
    """One file; statistics that were added since it was written are NaN."""
    table = pd.read_parquet(part)
    return table.assign(**{name: np.nan for name in STATISTICS if name not in table})


def _rows(table: pd.DataFrame) -> Iterator[Row]:
    """The rows of one file; none is cut in two."""
    steps, iterations = table["step"].to_numpy(), table["iterations"].to_numpy()
    index = table["index"].to_numpy()
    cuts = [*np.flatnonzero(np.diff(steps, prepend=-1)).tolist(), len(table)]
    numbers, identity = table[list(STATISTICS)].to_numpy(), table[_IDENTITY].to_numpy()
    live, rates = table["live"].to_numpy(), table["learning_rate"].to_numpy()
    for begin, end in pairwise(cuts):
        cut = slice(begin, end)
        yield Row(
            int(steps[begin]),
            int(iterations[begin]),
            index[cut],
            numbers[cut],
            identity[cut],
            live[cut],
            None,
            float(rates[begin]),
        )
