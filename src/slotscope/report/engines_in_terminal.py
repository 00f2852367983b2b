"""The table of engines in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slotscope.engines import Status


def print_engines(statuses: Sequence[Status], console: Console | None = None) -> None:
    """Every engine with its versions; below, for those that cannot run, why and what mends it."""
    console = console or Console()
    table = Table("engine", "", "versions", box=None, pad_edge=False)
    for status in statuses:
        versions = ", ".join(f"{name} {version}" for name, version in status.versions.items())
        mark = "[green]runs[/]" if status.available else "[red]cannot run[/]"
        table.add_row(status.name, mark, escape(versions))
    console.print(table)
    for status in statuses:
        if not status.available:
            # Printed whole, not wrapped in a column: the remedy is there to be copied.
            console.print(f"\n[bold]{status.name}[/]: {escape(status.problem)}", soft_wrap=True)
            console.print(f"    {escape(status.remedy)}", soft_wrap=True, highlight=False)
