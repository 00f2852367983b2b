"""Kill drivers, workers and kernels of sweeps at random, and count: `python -m tools.kills`.

A sweep runs; at random moments one of its processes is killed by SIGKILL, and when its driver is
gone the same command begins again, until all is done. After each driver: every run.json that is
there loads and has its notebook beside it, nothing that had finished ran again, and no worker or
kernel is left. At the end: every combination has one run.json, and it says done.
"""

from __future__ import annotations

import collections
import contextlib
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import nbformat
import psutil

from slotscope.sweep.run_records import NOTEBOOK, RUN, SWEEP, identity
from slotscope.sweep.store import LOCK, Store

LOGGED = Path("tests/sweep/files/logged.ipynb")
#: The variable by which a sweep's processes are known, also when their parent is gone.
MARK = "SLOTSCOPE_KILLS"
#: Seconds after which a process that outlives its driver is said to live on: it was told to end.
END = 600.0
#: What is killed, and how often; a kernel is not always there.
TARGETS = {"driver": 1, "worker": 1, "kernel": 3}


@dataclass
class Campaign:
    """One sweep that is killed again and again.

    Attributes:
        folder: the folder of everything that it writes.
        runs: how many combinations it has.
        seed: the seed of the moments and targets.
        longest: seconds between two kills, at most.
        kills: what was killed so far.
    """

    folder: Path
    runs: int
    seed: int
    longest: float = 3.0
    kills: collections.Counter[str] = field(default_factory=collections.Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.mark = secrets.token_hex(8)
        self.log = self.folder / "log.txt"
        self.store = Store(self.folder / "runs")
        self.finished: dict[str, int] = {}

    def run(self, kills: int) -> None:
        """Sweep and kill until all is done, or so many were killed and all is done after that."""
        for _ in range(10 * kills + 10):
            driver = self._begun()
            while driver.poll() is None and self.kills.total() < kills:
                time.sleep(self.random.uniform(0.05, self.longest))
                self._kill(driver)
            code = driver.wait(600)
            self._nobody_is_left()
            self._look()
            if code == 0:
                return self._complete()
        raise AssertionError("it never came to its end")

    def _begun(self) -> subprocess.Popen[bytes]:
        values = ",".join(map(str, range(self.runs)))
        command = [sys.executable, "-m", "slotscope", "sweep", str(LOGGED), "--out"]
        command += [str(self.store.folder), "-p", f"x={values}", "-p", f"log={self.log}"]
        command += ["-p", "seconds=0.3", "--jobs", "2", "--ordinary-kernels"]
        environment = {**psutil.Process().environ(), MARK: self.mark}
        with open(self.folder / "driver.txt", "ab") as output:
            return subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    def _kill(self, driver: subprocess.Popen[bytes]) -> None:
        (target,) = self.random.choices([*TARGETS], [*TARGETS.values()])
        found = [driver.pid] if target == "driver" else sorted(self._processes(target))
        if found and driver.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(self.random.choice(found)).kill()
                self.kills[target] += 1

    def _processes(self, target: str = "") -> Iterator[int]:
        words = {"worker": "spawn_main", "kernel": "ipykernel_launcher"}
        for process in psutil.process_iter():
            try:
                line, zombie = process.cmdline(), process.status() == psutil.STATUS_ZOMBIE
                if zombie or process.environ().get(MARK) != self.mark:
                    continue
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            if words.get(target, "") in " ".join(line):
                yield process.pid

    def _nobody_is_left(self) -> None:
        limit = time.monotonic() + END
        while left := list(self._processes()):
            assert time.monotonic() < limit, f"processes {left} live on without their driver"
            time.sleep(0.1)

    def _look(self) -> None:
        """
        Raises:
            AssertionError: something is torn, or what had finished ran again.
        """
        lines = self.log.read_text().split() if self.log.exists() else []
        counts = collections.Counter(lines)
        for path in self.store.folder.glob(f"*/{RUN}"):
            run = self.store.read(path.parent.name)  # raises where it is torn
            assert run is not None
            nbformat.read(path.parent / NOTEBOOK, as_version=4)
            if run.status == "done":
                x = str(run.parameters["x"])
                assert self.finished.setdefault(x, counts[x]) == counts[x], f"{x} ran again"

    def _complete(self) -> None:
        """
        Raises:
            AssertionError: a run is missing, or something is left that is none.
        """
        folders = {path.name for path in self.store.folder.iterdir()}
        ids = {identity({"x": x, "log": str(self.log), "seconds": 0.3}) for x in range(self.runs)}
        assert folders == ids | {SWEEP, LOCK}, folders ^ ids
        for id in ids:
            files = {path.name for path in self.store.run_folder(id).iterdir()}
            assert files == {RUN, NOTEBOOK}, files
            run = self.store.read(id)
            assert run is not None
            assert run.status == "done", run.error
            assert run.results


@click.command()
@click.option("--kills", default=100, show_default=True, help="How many, in all.")
@click.option("--runs", default=12, show_default=True, help="Combinations of one sweep.")
@click.option("--seed", default=0, show_default=True, help="Of the first sweep; then the next one.")
def main(kills: int, runs: int, seed: int) -> None:
    """Kill processes of sweeps at random, and fail where something is lost, torn or run twice."""
    total: collections.Counter[str] = collections.Counter()
    while total.total() < kills:
        with tempfile.TemporaryDirectory() as folder:
            campaign = Campaign(Path(folder), runs, seed)
            campaign.run(min(kills - total.total(), 2 * runs))
        total += campaign.kills
        click.echo(f"seed {seed}: {dict(campaign.kills)}, {total.total()} of {kills}")
        seed += 1
    click.echo(f"{total.total()} killed, nothing lost: {dict(total)}")


if __name__ == "__main__":
    main()
