"""The command ``slotscope``: a thin skin over the package."""

from __future__ import annotations

import click

from slotscope.cli.check import check
from slotscope.cli.kernels import kernels
from slotscope.cli.report import report
from slotscope.cli.run import parameters, run
from slotscope.cli.sweep import sweep


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slotscope")
def main() -> None:
    """What does a Keras optimizer really build, how often, and what happens at every batch?"""


@main.command()
def engines() -> None:
    """List the engines with their versions and, for one that can't run here, what mends it."""
    from slotscope.engines import engine_statuses
    from slotscope.report.terminal_tables import print_engines

    print_engines(engine_statuses())


main.add_command(check)
main.add_command(kernels)
main.add_command(report)
main.add_command(parameters)
main.add_command(run)
main.add_command(sweep)
