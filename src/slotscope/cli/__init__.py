"""The command ``slotscope``: a thin skin over the package, one file a command."""

from __future__ import annotations

import importlib

import click

#: Each is a function in the file of its name, which is imported where somebody asks for it.
COMMANDS = ("check", "engines", "kernels", "parameters", "report", "run", "sweep")


class Commands(click.Group):
    """The commands by their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, as ``--help`` shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slotscope")
def main() -> None:
    """What does a Keras optimizer really build, how often, and what happens at every batch?"""
