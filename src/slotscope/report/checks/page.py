"""The report of the checks as one page of HTML that needs nothing else, and as part of a notebook.

The page answers from the top down: does it hold, what does not and how to see it, then everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from slotscope.checks.verdict import Outcomes, Verdict
from slotscope.report.checks.causes import causes
from slotscope.report.checks.printed import (
    by_check,
    headline,
    known_of_keras,
    smallest,
    split_known,
)
from slotscope.report.page_templates import rendered

#: What stands before the words of a verdict, for those who don't see its colour.
MARKS = {
    Verdict.HOLDS: "✓",
    Verdict.VIOLATED: "✗",
    Verdict.WARNING: "!",
    Verdict.KNOWN: "≠",
    Verdict.NOT_APPLICABLE: "-",
    Verdict.NOT_REPRODUCIBLE: "~",
    Verdict.UNDECIDED: "?",
}


def page(reports: Sequence[Outcomes]) -> str:
    """A whole page for one optimizer or several."""
    names = list(dict.fromkeys(report.optimizer for report in reports))
    engines = list(dict.fromkeys(report.engine for report in reports))
    title = f"{names[0] if len(names) == 1 else f'{len(names)} optimizers'} on {', '.join(engines)}"
    return rendered(
        "checks.html.jinja", title=title, reports=reports, key=key, ending=ending, **_names()
    )


def fragment(report: Outcomes) -> str:
    """What a notebook shows: the verdict, the table and the violations, no times."""
    return rendered("fragment.html.jinja", report=report, **_names())


def _names() -> dict[str, Any]:
    """What both templates know."""
    return {
        "Verdict": Verdict,
        "marks": MARKS,
        "by_check": by_check,
        "causes": causes,
        "by_theme": by_theme,
        "smallest": smallest,
        "headline": headline,
        "split_known": split_known,
        "known_of_keras": known_of_keras,
    }


def by_theme(report: Outcomes) -> list[tuple[str, list[Any]]]:
    """The outcomes of each theme."""
    return [(t, list(found)) for t, found in groupby(report.outcomes, lambda o: o.theme)]


def ending(reports: Sequence[Outcomes]) -> str:
    """What came of ``reports`` together: ``holds``, ``violated`` or ``undecided``."""
    codes = {report.exit_code for report in reports}
    return "violated" if codes - {0, 3} else "undecided" if 3 in codes else "holds"


def key(verdict: Verdict) -> str:
    """The verdict as a class of CSS."""
    return verdict.name.lower().replace("_", "-")
