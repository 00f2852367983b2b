"""One run: papermill executes a notebook, and whatever happens there is an outcome of it.

A cell that raises, a kernel that dies, a limit that is passed: each leaves the notebook as far as
it came, the error in the cell where it happened. The kernel ends with the run, by a signal to its
process group, so that what it started ends too.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import re
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import psutil

from slotscope.processes.worker import ending
from slotscope.sweep.executed.stored_results import kept_results

#: Seconds in which a kernel must be ready, and outputs be there: so many that they say it hangs, as
#: one that ends is noticed at once, and a machine with many kernels takes its time.
START = 1800
#: Seconds between two attempts to end a kernel that may still be starting.
AGAIN = 0.5
#: papermill's tag of the cell that has the values given.
INJECTED = "injected-parameters"
#: Characters of an error's message that are kept.
LONGEST_MESSAGE = 2000
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
class Outcome:
    """What a run left.

    Attributes:
        notebook: the executed notebook's text.
        results: what ``slotscope.result`` kept in it.
        error: kind, cell, name and message; None where all is well.
        started: when, in ISO 8601, UTC.
        seconds: for how long.
    """

    notebook: str
    results: dict[str, Any] | None
    error: dict[str, Any] | None
    started: str
    seconds: float


@dataclass
class Execution:
    """A run while it runs.

    Attributes:
        provisioner: what starts its kernel; empty leaves that to Jupyter.
        sockets: a folder for those between this process and the kernel, and for their file.
        notebook: as far as it came; None before the kernel was asked for.
        client: what talks to the kernel.
        ready: whether its kernel came up.
        stopped: why its kernel was ended, where it was.
        status: with which exit status its kernel ended by itself; None where it did not.
    """

    provisioner: str = ""
    sockets: str = ""
    notebook: Any = None
    client: Any = None
    ready: bool = False
    stopped: str = ""
    status: int | None = None
    over: threading.Event = field(default_factory=threading.Event)
    _killed: Any = None
    _ended: Any = None

    def stop(self, why: str) -> None:
        """End the kernel; the run then fails."""
        self.stopped = self.stopped or why
        self.kill()

    def kill(self) -> None:
        """End the kernel and what it started, also where the kernel has ended by itself."""
        manager = getattr(self.client, "km", None)
        provisioner = getattr(manager, "provisioner", None)
        process = getattr(provisioner, "process", None)
        if process is None or process is self._ended:
            return
        status = process.poll()
        group = getattr(provisioner, "pgid", None)
        # Some may have left the group. The number of one that has ended may be another's.
        below = _descendants(process.pid) if status is None else []
        with contextlib.suppress(OSError):
            if group and hasattr(os, "killpg") and group != os.getpgrp():
                os.killpg(group, signal.SIGKILL)
        for started in below:
            with contextlib.suppress(psutil.Error):
                started.kill()
        if status is None:
            self._killed = process
            process.kill()
            return
        self._ended = process  # its group may soon be another's: it is never asked for again
        if process is not self._killed:
            self.status = status


#: What runs in this process, by the thread that runs it.
RUNNING: dict[int, Execution] = {}
#: Where temporary files of its runs go; None for where they always go.
temporary: str | None = None


def _descendants(process: int) -> list[psutil.Process]:
    """What a process has started that still hangs on it."""
    try:
        return list(psutil.Process(process).children(recursive=True))
    except psutil.Error:
        return []


def begin(folder: str) -> Callable[[], None]:
    """Have this process's runs keep temporary files in ``folder``: what ends their kernels."""
    global temporary
    temporary = folder  # not tempfile.tempdir, beside which servers have their sockets
    import papermill  # noqa: F401 - its time is no run's

    return stop_all


def stop_all() -> None:
    """End the kernels of this process's runs."""
    for execution in list(RUNNING.values()):
        execution.stop("it was interrupted")


def execute(task: Task, progress: bool = False) -> Outcome:
    """Run a notebook.

    Args:
        task: what to run.
        progress: whether papermill shows its progress.

    Returns:
        What came of it; this function raises nothing that the notebook or its kernel did.
    """
    started = now()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="slotscope-", dir=temporary, ignore_cleanup_errors=True
    ) as own:
        # The notebook's folder may be on another machine than this.
        folder = task.folder if task.folder and Path(task.folder).is_dir() else own
        execution = Execution(task.provisioner, own)
        with _limited(execution, task):
            error = _papermill(task, execution, folder, progress)
    return _outcome(task, execution, error, started, time.monotonic() - begin)


def _papermill(
    task: Task, execution: Execution, folder: str, progress: bool
) -> dict[str, Any] | None:
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
            execution=execution,
        )
    except papermill.PapermillExecutionError as error:
        # papermill put a heading and an anchor before the cell.
        place = _place(task, execution, error.cell_index + 2)
        message = error.evalue or failing_line(error.traceback)
        return error_of("cell", place, error.ename, message)
    except CellTimeoutError:
        message = f"a cell took longer than its limit of {task.cell_time_limit:g} s"
        return _failed(task, execution, "time limit", "CellTimeout", message)
    except KeyboardInterrupt:
        return _failed(task, execution, "interrupted", "KeyboardInterrupt", "it was interrupted")
    except Exception as error:
        if execution.stopped:
            return _failed(task, execution, "time limit", "RunTimeout", execution.stopped)
        name = type(error).__name__
        message = str(error) or traceback.format_exc(limit=-1)
        if execution.status is not None:
            message = f"{message}: {ending(execution.status)}"
        asked = "no kernel" if execution.client is not None else "papermill"
        kind = "kernel died" if execution.ready else asked
        return _failed(task, execution, kind, name, message)
    return None


def failing_line(trace: Sequence[str]) -> str:
    """The innermost line of source that IPython points at; empty where it does at none."""
    return (_POINTED.findall(click.unstyle("\n".join(trace))) or [""])[-1].strip()


def now() -> str:
    """In ISO 8601, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def error_of(kind: str, cell: int | None, name: str, message: str) -> dict[str, Any]:
    """An error as an outcome has it."""
    return {"kind": kind, "cell": cell, "name": name, "message": message[:LONGEST_MESSAGE]}


def _place(task: Task, execution: Execution, index: int) -> int:
    """Which code cell of the source notebook, from 1, a cell of the executed one is."""
    given = [cell for cell in json.loads(task.notebook)["cells"] if cell["cell_type"] == "code"]
    cells = execution.notebook.cells
    inserted = not any(INJECTED in cell["metadata"].get("tags", []) for cell in given)
    counted = [
        cell
        for cell in cells[: index + 1]
        if cell.cell_type == "code" and not (inserted and INJECTED in cell.metadata.get("tags", []))
    ]
    return max(1, len(counted))


def _failed(task: Task, execution: Execution, kind: str, name: str, message: str) -> dict[str, Any]:
    """An error that no cell raised, put into the cell that was running."""
    from nbformat.v4 import new_output

    cells = [] if execution.notebook is None else execution.notebook.cells
    begun = [n for n, cell in enumerate(cells) if cell.metadata.papermill["start_time"]]
    place = begun[-1] if begun else None
    if place is not None and cells[place].cell_type == "code":
        shown = f"{kind}: {message}"
        cells[place].outputs.append(
            new_output("error", ename=name, evalue=message, traceback=[shown])
        )
    return error_of(kind, None if place is None else _place(task, execution, place), name, message)


def _outcome(
    task: Task,
    execution: Execution,
    error: dict[str, Any] | None,
    started: str,
    seconds: float,
) -> Outcome:
    import nbformat

    notebook = execution.notebook
    if notebook is None:
        return Outcome(task.notebook, None, error, started, seconds)
    text = nbformat.writes(notebook)
    return Outcome(text, kept_results(notebook), error, started, seconds)


@contextlib.contextmanager
def _limited(execution: Execution, task: Task) -> Iterator[None]:
    """While this is entered, the run can be stopped, and is at its time limit."""
    RUNNING[threading.get_ident()] = execution
    if task.time_limit is not None:
        threading.Thread(target=_limit, args=(execution, task.time_limit), daemon=True).start()
    try:
        yield
    finally:
        execution.over.set()
        del RUNNING[threading.get_ident()]


def _limit(execution: Execution, seconds: float) -> None:
    if execution.over.wait(seconds):
        return
    while not execution.over.wait(AGAIN):
        execution.stop(f"the run took longer than its limit of {seconds:g} s")
