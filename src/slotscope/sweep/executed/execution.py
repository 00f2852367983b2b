"""One run: papermill executes a notebook, and whatever happens there is an outcome of it.

A sweep calls :func:`execute` in a worker: another process than the command's, on a cluster maybe on
another host. (``slotscope run`` calls it in its own.) :class:`Task` and :class:`RunOutcome` are
pickled on the way there and back. Of the functions here the driver, which runs beside the command,
calls only :func:`now` and :func:`error_of`.

A cell that raises, a kernel that dies, a limit that is passed: each leaves the notebook as far as
it came, the error in the cell where it happened. The kernel ends with the run.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import re
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from slotscope.processes.worker import ending
from slotscope.sweep.executed import runs_in_progress
from slotscope.sweep.executed.runs_in_progress import IN_PROGRESS, RunInProgress
from slotscope.sweep.executed.stored_results import kept_results
from slotscope.sweep.run_records import RunError

#: Seconds in which a kernel must be ready, and outputs be there: so many that they say it hangs, as
#: one that ends is noticed at once, and a machine with many kernels takes its time.
START = 1800
#: papermill's tag of the cell that has the values given.
INJECTED = "injected-parameters"
#: Characters of an error's message that are kept.
LONGEST_MESSAGE = 2000
#: Seconds between two attempts to end a kernel that may still be starting.
AGAIN = 0.5
#: In a trace of IPython, the line of source that an arrow points at.
_POINTED = re.compile(r"^-+> *\d+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Task:
    """What a run needs, wherever it runs.

    Attributes:
        notebook: its text.
        parameters: values by name.
        folder: where its kernel works; a temporary folder where that isn't one.
        language: what the notebook's code is written in.
        kernel: the name of its kernel; empty for the notebook's own.
        provisioner: what starts its kernel; empty leaves that to Jupyter.
        time_limit: seconds for the run; None for no limit.
        cell_time_limit: seconds for one cell; None for no limit.
    """

    notebook: str
    parameters: dict[str, Any]
    folder: str = ""
    language: str = "python"
    kernel: str = ""
    provisioner: str = ""
    time_limit: float | None = None
    cell_time_limit: float | None = None


@dataclass(frozen=True)
class RunOutcome:
    """What a run left.

    Attributes:
        notebook: the executed notebook's text.
        results: what ``slotscope.result`` kept in it.
        error: what went wrong; None if all is well.
        started: when, in UTC.
        seconds: for how long.
        imported: modules of slotscope that it imported; None if its kernel didn't tell.
    """

    notebook: str
    results: dict[str, Any] | None
    error: RunError | None
    started: datetime.datetime
    seconds: float
    imported: list[str] | None = None


def execute(task: Task, progress: bool = False) -> RunOutcome:
    """Run a notebook.

    Args:
        task: what to run.
        progress: whether papermill shows its progress.

    Returns:
        What came of it; this function raises nothing that the notebook or its kernel did.
    """
    import nbformat

    started, begin = now(), time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="slotscope-", dir=runs_in_progress.temporary, ignore_cleanup_errors=True
    ) as own:
        # The notebook's folder may be on another machine than this.
        folder = task.folder if task.folder and Path(task.folder).is_dir() else own
        run = RunInProgress(task.provisioner, own)
        with _limited(run, task):
            error = _papermill(task, run, folder, progress)
    seconds, notebook = time.monotonic() - begin, run.notebook
    return RunOutcome(
        notebook=task.notebook if notebook is None else nbformat.writes(notebook),
        results=None if notebook is None else kept_results(notebook),
        error=error,
        started=started,
        seconds=seconds,
        imported=run.imported,
    )


def _papermill(task: Task, run: RunInProgress, folder: str, progress: bool) -> RunError | None:
    """Have papermill execute the task: the error, where there is one."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError

    from slotscope.sweep.executed import papermill_engine

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    name = papermill_engine.register()
    try:
        papermill.execute_notebook(
            nbformat.reads(task.notebook, as_version=4),
            None,
            parameters=task.parameters,
            engine_name=name,
            kernel_name=task.kernel or None,
            language=task.language,
            progress_bar=progress,
            autosave_cell_every=0,
            start_timeout=START,
            execution_timeout=task.cell_time_limit,
            resources={"metadata": {"path": folder}},
            run=run,
        )
    except papermill.PapermillExecutionError as error:
        # papermill put a heading and an anchor before the cell.
        place = _place(task, run, error.cell_index + 2)
        message = error.evalue or failing_line(error.traceback)
        return error_of("cell", place, error.ename, message)
    except CellTimeoutError:
        message = f"a cell took longer than its limit of {task.cell_time_limit:g} s"
        return _failed(task, run, "time limit", "CellTimeout", message)
    except KeyboardInterrupt:
        return _failed(task, run, "interrupted", "KeyboardInterrupt", "it was interrupted")
    except Exception as error:
        if run.stopped:
            return _failed(task, run, "time limit", "RunTimeout", run.stopped)
        name = type(error).__name__
        message = str(error) or traceback.format_exc(limit=-1)
        if run.status is not None:
            message = f"{message}: {ending(run.status)}"
        asked = "no kernel" if run.client is not None else "papermill"
        kind = "kernel died" if run.ready else asked
        return _failed(task, run, kind, name, message)
    return None


def failing_line(trace: Sequence[str]) -> str:
    """The innermost line of source that IPython points at; empty if it does at none."""
    return (_POINTED.findall(click.unstyle("\n".join(trace))) or [""])[-1].strip()


def now() -> datetime.datetime:
    """The present time in UTC, in whole seconds."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def error_of(kind: str, cell: int | None, name: str, message: str) -> RunError:
    """An error as an outcome has it, with so much of its message as is kept."""
    return RunError(kind, cell, name, message[:LONGEST_MESSAGE])


def _place(task: Task, run: RunInProgress, index: int) -> int:
    """Which code cell of the source notebook, from 1, a cell of the executed one is."""
    given = [cell for cell in json.loads(task.notebook)["cells"] if cell["cell_type"] == "code"]
    cells = run.notebook.cells
    inserted = not any(INJECTED in cell["metadata"].get("tags", []) for cell in given)
    counted = [
        cell
        for cell in cells[: index + 1]
        if cell.cell_type == "code" and not (inserted and INJECTED in cell.metadata.get("tags", []))
    ]
    return max(1, len(counted))


def _failed(task: Task, run: RunInProgress, kind: str, name: str, message: str) -> RunError:
    """An error that no cell raised, put into the cell that was running."""
    from nbformat.v4 import new_output

    cells = [] if run.notebook is None else run.notebook.cells
    begun = [n for n, cell in enumerate(cells) if cell.metadata.papermill["start_time"]]
    place = begun[-1] if begun else None
    if place is not None and cells[place].cell_type == "code":
        shown = f"{kind}: {message}"
        cells[place].outputs.append(
            new_output("error", ename=name, evalue=message, traceback=[shown])
        )
    return error_of(kind, None if place is None else _place(task, run, place), name, message)


@contextlib.contextmanager
def _limited(run: RunInProgress, task: Task) -> Iterator[None]:
    """While this is entered, the run can be stopped, and is at its time limit."""
    IN_PROGRESS[threading.get_ident()] = run
    if task.time_limit is not None:
        threading.Thread(target=_limit, args=(run, task.time_limit), daemon=True).start()
    try:
        yield
    finally:
        run.over.set()
        del IN_PROGRESS[threading.get_ident()]


def _limit(run: RunInProgress, seconds: float) -> None:
    if run.over.wait(seconds):
        return
    while not run.over.wait(AGAIN):
        run.stop(f"the run took longer than its limit of {seconds:g} s")
