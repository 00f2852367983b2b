"""What an optimizer shows of itself: its variables, their objects, names and order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

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
    return "; ".join(words) or "others in the places of the old ones"
