"""What the author of an optimizer meets: check_optimizer, and the decorator for pytest."""

import contextlib
import io
import runpy
import tempfile
import textwrap
import time
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from engine_cases import on, on_every_engine

from slotscope.checks.verdict import Verdict
from slotscope.errors import BadCheckArgumentError, UnknownOptimizerError

ONE = "check_every_step_follows_the_rule[matrix]"
TWICE = "check_same_run_twice_ends_the_same"


def descent(parameter, gradient, slots, iteration):
    """The rule of gradient descent at a learning rate of 0.125."""
    return parameter - 0.125 * gradient, {}


def ascent(parameter, gradient, slots, iteration):
    return parameter + 0.125 * gradient, {}


def descending(engine, during=None):
    """A class of one's own: gradient descent that does something else in its step."""

    class Mine(engine.keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.125, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)

        def update_step(self, gradient, variable, learning_rate):
            if during is not None:
                during()
            self.assign_sub(variable, learning_rate * gradient)

    return Mine


def check(optimizer, **options):
    from slotscope import check_optimizer

    return check_optimizer(optimizer, **{"verbose": False, **options})


# ---- what is checked


@on("keras-torch")
def test_an_instance_a_class_and_a_factory_are_the_same(engine):
    cls = descending(engine)
    for given in (cls(), cls, lambda: cls(0.125)):
        report = check(given, reference=descent, only=[ONE, TWICE])
        assert report.exit_code == 0
        assert len(report.of("holds")) == 2
        assert report.optimizer == "Mine"
        assert report.engine == "keras-torch"


@on("keras-torch")
def test_what_cannot_be_checked_is_refused_with_what_to_do(engine):
    cls = descending(engine)
    used = cls()
    used.build(engine.parameters([np.ones(2)], "float32"))
    shared = cls()

    class Needing(cls):
        def __init__(self, beta, **kwargs):
            super().__init__(**kwargs)

    def failing():
        raise RuntimeError("no licence")

    for wrong, said in (
        (used, "already built"),
        (lambda: used, "same Mine twice"),
        (lambda: shared, "same Mine twice"),
        (lambda: 3, "makes a builtins.int"),
        (Needing, r"lambda: .*Needing\(beta=\.\.\.\)"),
        (failing, "raised RuntimeError instead of making an optimizer: no licence"),
        ("adam", "'adam' is not an optimizer"),
        (np.ones(3), "not an optimizer"),
    ):
        with pytest.raises(UnknownOptimizerError, match=said):
            check(wrong, only=[TWICE])
    with pytest.raises(UnknownOptimizerError, match="'keras-torch', not of 'tf_keras'"):
        check(cls(), engine="tf_keras")
    for rule, said in (
        (3, "The reference is 3"),
        (lambda parameter: parameter, "it raised TypeError"),
        (lambda p, g, slots, t: p, "Expected the parameter and a dict of slots"),
    ):
        with pytest.raises(BadCheckArgumentError, match=said):
            check(cls(), reference=rule)


@on("keras-2.1", "tf_keras-graph")
def test_an_instance_made_in_a_graph_is_copied_by_its_config(engine):
    with engine.scope():
        optimizer = engine.optimizer("SGD", learning_rate=0.125)
    report = check(optimizer, engine=engine, only=[ONE])
    assert [outcome.verdict for outcome in report.outcomes] == ["holds"]


# ---- what is known


@on("keras-torch")
def test_an_expected_failure_is_known_and_one_that_holds_is_out_of_date(engine):
    cls = descending(engine)
    report = check(
        cls(),
        reference=ascent,
        only=[ONE, TWICE],
        expected_failures={ONE: "it goes up", TWICE: "it does not"},
    )
    assert report.of("violated") == []
    assert report.of("known difference")[0].reason.startswith("it goes up")
    assert len(report.stale) == 1
    assert report.exit_code == 1


@on("keras-torch")
def test_an_expected_failure_needs_a_reason_and_a_check(engine):
    cls = descending(engine)
    with pytest.raises(BadCheckArgumentError, match="Give the reason"):
        check(cls(), expected_failures={ONE: ""})
    with pytest.raises(BadCheckArgumentError, match="there is no such check"):
        check(cls(), expected_failures={"check_every_step_is_right": "typo"})


# ---- what goes wrong


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
    assert [outcome.reason for outcome in report.of("violated")] == [said] * 3
    assert any("not run: 3 checks" in o.reason for o in report.of("undecided"))
    assert report.exit_code == 1


@on("keras-torch")
def test_an_optimizer_that_waits_is_told_apart(engine):
    report = check(descending(engine, lambda: time.sleep(600)), only=[TWICE], time_limit=2)
    (violated,) = report.of("violated")
    assert violated.reason == "it waits: all of its threads slept at 60 looks in a row"
    assert "in <lambda>" in violated.crash


@on("keras-torch")
def test_a_check_that_could_not_be_prepared_is_undecided_and_no_pass(engine):
    from slotscope.checks.problems import killed_training
    from slotscope.errors import SlotscopeError

    def lost(*arguments):
        raise SlotscopeError("it ended")

    only = "check_training_resumes_after_a_kill[.keras]"
    with mock.patch.object(killed_training, "_ready", lost):
        report = check(descending(engine), only=[only])
        test = parameters([descending(engine)], only=[only])[f"Mine-{only}"][0]
        with pytest.raises(pytest.fail.Exception, match="undecided: a process with keras-torch"):
            test()
    (undecided,) = report.of("undecided")
    assert undecided.reason == "a process with keras-torch was not ready, tried twice: it ended"
    assert report.exit_code == 3
    assert "but not everything is decided: 1 undecided" in str(report)


@on("keras-torch")
def test_a_process_that_was_lost_is_started_anew(engine):
    from slotscope.checks.problems import killed_training

    only = "check_training_resumes_after_a_kill[.keras]"
    original, failed = killed_training._ready, []

    def ready(*arguments):
        if not failed:
            failed.append(True)
            raise OSError("no memory")
        return original(*arguments)

    with mock.patch.object(killed_training, "_ready", ready):
        assert check(descending(engine), only=[only]).exit_code == 0
    assert failed


@on("keras-torch")
def test_an_interrupt_ends_with_what_there_is(engine):
    state = {"steps": 0}

    def interrupt():
        state["steps"] += 1
        if state["steps"] > 20:  # two runs of five steps of two parameters
            raise KeyboardInterrupt

    report = check(descending(engine, interrupt), reference=descent, only=[TWICE, ONE])
    assert [outcome.id for outcome in report.outcomes] == [TWICE]
    assert report.missing == 1
    assert report.exit_code == 1


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


@on("keras-torch")
def test_a_run_says_first_what_it_does_and_last_what_came_of_it(engine):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        check(descending(engine), only=[TWICE], verbose=True)
    lines = printed.getvalue().splitlines()
    assert lines[0].startswith("Checking Mine() on keras-torch (keras")
    assert "1 check, about" in lines[0]
    assert "Mine on keras-torch: nothing is violated, 1 hold." in lines


# ---- the code that shows it


@on_every_engine
def test_the_smallest_example_runs_and_shows_what_it_says(engine):
    """Of a rule whose momentum is another: two steps of one element."""
    from slotscope.rules import rule

    wrong = rule("SGD", engine.generation, learning_rate=0.125, momentum=0.25)
    report = check(
        lambda: engine.optimizer("SGD", learning_rate=0.125, momentum=0.5),
        engine=engine,
        reference=wrong,
        only=[ONE],
    )
    (violated,) = report.of(Verdict.VIOLATED)
    code = violated.example
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    said = code.splitlines()[-1]
    assert "after step 2 is" in said
    value = said.partition(" is ")[2].partition(";")[0]
    assert value[:8] in printed.getvalue()
    assert len(code.splitlines()) <= 16


@on("keras-torch")
def test_any_other_violation_is_shown_by_its_check_alone(engine):
    def crash():
        raise KeyError("beta")

    (violated,) = check(descending(engine, crash), only=[TWICE]).of("violated")
    assert "# here stands the class Mine" in violated.example
    cls = descending(engine, crash)
    person = mock.patch("multiprocessing.parent_process", return_value=None)
    with person, contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(violated.example, {"Mine": cls})
    assert "KeyError: 'beta'" in printed.getvalue()


# ---- pytest


def parameters(*args, **options):
    """The parameters that the decorator makes: {id: (what to call, its marks)}."""
    from slotscope import parametrize_with_checks

    mark = parametrize_with_checks(*args, **options)
    assert mark.args[0] == "optimizer_check"
    return {p.id: (p.values[0], p.marks) for p in mark.args[1]}


@on("keras-torch")
def test_each_check_is_a_test_with_a_readable_id(engine):
    cls = descending(engine)
    found = parameters([cls()], reference=descent, only=[ONE, TWICE])
    assert list(found) == [f"Mine-{TWICE}", f"Mine-{ONE}"]
    for run, _ in found.values():
        run()
    several = parameters([cls(), cls(0.5)], only=[TWICE])
    assert list(several) == [f"Mine()-{TWICE}", f"Mine(learning_rate=0.5)-{TWICE}"]


@on("keras-torch")
def test_verdicts_become_those_of_pytest(engine):
    cls = descending(engine)
    found = parameters([cls()], reference=ascent, only=[ONE, "check_every_step_follows_the_rule"])
    with pytest.raises(pytest.fail.Exception, match="every slot and parameter is what the rule"):
        found[f"Mine-{ONE}"][0]()
    unknown = parameters([cls()], only=[ONE])
    with pytest.raises(pytest.skip.Exception, match="not applicable: no reference"):
        unknown[f"Mine-{ONE}"][0]()


@on("keras-torch")
def test_what_is_not_reproducible_is_skipped_as_such(engine):
    random = np.random.default_rng(0)
    keras = engine.keras

    class Mine(keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, gradient * float(random.random()))

    found = parameters([lambda: Mine(0.1)], reference=descent, only=[ONE])
    with pytest.raises(pytest.skip.Exception, match="not reproducible: two runs"):
        found[f"Mine-{ONE}"][0]()


@on("keras-torch")
def test_an_expected_failure_is_a_strict_xfail(engine):
    cls = descending(engine)
    found = parameters([cls()], reference=ascent, only=[ONE], expected_failures={ONE: "up"})
    run, (mark,) = found[f"Mine-{ONE}"]
    assert mark.name == "xfail"
    assert mark.kwargs == {"reason": "up", "strict": True}
    with pytest.raises(pytest.xfail.Exception, match="up"):
        run()


@on("keras-torch")
def test_an_expected_failure_of_many_checks_is_strict_for_all_of_them_together(engine):
    cls = descending(engine)
    name = "check_every_step_follows_the_rule"
    for rule, needed in ((ascent, True), (descent, False)):
        found = parameters([cls()], reference=rule, only=[name], expected_failures={name: "up"})
        *runs, (last, _) = found.values()
        with pytest.raises(pytest.skip.Exception, match="not every check"):
            last()
        for run, marks in runs:
            assert list(marks) == []
            with contextlib.suppress(pytest.xfail.Exception):
                run()
        with contextlib.nullcontext() if needed else pytest.raises(pytest.fail.Exception):
            last()


def test_pytest_runs_them(tmp_path):
    """A whole run, as an author has it."""
    import subprocess
    import sys

    (tmp_path / "test_mine.py").write_text(
        textwrap.dedent(
            f"""
            import os
            os.environ["KERAS_BACKEND"] = "torch"
            import keras, slotscope

            class Mine(keras.optimizers.SGD):
                def update_step(self, gradient, variable, learning_rate):
                    self.assign_add(variable, gradient)

            def rule(parameter, gradient, slots, iteration):
                return parameter - gradient, {{}}

            checks = [{ONE!r}, {TWICE!r}]

            @slotscope.parametrize_with_checks([Mine(1.0)], reference=rule, only=checks)
            def test_mine(optimizer_check):
                optimizer_check()
            """
        )
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert f"test_mine[Mine-{ONE}]" in done.stdout
    assert "violated: After every step" in done.stdout
    assert "limits.py" not in done.stdout
