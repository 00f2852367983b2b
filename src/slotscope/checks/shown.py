"""What an optimizer shows of itself: its variables, their objects, names and order.

And how to say that two programs which should not differ end in the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slotscope.checks.run import State, difference
from slotscope.checks.verdict import NotReproducible, Violation
from slotscope.engines import Engine, OptimizerVariable


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
    return "; ".join(words) or "others stand in the places of the old ones"


def state_difference(before: State, after: State) -> str:
    """The label of what differs in any bit, empty where nothing does."""
    return difference([before], [after]).removesuffix(" after step 0")


def same_end(go: Callable[[], State], other: Callable[[], State], what: str) -> None:
    """Raise unless two programs end in the same state, bit for bit.

    Args:
        go: what is known to be right; done once more if the ends differ.
        other: what is compared with it.
        what: says in words how ``other`` goes about it.

    Raises:
        Violation: the ends differ.
        NotReproducible: so do two runs of ``go``.
    """
    expected, found = go(), other()
    if expected.keys() != found.keys():
        raise Violation(f"{what}, its variables are others: {changed([*expected], [*found])}")
    label = state_difference(expected, found)
    if not label:
        return
    again = state_difference(expected, go())
    if again:
        raise NotReproducible(f"two runs of the same program differ in {again}")
    a, b = found[label].ravel(), expected[label].ravel()
    at = int(np.argmax(~((a == b) | (np.isnan(a) & np.isnan(b)))))
    raise Violation(f"{what}, {label} is {a[at]:.9g}, expected {b[at]:.9g}")
