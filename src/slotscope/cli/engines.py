"""``slotscope engines``: which engines run here."""

from __future__ import annotations

import click


@click.command()
def engines() -> None:
    """List the engines with their versions and, for one that can't run here, what mends it."""
    from slotscope.engines import engine_statuses
    from slotscope.report.engines_in_terminal import print_engines

    print_engines(engine_statuses())
