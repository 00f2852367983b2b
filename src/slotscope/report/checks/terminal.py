"""The report of the checks in a terminal: what will run, how far it is, and what came of it."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from slotscope.checks.plan import Plan
from slotscope.checks.verdict import Outcome, Outcomes, Verdict
from slotscope.report.checks.printed import ENDS, STYLES, print_report


class Display:
    """Is told how a run of checks goes. This one shows nothing."""

    def planned(self, plan: Plan) -> None:
        """The checks are about to run."""

    def done(self, outcome: Outcome) -> None:
        """One more has run; what is known of it is in its verdict."""

    def finished(self, report: Outcomes) -> None:
        """All have run, or the run was interrupted."""


def display(verbose: bool | None = None, console: Console | None = None) -> Display:
    """What shows a run: :class:`Terminal`, or nothing.

    Args:
        verbose: whether to show it; by default not in a notebook or a worker process.
        console: where, by default the terminal.
    """
    if verbose is None:
        verbose = not _in_notebook() and multiprocessing.parent_process() is None
    return Terminal(console or Console(highlight=False)) if verbose else Display()


def _in_notebook() -> bool:
    # Whatever runs a notebook has imported IPython, which the core of this package does without.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


class Terminal(Display):
    """Prints the plan, a bar that moves where the console is a terminal, and the report."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress: Progress | None = None

    def planned(self, plan: Plan) -> None:
        self._plan, self._done, self._violated = plan, 0, 0
        self._start = time.monotonic()
        print_plan(plan, self.console)
        if self.console.is_terminal:
            self._progress = Progress(
                BarColumn(24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}"),
                console=self.console,
                transient=True,
            )
            self._task = self._progress.add_task("", total=len(plan.items))
            self._progress.start()
            self._advance(0)

    def done(self, outcome: Outcome) -> None:
        self._done += 1
        self._violated += outcome.verdict is Verdict.VIOLATED
        self._advance(1)

    def finished(self, report: Outcomes) -> None:
        if self._progress is not None:
            self._progress.stop()
        print_report(report, self.console)
        self.console.print(Text(f"It took {_duration(time.monotonic() - self._start)}.", "dim"))

    def _advance(self, steps: int) -> None:
        if self._progress is None:
            return
        items = self._plan.items
        now = items[self._done].id if self._done < len(items) else ""
        said = f"[red]{self._violated} violated[/]  " if self._violated else ""
        self._progress.update(self._task, advance=steps, description=f"{said}{escape(now)}")


def print_plan(plan: Plan, console: Console) -> None:
    """What is about to run, and about how long it takes."""
    versions = ", ".join(f"{name} {version}" for name, version in plan.versions.items())
    number = len(plan.items)
    console.print(
        f"Checking [bold]{escape(plan.expression)}[/] on {plan.engine} ({escape(versions)}):"
        f" {number} check{'s' if number != 1 else ''}, about {_duration(plan.seconds)}.",
        soft_wrap=True,
    )


def print_summary(reports: Sequence[Outcomes], console: Console) -> None:
    """Several reports in one table."""
    console.print()
    console.print(summary_table(reports))
    bad, open_ = (
        ", ".join(report.optimizer for report in reports if (report.exit_code in codes))
        for codes in ({1}, {3})
    )
    said = f"not all is well with {bad}." if bad else "nothing is violated."
    said += f" Undecided is something of {open_}." if open_ else ""
    style = ENDS[0] if not bad + open_ else STYLES[Verdict.VIOLATED if bad else Verdict.UNDECIDED]
    console.print(Text(f"\n{len(reports)} optimizers on {reports[0].engine}: {said}", style))


def summary_table(reports: Sequence[Outcomes]) -> Table:
    """One row for each optimizer: how many outcomes have each verdict."""
    verdicts = [v for v in Verdict if any(report.counts()[v] for report in reports)]
    table = Table("optimizer", box=None, pad_edge=False)
    for verdict in verdicts:
        table.add_column(str(verdict), justify="right", style=STYLES[verdict])
    table.add_column("")
    for report in reports:
        counts = report.counts()
        said = "out of date" if report.stale else "interrupted" if report.missing else ""
        table.add_row(report.optimizer, *(str(counts[v] or "") for v in verdicts), said)
    return table


def _duration(seconds: float) -> str:
    """``seconds`` in few digits."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min"
