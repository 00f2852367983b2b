"""Running checks: one after the other, each with its own verdict, none stopping the others."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator

from slotscope.checks.check import Item
from slotscope.checks.subject import Subject
from slotscope.checks.verdict import (
    NotApplicable,
    NotReproducible,
    Outcome,
    Verdict,
    Violation,
)

_VERDICTS = {
    NotApplicable: Verdict.NOT_APPLICABLE,
    NotReproducible: Verdict.NOT_REPRODUCIBLE,
    Violation: Verdict.VIOLATED,
}


def run(subject: Subject, items: Iterable[Item]) -> Iterator[Outcome]:
    """The outcome of every item, as they come."""
    for item in items:
        yield outcome_of(subject, item)


def outcome_of(subject: Subject, item: Item) -> Outcome:
    """Run one check."""
    start = time.perf_counter()
    verdict, reason, example, crash = Verdict.HOLDS, "", "", ""
    try:
        item.check.run(subject, item.case)
    except (NotApplicable, NotReproducible, Violation) as said:
        verdict, reason = _VERDICTS[type(said)], str(said)
        example = getattr(said, "example", "")
    except Exception as error:
        verdict = Verdict.VIOLATED
        reason = f"{type(error).__name__}: {error}"
        crash = traceback.format_exc()
    return Outcome(
        check=item.check.name,
        case=item.case,
        theme=item.check.theme,
        sentence=item.check.sentence,
        verdict=verdict,
        reason=reason,
        example=example,
        crash=crash,
        seconds=time.perf_counter() - start,
    )
