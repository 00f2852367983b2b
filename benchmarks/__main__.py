"""Measure on this machine what watching costs: `python -m benchmarks`, or `nox -s bench`.

Engines run one after the other, each in a process of its own: on the CPU, and JAX and torch on an
accelerator too, where there is one. The numbers go to
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


#: What hides an accelerator from a framework.
HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
#: The engines that are measured on an accelerator.
ACCELERATED = ("keras-jax", "keras-torch")


def measured(engine: str, *options: str, **variables: str) -> dict[str, Any]:
    """What one engine's process found."""
    command = [sys.executable, "-m", "benchmarks.watching", engine, *options]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    for ratio in found["ratios"]:
        click.echo(
            f"  {ratio['size']:5} {ratio['variant']:20} {ratio['cpu']:6.2f} of plain fit in CPU"
            f" time, {ratio['wall']:6.2f} in wall time"
        )
    return found


@click.command()
@click.argument("engines", nargs=-1)
@click.option("--rounds", default=9, show_default=True, help="How often every variant runs.")
@click.option(
    "--only", type=click.Choice(page.SIZES), help="One size; the others stay as they are."
)
@click.option("--smoke", is_flag=True, help="Only whether it runs.")
@click.option(
    "--on",
    "places",
    type=click.Choice(["cpu", "accelerator"]),
    multiple=True,
    default=["cpu", "accelerator"],
    help="Where; by default both, if both are there.",
)
def main(
    engines: tuple[str, ...], rounds: int, only: str | None, smoke: bool, places: tuple[str, ...]
) -> None:
    """Measure what watching costs on ENGINES, by default on all."""
    options = ["--smoke"] if smoke else ["--rounds", str(rounds)]
    options += ["--only", only] if only else []
    engines = engines or tuple(ENGINES)
    found, accelerated = {}, {}
    for engine in engines if "cpu" in places else ():
        click.echo(f"{engine} ...")
        found[engine] = measured(engine, *options, **HIDDEN)
    asked = ACCELERATED if "accelerator" in places else ()
    for engine in (engine for engine in asked if engine in engines):
        click.echo(f"{engine} on an accelerator ...")
        accelerated[engine] = measured(engine, "--accelerator", *options)
        click.echo(f"  on {accelerated[engine]['device'] or 'none: there is none here'}")
    if smoke:
        return
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "watching.json"
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for engine, one in found.items():
        merge(kept, engine, one)
    for engine, one in accelerated.items():
        if one["ratios"]:
            merge(kept.setdefault("accelerators", {}).setdefault(one["device"], {}), engine, one)
    file.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    if "engines" in kept:
        page.write(kept, FOLDER)


def merge(kept: dict[str, Any], engine: str, one: dict[str, Any]) -> None:
    """Put what was measured in the place of what was; sizes that were not measured stay."""
    engines = kept.setdefault("engines", {})
    sizes = {ratio["size"] for ratio in one["ratios"]}
    before = engines.get(engine, {}).get("ratios", [])
    left = [ratio for ratio in before if ratio["size"] not in sizes]
    engines[engine] = {**one, "ratios": [*left, *one["ratios"]]}
    kept["machine"] = {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
    }


if __name__ == "__main__":
    main()
