"""Limits count processor time and tell waits apart; neither depends on what else a machine does."""

import collections
import dataclasses
import importlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from engine_cases import on

from slotscope.processes import limits
from slotscope.processes.limits import (
    LOOKS,
    NotReadyError,
    ProcessorTime,
    Stopped,
    limited,
    prepared,
    preparing,
    processor_time,
)
from slotscope.processes.processor_time import TELLS_THREADS, Look, Usage
from slotscope.processes.worker import DiedError, LimitError, Worker

SLEPT = "it waits: all of its threads slept at 60 looks in a row"

tells_threads = pytest.mark.skipif(not TELLS_THREADS, reason="this system does not tell of threads")


@dataclasses.dataclass
class Program:
    """A program that was never run: what it would use from one look to the next, and its sleep."""

    ran: float = 0.0
    passed: float = 1.0
    sleeps: bool = False
    now: float = 0.0
    used: float = 0.0

    def look(self):
        self.now += self.passed
        self.used += self.ran
        return Look(self.now, self.used, {(1, 1): self.used})

    def asleep(self):
        return self.sleeps


def said(program, looks, seconds=60.0):
    """What a limit says at one of so many looks."""
    limit = ProcessorTime(seconds, program)
    return next(filter(None, (limit.passed() for _ in range(looks))), "")


def burn(seconds):
    """Compute for so many seconds of processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def for_ever():
    while True:
        pass


# ---- what is said


HANGS, WAITS = "it hangs: it used {} s of processor time", SLEPT.replace("60", "{}")


@pytest.mark.parametrize(
    ("program", "seconds", "within", "beyond", "words"),
    [
        (Program(ran=1.0), 60.0, 60, 61, HANGS.format(60)),
        # One that gets a tenth of a processor has ten times as long.
        (Program(ran=0.1), 60.0, 590, 602, HANGS.format(60)),
        (Program(sleeps=True), 60.0, LOOKS, LOOKS + 1, WAITS.format(LOOKS)),
        # A greater limit lets a wait last longer.
        (Program(sleeps=True), 600.0, 600, 601, WAITS.format(600)),
    ],
    ids=["computes", "computes at times", "sleeps", "sleeps for longer"],
)
def test_what_is_done_for_too_long_is_said_and_not_before(program, seconds, within, beyond, words):
    assert said(dataclasses.replace(program), within, seconds) == ""
    assert said(dataclasses.replace(program), beyond, seconds) == words


def test_a_program_that_is_starved_neither_waits_nor_hangs():
    assert said(Program(ran=0.0, sleeps=False), looks=10_000) == ""


def test_a_look_at_which_it_would_run_begins_the_wait_anew():
    program = Program(sleeps=True)
    limit = ProcessorTime(60.0, program)
    for look in range(10 * LOOKS):
        program.sleeps = look % (LOOKS - 1) > 0
        assert limit.passed() == ""


@tells_threads
def test_a_program_that_only_asks_whether_it_may_go_on_waits():
    assert said(Program(ran=0.01, sleeps=True), looks=LOOKS + 1).startswith("it waits")
    assert said(Program(ran=0.2, sleeps=True), looks=LOOKS + 1) == ""


# ---- what is counted


def test_many_threads_count_as_the_one_that_ran_most():
    before = Look(0.0, 0.0, {(1, n): 0.0 for n in range(64)})
    after = Look(1.0, 32.0, {(1, n): 0.5 for n in range(64)})
    assert after.since(before) == 0.5


def test_no_more_is_counted_than_passed_on_a_clock():
    before, after = Look(0.0, 10.0, {(1, 1): 10.0}), Look(1.0, 50.0, {(2, 2): 40.0})
    assert after.since(before) == 1.0


def test_threads_and_processes_that_came_and_went_are_counted():
    before, after = Look(0.0, 10.0, {(1, 1): 10.0}), Look(1.0, 10.75, {(1, 1): 10.0})
    assert after.since(before) == 0.75


def test_a_process_that_ended_is_not_counted_again_by_who_waited_for_it():
    before = Look(0.0, 15.0, {(1, 1): 10.0, (2, 2): 5.0})
    after = Look(1.0, 15.0, {(1, 1): 10.0})
    assert after.since(before) == 0.0


def test_threads_and_children_are_seen():
    usage = Usage()
    before = usage.look()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        while usage.look().total < before.total + 1.0:
            time.sleep(0.05)
        seen = [pid for pid, _ in usage.look().threads]
    finally:
        child.kill()
        child.wait()
    assert child.pid in seen
    assert usage.look().total >= before.total + 1.0  # of what has ended, too


def test_the_thread_that_looks_is_left_out():
    usage = Usage(leave_out=threading.get_native_id())
    before = usage.look()
    burn(0.5)
    assert usage.look().since(before) < 0.1


def test_a_process_that_has_ended_neither_computes_nor_waits():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    limit = processor_time(0.1)(child.pid)
    assert {limit.passed() for _ in range(2 * LOOKS)} == {""}


@tells_threads
def test_a_program_that_somebody_stopped_does_not_sleep():
    child = subprocess.Popen([sys.executable, "-c", "import time; print(1); time.sleep(600)"])
    usage = Usage(child.pid)
    try:
        while not usage.asleep():
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGSTOP)
        while usage.asleep():
            time.sleep(0.05)
    finally:
        child.kill()
        child.wait()


# ---- in this process


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (for_ever, "it hangs: it used 0.2 s of processor time"),
        (lambda: time.sleep(600), SLEPT),
        (lambda: threading.Event().wait(), SLEPT),
        (lambda: subprocess.run(["sleep", "600"]), "it waits"),
        (lambda: subprocess.run([sys.executable, "-c", "while True: pass"]), "it hangs"),
    ],
    ids=["computes", "sleeps", "waits", "waits for a process that does", "lets another compute"],
)
def test_a_block_that_does_not_end_is_stopped(body, words):
    with pytest.raises(Stopped, match=words), limited(0.2):
        body()


def test_a_stop_that_is_swallowed_comes_again():
    stops = []

    def swallow():
        try:
            for_ever()
        except Stopped as stop:
            stops.append(stop)
            for_ever()

    with pytest.raises(Stopped), limited(0.1):
        swallow()
    assert len(stops) == 1


def test_the_limit_leaves_other_timers_running():
    fired = []
    handler = signal.signal(signal.SIGALRM, lambda *_: fired.append(True))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Stopped), limited(0.2):
            for_ever()
        while not fired:
            burn(0.01)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert fired == [True]


# ---- preparing


def test_what_prepares_is_not_counted():
    with limited(0.5):
        for _ in range(4):
            with preparing():
                burn(0.4)


def test_what_comes_after_preparing_is():
    def prepare_and_hang():
        with preparing():
            burn(0.1)
        for_ever()

    with pytest.raises(Stopped), limited(0.5):
        prepare_and_hang()


@on("keras-jax")
def test_what_jax_compiles_is_told(engine):
    from slotscope.engines.compile_time import compiled

    _ = engine.keras
    jax = importlib.import_module("jax")
    before = compiled()
    jax.jit(lambda x: x * 2 + 1)(1.0).block_until_ready()
    assert compiled() > before


def test_what_compilers_took_is_not_counted():
    compiled = itertools.count(0.0, 0.5)  # half a second at every look
    limit = ProcessorTime(5.0, Program(ran=1.0), lambda: next(compiled))
    looks = [limit.passed() for _ in range(12)]
    assert looks.index("it hangs: it used 5 s of processor time") == 10


def failing(times):
    """A preparation that fails so often, and the list of its attempts."""
    attempts = []

    def prepare():
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise OSError("no memory")
        return "ready"

    return prepare, attempts


def test_a_preparation_that_fails_once_is_tried_again():
    prepare, attempts = failing(1)
    assert prepared("a helper", prepare) == "ready"
    assert len(attempts) == 2


def test_one_that_fails_twice_is_undecided():
    prepare, attempts = failing(2)
    with pytest.raises(NotReadyError, match="a helper was not ready, tried twice: no memory"):
        prepared("a helper", prepare)
    assert len(attempts) == 2


@pytest.mark.parametrize("hang", [for_ever, lambda: time.sleep(600)])
def test_one_that_hangs_is_stopped_and_tried_again(monkeypatch, hang):
    monkeypatch.setattr(limits, "PREPARATION", 0.2)
    prepare, attempts = failing(1)

    def slow():
        try:
            return prepare()
        except OSError:
            hang()

    with limited(0.05):
        assert prepared("a helper", slow) == "ready"
    assert len(attempts) == 2


def test_the_limit_of_preparing_grows_with_that_of_a_check():
    assert limits.preparation(60.0) == 180.0
    assert limits.preparation(1.0) == 180.0
    assert limits.preparation(600.0) == 1800.0


# ---- in a process of its own


@pytest.fixture(scope="module")
def process():
    with Worker() as made:
        yield made


def test_a_process_that_computes_where_no_signal_reaches_it_is_killed(process):
    with pytest.raises(LimitError, match=r"it used 0.3 s of processor time, without a sign"):
        process.ask(processor_time(0.3), collections.deque, itertools.repeat(0), 0)
    assert process.ask(None, abs, -1) == 1


def test_a_process_that_waits_is_killed(process):
    with pytest.raises(LimitError, match=SLEPT):
        process.ask(processor_time(0.3), time.sleep, 600)


def test_a_process_that_ends_is_no_hang(process):
    with pytest.raises(DiedError, match="exit code 7"):
        process.ask(processor_time(600.0), os._exit, 7)


def test_an_answer_that_nobody_waits_for_is_not_that_to_the_next_question(process):
    with pytest.raises(Stopped, match=SLEPT), limited(0.3):
        process.ask(None, time.sleep, 600)
    assert process.ask(None, abs, -1) == 1


def test_a_script_without_a_guard_is_not_started_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from slotscope.processes.worker import Worker\n"
        "print('once')\n"
        "print(Worker().ask(None, abs, -1))\n"  # which ends with the script
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("once\n1\n", "", 0)


def test_signs_keep_a_process_alive(process):
    """Within its own limit it may use more than who asked would grant without a sign."""
    assert process.ask(processor_time(1.0), _within_a_limit, 2.5) == "done"


def _within_a_limit(seconds):
    with limited(4.0):
        burn(seconds)
    return "done"
