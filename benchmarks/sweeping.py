"""What a sweep costs besides its kernels: CPU time and memory of driver and worker.

    python -m benchmarks.sweeping                       1,000 runs, one at a time: about ten minutes
    python -m benchmarks.sweeping --runs 100 --profile  fewer; where the worker's time goes

The runs are of a notebook of four cells on kernels that start warm with NumPy alone. CPU time is
that of the driver and of its worker, each without its children, and without what they spend before
the first run. Deciding that nothing is to do is measured on as many runs, in a process of its own,
from its start to its end.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import psutil

from slotscope.kernels import spec
from slotscope.sweep.asked.due_runs import SweepPlan, make_plan
from slotscope.sweep.declared.notebook_file import Notebook, read_notebook
from slotscope.sweep.environment import environment
from slotscope.sweep.executed.driver import SweepDriver
from slotscope.sweep.executed.execution import Task
from slotscope.sweep.executed.executors import local_executor
from slotscope.sweep.run_records import RunRecord
from slotscope.sweep.store import Store

LOGGED = Path("tests/sweep/files/logged.ipynb")
KERNEL = "warm-numpy"
STOP = [sys.executable, "-m", "slotscope", "kernels", "stop", "--kill"]


class Worker(threading.Thread):
    """Looks at the worker of this process until it is told to end.

    Attributes:
        cpu: seconds of CPU time that the worker has used.
        memory: bytes that it had in memory, at most.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.cpu = self.memory = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        """Look five times a second."""
        own = psutil.Process()
        while not self.over.wait(0.2):
            for child in own.children():
                try:
                    if "spawn_main" in " ".join(child.cmdline()):
                        times = child.cpu_times()
                        self.cpu = times.user + times.system
                        self.memory = max(self.memory, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue


class Marks:
    """Notes the CPU time when the first run has finished, and when the last one has."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.seconds = worker, list[tuple[float, float, float]]()

    def running(self, count: int) -> None:
        """Nothing is noted of this."""

    def finished(self, run: RunRecord) -> None:
        """Note the time."""
        assert run.error is None, run.error
        own = resource.getrusage(resource.RUSAGE_SELF)
        self.seconds.append((own.ru_utime + own.ru_stime, self.worker.cpu, time.monotonic()))


@contextmanager
def kernels() -> Iterator[None]:
    """While this is entered, there are kernels that start warm with NumPy alone."""
    with tempfile.TemporaryDirectory(prefix="warm") as runtime:
        os.environ |= {"XDG_RUNTIME_DIR": runtime, "JUPYTER_PATH": f"{runtime}/share/jupyter"}
        spec.install(KERNEL, "Warm", user=False, prefix=runtime, packages=["numpy"])
        try:
            yield
        finally:
            subprocess.run(STOP, stdout=sys.stderr, check=True)


def share(folder: Path, runs: int) -> dict[str, float]:
    """What driver and worker cost a run, in milliseconds of CPU time; memory in MB."""
    notebook = read_notebook(LOGGED)
    plan = planned(folder, notebook, runs + 1)
    worker = Worker()
    worker.start()
    marks = Marks(worker)
    task = Task(notebook.bare, {}, str(folder), kernel=KERNEL)
    with kernels(), local_executor(1, None) as executor:
        SweepDriver(Store(folder), plan, task, executor, marks).run()
        time.sleep(0.5)
    worker.over.set()
    (own, theirs, begin), (own_end, _, end) = marks.seconds[0], marks.seconds[-1]
    return {
        "driver ms": 1000 * (own_end - own) / runs,
        "worker ms": 1000 * (worker.cpu - theirs) / runs,
        "wall ms": 1000 * (end - begin) / runs,
        "driver MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "worker MB": worker.memory / 2**20,
    }


def planned(folder: Path, notebook: Notebook, runs: int) -> SweepPlan:
    """A plan of so many runs."""
    combinations = [{"x": x} for x in range(runs)]
    return make_plan(Store(folder), notebook, combinations, environment())


def decision(folder: Path, runs: int) -> dict[str, float]:
    """Seconds until a second sweep over finished runs says that nothing is to do."""
    notebook, store = read_notebook(LOGGED), Store(folder)
    plan = planned(folder, notebook, runs)
    text = json.dumps({"values": [0.1] * 1000})
    values = {"format": 1, "values": text, "crc32": zlib.crc32(text.encode())}
    for run in plan.runs:
        done = RunRecord(
            id=run.id,
            number=run.number,
            parameters=run.parameters,
            results=values,
            error=None,
            started=datetime.now(UTC),
            seconds=1.0,
            attempts=1,
            dependencies=plan.dependencies.narrowed([]),
        )
        store.write(done, notebook.text)
    grid = folder.with_suffix(".toml")
    grid.write_text(f"[grid]\nx = {list(range(runs))}\n")
    command = [sys.executable, "-m", "slotscope", "sweep", str(LOGGED), "--out", str(folder)]
    begin = time.monotonic()
    told = subprocess.run([*command, "--grid", str(grid)], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    assert "nothing to run" in told.stdout, told
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"decision s": seconds, "decision MB": used.ru_maxrss / 1024}


def profiled(folder: Path, runs: int) -> None:
    """Print where the time of the worker's side goes, when it runs in this process."""
    import cProfile
    import pstats

    from slotscope.sweep.executed.execution import execute

    notebook = read_notebook(LOGGED)
    with kernels():
        task = Task(notebook.bare, {"x": 1}, str(folder), kernel=KERNEL)
        execute(task)
        with cProfile.Profile() as profile:
            for _ in range(runs):
                execute(task)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(70)


@click.command()
@click.option("--runs", default=1000, show_default=True, help="How many.")
@click.option("--profile", is_flag=True, help="Only show where the worker's time goes.")
def main(runs: int, profile: bool) -> None:
    """Measure what a sweep costs besides its kernels."""
    with tempfile.TemporaryDirectory() as folder:
        if profile:
            profiled(Path(folder), runs)
            return
        found = decision(Path(folder, "finished"), runs)
        found |= share(Path(folder, "runs"), runs)
    click.echo(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
