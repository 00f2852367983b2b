"""``slotscope report``: a page and a table of the runs of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from slotscope.cli.format_options import asked_formats, format_options
from slotscope.report.formats import Format
from slotscope.report.runs.formats import FORMATS


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@format_options(FORMATS)
def report(folder: Path, **options: Any) -> None:
    """One page of all runs of a sweep: failures, figures, a table; and the table as Parquet.

    FOLDER is the one that `slotscope sweep --out FOLDER` wrote. The page needs no network; its
    links lead to the executed notebooks in FOLDER. The table is results.parquet beside the page.

    The exit code is 0 if both are written, whatever became of the runs, 1 if there is no run to
    report or a file cannot be written, 2 if it was asked for wrongly.
    """
    from slotscope.errors import SlotscopeError

    out = options.get("out")
    asked = asked_formats(FORMATS, options)
    for format, path in asked.items():
        if not path.parent.is_dir():
            raise click.UsageError(
                f"There is no folder {path.parent}. Make it, or choose another by"
                f" --{format.parameter}."
            )
    beside = out.parent if out else folder
    unasked = {format: beside / format.file for format in FORMATS if format.file}
    try:
        write(folder, {**unasked, **asked})
    except (SlotscopeError, OSError) as error:
        raise click.ClickException(str(error)) from error


def write(folder: Path, files: Mapping[Format, Path]) -> None:
    """Write each file, and say so, and what it lacks.

    Raises:
        NoRunsError, OSError: there are no runs, or the folder cannot be read.
        ReportUnavailableError: what a format needs is not installed.
        ReportNotWrittenError: a file cannot be written.
    """
    from slotscope.errors import ReportNotWrittenError
    from slotscope.report.results.as_text import printable
    from slotscope.report.runs.folder import scan

    found = scan(folder)
    for note in found.notes:
        click.echo(printable(note), err=True)
    if found.warning:
        click.echo(f"Warning: {printable(found.warning)}", err=True)
    for format, path in files.items():
        writer = format.writer()
        try:
            lacking = writer(found, path)
        except OSError as error:
            raise ReportNotWrittenError(
                f"{path} can't be written: {error.strerror or error}. Make room for it, or choose"
                f" another place by --{'out' if format.file else format.parameter}."
            ) from error
        click.echo(f"written: {path}")
        for line in lacking:
            click.echo(printable(line))
