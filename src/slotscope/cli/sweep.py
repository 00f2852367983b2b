"""``slotscope sweep``: a notebook with many combinations of parameters, begun or gone on with."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slotscope.cli.notebook_options import (
    PATH,
    SECONDS,
    Given,
    WithParameters,
    several,
    usage,
)

if TYPE_CHECKING:
    from rich.console import Console

    from slotscope.sweep.asked.combinations import Combinations
    from slotscope.sweep.asked.due_runs import SweepPlan
    from slotscope.sweep.declared.notebook_file import Notebook
    from slotscope.sweep.executed.execution import Task
    from slotscope.sweep.executed.executors import RunExecutor
    from slotscope.sweep.store import Store

#: Exit codes: all done, some failed or not written; what a shell has for Ctrl-C, and to what it
#: adds the number of any other signal.
DONE, FAILED, INTERRUPTED, SIGNALLED = 0, 1, 130, 128
#: Seconds beyond its time limit after which a run's process is given up.
GRACE = 60.0


@click.command(cls=WithParameters)
@click.argument("notebook", type=PATH)
@click.option("--grid", type=PATH, help="A TOML file of combinations.")
@click.option(
    "-p", "--parameter", "given", type=Given(), multiple=True, help="Values to vary: name=a,b,c"
)
@click.option("--out", type=PATH, required=True, help="The folder of the sweep.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    show_default="processors",
    help="Notebooks at once.",
)
@click.option("--scheduler", metavar="ADDRESS", help="A Dask cluster to run on: tcp://...")
@click.option("--kernel", default="", metavar="NAME", help="The kernel.  [default: its own]")
@click.option("--ordinary-kernels", is_flag=True, help="No warm kernels.")
@click.option("--time-limit", type=SECONDS, help="Seconds for a run.")
@click.option("--cell-time-limit", type=SECONDS, help="Seconds for a cell.")
@click.option("--dry-run", is_flag=True, help="Only show what would run, and why.")
@click.pass_context
def sweep(
    context: click.Context,
    /,
    notebook: Path,
    grid: Path | None,
    given: tuple[tuple[str, str], ...],
    out: Path,
    jobs: int,
    scheduler: str | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Run NOTEBOOK with every combination of parameters, each run in a folder of its own.

    The same command again runs what is missing, failed, or changed, and says why.

    The exit code is 0 if all runs are done, 1 if some failed, 2 if it was asked for wrongly, 130 if
    it was interrupted by Ctrl-C, 143 by SIGTERM.
    """
    try:
        with usage(context):
            from slotscope.report.runs.sweep_in_terminal import LastingConsole
            from slotscope.sweep.declared.notebook_file import read_notebook
            from slotscope.sweep.executed.kernel_check import check_kernel
            from slotscope.sweep.store import Store

            found = read_notebook(notebook)
            combinations = combined(found, grid, given)
            store, console = Store(out), LastingConsole(highlight=False)
            store.check(notebook)
            with executor_of(scheduler, jobs, options["time_limit"]) as executor:
                if dry_run:
                    planned(store, found, combinations, executor, options, console, each=True)
                    context.exit(DONE)
                if executor.local and not out.exists():  # a mistake makes no folder
                    check_kernel(found, options["kernel"])
                with store.locked():
                    plan = planned(store, found, combinations, executor, options, console)
                    begin(plan, store, notebook)
                    context.exit(swept(plan, store, task(found, options), executor, console))
    except KeyboardInterrupt:
        context.exit(INTERRUPTED)


def combined(
    notebook: Notebook, grid: Path | None, given: tuple[tuple[str, str], ...]
) -> Combinations:
    """The combinations that were asked for.

    Raises:
        BadParametersError: with every mistake in them.
        BadGridError: there are none.
        UnfitNotebookError: the notebook has no parameters.
    """
    from slotscope.sweep.asked.combinations import combine, read_grid
    from slotscope.sweep.declared.checked_values import signature_of

    signature = signature_of(notebook)
    tables = read_grid(grid) if grid else {}
    return combine(signature, tables, [(name, several(text)) for name, text in given])


def executor_of(
    scheduler: str | None, jobs: int, time_limit: float | None
) -> AbstractContextManager[RunExecutor]:
    """What executes the runs."""
    from slotscope.sweep.executed.executors import dask_executor, local_executor

    if scheduler:
        return dask_executor(scheduler)
    return local_executor(jobs, None if time_limit is None else time_limit + GRACE)


def planned(
    store: Store,
    notebook: Notebook,
    combinations: Combinations,
    executor: RunExecutor,
    options: Mapping[str, Any],
    console: Console,
    each: bool = False,
) -> SweepPlan:
    """What is to be run; told, with a line for each run where that is asked for.

    Raises:
        UnknownKernelError: there is something to run, and its kernel is not installed here.
    """
    from slotscope.report.runs.sweep_in_terminal import print_plan, print_waiting
    from slotscope.sweep.asked.due_runs import make_plan
    from slotscope.sweep.executed.kernel_check import check_kernel

    plan = make_plan(store, notebook, combinations.runs, executor.environment)
    if plan.waiting and executor.local:
        check_kernel(notebook, options["kernel"])
    print_plan(plan, combinations.repeated, console)
    if each:
        print_waiting(plan, store, console)
    return plan


def begin(plan: SweepPlan, store: Store, notebook: Path) -> None:
    """Write what is asked for, and give what is done its place in it."""
    store.begin(notebook, [run.id for run in plan.runs], plan.dependencies)
    for run in plan.runs:
        if run.moved:
            store.renumber(run.moved, run.number)


def swept(
    plan: SweepPlan, store: Store, task: Task, executor: RunExecutor, console: Console
) -> int:
    """Run what is to be run: the exit code."""
    if not plan.waiting:
        return DONE
    from slotscope.errors import SchedulerError, SweepFolderError
    from slotscope.report.runs.sweep_in_terminal import print_summary, watched
    from slotscope.sweep.executed.driver import SweepDriver

    with watched(len(plan.waiting), console) as watcher:
        driver = SweepDriver(store, plan, task, executor, watcher)
        try:
            driver.run()
        except (SchedulerError, SweepFolderError) as error:
            problem = f"Error: {error}"
        else:
            problem = "Interrupted. The same command goes on where this one stopped."
    print_summary(plan, driver.finished, store, console)
    if len(driver.finished) < len(plan.waiting):
        click.echo(problem, err=True)
        return SIGNALLED + driver.interrupted if driver.interrupted else FAILED
    return FAILED if any(run.error for run in driver.finished) else DONE


def task(notebook: Notebook, options: Mapping[str, Any]) -> Task:
    """What all runs have in common."""
    from slotscope.sweep.executed.execution import Task

    return Task(
        notebook.bare,
        {},
        str(notebook.path.parent.resolve()),
        language=notebook.language,
        kernel=options["kernel"],
        provisioner=provisioner(notebook, options["kernel"], options["ordinary_kernels"]),
        time_limit=options["time_limit"],
        cell_time_limit=options["cell_time_limit"],
    )


def provisioner(notebook: Notebook, kernel: str, ordinary: bool) -> str:
    """What starts kernels: warm ones where they pay and nobody chose something else."""
    if ordinary:
        return "local-provisioner"
    chosen = kernel or os.environ.get("JUPYTER_DEFAULT_PROVISIONER_NAME")
    if chosen or sys.platform != "linux" or notebook.kernel != "python3":
        return ""
    return "slotscope-warm" if notebook.uses_frameworks else ""
