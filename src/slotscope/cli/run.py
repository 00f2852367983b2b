"""``slotscope run``: one notebook, once, with parameters that are checked before."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slotscope.cli.notebook_options import PATH, SECONDS, Given, WithParameters, usage

if TYPE_CHECKING:
    from slotscope.sweep.declared.checked_values import TypedText
    from slotscope.sweep.declared.notebook_file import Notebook
    from slotscope.sweep.executed.execution import RunOutcome

#: Exit codes: it ran, it failed, and what a shell has for Ctrl-C. click's own for bad usage is 2.
RAN, FAILED, INTERRUPTED = 0, 1, 130


@click.command(cls=WithParameters)
@click.argument("notebook", type=PATH)
@click.option("-p", "--parameter", "given", type=Given(), multiple=True, help="A parameter.")
@click.option("-o", "--output", type=PATH, required=True, help="The executed notebook.")
@click.option("--kernel", default="", metavar="NAME", help="The kernel.  [default: its own]")
@click.option("--time-limit", type=SECONDS, help="Seconds in all.")
@click.option("--cell-time-limit", type=SECONDS, help="Seconds for a cell.")
@click.pass_context
def run(
    context: click.Context,
    notebook: Path,
    given: tuple[tuple[str, TypedText], ...],
    output: Path,
    kernel: str,
    time_limit: float | None,
    cell_time_limit: float | None,
) -> None:
    """Run NOTEBOOK with parameters, which are checked before a kernel starts.

    Parameters are given as `-p name value` or `-p name=value`; `slotscope parameters NOTEBOOK`
    lists them. The notebook's folder is where its kernel works.

    The exit code is 0 if it ran, 1 if it failed (what there is of it is kept), 2 if it was asked
    for wrongly, 130 if it was interrupted.
    """
    limits = {"time_limit": time_limit, "cell_time_limit": cell_time_limit}
    try:
        with usage(context):
            outcome = executed(notebook, given, output, kernel, limits)
        write(outcome, output)
    except KeyboardInterrupt:
        click.echo("Interrupted. Nothing is written.", err=True)
        context.exit(INTERRUPTED)
    if outcome.error is None:
        click.echo(f"written: {output}")
        context.exit(RAN)
    from slotscope.report.runs.sweep_in_terminal import problem

    click.echo(f"{problem(outcome.error)}\nwritten as far as it came: {output}", err=True)
    context.exit(INTERRUPTED if outcome.error.kind == "interrupted" else FAILED)


def executed(
    path: Path,
    given: tuple[tuple[str, TypedText], ...],
    output: Path,
    kernel: str,
    limits: dict[str, Any],
) -> RunOutcome:
    """What came of a notebook, once all that was asked for was found right.

    Raises:
        SlotscopeError: it was not.
        click.UsageError: the executed notebook could not be written.
    """
    from slotscope.sweep.declared.notebook_file import read_notebook
    from slotscope.sweep.executed.execution import Task, execute
    from slotscope.sweep.executed.kernel_check import check_kernel

    found = read_notebook(path)
    values = checked(found, given)
    check_output(path, output)
    check_kernel(found, kernel)
    folder = str(path.parent.resolve())
    task = Task(found.text, values, folder, language=found.language, kernel=kernel, **limits)
    return execute(task, progress=sys.stderr.isatty())


def checked(notebook: Notebook, given: tuple[tuple[str, TypedText], ...]) -> dict[str, object]:
    """The values of one run.

    Raises:
        BadParametersError: they are not what the notebook declares.
        UnfitNotebookError: it has no parameters, and some are given.
    """
    from slotscope.errors import BadParametersError
    from slotscope.sweep.declared.checked_values import signature_of

    if not given and notebook.place is None:
        return {}
    signature = signature_of(notebook)
    names = [name for name, _ in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        mistakes = [f"{name} is given twice" for name in twice]
        raise BadParametersError(mistakes, signature.parameters)
    return signature.check(dict(given))


def check_output(notebook: Path, output: Path) -> None:
    """
    Raises:
        click.UsageError: the executed notebook can't be written there.
    """
    folder = output.parent
    if output.exists() and notebook.exists() and output.samefile(notebook):
        raise click.UsageError(f"{output} is the notebook itself. Choose another output by -o.")
    if output.is_dir():
        raise click.UsageError(f"{output} is a folder. Give the path of a file by -o.")
    if not folder.is_dir():
        raise click.UsageError(f"There is no folder {folder}. Make it, or choose another by -o.")
    if not os.access(folder, os.W_OK):
        raise click.UsageError(f"{output} can't be written. Choose a file in a writable folder.")


def write(outcome: RunOutcome, output: Path) -> None:
    """Write the executed notebook, whole.

    Raises:
        click.ClickException: it can't be written there; the message says where it is instead.
    """
    from slotscope.files import whole

    try:
        with whole(output) as temporary:
            temporary.write_text(outcome.notebook, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(
            f"{output} can't be written: {error.strerror or error}. {_rescued(outcome, output)}"
        ) from error


def _rescued(outcome: RunOutcome, output: Path) -> str:
    """Hours may be in a notebook: keep it where files that nobody needs for long are kept."""
    name, suffix = f"{output.stem}-", output.suffix
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix=name, suffix=suffix, delete=False
        ) as file:
            file.write(outcome.notebook)
    except OSError as error:
        return f"Nor can a temporary file: {error.strerror}. The executed notebook is lost."
    return f"The executed notebook is in {file.name}: move it to where it shall stay."
