"""A sweep on a Dask cluster leaves what it leaves here, also where a worker is killed."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from commands import command
from sweep_cases import LOGGED
from waiting import until

from slotscope.sweep.run_records import RUN

pytest.importorskip("distributed")
SWEEP = ["sweep", str(LOGGED), "--ordinary-kernels"]


def started(folder, name, *words):
    """A process of the command ``dask``, and the address that it shows."""
    log = folder / f"{name}.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words], stdout=output, stderr=subprocess.STDOUT
        )
    shown = re.compile(r"(?:Scheduler|worker) at:\s+(tcp://\S+)")
    until(lambda: shown.search(log.read_text()) or process.poll() is not None, log.read_text)
    found = shown.search(log.read_text())
    assert found, log.read_text()
    return process, found[1]


@pytest.fixture
def cluster(tmp_path):
    """The address of a scheduler, and three workers, each in a process without a guard."""
    with contextlib.ExitStack() as stack:
        options = ["--host", "127.0.0.1", "--no-dashboard"]
        scheduler, address = started(tmp_path, "scheduler", "scheduler", *options, "--port", "0")
        stack.callback(scheduler.kill)
        workers = []
        for number in range(3):
            words = ["worker", address, "--nthreads", "1", "--no-nanny", *options]
            words += ["--local-directory", str(tmp_path / "space")]
            workers.append(started(tmp_path, f"worker{number}", *words)[0])
            stack.callback(workers[-1].kill)
        yield address, [scheduler, *workers]


def table(folder):
    """What a sweep computed: everything but times, attempts and versions."""
    runs = [json.loads(path.read_text()) for path in Path(folder).glob(f"*/{RUN}")]
    columns = ("number", "id", "status", "parameters", "results", "error", "fingerprint")
    rows = [{name: run[name] for name in columns} for run in runs]
    return sorted(rows, key=lambda row: row["number"])


def kernels(process):
    """The kernels below a process."""
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "ipykernel_launcher" in child.cmdline()
    ]


@pytest.mark.kernels
def test_a_killed_worker_leaves_the_same_table_as_a_sweep_here(tmp_path, cluster):
    address, (_, *workers) = cluster
    given = ["-p", "x=1,2,3,4", "-p", "kind=plain,raise", "-p", "seconds=0.5"]
    words = [*SWEEP, *given, "--out", str(tmp_path / "there"), "--scheduler", address]
    sweep = subprocess.Popen([sys.executable, "-m", "slotscope", *words], stdout=subprocess.DEVNULL)
    until(lambda: kernels(workers[0]))
    workers[0].kill()
    assert sweep.wait() == 1
    local = command(*SWEEP, *given, "--out", tmp_path / "here")
    assert local.exit_code == 1
    assert len(table(tmp_path / "here")) == 8
    assert table(tmp_path / "there") == table(tmp_path / "here")


@pytest.mark.kernels
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_nobody_waits_for_ends_on_the_cluster(tmp_path, cluster, number):
    address, (_, *workers) = cluster
    words = [*SWEEP, "-p", "x=1", "-p", "seconds=600", "--out", str(tmp_path / "runs")]
    sweep = subprocess.Popen([sys.executable, "-m", "slotscope", *words, "--scheduler", address])
    until(lambda: any(kernels(worker) for worker in workers))
    os.kill(sweep.pid, number)
    assert sweep.wait() == {signal.SIGINT: 130, signal.SIGKILL: -9}[number]
    until(lambda: not any(kernels(worker) for worker in workers))


@pytest.mark.kernels
def test_a_scheduler_that_dies_ends_the_sweep_with_what_had_finished(tmp_path, cluster):
    address, (scheduler, *_) = cluster
    words = [*SWEEP, "-p", "seconds=0,600", "-p", "x=1,2", "--out", str(tmp_path / "runs")]
    sweep = subprocess.Popen(
        [sys.executable, "-m", "slotscope", *words, "--scheduler", address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(table(tmp_path / "runs")) == 2)
    scheduler.kill()
    errors = sweep.communicate()[1]
    assert sweep.returncode == 1
    assert f"Error: The scheduler {address} is gone. What had finished is kept." in errors
    assert "cli/sweep.py" not in errors  # no traceback of ours, whatever Dask tells
    assert [run["status"] for run in table(tmp_path / "runs")] == ["done", "done"]


def test_a_scheduler_that_is_not_there_is_told(tmp_path, monkeypatch):
    from slotscope.sweep.executed import executors

    monkeypatch.setattr(executors, "CONNECT", 1)
    words = ["-p", "x=1", "--out", str(tmp_path / "runs"), "--scheduler", "tcp://127.0.0.1:1"]
    result = command(*SWEEP, *words)
    assert result.exit_code == 2
    assert "The scheduler tcp://127.0.0.1:1 can't be reached" in result.output


def test_where_dask_is_not_installed_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    words = ["-p", "x=1", "--out", str(tmp_path / "runs"), "--scheduler", "tcp://127.0.0.1:1"]
    result = command(*SWEEP, *words)
    assert result.exit_code == 2
    assert "python -m pip install slotscope[dask]" in result.output


@pytest.mark.parametrize("address", ["foo", "no://127.0.0.1:1"])
def test_what_is_no_address_is_told_once(tmp_path, address):
    words = [*SWEEP, "-p", "x=1", "--out", str(tmp_path / "runs"), "--scheduler", address]
    code = f"from slotscope.cli import main; main({words!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"The scheduler {address} can't be reached" in done.stderr
    assert "Traceback" not in done.stderr
