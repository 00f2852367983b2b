"""The code that shows a violation: it runs, and shows what it says."""

import contextlib
import io
from unittest import mock

from descending import ONE, TWICE, check, descending
from engine_cases import on, on_every_engine

from slotscope.rules import rule


@on_every_engine
def test_the_smallest_example_runs_and_shows_what_it_says(engine):
    """Of a rule whose momentum is another: two steps of one element."""
    wrong = rule("SGD", engine.generation, learning_rate=0.125, momentum=0.25)
    report = check(
        lambda: engine.optimizer("SGD", learning_rate=0.125, momentum=0.5),
        engine=engine,
        reference=wrong,
        only=[ONE],
    )
    (violated,) = report.with_verdict("violated")
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

    (violated,) = check(descending(engine, crash), only=[TWICE]).with_verdict("violated")
    assert "# here stands the class Mine" in violated.example
    cls = descending(engine, crash)
    person = mock.patch("multiprocessing.parent_process", return_value=None)
    with person, contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(violated.example, {"Mine": cls})
    assert "KeyError: 'beta'" in printed.getvalue()
