"""``parametrize_with_checks``: each check is a test of pytest's own, and so is its verdict."""

import contextlib
import subprocess
import sys
import textwrap
from unittest import mock

import numpy as np
import pytest
from descending import ONE, TWICE, ascent, descending, descent
from engine_cases import on

from slotscope import parametrize_with_checks
from slotscope.checks.problems import killed_training
from slotscope.errors import LeftOutWarning, SlotscopeError


def parameters(*args, **options):
    """The parameters that the decorator makes: {id: (what to call, its marks)}."""
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
def test_what_is_undecided_fails(engine):
    def lost(*arguments):
        raise SlotscopeError("it ended")

    only = "check_training_resumes_after_a_kill[.keras]"
    run, _ = parameters([descending(engine)], only=[only])[f"Mine-{only}"]
    undecided = pytest.raises(pytest.fail.Exception, match="undecided: a process with keras-torch")
    with mock.patch.object(killed_training, "_ready", lost), undecided:
        run()


@on("keras-torch")
def test_an_expected_failure_is_a_strict_xfail(engine):
    cls = descending(engine)
    found = parameters([cls()], reference=ascent, only=[ONE], expected_failures={ONE: "up"})
    run, (mark,) = found[f"Mine-{ONE}"]
    assert mark.name == "xfail"
    assert mark.kwargs == {"reason": "up", "strict": True, "raises": pytest.xfail.Exception}
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


H5 = "check_training_resumes_from_a_file[.h5]"


@on("keras-torch")
def test_a_defect_of_keras_is_an_expected_failure_and_an_authors_own_a_failure(engine):
    class Broken(engine.keras.optimizers.SGD):
        def update_step(self, *arguments, **more):
            raise RuntimeError("my own bug")

    found = parameters([descending(engine), Broken], only=[H5])
    with pytest.raises(pytest.xfail.Exception, match="SGD does the same"):
        found[f"Mine-{H5}"][0]()
    with pytest.raises(pytest.fail.Exception, match="my own bug"):
        found[f"Broken-{H5}"][0]()


@on("keras-torch")
def test_a_warning_is_one_of_pytests_and_fails_where_it_is_strict(engine):
    class Mine(descending(engine)):
        def __deepcopy__(self, memo):
            raise RuntimeError("not me")

    copies = "check_a_copy_has_the_state_or_says_that_it_has_not[deepcopy]"
    run, _ = parameters([Mine], only=[copies])[f"Mine-{copies}"]
    with pytest.warns(LeftOutWarning, match="not me"), pytest.raises(pytest.skip.Exception):
        run()
    run, _ = parameters([Mine], only=[copies], strict=True)[f"Mine-{copies}"]
    with pytest.raises(pytest.fail.Exception, match="not me"):
        run()
