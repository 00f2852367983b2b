"""The options by which a command writes a report, made from the table of its formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from slotscope.report.formats import Format

Command = TypeVar("Command", bound=Callable[..., Any])


def format_options(
    formats: Iterable[Format], writable: bool = False
) -> Callable[[Command], Command]:
    """What gives a command an option for each format that has one, in their order.

    Args:
        formats: the table.
        writable: whether a file that is there and can't be written is bad usage.
    """
    file = click.Path(dir_okay=False, writable=writable, path_type=Path)

    def decorate(command: Command) -> Command:
        for format in reversed([format for format in formats if format.help]):
            name = f"--{format.parameter}"
            command = click.option(name, format.parameter, type=file, help=format.help)(command)
        return command

    return decorate


def asked_formats(formats: Iterable[Format], options: dict[str, Any]) -> dict[Format, Path]:
    """The file of each format that was asked for; its options are taken out of ``options``."""
    given = {format: options.pop(format.parameter, None) for format in formats}
    return {format: path for format, path in given.items() if path is not None}
