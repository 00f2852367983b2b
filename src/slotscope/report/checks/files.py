"""Reports of the checks as files, all made from the same records: a page, JSON, JUnit's XML."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from importlib import metadata
from os import PathLike
from pathlib import Path
from typing import Any

from slotscope.checks.verdict import Outcome, Outcomes, Verdict
from slotscope.errors import BadCheckArgumentError
from slotscope.report.checks.page import page

FORMAT = 1


def save(reports: Sequence[Outcomes], path: str | PathLike[str]) -> None:
    """Write ``reports`` to a file, in the form that its name ends with.

    Args:
        reports: one an optimizer.
        path: ends in ``.html``, ``.json`` or ``.xml``.

    Raises:
        BadCheckArgumentError: it ends otherwise.
    """
    forms: dict[str, Callable[[Sequence[Outcomes]], str]] = {
        ".html": page,
        ".json": as_json,
        ".xml": as_junit,
    }
    form = forms.get(Path(path).suffix)
    if form is None:
        raise BadCheckArgumentError(
            f"{str(path)!r} does not say in which form to write. End the name in one of"
            f" {', '.join(forms)}."
        )
    write(form(reports), path)


def write(content: str, path: str | PathLike[str]) -> None:
    """``content`` as a file, in a folder that is made if it is not there."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content, encoding="utf-8")


def as_json(reports: Sequence[Outcomes]) -> str:
    """Every field of every outcome, with the counts and the exit code of each report."""
    found = {
        "format": FORMAT,
        "slotscope": metadata.version("slotscope"),
        "reports": [_plain(report) for report in reports],
    }
    return json.dumps(found, indent=1) + "\n"


def _plain(report: Outcomes) -> dict[str, Any]:
    counts = {str(verdict): count for verdict, count in report.counts().items()}
    outcomes = [{"id": o.id, **dataclasses.asdict(o)} for o in report.outcomes]
    return {
        "optimizer": report.optimizer,
        "engine": report.engine,
        "versions": report.versions,
        "exit_code": report.exit_code,
        "counts": counts,
        "missing": report.missing,
        "stale": list(report.stale),
        "outcomes": outcomes,
    }


def as_junit(reports: Sequence[Outcomes]) -> str:
    """A test suite for each optimizer: a violation is a failure, a crash an error.

    What is undecided is an error, too. What is known, not applicable or not reproducible is
    skipped, with its reason.
    """
    import junitparser

    document: Any = junitparser.JUnitXml("slotscope check")
    for report in reports:
        suite = junitparser.TestSuite(f"{report.optimizer} on {report.engine}")
        for name, version in report.versions.items():
            suite.add_property(name, version)
        for outcome in report.outcomes:
            suite.add_testcase(_case(junitparser, report, outcome))
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


def _case(junitparser: Any, report: Outcomes, outcome: Outcome) -> Any:
    case = junitparser.TestCase(
        outcome.id, _place(report, outcome.theme), round(outcome.seconds, 3)
    )
    if outcome.verdict is Verdict.VIOLATED:
        kind = junitparser.Error if outcome.crash else junitparser.Failure
        result = kind(_printable(outcome.reason), str(outcome.verdict))
        parts = (outcome.sentence, outcome.reason, outcome.crash, outcome.example)
        result.text = _printable("\n\n".join(filter(None, parts)))
        case.result = [result]
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
