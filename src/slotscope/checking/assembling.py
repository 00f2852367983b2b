"""From outcomes to a report: what of it was known, what is out of date, what is missing."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

from slotscope.checks.data import known_differences
from slotscope.checks.data.known_differences import Difference
from slotscope.checks.plan import Plan
from slotscope.checks.verdict import Outcome
from slotscope.errors import BadCheckArgumentError
from slotscope.report.checks.checks_report import Report
from slotscope.report.checks.terminal import Display


def known(plan: Plan, expected_failures: Mapping[str, str]) -> list[Difference]:
    """The known differences that can occur in ``plan``, a caller's own first.

    Raises:
        BadCheckArgumentError: an expected failure has no reason, or there is no such check.
    """
    own = known_differences.expected(expected_failures)
    for difference in own:
        pattern = difference.check.replace("[", "[[]")
        names = {*plan.all_ids, *(id.partition("[")[0] for id in plan.all_ids)}
        if plan.all_ids and not fnmatch.filter(names, pattern):
            raise BadCheckArgumentError(
                f"expected_failures names {difference.check!r}, and there is no such check for"
                f" {plan.optimizer} on {plan.engine}. Mend the name, or remove it."
            )
    return own + known_differences.applying(plan)


def collect(
    plan: Plan,
    outcomes: Iterable[Outcome],
    expected_failures: Mapping[str, str],
    display: Display | None = None,
    warnings_count: bool = False,
) -> Report:
    """The report of what ``outcomes`` brings; an interrupt ends it with what there is so far.

    Args:
        plan: what is run.
        outcomes: runs it, one outcome at a time.
        expected_failures: {check or check[case]: why it fails}.
        display: is told of every outcome.
        warnings_count: whether a warning is as bad as a violation.

    Raises:
        BadCheckArgumentError: an expected failure has no reason, or there is no such check.
    """
    display = display or Display()
    entries = known(plan, expected_failures)
    done: list[Outcome] = []
    display.planned(plan)
    try:
        for outcome in outcomes:
            done.append(known_differences.judged(outcome, entries, plan))
            display.done(done[-1])
    except KeyboardInterrupt:
        pass
    missing = len(plan.items) - len(done)
    place = {item.id: number for number, item in enumerate(plan.items)}
    done.sort(key=lambda outcome: place[outcome.id])
    report = Report(
        optimizer=plan.optimizer,
        engine=plan.engine,
        versions=dict(plan.versions),
        outcomes=done,
        stale=() if missing else known_differences.stale(must_occur(entries, plan), done),
        missing=missing,
        strict=warnings_count,
    )
    display.finished(report)
    return report


def must_occur(entries: Iterable[Difference], plan: Plan) -> list[Difference]:
    """The entries that must occur: the caller's, and, of an ordinary optimizer, slotscope's own.

    Any other optimizer may do better.
    """
    return [entry for entry in entries if plan.ordinary or not entry.package]
