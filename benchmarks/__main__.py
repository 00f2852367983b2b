"""Measure slotscope on this machine: `python -m benchmarks`, or `nox -s bench`.

Three parts: what watching costs, what warm kernels save, and how long starting takes. Numbers go
to docs/benchmarks/, a file for each part, and a page and a figure are made of them. `--smoke` runs
the least of each part and writes nothing, so it fails where a benchmark is broken and not where a
machine is slow.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from benchmarks import page, starting, warm_kernels
from slotscope.engines import ENGINES

FOLDER = Path("docs/benchmarks")
#: How often everything is measured, by part.
ROUNDS = dict(zip(page.PARTS, (9, 3, 9), strict=True))
DEFAULTS = ", ".join(f"{count} for {part}" for part, count in ROUNDS.items())
#: A notebook that needs no framework.
LIGHT = "tests/sweep/files/logged.ipynb"

#: What hides an accelerator from a framework.
HIDDEN = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
PLACES = ("cpu", "accelerator")
#: The engines that are measured on an accelerator.
ACCELERATED = ("keras-jax", "keras-torch")


def watching(engine: str, *options: str, **variables: str) -> dict[str, Any]:
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


def measure_watching(
    engines: Sequence[str], options: Sequence[str], places: Sequence[str]
) -> dict[str, Any]:
    """What watching costs, merged with what was measured before."""
    file = FOLDER / "watching.json"
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for engine in engines if "cpu" in places else ():
        click.echo(f"{engine} ...")
        merge(kept, engine, watching(engine, *options, **HIDDEN))
    asked = ACCELERATED if "accelerator" in places else ()
    for engine in (engine for engine in asked if engine in engines):
        click.echo(f"{engine} on an accelerator ...")
        found = watching(engine, "--accelerator", *options)
        click.echo(f"  on {found['device'] or 'none: there is none here'}")
        if found["ratios"]:
            one = kept.setdefault("accelerators", {}).setdefault(found["device"], {})
            merge(one, engine, found)
    return kept


def measure_kernels(rounds: int, notebooks: list[str]) -> dict[str, Any]:
    """What warm kernels save."""
    click.echo("warm kernels ...")
    return {
        **warm_kernels.measure(rounds, notebooks),
        "versions": {name: version(name) for name in ("ipykernel", "nbval", "papermill")},
        "machine": machine(),
    }


def merge(kept: dict[str, Any], engine: str, one: dict[str, Any]) -> None:
    """Put what was measured in the place of what was; sizes that were not measured stay."""
    engines = kept.setdefault("engines", {})
    sizes = {ratio["size"] for ratio in one["ratios"]}
    before = engines.get(engine, {}).get("ratios", [])
    left = [ratio for ratio in before if ratio["size"] not in sizes]
    engines[engine] = {**one, "ratios": [*left, *one["ratios"]]}
    kept["machine"] = machine()


def machine() -> dict[str, Any]:
    """What everything was measured on."""
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


@click.command()
@click.argument("engines", nargs=-1)
@click.option("--part", "parts", type=click.Choice(list(ROUNDS)), multiple=True, help="Only these.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help=f"How often everything runs; by default {DEFAULTS}.",
)
@click.option("--only", type=click.Choice(page.SIZES), help="One size of model to watch.")
@click.option("--smoke", is_flag=True, help="Only whether it runs.")
@click.option(
    "--on",
    "places",
    type=click.Choice(PLACES),
    multiple=True,
    help="Where to watch; by default both, if both are there.",
)
def main(
    engines: tuple[str, ...],
    parts: tuple[str, ...],
    rounds: int | None,
    only: str | None,
    smoke: bool,
    places: tuple[str, ...],
) -> None:
    """Measure all parts; with ENGINES, a size or a place, what watching costs there."""
    if not parts:
        parts = ("watching",) if not smoke and (engines or only or places) else page.PARTS
    for part in (part for part in page.PARTS if part in parts):
        often = 1 if smoke else rounds or ROUNDS[part]
        if part == "watching":
            options = ["--smoke"] if smoke else ["--rounds", str(often)]
            options += ["--only", only] if only else []
            found = measure_watching(engines or tuple(ENGINES), options, places or PLACES)
        elif part == "kernels":
            found = measure_kernels(often, [LIGHT] if smoke else warm_kernels.story())
        else:
            click.echo("starting ...")
            found = {**starting.measure(often), "machine": machine()}
        if not smoke:  # each at once: what comes later may fail
            FOLDER.mkdir(exist_ok=True)
            (FOLDER / f"{part}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
            page.write(FOLDER)


if __name__ == "__main__":
    main()
