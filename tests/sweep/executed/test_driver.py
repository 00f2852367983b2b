"""The driver tries again what died, keeps what came back, and ends cleanly when it must."""

import datetime
import errno
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sweep_cases import error, write

from slotscope.errors import SweepFolderError
from slotscope.sweep.asked.due_runs import make_plan
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.environment import Environment
from slotscope.sweep.executed.driver import ENDING, SweepDriver
from slotscope.sweep.executed.execution import RunOutcome, Task
from slotscope.sweep.executed.executors import RunExecutor
from slotscope.sweep.store import Store

NOW = Environment({"numpy": "2.0"}, None)


class Silent:
    def running(self, count):
        pass

    def finished(self, run):
        pass


def failed(kind):
    return RunOutcome("{}", None, error(kind), BEGIN, 1.0)


BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
GOOD = RunOutcome('{"cells": []}', None, None, BEGIN, 1.0)


@pytest.fixture
def sweep(tmp_path):
    """Sweeps x = 0 to count - 1, each by ``execute(x, attempt)``, on two threads."""
    notebook = read_notebook(write(tmp_path / "some.ipynb", "x = 0"))
    store = Store(tmp_path / "runs")
    executor = ThreadPoolExecutor(2)

    def make(count, execute):
        attempts = dict.fromkeys(range(count), 0)

        def called(task):
            x = task.parameters["x"]
            attempts[x] += 1
            return execute(x, attempts[x])

        plan = make_plan(store, notebook, [{"x": x} for x in range(count)], NOW)
        on_threads = RunExecutor(executor, called, lambda: 2, 0, NOW, True)
        return SweepDriver(store, plan, Task("{}", {}), on_threads, Silent()), attempts

    yield make
    executor.shutdown()


def kept(sweep):
    return {run.parameters["x"]: sweep.store.read(run.id) for run in sweep.finished}


def test_every_run_is_kept_with_its_place(sweep):
    made, attempts = sweep(5, lambda x, attempt: GOOD)
    made.run()
    assert {x: run.number for x, run in kept(made).items()} == {x: x for x in range(5)}
    assert all(run.status == "done" for run in made.finished)
    assert set(attempts.values()) == {1}


@pytest.mark.parametrize("kind", ["kernel died", "no kernel", "worker died"])
def test_what_died_is_tried_once_more(sweep, kind):
    made, attempts = sweep(3, lambda x, attempt: failed(kind) if attempt == 1 else GOOD)
    made.run()
    assert set(attempts.values()) == {2}
    assert all(run.status == "done" and run.attempts == 2 for run in kept(made).values())


def test_what_dies_twice_has_failed_and_stops_no_other(sweep):
    made, attempts = sweep(3, lambda x, attempt: failed("kernel died") if x == 1 else GOOD)
    made.run()
    assert attempts == {0: 1, 1: 2, 2: 1}
    statuses = {x: run.status for x, run in kept(made).items()}
    assert statuses == {0: "done", 1: "failed", 2: "done"}
    assert kept(made)[1].error.kind == "kernel died"


@pytest.mark.parametrize("kind", ["cell", "time limit"])
def test_what_failed_by_itself_is_not_tried_again(sweep, kind):
    made, attempts = sweep(1, lambda x, attempt: failed(kind))
    made.run()
    assert attempts == {0: 1}
    assert kept(made)[0].error.kind == kind


def test_a_worker_that_dies_leaves_an_outcome_with_when_it_began_and_how_long_it_ran(sweep):
    def die(x, attempt):
        time.sleep(0.25)
        raise OSError("its process ended")

    made, attempts = sweep(1, die)
    begin = datetime.datetime.now(datetime.UTC)
    made.run()
    (run,) = kept(made).values()
    end = datetime.datetime.now(datetime.UTC)
    assert attempts == {0: 2}
    assert (run.status, run.error.kind) == ("failed", "worker died")
    assert run.error.message == "its process ended"
    assert 0.25 <= run.seconds <= (end - begin).total_seconds()
    assert begin.replace(microsecond=0) <= run.started <= end


def test_a_full_disk_ends_the_sweep_and_keeps_what_had_finished(sweep, monkeypatch):
    made, attempts = sweep(9, lambda x, attempt: GOOD)
    replace, left = os.replace, [6]  # two files a run

    def full(*names):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(*names)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(SweepFolderError, match="No space left on device"):
            made.run()
    assert len(kept(made)) == 3
    assert None not in kept(made).values()
    assert sum(attempts.values()) < 9


@pytest.fixture
def _heard_as_before():
    """What a sweep that a signal ended leaves unheard is heard again."""
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_heard_as_before")
@pytest.mark.parametrize("number", ENDING)
def test_a_signal_keeps_what_had_finished_and_hands_out_no_more(sweep, number):
    hold = threading.Event()

    def execute(x, attempt):
        if x < 2:
            return GOOD
        signal.raise_signal(number) if x == 2 else None
        hold.wait(20)
        return GOOD

    made, attempts = sweep(9, execute)
    try:
        made.run()
    finally:
        hold.set()
    assert made.interrupted == number
    for other in ENDING:
        signal.raise_signal(other)  # one more changes nothing
    assert sorted(kept(made)) == [0, 1]
    assert sum(attempts.values()) <= 4
