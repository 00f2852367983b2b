"""What notebooks cost on warm kernels, against ordinary ones: CPU time and wall time.

    python -m benchmarks.warm_kernels                           the whole story, three rounds
    python -m benchmarks.warm_kernels --rounds 1 notebooks/02*  one notebook, once

JSON goes to standard output. Each round runs every tool on ordinary and on warm kernels, one after
the other. A warm run starts with no server: the imports that its server makes are in its time. CPU
time is that of every process that a run leaves behind, orphans included: the one that measures
adopts them. The floor is what the notebooks' cells take by themselves, on warm kernels that are
there.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
KINDS = {"ordinary": "local-provisioner", "warm": "slotscope-warm"}
#: What warm kernels may cost of what ordinary ones do, by tool.
TARGETS = {"nbval": {"cpu": 0.45, "wall": 0.50}, "papermill": {"cpu": 0.35, "wall": 0.35}}
PR_SET_CHILD_SUBREAPER = 36
STOP = [sys.executable, "-m", "slotscope", "kernels", "stop", "--kill"]

#: Executes notebooks one after the other: papermill's own import is paid once, as in a sweep.
EXECUTE = """
import pathlib, sys, papermill
for path in map(pathlib.Path, sys.argv[1:]):
    papermill.execute_notebook(path, None, cwd=path.parent, progress_bar=False)
"""
#: The tools, as commands that notebooks' paths are added to.
TOOLS = {
    "nbval": [
        *(sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", "-q"),
        "--override-ini=xfail_strict=true",
    ],
    "papermill": [sys.executable, "-c", EXECUTE],
}
FLOOR = "cells"


def story() -> list[str]:
    """The paths of all notebooks."""
    return [str(path) for path in sorted((ROOT / "notebooks").rglob("*.ipynb"))]


def measure(rounds: int, notebooks: list[str], tools: tuple[str, ...] = ()) -> dict[str, Any]:
    """What each tool costs on each kind of kernel, in seconds and as ratios.

    Args:
        rounds: how often everything runs.
        notebooks: their paths.
        tools: those of :data:`TOOLS` that are measured; empty for all.

    Raises:
        CalledProcessError: a run failed.
    """
    taken = []
    for _ in range(rounds):
        # First, as it fills the caches of files and of bytecode for the others.
        floor = _run(FLOOR, "warm", notebooks)
        found = {t: {kind: _run(t, kind, notebooks) for kind in KINDS} for t in tools or TOOLS}
        taken.append({**found, FLOOR: floor})
        click.echo(json.dumps(taken[-1]), err=True)
    return {"rows": _summary(taken), "rounds": taken, "notebooks": len(notebooks)}


def _run(tool: str, kind: str, notebooks: list[str]) -> dict[str, float]:
    """One measured run, in a process of its own and with no server yet."""
    with tempfile.TemporaryDirectory(prefix="warm") as runtime:
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "-1",
            "JUPYTER_DEFAULT_PROVISIONER_NAME": KINDS[kind],
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XDG_RUNTIME_DIR": runtime,
        }
        # Else each kernel would compile the package, and Keras 2.1, anew.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-m", "benchmarks.warm_kernels", "--within", tool, *notebooks]
        answer = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
    measured: dict[str, float] = json.loads(answer.stdout)
    return measured


def _summary(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians of the seconds, and of the ratios warm to ordinary within each round."""
    rows = []
    for tool in (name for name in rounds[0] if name != FLOOR):
        for quantity in ("cpu", "wall"):
            seconds = {kind: [r[tool][kind][quantity] for r in rounds] for kind in KINDS}
            ratios = [w / o for w, o in zip(seconds["warm"], seconds["ordinary"], strict=True)]
            floor = [r[FLOOR][quantity] / r[tool]["ordinary"][quantity] for r in rounds]
            rows.append(
                {
                    "tool": tool,
                    "quantity": quantity,
                    "target": TARGETS[tool][quantity],
                    "ratio": round(statistics.median(ratios), 3),
                    "extremes": [round(min(ratios), 3), round(max(ratios), 3)],
                    "floor": round(statistics.median(floor), 3),
                    **{kind: round(statistics.median(times), 1) for kind, times in seconds.items()},
                }
            )
    return rows


# ---- in the process that measures


def _cost_of(command: list[str]) -> dict[str, float]:
    """Run a command, and add up what it and everything that it started cost.

    To be called in a process that has no other children. Servers are stopped after the wall time
    was taken, as they would have stayed for the next run.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin = time.monotonic()
    try:
        subprocess.run(command, stdout=sys.stderr, check=True)
    finally:
        wall = time.monotonic() - begin
        subprocess.run(STOP, stdout=sys.stderr, check=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime}


def _cost_of_cells(notebooks: list[str]) -> dict[str, float]:
    """Run the cells of notebooks, and add up what each costs the kernel and its workers."""
    import nbformat
    import psutil
    from nbclient import NotebookClient

    def used(kernel: psutil.Process) -> float:
        times = [p.cpu_times() for p in (kernel, *kernel.children(recursive=True))]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    wall = cpu = 0.0
    try:
        for path in notebooks:
            notebook = nbformat.read(path, as_version=4)
            where = {"metadata": {"path": str(Path(path).parent)}}
            client = NotebookClient(notebook, timeout=600, resources=where)
            with client.setup_kernel():
                assert client.km is not None
                kernel = psutil.Process(client.km.provisioner.pid)
                before, begin = used(kernel), time.monotonic()
                for number, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, number)
                wall += time.monotonic() - begin
                cpu += used(kernel) - before
    finally:
        subprocess.run(STOP, stdout=sys.stderr, check=True)
    return {"wall": wall, "cpu": cpu}


@click.command()
@click.argument("notebooks", nargs=-1)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--tool", "tools", type=click.Choice(list(TOOLS)), multiple=True)
@click.option("--within", type=click.Choice([*TOOLS, FLOOR]), hidden=True)
def main(notebooks: tuple[str, ...], rounds: int, tools: tuple[str, ...], within: str) -> None:
    """Measure NOTEBOOKS, by default the whole story."""
    paths = [*notebooks] or story()
    if within:
        found = _cost_of_cells(paths) if within == FLOOR else _cost_of([*TOOLS[within], *paths])
    else:
        found = measure(rounds, paths, tools)
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
