"""A worker process of a warm kernel is warm, and a process like any other."""

import json
import os

import pytest
from waiting import ended, until
from warm_cases import install

pytestmark = pytest.mark.kernels

#: Starts a worker, and says what it sees.
SEEN = """
import json, os, random, sys
import loky
import numpy

def seen():
    import json, os, random, signal, sys
    import numpy
    return {{
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "warm": "matplotlib" in sys.modules,
        "server": [name for name in sys.modules if "warm_kernel" in name],
        "variable": os.environ.get({variable!r}),
        "folder": os.getcwd(),
        "breakpoint": sys.breakpointhook is sys.__breakpointhook__,
        "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "random": [random.random(), numpy.random.rand()],
    }}

workers = loky.ProcessPoolExecutor(max_workers=1, env={{{variable!r}: "here"}})
print(json.dumps(workers.submit(seen).result()))
"""
#: The process that clears up what loky's workers leave.
TRACKER = """
from loky.backend import resource_tracker
print(resource_tracker._resource_tracker._pid)
"""
ENDED = """
from concurrent.futures.process import BrokenProcessPool
workers.submit(os._exit, 3)
try:
    workers.submit(seen).result()
except BrokenProcessPool:
    print("ended")
"""


@pytest.fixture
def warm(runtime):
    return install("w", runtime, packages=["matplotlib", "numpy", "loky"])


def twin_of(kernel):
    """The process that forks a kernel's workers, while it has no other child."""
    with open(f"/proc/{kernel.pid}/task/{kernel.pid}/children") as file:
        (twin,) = map(int, file.read().split())
    return twin


def test_a_worker_is_the_kernels_own_and_is_forked(warm, start, tmp_path):
    kernel = start(warm, cwd=str(tmp_path))
    seen = json.loads(kernel.run(SEEN.format(variable="KERAS_BACKEND")))
    assert seen["parent"] == seen["group"] == kernel.pid
    assert seen["warm"]
    assert seen["server"] == []
    assert seen["variable"] == "here"
    assert seen["folder"] == str(tmp_path)
    assert seen["interrupt"]
    assert seen["breakpoint"]


@pytest.mark.parametrize("variable", ["XLA_FLAGS", "OMP_NUM_THREADS", "PYTHONHASHSEED"])
def test_a_worker_in_another_environment_is_an_ordinary_one(warm, start, variable):
    cell = SEEN.format(variable=variable).replace('"here"', '"1"')
    seen = json.loads(start(warm).run(cell))
    assert not seen["warm"]
    assert seen["variable"] == "1"


def test_random_numbers_differ_between_a_kernel_and_its_workers(warm, start):
    kernel = start(warm)
    drawn = [json.loads(kernel.run(SEEN.format(variable="MINE")))["random"] for _ in range(2)]
    drawn.append(json.loads(kernel.run("print([random.random(), numpy.random.rand()])")))
    assert len({number for numbers in drawn for number in numbers}) == 6


def test_the_end_of_a_worker_is_noticed(warm, start):
    kernel = start(warm)
    kernel.run(SEEN.format(variable="MINE"))
    assert kernel.run(ENDED) == "ended"


def test_workers_end_with_their_kernel(warm, start):
    kernel = start(warm)
    pid = json.loads(kernel.run(SEEN.format(variable="MINE")))["pid"]
    kernel.stop()
    until(lambda: ended(pid))


def test_a_kernel_that_is_asked_to_end_does_not_wait_for_its_twin(warm, start):
    kernel = start(warm)
    process, twin = kernel.manager.provisioner.process, twin_of(kernel)
    kernel.stop(now=False)
    assert process.returncode == 0  # not by the signal that follows where this takes too long
    until(lambda: ended(twin))


def test_a_kernel_that_had_workers_ends_by_itself_and_leaves_nothing(warm, start):
    kernel = start(warm)
    process = kernel.manager.provisioner.process
    worker = json.loads(kernel.run(SEEN.format(variable="MINE")))["pid"]
    tracker = int(kernel.run(TRACKER))
    kernel.stop(now=False)
    assert process.returncode == 0
    until(lambda: ended(worker) and ended(tracker))


def test_a_kernel_whose_twin_is_gone_has_ordinary_workers(warm, start):
    kernel = start(warm)
    os.kill(twin_of(kernel), 9)
    seen = json.loads(kernel.run(SEEN.format(variable="MINE")))
    assert (seen["warm"], seen["parent"]) == (False, kernel.pid)
