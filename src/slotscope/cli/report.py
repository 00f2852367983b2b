"""``slotscope report``: a page and a table of the runs of a sweep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

_TABLE = "results.parquet"


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write.  [default: report.html in FOLDER]",
)
def report(folder: Path, out: Path | None) -> None:
    """One page of all runs of a sweep: failures, figures, a table; and the table as Parquet.

    FOLDER is the one that `slotscope sweep --out FOLDER` wrote. The page needs no network; its
    links lead to the executed notebooks in FOLDER. The table is results.parquet beside the page.

    The exit code is 0 if both are written, whatever became of the runs, 1 if there is no run to
    report or a file cannot be written, 2 if it was asked for wrongly.
    """
    from slotscope.errors import SlotscopeError

    if out and not out.parent.is_dir():
        raise click.UsageError(
            f"There is no folder {out.parent}. Make it, or choose another by --out."
        )
    try:
        page = out or folder / "report.html"
        write(folder, page, page.with_name(_TABLE))
    except (SlotscopeError, OSError) as error:
        raise click.ClickException(str(error)) from error


def write(folder: Path, page: Path, parquet: Path) -> None:
    """Write both files, and say so.

    Raises:
        NoRunsError, OSError: there are no runs, or the folder cannot be read.
        ReportUnavailableError: what the page needs is not installed.
        ReportNotWrittenError: a file cannot be written.
    """
    from slotscope.report.results.as_text import printable
    from slotscope.report.runs.data_frame import table
    from slotscope.report.runs.folder import scan
    from slotscope.report.runs.page import write_page
    from slotscope.report.runs.parquet import write_parquet

    found = scan(folder)
    for note in found.notes:
        click.echo(printable(note), err=True)
    if found.warning:
        click.echo(f"Warning: {printable(found.warning)}", err=True)
    with _written(parquet):
        lacking = write_parquet(table(found.runs), parquet)
    click.echo(f"written: {parquet}")
    if lacking.columns:
        names = printable(", ".join(lacking.columns))
        click.echo(f"left out of it, as Parquet cannot hold them: {names}")
    if lacking.values:
        odd = printable(", ".join(f"{name} ({count})" for name, count in lacking.values.items()))
        click.echo(f"null in it, as most values of the column are of another kind: {odd}")
    with _written(page):
        write_page(found, page)
    click.echo(f"written: {page}")


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    """
    Raises:
        ReportNotWrittenError: what is done within this can't write ``path``.
    """
    from slotscope.errors import ReportNotWrittenError

    try:
        yield
    except OSError as error:
        raise ReportNotWrittenError(
            f"{path} can't be written: {error.strerror or error}. Make room for it, or choose"
            " another place by --out."
        ) from error
