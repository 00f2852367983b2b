"""Whether a violation is a known difference of Keras, of Keras's own or of an author's optimizer.

What is Keras's own is what its entry says. An author's optimizer may do the same by a mistake of
its own, and must not be excused by a reason that is Keras's: so Keras's own optimizer, from which
it is derived, is asked the same question, and has to be seen to do the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from slotscope.checks.check import Item
from slotscope.checks.data.known_differences import Difference, applying
from slotscope.checks.plan import plan_of
from slotscope.checks.subjects.given import builtin
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Outcome, Verdict

#: What stands for Keras's base class, which makes no step: the optimizers that add the least.
PLAINEST = ("SGD", "RMSprop")


def shown_by(
    subject: Subject, item: Item, outcome: Outcome, ask: Callable[[Subject, Item], Outcome]
) -> str | None:
    """Which of Keras's own optimizers shows that a violation is a known difference of Keras.

    Args:
        subject: what was checked.
        item: the check.
        outcome: what it said.
        ask: runs one check of one subject.

    Returns:
        Its name, the subject's own where that is one of Keras's; None if the violation is no known
        difference, or no optimizer of Keras does the same.
    """
    if outcome.verdict is not Verdict.VIOLATED:
        return None
    explaining = [e for e in applying(plan_of(subject, [])) if e.explains(outcome)]
    if subject.builtin:
        return subject.name if explaining else None
    for name in dict.fromkeys(_of_keras(subject, explaining)):
        own = builtin(subject.engine, name)
        found = subject.once(f"{item.id} of {name}", functools.partial(ask, own, item))
        known = applying(plan_of(own, []))
        if any(entry in known and entry.explains(found) for entry in explaining):
            return name
    return None


def _of_keras(subject: Subject, explaining: list[Difference]) -> Iterator[str]:
    """The optimizers of Keras to be asked: what it is derived from, then those of the entries."""
    there = subject.engine.optimizer_names
    bases = [name for name in subject.names if name in there]
    if explaining:
        yield from bases[:1]
        yield from (name for name in PLAINEST if name in there)
    for entry in explaining:
        yield from (name for name in entry.optimizers if entry.custom and name in there)
