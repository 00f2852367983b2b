"""From outcomes to a report: what was known, what is out of date, what is missing."""

import pytest
from descending import ONE, TWICE, ascent, check, descending, descent
from engine_cases import on

from slotscope.errors import BadCheckArgumentError


@on("keras-torch")
def test_an_expected_failure_is_known_and_one_that_holds_is_out_of_date(engine):
    cls = descending(engine)
    report = check(
        cls(),
        reference=ascent,
        only=[ONE, TWICE],
        expected_failures={ONE: "it goes up", TWICE: "it does not"},
    )
    assert report.with_verdict("violated") == []
    assert report.with_verdict("known difference")[0].reason.startswith("it goes up")
    assert len(report.stale) == 1
    assert report.exit_code == 1


@on("keras-torch")
def test_an_expected_failure_needs_a_reason_and_a_check(engine):
    cls = descending(engine)
    with pytest.raises(BadCheckArgumentError, match="Give the reason"):
        check(cls(), expected_failures={ONE: ""})
    with pytest.raises(BadCheckArgumentError, match="there is no such check"):
        check(cls(), expected_failures={"check_every_step_is_right": "typo"})


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
