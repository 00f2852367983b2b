"""Measure on this machine what watching costs: `python -m benchmarks`, or `nox -s bench`.

Engines run one after the other, each in a process of its own. The numbers go to
docs/benchmarks/watching.json, and a page and a figure are made of them; `--smoke` runs a few steps
of the smallest model on each engine and writes nothing, so it fails where a benchmark is broken
and not where a machine is slow.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks import page
from slotscope.engines import ENGINES

FOLDER = Path("docs/benchmarks")


def measured(engine: str, options: list[str]) -> dict[str, Any]:
    """What one engine's process found."""
    command = [sys.executable, "-m", "benchmarks.watching", engine, *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@click.command()
@click.argument("engines", nargs=-1)
@click.option("--rounds", default=9, show_default=True, help="How often every variant runs.")
@click.option("--smoke", is_flag=True, help="Only whether it runs.")
def main(engines: tuple[str, ...], rounds: int, smoke: bool) -> None:
    """Measure what watching costs on ENGINES, by default on all."""
    options = ["--smoke"] if smoke else ["--rounds", str(rounds)]
    found = {}
    for engine in engines or ENGINES:
        click.echo(f"{engine} ...")
        found[engine] = measured(engine, options)
        for ratio in found[engine]["ratios"]:
            click.echo(
                f"  {ratio['size']:5} {ratio['variant']:20} {ratio['cpu']:6.2f} of plain fit"
            )
    if smoke:
        return
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "watching.json"
    kept = json.loads(file.read_text("utf-8"))["engines"] if file.exists() else {}
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "system": platform.system()}
    everything = {"machine": machine, "engines": {**kept, **found}}
    file.write_text(json.dumps(everything, indent=1) + "\n", "utf-8")
    page.write(everything, FOLDER)


if __name__ == "__main__":
    main()
