"""The report of the checks in words: warnings, a table, what is violated, and the verdict."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from slotscope.checks.verdict import Outcome, Outcomes, Verdict
from slotscope.report.checks.causes import Cause, causes

STYLES = {
    Verdict.HOLDS: "green",
    Verdict.VIOLATED: "bold red",
    Verdict.WARNING: "bold yellow",
    Verdict.KNOWN: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
    Verdict.NOT_REPRODUCIBLE: "magenta",
    Verdict.UNDECIDED: "bold magenta",
}

#: By exit code; any other is that of a violation.
ENDS = {0: "bold green", 3: STYLES[Verdict.UNDECIDED]}

#: Cases of one check whose reasons are shown, each on a line.
_SHOWN = 4


def print_report(report: Outcomes, console: Console) -> None:
    """Warnings, the table by theme, every violation with its example, the verdict in one line."""
    _print_reasons(Verdict.WARNING, report.with_verdict(Verdict.WARNING), console)
    console.print()
    console.print(verdict_table(report))
    shown: set[str] = set()
    shared, others = causes(report.with_verdict(Verdict.VIOLATED))
    for cause in shared:
        _print_cause(cause, console, shown)
    for outcomes in by_check(others):
        _print_violation(outcomes, console, shown)
    for message in report.stale:
        console.print(f"\n[bold red]out of date[/]: {escape(message)}", soft_wrap=True)
    of_keras, expected = split_known(report)
    _print_list(Verdict.KNOWN, expected, console)
    if of_keras:
        said = f"\n[{STYLES[Verdict.KNOWN]}]{Verdict.KNOWN}[/] {escape(known_of_keras(of_keras))}"
        console.print(said, soft_wrap=True)
    _print_list(Verdict.NOT_REPRODUCIBLE, report.with_verdict(Verdict.NOT_REPRODUCIBLE), console)
    for verdict in (Verdict.UNDECIDED, Verdict.NOT_APPLICABLE):
        _print_reasons(verdict, report.with_verdict(verdict), console)
    style = ENDS.get(report.exit_code, STYLES[Verdict.VIOLATED])
    console.print(f"\n[{style}]{escape(headline(report))}[/]")


def split_known(report: Outcomes) -> tuple[list[Outcome], list[Outcome]]:
    """The known differences that are Keras's own, and those that a caller expected."""
    known = report.with_verdict(Verdict.KNOWN)
    return [o for o in known if o.also_of], [o for o in known if not o.also_of]


def known_of_keras(outcomes: Sequence[Outcome]) -> str:
    """What is said of Keras's own defects where the optimizer's are told: how many, and where."""
    number = len(outcomes)
    what = "1 case is" if number == 1 else f"{number} cases are"
    return (
        f"of Keras itself: {what} no fault of this optimizer. Each is in the report that --html"
        " writes, and written up in the documentation under Findings."
    )


def text(report: Outcomes) -> str:
    """The report as plain text, the same at every run that ends alike."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=100, highlight=False, color_system=None))
    return file.getvalue().strip("\n")


def headline(report: Outcomes) -> str:
    """The verdict in one line."""
    number, violated = len(report.outcomes), len(report.with_verdict(Verdict.VIOLATED))
    where = f"{report.optimizer} on {report.engine}"
    if report.missing:
        return (
            f"{where}: interrupted after {number} of {number + report.missing} checks,"
            f" {violated} of them violated."
        )
    if violated:
        return f"{where}: {violated} of {number} checks {'are' if violated > 1 else 'is'} violated."
    if report.stale:
        return f"{where}: nothing is violated, but what is listed as failing is out of date."
    several = {
        Verdict.HOLDS: "hold",
        Verdict.KNOWN: "known differences",
        Verdict.WARNING: "warnings",
    }
    said = [
        f"{number} {verdict if number == 1 else several.get(verdict, verdict)}"
        for verdict, number in report.counts().items()
        if number
    ]
    if report.strict and (warned := report.with_verdict(Verdict.WARNING)):
        plural = "s" if len(warned) > 1 else ""
        return f"{where}: nothing is violated, but {len(warned)} warning{plural} count, as asked."
    but = "but not everything is decided: " if report.with_verdict(Verdict.UNDECIDED) else ""
    return f"{where}: nothing is violated, {but}{', '.join(said)}."


def verdict_table(report: Outcomes) -> Table:
    """How many outcomes of each theme have each verdict."""
    verdicts = [verdict for verdict, count in report.counts().items() if count]
    table = Table("theme", box=None, pad_edge=False)
    for verdict in verdicts:
        table.add_column(str(verdict), justify="right", style=STYLES[verdict])
    for theme, outcomes in groupby(report.outcomes, lambda outcome: outcome.theme):
        found = [outcome.verdict for outcome in outcomes]
        table.add_row(theme, *(str(found.count(verdict) or "") for verdict in verdicts))
    return table


def by_check(outcomes: Sequence[Outcome]) -> Iterator[list[Outcome]]:
    """The outcomes of one check after the other."""
    for _, group in groupby(outcomes, lambda outcome: outcome.check):
        yield list(group)


def smallest(outcomes: Sequence[Outcome]) -> str:
    """The shortest example of one check's cases."""
    return min((o.example for o in outcomes if o.example), key=len, default="")


def _print_cause(cause: Cause, console: Console, shown: set[str]) -> None:
    """One exception that ended several checks: how many, where it was raised, and the code."""
    console.print(f"\n[bold red]violated[/] [bold]{cause.size}: mend this first[/]")
    console.print(Text(cause.said), soft_wrap=True)
    console.print(Text(f"It ends {', '.join(cause.checks)}.", "dim"), soft_wrap=True)
    if cause.crash:
        console.print(Text(cause.crash, "dim"), soft_wrap=True)
    _print_example(cause.outcomes, console, shown)


def _print_violation(outcomes: Sequence[Outcome], console: Console, shown: set[str]) -> None:
    """One check that is violated: what it claims, what was found in each case, and the code.

    ``shown`` has the examples that stand above already.
    """
    first = outcomes[0]
    console.print(f"\n[bold red]violated[/] [bold]{escape(first.check)}[/]")
    console.print(Text(first.sentence, "italic"), soft_wrap=True)
    for outcome in outcomes[:_SHOWN]:
        case = f"[{outcome.case}] " if outcome.case else ""
        console.print(Text(f"{case}{outcome.reason}"), soft_wrap=True)
    if len(outcomes) > _SHOWN:
        rest = ", ".join(outcome.case for outcome in outcomes[_SHOWN:])
        more = f"and in {len(outcomes) - _SHOWN} more cases: {rest}"
        console.print(Text(more), soft_wrap=True)
    crash = next((o.crash for o in outcomes if o.crash), "")
    if crash:
        console.print(Text(crash, "dim"), soft_wrap=True)
    _print_example(outcomes, console, shown)


def _print_example(outcomes: Sequence[Outcome], console: Console, shown: set[str]) -> None:
    example = smallest(outcomes)
    if example in shown:
        console.print(Text("To see it, run the same example as above.", "dim"))
    elif example:
        shown.add(example)
        # As it stands, without margin or box: it is there to be copied.
        console.print(Text("To see it:", "dim"))
        console.print(Text(example, "cyan"), soft_wrap=True)


def _print_list(verdict: Verdict, outcomes: Sequence[Outcome], console: Console) -> None:
    if outcomes:
        console.print(f"\n[{STYLES[verdict]}]{verdict}[/]")
    for outcome in outcomes:
        page = f" See {outcome.page}." if outcome.page else ""
        console.print(Text(f"  {outcome.id}: {outcome.reason}{page}"), soft_wrap=True)


def _print_reasons(verdict: Verdict, outcomes: Sequence[Outcome], console: Console) -> None:
    """Why what does not apply, or is undecided, is so, with the number of cases of each reason."""
    reasons: dict[str, int] = {}
    for outcome in outcomes:
        reasons[outcome.reason] = reasons.get(outcome.reason, 0) + 1
    if reasons:
        console.print(f"\n[{STYLES[verdict]}]{verdict}[/]")
    for reason, count in reasons.items():
        what = "1 case" if count == 1 else f"{count} cases"
        console.print(Text(f"  {what}: {reason}", "dim"), soft_wrap=True)
