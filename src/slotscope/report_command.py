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
    from slotscope.report.runs import read_runs
    from slotscope.report.runs_html import write_page
    from slotscope.report.runs_table import table, write_parquet

    try:
        runs = read_runs(folder)
        page = write_page(runs, folder, out or folder / "report.html")
    except (SlotscopeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"written: {page}")
    parquet = folder / "results.parquet"
    left_out = write_parquet(table(runs), parquet)
    click.echo(f"written: {parquet}")
    if left_out:
        click.echo(f"left out of it, as Parquet cannot hold them: {', '.join(left_out)}")
