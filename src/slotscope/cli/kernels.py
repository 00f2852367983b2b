"""``slotscope kernels``: install warm kernels, see their servers, end them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from slotscope.errors import SlotscopeError

if TYPE_CHECKING:
    from slotscope.kernels.servers import Server

#: Seconds within which a server that is told to stop has ended.
END = 60


@click.group()
def kernels() -> None:
    """Notebook kernels that start warm, forked from a server with the frameworks imported."""


@kernels.command()
@click.option("--name", default="slotscope-warm", show_default=True, help="Name of the kernel.")
@click.option("--display-name", default="Python 3 (warm)", show_default=True, help="As shown.")
@click.option("--user", "place", flag_value="user", help="For you alone.")
@click.option("--sys-prefix", "place", flag_value="sys", help="For this environment.  [default]")
@click.option("--prefix", type=click.Path(file_okay=False), help="For the environment there.")
@click.option("--idle", type=click.FloatRange(min=1), help="Seconds until an unused server ends.")
@click.option("--package", "packages", multiple=True, help="Import this one.  [default: all]")
def install(
    name: str,
    display_name: str,
    place: str | None,
    prefix: str | None,
    idle: float | None,
    packages: tuple[str, ...],
) -> None:
    """Write a kernelspec: notebooks then get warm kernels by its name."""
    if prefix and place:
        raise click.UsageError("Give one of --user, --sys-prefix and --prefix.")
    try:
        from slotscope.kernels import spec
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} isn't installed. To mend it: python -m pip install slotscope[notebooks]"
        ) from error
    user = place == "user"
    where = None if user else prefix or sys.prefix
    given = {"idle": idle, "packages": list(packages)}
    config = {option: value for option, value in given.items() if value}
    try:
        path = spec.install(name, display_name, user=user, prefix=where, **config)
    except SlotscopeError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Installed the kernel {name} in {path}")


@kernels.command(name="list")
def list_() -> None:
    """Show each server: its process, kernels, idle time, what it imported, and for whom."""
    found = 0
    for server in _known():
        try:
            status = server.ask(do="status")
        except OSError:
            continue
        found += 1
        alive = status["kernels"]
        state = f"idle for {status['idle']:.0f} s" if not alive else "kernels " + _joined(alive)
        click.echo(f"{server.name}  pid {server.pid}  {state}  {status['forked']} forked")
        click.echo(f"    {server.fingerprint['interpreter']}")
        click.echo(f"    imported {_joined(server.packages)}")
        for name, problem in status["failed"].items():
            click.echo(f"    not imported: {name}, {problem}")
        for name, value in server.fingerprint["variables"]:
            click.echo(f"    {name}={value}")
    if not found:
        click.echo("No server is running.")


@kernels.command()
@click.option("--kill", is_flag=True, help="End the kernels that are alive, too.")
def stop(kill: bool) -> None:
    """End every server. One with living kernels forks no more, and ends with the last of them."""
    import psutil

    for server in _known():
        try:
            process = psutil.Process(server.pid)
            alive = server.ask(do="stop")["kernels"]
        except (OSError, psutil.NoSuchProcess):
            continue
        if kill:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        if alive and not kill:
            state = f"ends with kernels {_joined(alive)}"
        else:
            gone, _ = psutil.wait_procs([process], timeout=END)
            state = "ended" if gone else "is ending"
        click.echo(f"{server.name}  pid {server.pid}  {state}")


def _known() -> list[Server]:
    if sys.platform != "linux":
        return []
    from slotscope.kernels.servers import known

    try:
        return known()
    except SlotscopeError as error:
        raise click.ClickException(str(error)) from error


def _joined(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
