"""The checks' report as JUnit's XML, which CI shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import junitparser

from slotscope.checks.verdict import Outcome, Outcomes, Verdict


def as_junit(reports: Sequence[Outcomes]) -> str:
    """A test suite for each optimizer: a violation is a failure, a crash an error.

    What is undecided is an error, too. What is known, not applicable or not reproducible is
    skipped, with its reason; so is a warning, unless the report is strict.
    """
    document: Any = junitparser.JUnitXml("slotscope check")
    for report in reports:
        suite = junitparser.TestSuite(f"{report.optimizer} on {report.engine}")
        for name, version in report.versions.items():
            suite.add_property(name, version)
        for outcome in report.outcomes:
            suite.add_testcase(_case(report, outcome))
        for number, message in enumerate(report.stale, 1):
            case = junitparser.TestCase(
                f"entry out of date {number}", _place(report, "known differences"), 0.0
            )
            case.result = [junitparser.Failure(message, "out of date")]
            suite.add_testcase(case)
        if report.missing:
            case = junitparser.TestCase("interrupted", _place(report, "run"), 0.0)
            case.result = [junitparser.Error(f"{report.missing} checks were not run", "interrupt")]
            suite.add_testcase(case)
        document.add_testsuite(suite)
    document.update_statistics()
    text: bytes = document.tostring()
    return text.decode()


def _case(report: Outcomes, outcome: Outcome) -> Any:
    case = junitparser.TestCase(
        outcome.id, _place(report, outcome.theme), round(outcome.seconds, 3)
    )
    if outcome.verdict is Verdict.VIOLATED:
        kind = junitparser.Error if outcome.crash else junitparser.Failure
        result = kind(_printable(outcome.reason), str(outcome.verdict))
        parts = (outcome.sentence, outcome.reason, outcome.crash, outcome.example)
        result.text = _printable("\n\n".join(filter(None, parts)))
        case.result = [result]
    elif report.strict and outcome.verdict is Verdict.WARNING:
        case.result = [junitparser.Failure(_printable(outcome.reason), str(outcome.verdict))]
    elif outcome.verdict is Verdict.UNDECIDED:
        case.result = [junitparser.Error(_printable(outcome.reason), str(outcome.verdict))]
    elif outcome.verdict is not Verdict.HOLDS:
        message = _printable(f"{outcome.verdict}: {outcome.reason}")
        case.result = [junitparser.Skipped(message, str(outcome.verdict))]
    return case


def _place(report: Outcomes, theme: str) -> str:
    return f"{report.engine}.{report.optimizer}.{theme}"


def _printable(text: str) -> str:
    """``text`` without the control characters that XML cannot hold."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
