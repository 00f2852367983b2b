"""``slotscope report``: a page and a table of the runs of a sweep."""

from __future__ import annotations

from pathlib import Path

import click


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
    links lead to the executed notebooks in FOLDER. The table is FOLDER/results.parquet.
    """
    from slotscope.errors import SlotscopeError

    try:
        write(folder, out or folder / "report.html", folder / "results.parquet")
    except (SlotscopeError, OSError) as error:
        raise click.ClickException(str(error)) from error


def write(folder: Path, page: Path, parquet: Path) -> None:
    """Write both files, and say so.

    Raises:
        SlotscopeError, OSError: there are no runs, or a file cannot be written.
    """
    from slotscope.report.runs import scan
    from slotscope.report.runs_html import write_page
    from slotscope.report.runs_table import table, write_parquet
    from slotscope.report.shown import printable

    found = scan(folder)
    for note in found.notes:
        click.echo(printable(note), err=True)
    if found.warning:
        click.echo(f"Warning: {printable(found.warning)}", err=True)
    lacking = write_parquet(table(found.runs), parquet)
    click.echo(f"written: {parquet}")
    if lacking:
        names = printable(", ".join(lacking))
        click.echo(f"left out of it, as Parquet cannot hold them: {names}")
    write_page(found, page)
    click.echo(f"written: {page}")
