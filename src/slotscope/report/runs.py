"""The runs of a sweep, read from its folder: one record each, and one table of them all.

A sweep leaves a folder a run, with the executed notebook and a file ``run.json`` that was written
last and whole: a run has finished if, and only if, it is there. Nothing here starts a kernel, and
nothing but ``run.json`` is read, so a table of a thousand runs takes about a second; figures and
recordings stay in their notebooks until they are asked for.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slotscope.errors import DamagedRunWarning, NoRunsError
from slotscope.report import values
from slotscope.report.attached import StoredResult
from slotscope.sweep.store import FORMAT, NOTEBOOK, RUN, SWEEP

if TYPE_CHECKING:
    import pandas as pd

DONE, FAILED = "done", "failed"

_ERROR = ("kind", "cell", "name", "message")
_SIGNS_OF_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, OSError)


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed.

    Attributes:
        kind: ``cell``, ``kernel died``, ``time limit`` or ``worker died``.
        cell: number of the cell, if it is known.
        name: of the exception; empty where there was none.
        message: its text.
    """

    kind: str
    cell: int | None
    name: str
    message: str

    def __str__(self) -> str:
        what = ": ".join(part for part in (self.name, self.message) if part)
        return what if self.kind == "cell" else ": ".join(filter(None, (self.kind, what)))


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run.

    Attributes:
        id: name of its folder.
        number: its place in the sweep.
        status: ``done`` or ``failed``.
        parameters: what the notebook was run with.
        results: what it gave to :func:`slotscope.result`; those before the failure, if it failed.
        error: why it failed; None if it did not.
        started: when, in UTC.
        seconds: how long it took.
        attempts: how often it was started.
        versions: version of each package involved.
        notebook: path of the executed notebook.
    """

    id: str
    number: int
    status: str
    parameters: Mapping[str, Any]
    results: Mapping[str, Any]
    error: RunError | None
    started: datetime
    seconds: float
    attempts: int
    versions: Mapping[str, str]
    notebook: Path


def results(folder: str | PathLike[str]) -> pd.DataFrame:
    """The runs of a sweep as a tidy table: one row each, in the order of the sweep.

    Columns, in this order:

    - ``number`` (place in the sweep) and ``status`` (``done`` or ``failed``);
    - each parameter, by its name;
    - each result, by its name: numbers and strings as they are, arrays and tables as objects, a
      figure or a recording as a :class:`~slotscope.report.attached.StoredResult`;
    - ``error``, ``seconds``, ``attempts``, ``started`` (UTC), ``notebook`` (path);
    - ``version.PACKAGE`` for each package.

    A parameter whose name is one of these fixed ones is the column ``parameter.NAME``; a result
    whose name is taken by any of them is ``result.NAME``. What a run lacks is missing.

    Args:
        folder: that of a sweep, with a folder for each run in it.

    Returns:
        The table; its index, ``run``, is the name of each run's folder.

    Raises:
        FileNotFoundError: there is no such folder.
        NoRunsError: it holds no finished run.

    Warns:
        DamagedRunWarning: a ``run.json`` is not whole; the others are read.
    """
    from slotscope.report.runs_table import table

    return table(read_runs(folder))


def read_runs(folder: str | PathLike[str]) -> list[Run]:
    """The finished runs of a sweep, in its order; raises and warns as :func:`results`."""
    runs, damaged = scan(folder)
    if damaged:
        warnings.warn(left_out(runs, damaged), DamagedRunWarning, stacklevel=3)
    return runs


def scan(folder: str | PathLike[str]) -> tuple[list[Run], list[str]]:
    """The finished runs of a sweep, in its order, and what is wrong with each damaged one.

    Raises:
        FileNotFoundError: there is no such folder.
        NoRunsError: it holds no finished run.
    """
    place = Path(folder)
    if not place.is_dir():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(folder)!r}. Expected the one that a sweep wrote:"
            " slotscope sweep NOTEBOOK --out FOLDER."
        )
    runs, damaged = [], []
    for path in sorted(place.glob(f"*/{RUN}")):
        try:
            runs.append(_run(path))
        except FileNotFoundError:
            pass  # a sweep that runs meanwhile took it back
        except _SIGNS_OF_DAMAGE as error:
            damaged.append(f"{path} ({type(error).__name__}: {error})")
    if not runs:
        raise NoRunsError(
            f"The folder {os.fspath(folder)!r} holds no finished run. Expected a folder for each,"
            f" with a {RUN} in it. Is it the folder of a sweep, and has one run ended?"
            + (f"\n{left_out(runs, damaged)}" if damaged else "")
        )
    return sorted(runs, key=lambda run: (run.number, run.id)), damaged


def left_out(runs: Sequence[Run], damaged: Sequence[str]) -> str:
    """In words, which runs cannot be read, and what to do."""
    return (
        f"{len(damaged)} of {len(damaged) + len(runs)} runs cannot be read and are left out:"
        f" {'; '.join(damaged[:10])}{'; ...' if len(damaged) > 10 else ''}.\nExpected a"
        f" {RUN} as a sweep writes it. Delete their folders and run the sweep again."
    )


def notebook_of(folder: str | PathLike[str]) -> str:
    """The name of the notebook that was swept, for people; empty where nothing says it."""
    try:
        found = json.loads((Path(folder) / SWEEP).read_text(encoding="utf-8"))
        return str(found["notebook"])
    except _SIGNS_OF_DAMAGE:
        return ""


def _run(path: Path) -> Run:
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']}, this version reads {FORMAT}")
    if found["status"] not in (DONE, FAILED):
        raise ValueError(f"status {found['status']!r}, expected {DONE!r} or {FAILED!r}")
    notebook = path.with_name(NOTEBOOK)
    kept = found["results"]
    error = found["error"]
    return Run(
        id=path.parent.name,
        number=int(found["number"]),
        status=found["status"],
        parameters=dict(found["parameters"]),
        results={} if kept is None else values.restored(kept, _stored(notebook)),
        error=None if error is None else RunError(*(error[name] for name in _ERROR)),
        started=_utc(found["started"]),
        seconds=float(found["seconds"]),
        attempts=int(found["attempts"]),
        versions=dict(found["versions"]),
        notebook=notebook,
    )


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _stored(notebook: Path) -> values.Attached:
    return lambda tag, place: StoredResult(notebook, tag.lstrip("$"), place)
