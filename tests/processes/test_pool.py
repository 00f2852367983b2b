"""Processes of the local executor die alone, and end with the one that made them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from waiting import ended, until

from slotscope.kernels import servers
from slotscope.processes.pool import LocalExecutor, SilentError, Work
from slotscope.processes.worker import DiedError
from slotscope.sweep.executed.runs_in_progress import begin, stop_all

#: Seconds, in a process that is ended before they have passed.
FOR_EVER = 1_000_000


@pytest.fixture
def executor():
    with LocalExecutor(2) as made:
        yield made


def test_a_process_that_is_killed_takes_no_other_with_it(executor):
    slow = executor.submit(time.sleep, 8)
    pid = executor.submit(os.getpid).result()
    killed = executor.submit(time.sleep, FOR_EVER)
    time.sleep(0.2)
    os.kill(pid, 9)
    with pytest.raises(DiedError, match="killed by SIGKILL"):
        killed.result()
    assert executor.submit(abs, -1).result() == 1
    assert slow.result() is None


def test_a_function_that_raises_is_no_death(executor):
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result()


def test_one_that_does_not_answer_is_given_up():
    with LocalExecutor(1, patience=1) as executor, pytest.raises(SilentError, match="hangs"):
        executor.submit(time.sleep, FOR_EVER).result()


@pytest.mark.parametrize(
    "before",
    [
        (),
        (abs, -1),
        (signal.pthread_sigmask, signal.SIG_BLOCK, {signal.SIGTERM}),  # it is deaf then
    ],
    ids=["new", "started", "deaf"],
)
def test_nothing_is_waited_for_at_the_end(before):
    with LocalExecutor(1) as executor:
        if before:
            executor.submit(*before).result()
        asleep = executor.submit(time.sleep, FOR_EVER)
        time.sleep(0.2)
    with pytest.raises(DiedError):
        asleep.result()


def test_processes_end_with_the_one_that_made_them():
    code = (
        "import os, time\n"
        "from slotscope.processes.pool import LocalExecutor\n"
        "if __name__ == '__main__':\n"
        "    executor = LocalExecutor(1)\n"
        "    print(executor.submit(os.getpid).result(), flush=True)\n"
        "    executor.submit(time.sleep, 600)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        pid = int(process.stdout.readline())
        process.kill()
    until(lambda: ended(pid))


#: In a process: a folder where a run would have its own.
MADE = (
    "__import__('tempfile').mkdtemp("
    "dir=__import__('sys').modules['slotscope.sweep.executed.runs_in_progress'].temporary)"
)


def test_temporary_files_go_with_the_executor(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with LocalExecutor(1, work=Work(begin, stop_all)) as executor:
        made = Path(executor.submit(eval, MADE).result())
        assert made.is_relative_to(tmp_path)
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("asked", ["executor.submit(time.sleep, 600)", "pass"])
def test_temporary_files_go_also_where_the_one_that_made_the_executor_is_killed(tmp_path, asked):
    code = (
        "import time\n"
        "from slotscope.processes.pool import LocalExecutor, Work\n"
        "from slotscope.sweep.executed.runs_in_progress import begin, stop_all\n"
        "if __name__ == '__main__':\n"
        "    executor = LocalExecutor(1, work=Work(begin, stop_all))\n"
        f"    print(executor.submit(eval, {MADE!r}).result(), flush=True)\n"
        f"    {asked}\n"
        "    time.sleep(600)\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    with process:
        assert Path(process.stdout.readline().strip()).is_relative_to(tmp_path)
        process.kill()
    until(lambda: not [*tmp_path.iterdir()])


def test_kernel_servers_are_where_they_always_are(monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with LocalExecutor(1) as executor:
        assert executor.submit(servers.folder).result() == servers.folder()
