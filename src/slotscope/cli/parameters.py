"""``slotscope parameters``: what a notebook can be given."""

from __future__ import annotations

from pathlib import Path

import click

from slotscope.cli.notebook_options import PATH, usage


@click.command()
@click.argument("notebook", type=PATH)
@click.pass_context
def parameters(context: click.Context, notebook: Path) -> None:
    """List what NOTEBOOK can be given: type, default and help of each parameter.

    Nothing of the notebook is executed.
    """
    with usage(context):
        from rich.console import Console

        from slotscope.report.runs.sweep_in_terminal import print_parameters
        from slotscope.sweep.declared.notebook_file import read_notebook
        from slotscope.sweep.declared.parameters import read_parameters

        print_parameters(read_parameters(read_notebook(notebook)), Console(highlight=False))
