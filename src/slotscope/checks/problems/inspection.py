"""What an optimizer shows of itself: its variables, their objects, names and order.

And how to say that two programs which should not differ end in the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from slotscope.checks.problems.small_models import model_of
from slotscope.checks.problems.steps import State, difference
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotReproducible, Violation
from slotscope.engines import Engine, OptimizerVariable
from slotscope.recording.recording import Recording
from slotscope.recording.watch import watch


def variables(engine: Engine, optimizer: Any) -> list[OptimizerVariable]:
    """What ``optimizer`` shows, in its order."""
    with engine.scope():
        return engine.variables(optimizer)


def labels(engine: Engine, optimizer: Any) -> list[str]:
    """``slot/parameter`` of all that ``optimizer`` shows, in its order."""
    return [variable.label for variable in variables(engine, optimizer)]


def objects(engine: Engine, optimizer: Any) -> list[Any]:
    """The variable objects that ``optimizer`` shows, in its order."""
    with engine.scope():
        return engine.shows(optimizer)


def same_objects(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether two lists hold the same objects in the same order."""
    return list(map(id, before)) == list(map(id, after))


def changed(before: Sequence[str], after: Sequence[str]) -> str:
    """What is new and what is gone, in words."""
    new, gone = Counter(after) - Counter(before), Counter(before) - Counter(after)
    words = [f"{sum(new.values())} more ({', '.join(new)})"] if new else []
    words += [f"{sum(gone.values())} fewer ({', '.join(gone)})"] if gone else []
    return "; ".join(words) or "others in the places of the old ones"


@dataclass(frozen=True)
class TwoFits:
    """What was recorded while a compiled model of the subject was fitted twice.

    Attributes:
        recording: of both fits, 4 batches of one shape each.
        first: the counts after the first.
        state: where the model ended.
    """

    recording: Recording
    first: dict[str, int]
    state: State

    @classmethod
    def of(cls, subject: Subject) -> TwoFits:
        """Record them, once for each subject."""
        if "two fits" not in subject.memo:
            fitted = model_of(subject)
            with watch(fitted.model) as recording:
                fitted.fit(stop=16)
                first = dict(recording.counts)
                fitted.fit(stop=16)
            subject.memo["two fits"] = cls(recording, first, fitted.state)
        found: TwoFits = subject.memo["two fits"]
        return found


def state_difference(before: State, after: State) -> str:
    """The label of what differs in any bit or has no value any more; empty where nothing does."""
    lost = [label for label in before if label not in after]
    if lost:
        return f"{lost[0]} (it has no value any more)"
    return difference([before], [after]).removesuffix(" after step 0")


def same_end(
    go: Callable[[], State], other: Callable[[], State], what: str, expected: State | None = None
) -> None:
    """Raise unless two programs end in the same state, bit for bit.

    Args:
        go: what is known to be right; done once more if the ends differ.
        other: what is compared with it.
        what: says in words how ``other`` goes about it.
        expected: where ``go`` ends, if it has been done before.

    Raises:
        Violation: the ends differ.
        NotReproducible: so do two runs of ``go``.
    """
    expected, found = go() if expected is None else expected, other()
    if expected.keys() != found.keys():
        raise Violation(f"{what}, there are {changed([*expected], [*found])}")
    label = difference([expected], [found]).removesuffix(" after step 0")
    if not label:
        return
    again = state_difference(expected, go())
    if again:
        raise NotReproducible.runs(again)
    raise Violation(f"{what}, {first_difference(label, expected, found)}")


def first_difference(label: str, expected: State, found: State) -> str:
    """In words, where two values of ``label`` differ first."""
    a, b = found[label].ravel(), expected[label].ravel()
    at = int(np.argmax(~((a == b) | (np.isnan(a) & np.isnan(b)))))
    return f"{label}, element {at}, is {a[at]:.9g}, expected {b[at]:.9g}"
