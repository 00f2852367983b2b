"""Running checks: a crash, a hang and a wait are told apart, and stop no other check."""

import contextlib
import io
import runpy
import tempfile
import time
import warnings
from pathlib import Path
from unittest import mock

from descending import ONE, TWICE, check, descending, descent
from engine_cases import on

from slotscope.checks.problems import killed_training
from slotscope.errors import SlotscopeError

KILLED = "check_training_resumes_after_a_kill[.keras]"

CRASHING = """
steps = []


def once():
    steps.append(len(steps))
    if len(steps) == 1:
        raise KeyError("beta")
"""


@on("keras-torch")
def test_a_crash_is_reported_with_the_optimizers_own_lines_and_the_others_go_on(engine):
    with tempfile.TemporaryDirectory() as folder:
        # From a file: the test itself may run in another process, where its source is not known.
        file = Path(folder) / "crashing.py"
        file.write_text(CRASHING)
        once = runpy.run_path(str(file))["once"]
        report = check(descending(engine, once), reference=descent, only=[TWICE, ONE])
    crashed, other = report.outcomes
    assert crashed.verdict == "violated"
    assert "crashed with KeyError: 'beta'" in crashed.reason
    assert 'raise KeyError("beta")' in crashed.crash
    assert "frames in" in crashed.crash
    assert crashed.crash.count("  File ") < 6
    assert other.verdict == "holds"


@on("keras-torch")
def test_an_optimizer_that_hangs_is_stopped_and_given_up_in_the_end(engine):
    def compute():
        while True:
            with contextlib.suppress(Exception):  # what most code would catch
                while True:
                    pass

    report = check(descending(engine, compute), themes=["values", "gradients"], time_limit=2)
    said = "it hangs: it used 2 s of processor time"
    assert [outcome.reason for outcome in report.with_verdict("violated")] == [said] * 3
    assert any("not run: 3 checks" in o.reason for o in report.with_verdict("undecided"))
    assert report.exit_code == 1


@on("keras-torch")
def test_an_optimizer_that_waits_is_told_apart(engine):
    report = check(descending(engine, lambda: time.sleep(600)), only=[TWICE], time_limit=2)
    (violated,) = report.with_verdict("violated")
    assert violated.reason == "it waits: all of its threads slept at 60 looks in a row"
    assert "in <lambda>" in violated.crash


@on("keras-torch")
def test_a_check_that_could_not_be_prepared_is_undecided_and_no_pass(engine):
    def lost(*arguments):
        raise SlotscopeError("it ended")

    with mock.patch.object(killed_training, "_ready", lost):
        report = check(descending(engine), only=[KILLED])
    (undecided,) = report.with_verdict("undecided")
    assert undecided.reason == "a process with keras-torch was not ready, tried twice: it ended"
    assert report.exit_code == 3
    assert "but not everything is decided: 1 undecided" in str(report)


@on("keras-torch")
def test_a_process_that_was_lost_is_started_anew(engine):
    original, failed = killed_training._ready, []

    def ready(*arguments):
        if not failed:
            failed.append(True)
            raise OSError("no memory")
        return original(*arguments)

    with mock.patch.object(killed_training, "_ready", ready):
        assert check(descending(engine), only=[KILLED]).exit_code == 0
    assert failed


@on("keras-torch")
def test_warnings_stay_away_and_prints_do_not(engine):
    def talk():
        warnings.warn("noise", stacklevel=1)
        print("the author's own")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            check(descending(engine, talk), only=[TWICE])
    assert not any("noise" in str(warning.message) for warning in caught)
    assert "the author's own" in printed.getvalue()
