"""What a person sees of parameters, of a plan, and of a sweep that runs."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from slotscope.errors import DeclaredParameter
from slotscope.sweep.asked.due_runs import SweepPlan
from slotscope.sweep.run_records import FAILED, RunError, RunRecord
from slotscope.sweep.store import Store

#: Failed runs of which the summary has a line.
FAILURES = 10
#: Runs by which the time that is left is told: the first ones may have waited for a server.
RECENT = 50
#: Characters of a message on a line.
MESSAGE = 200


def print_parameters(parameters: Sequence[DeclaredParameter], console: Console) -> None:
    """A table of what a notebook can be given."""
    table = Table(box=None, pad_edge=False)
    for heading in ("parameter", "type", "default", "help"):
        table.add_column(heading)
    for known in parameters:
        row = (known.name, known.type_text, known.default_text, known.help)
        table.add_row(*map(Text, row))
    console.print(table)


def print_plan(plan: SweepPlan, repeated: int, console: Console) -> None:
    """How many runs there are, and why some are to be run."""
    waiting = len(plan.waiting)
    again = f" ({repeated} more are repeated)" if repeated else ""
    total = f"{counted(len(plan.runs), 'run')}{again}: {len(plan.runs) - waiting} done"
    console.print(Text(f"{total}, {waiting} to run" if waiting else f"{total}, nothing to run"))
    for reason, count in plan.reasons:
        console.print(Text(f"  {count:>6}  {reason}"))


def print_waiting(plan: SweepPlan, store: Store, console: Console) -> None:
    """A line for each run that is to be run."""
    for run in plan.waiting:
        line = f"{store.run_folder(run.id)}  {brief(run.parameters)}  ({run.reason})"
        console.print(Text(line), soft_wrap=True)


def print_summary(
    plan: SweepPlan, finished: Sequence[RunRecord], store: Store, console: Console
) -> None:
    """Counts, and the failed runs with their message and folder."""
    failed = [(run, run.error) for run in finished if run.error]
    before = len(plan.runs) - len(plan.waiting)
    done = len(finished) - len(failed)
    left = len(plan.waiting) - len(finished)
    parts = [f"{done + before} done", f"{len(failed)} failed"]
    parts += [f"{left} not run"] if left else []
    parts += [f"{before} of them were done before"] if before else []
    console.print(Text(f"{counted(len(plan.runs), 'run')}: {', '.join(parts)}"))
    for run, error in failed[:FAILURES]:
        line = f"  {store.run_folder(run.id)}  {problem(error, run.attempts)}"
        console.print(Text(line), soft_wrap=True)
    if len(failed) > FAILURES:
        console.print(Text(f"  and {len(failed) - FAILURES} more"))


def problem(error: RunError, attempts: int = 1) -> str:
    """What went wrong in a run, on one line."""
    kind = [] if error.kind == "cell" else [error.kind]
    place = [] if error.cell is None else [f"code cell {error.cell}"]
    tried = ["tried twice"] if attempts > 1 else []
    parts = (", ".join(kind + place + tried), error.name, error.message)
    line = " ".join(": ".join(filter(None, parts)).split())
    return line if len(line) <= MESSAGE else f"{line[: MESSAGE - 3]}..."


def brief(parameters: Mapping[str, Any]) -> str:
    """Parameters on one line."""
    return " ".join(f"{name}={json.dumps(value)}" for name, value in parameters.items())


def counted(count: int, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


class LastingConsole(Console):
    """A console whose reader may go: then nothing is printed, and the sweep goes on."""

    def on_broken_pipe(self) -> None:
        """rich's, which ends the process."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


class Lines:
    """Tells of each run on a line of its own."""

    def __init__(self, total: int, console: Console) -> None:
        """
        Args:
            total: how many runs there are.
            console: where lines go.
        """
        self._total, self._console = total, console
        self._in_flight, self._at_once = 0, 1
        self._counts = {"done": 0, "failed": 0}
        self._seconds: deque[float] = deque(maxlen=RECENT)

    def running(self, count: int) -> None:
        """So many run now."""
        self._in_flight, self._at_once = count, max(count, 1)

    def finished(self, run: RunRecord) -> None:
        """A run has finished."""
        self._count(run)
        self._console.print(Text(self._line(run)), soft_wrap=True)

    @property
    def so_far(self) -> int:
        """How many have finished."""
        return sum(self._counts.values())

    @property
    def left(self) -> str:
        """The time that is left, if each run takes what most took, and what runs is half done."""
        if not self._seconds:
            return ""
        runs = self._total - self.so_far - self._in_flight / 2
        return f"{duration(median(self._seconds) * runs / self._at_once)} left"

    def _count(self, run: RunRecord) -> None:
        self._counts[run.status] += 1
        self._seconds.append(run.seconds)
        self._in_flight = max(self._in_flight - 1, 0)

    def _line(self, run: RunRecord) -> str:
        place = f"[{self.so_far}/{self._total}]"
        line = f"{place} {run.status} in {run.seconds:.1f} s  {brief(run.parameters)}"
        if run.error:
            line += f"  {problem(run.error, run.attempts)}"
        return f"{line}  ({self.left})" if self._total > self.so_far else line


class Bar(Lines):
    """Tells of all runs in one bar, and of failed ones on lines above it."""

    def __init__(self, total: int, console: Console, progress: Progress) -> None:
        """
        Args:
            total: how many runs there are.
            console: where lines go.
            progress: what draws the bar.
        """
        super().__init__(total, console)
        self._progress = progress
        self._bar = progress.add_task("", total=total, state="")

    def running(self, count: int) -> None:
        """So many run now."""
        super().running(count)
        self._draw()

    def finished(self, run: RunRecord) -> None:
        """A run has finished."""
        self._count(run)
        if run.status == FAILED:
            self._console.print(Text(self._line(run)), soft_wrap=True)
        self._draw()

    def _draw(self) -> None:
        state = f"{self._counts['done']} done, {self._counts['failed']} failed, "
        state += f"{self._in_flight} running  {self.left}"
        self._progress.update(self._bar, completed=self.so_far, state=state)


@contextmanager
def watched(total: int, console: Console) -> Iterator[Lines]:
    """What tells of a sweep: a bar in a terminal, else lines."""
    if not console.is_terminal:
        yield Lines(total, console)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=console) as progress:
        yield Bar(total, progress.console, progress)


def duration(seconds: float) -> str:
    """Some time, as a person says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
