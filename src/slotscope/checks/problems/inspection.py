"""What an optimizer shows of itself: its variables, their objects, names and order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from slotscope.checks.problems.small_models import Fitted
from slotscope.checks.problems.state import Trained
from slotscope.checks.problems.steps import Run
from slotscope.engines import OptimizerVariable

#: An optimizer on its engine.
AtWork = Run | Fitted | Trained


def variables(at_work: AtWork) -> list[OptimizerVariable]:
    """What its optimizer shows, in its order."""
    with at_work.engine.scope():
        return at_work.engine.variables(at_work.optimizer)


def labels(at_work: AtWork) -> list[str]:
    """``slot/parameter`` of all that its optimizer shows, in its order."""
    return [variable.label for variable in variables(at_work)]


def objects(at_work: AtWork) -> list[Any]:
    """The variable objects that its optimizer shows, in its order."""
    with at_work.engine.scope():
        return at_work.engine.shows(at_work.optimizer)


def same_objects(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether two lists hold the same objects in the same order."""
    return list(map(id, before)) == list(map(id, after))


def changed(before: Sequence[str], after: Sequence[str]) -> str:
    """What is new and what is gone, in words."""
    new, gone = Counter(after) - Counter(before), Counter(before) - Counter(after)
    words = [f"{sum(new.values())} more ({', '.join(new)})"] if new else []
    words += [f"{sum(gone.values())} fewer ({', '.join(gone)})"] if gone else []
    return "; ".join(words) or "others in the places of the old ones"
