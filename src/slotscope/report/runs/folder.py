"""The runs of a sweep, read from its folder: one record each, and one table of them all.

A sweep leaves a folder a run, with the executed notebook and a file ``run.json`` that was written
last and whole: a run has finished if, and only if, it is there. ``sweep.json`` says which runs were
asked for last. Nothing here starts a kernel, and no notebook is read, so a table of a thousand runs
takes about a second.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from gettext import ngettext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from slotscope.errors import DamagedRunWarning, NoRunsError
from slotscope.report.runs.finished_run import FinishedRun, read_finished
from slotscope.sweep.run_records import RUN, SWEEP, ForeignRecordError, read_sweep

if TYPE_CHECKING:
    import pandas as pd

#: A message names at most this many runs.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """What there is of a sweep.

    Attributes:
        folder: its path.
        notebook: name of the notebook that was swept; empty if nothing says it.
        runs: those that have finished, in the order of the sweep.
        damaged: of each run that was asked for and whose record cannot be read, the name of its
            folder and what is wrong.
        strays: the same of those that were not asked for.
        missing: how many were asked for and have not finished.
        earlier: folders of runs that were asked for before, and no longer.
        outdated: how many of ``runs`` the same sweep would run again, since the code or a version
            has changed.
    """

    folder: Path
    runs: tuple[FinishedRun, ...]
    notebook: str = ""
    damaged: Mapping[str, str] = field(default_factory=dict)
    strays: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0
    earlier: tuple[str, ...] = ()
    outdated: int = 0

    @property
    def asked(self) -> int:
        """How many runs were asked for."""
        return len(self.runs) + len(self.damaged) + self.missing

    @property
    def warning(self) -> str:
        """In words, which records cannot be read, and what to do; empty if all can."""
        if not self.damaged:
            return ""
        return (
            f"{len(self.damaged)} of {self.asked} runs cannot be read and are left out:"
            f" {self._places(self.damaged)}.\nRun the sweep again: it makes anew what it asks for."
            " A copied folder can go."
        )

    @property
    def notes(self) -> list[str]:
        """In words, what else a reader should know."""
        notes = []
        if count := len(self.earlier):
            many = f"{count} runs of earlier sweeps are"
            what = ngettext("1 run of an earlier sweep is", many, count)
            notes.append(f"{what} left out: {_some(self.earlier, ', ')}.")
        if count := self.outdated:
            what = ngettext("1 run was", f"{count} runs were", count)
            have = ngettext("has", "have", count)
            notes.append(f"{what} made by other code or versions, and {have} not run again yet.")
        if count := len(self.strays):
            many = f"{count} records that cannot be read are of no runs that were"
            what = ngettext("1 record that cannot be read is of no run that was", many, count)
            notes.append(f"{what} asked for, and left out: {self._places(self.strays)}.")
        return notes

    def _places(self, records: Mapping[str, str]) -> str:
        return _some(
            [f"{self.folder / name / RUN}: {what}" for name, what in records.items()], "; "
        )


def _some(words: Sequence[str], sign: str) -> str:
    return sign.join([*words[:_NAMED], *["..."] * (len(words) > _NAMED)])


def results(folder: str | PathLike[str]) -> pd.DataFrame:
    """The runs of a sweep as a tidy table: one row each, in the order of the sweep.

    Columns, in this order:

    - ``number`` (place in the sweep) and ``status`` (``done`` or ``failed``);
    - each parameter, by its name;
    - each result, by its name: numbers and strings as they are, arrays and tables as objects, a
      figure or a recording as a :class:`~slotscope.report.results.reading.StoredResult`;
    - ``error``, ``seconds``, ``attempts``, ``started`` (UTC), ``notebook`` (path);
    - ``version.PACKAGE`` for each package.

    A parameter whose name is one of these fixed ones is the column ``parameter.NAME``; a result
    whose name is taken by any of them is ``result.NAME``. What a run lacks is missing.

    Only the runs that the last ``slotscope sweep`` into the folder asked for are in it, by what
    ``sweep.json`` says; where it says nothing, all are.

    Args:
        folder: the sweep's folder, with a folder for each run in it.

    Returns:
        The table; its index, ``run``, is the name of each run's folder.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError, PermissionError: it is a file, or cannot be read.
        NoRunsError: it holds no finished run.

    Warns:
        DamagedRunWarning: the ``run.json`` of a run that was asked for is not whole, or of another
            folder; the others are read.
    """
    from slotscope.report.runs.data_frame import table

    return table(read_runs(folder))


def read_runs(folder: str | PathLike[str]) -> list[FinishedRun]:
    """The finished runs of a sweep, in its order; raises and warns as :func:`results`."""
    found = scan(folder)
    if found.warning:
        warnings.warn(found.warning, DamagedRunWarning, stacklevel=3)
    return list(found.runs)


def scan(folder: str | PathLike[str]) -> SweepFolder:
    """What there is of a sweep; raises as :func:`results`."""
    place = Path(folder)
    names = _names(place)
    runs, damaged = {}, {}
    for name in names:
        try:
            runs[name] = read_finished(place / name / RUN)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ForeignRecordError):
            pass  # something else's, or a run that a sweep took back meanwhile
        except ValueError as error:
            damaged[name] = str(error)
    found = _sweep(place, runs, damaged)
    if not found.runs:
        asked = f"None of the {found.asked} runs that were asked for has finished. "
        raise NoRunsError(
            f"The folder {os.fspath(folder)!r} holds no finished run."
            f" {asked if found.missing else ''}Expected a folder for each, with a {RUN} in it. Is"
            f" it the folder of a sweep, and has one run ended?\n{found.warning}".rstrip()
        )
    return found


def _names(place: Path) -> list[str]:
    try:
        return sorted(os.listdir(place))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no folder {os.fspath(place)!r}. Expected the one that a sweep wrote:"
            " slotscope sweep NOTEBOOK --out FOLDER."
        ) from None
    except NotADirectoryError:
        raise NotADirectoryError(
            f"{os.fspath(place)!r} is no folder. Expected the one that a sweep wrote: slotscope"
            " sweep NOTEBOOK --out FOLDER."
        ) from None
    except OSError as error:
        raise type(error)(
            f"The folder {os.fspath(place)!r} can't be read: {error.strerror or error}. Give"
            " yourself the right to, or copy it to where you have it."
        ) from error


def _sweep(place: Path, runs: Mapping[str, FinishedRun], damaged: Mapping[str, str]) -> SweepFolder:
    """What was asked for, among what there is."""
    try:
        asked = read_sweep(place / SWEEP)
    except ValueError:
        asked = None
    if asked is None:
        ordered = sorted(runs.values(), key=lambda run: (run.number, run.id))
        return SweepFolder(place, tuple(ordered), damaged=damaged)
    ids = {id: number for number, id in enumerate(asked.runs)}
    kept = [replace(runs[id], number=number) for id, number in ids.items() if id in runs]
    return SweepFolder(
        place,
        tuple(kept),
        asked.notebook,
        {name: what for name, what in damaged.items() if name in ids},
        {name: what for name, what in damaged.items() if name not in ids},
        missing=len(ids.keys() - damaged.keys() - runs.keys()),
        earlier=tuple(name for name in runs if name not in ids),
        outdated=sum(bool(run.dependencies.change(asked.dependencies)) for run in kept),
    )
