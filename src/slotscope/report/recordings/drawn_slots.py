"""What a figure draws of each slot: its norms, and which variable held it, over steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from slotscope.errors import VariableNotFoundError
from slotscope.recording.recording import Recording


@dataclass(frozen=True, eq=False)
class DrawnSlot:
    """A slot of one parameter, over the variables that held it one after the other.

    Attributes:
        name: ``slot/parameter``.
        norms: float64 array (rows,): the L2 norm, NaN where it was not there.
        numbers: float64 array (rows,): which variable held it, 1 for the first; NaN likewise.
    """

    name: str
    norms: np.ndarray
    numbers: np.ndarray

    @property
    def largest(self) -> float:
        """The largest finite norm, -1 if there is none."""
        finite = self.norms[np.isfinite(self.norms)]
        return float(finite.max()) if len(finite) else -1.0

    def curve(self, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps and norms, parted by a NaN where another variable took over."""
        there = ~np.isnan(self.numbers)
        steps, norms, numbers = steps[there], self.norms[there], self.numbers[there]
        cuts = np.flatnonzero(np.diff(numbers)) + 1
        return np.insert(steps.astype(float), cuts, np.nan), np.insert(norms, cuts, np.nan)


def drawn_slots(
    recording: Recording,
    slots: str | Collection[str] | None = None,
    parameters: str | Collection[str] | None = None,
) -> list[DrawnSlot]:
    """The slots of a recording in the order in which they were seen.

    Raises:
        VariableNotFoundError: none fits what was asked for.
    """
    slots, parameters = _several(slots), _several(parameters)
    chosen: dict[str, list[int]] = {}
    for index, variable in enumerate(recording.seen):
        fits = slots is None or variable.slot in slots
        path = variable.parameter
        if path and fits and (parameters is None or any(_ends(path, end) for end in parameters)):
            chosen.setdefault(variable.place, []).append(index)
    if not chosen and (slots or parameters):
        held = sorted({variable.place for variable in recording.seen if variable.parameter})
        raise VariableNotFoundError(
            f"No slot of the recording fits slots={slots!r} and parameters={parameters!r}."
            f" Choose among: {held}."
        )
    place_of = {index: place for place, own in enumerate(chosen.values()) for index in own}
    norms = np.full((len(chosen), len(recording.rows)), np.nan)
    numbers = np.full_like(norms, np.nan)
    for column, row in enumerate(recording.rows):
        for at, index in enumerate(row.indices.tolist()):
            place = place_of.get(index)
            if place is not None and row.live[at]:
                norms[place, column] = row.statistics[at, 0]
                numbers[place, column] = recording.seen[index].number
    return [DrawnSlot(name, *of) for name, *of in zip(chosen, norms, numbers, strict=True)]


def largest(slots: list[DrawnSlot], count: int) -> list[DrawnSlot]:
    """Those of the ``count`` largest norms, in the order of ``slots``."""
    ranked = sorted(slots, key=lambda slot: -slot.largest)[:count]
    return [slot for slot in slots if slot in ranked]


def _several(names: str | Collection[str] | None) -> list[str] | None:
    return [names] if isinstance(names, str) else None if names is None else list(names)


def _ends(path: str, end: str) -> bool:
    return path == end or path.endswith(f"/{end}")


def held_alike(slots: list[DrawnSlot], steps: np.ndarray) -> list[tuple[str, DrawnSlot]]:
    """One of each group of slots that were held alike, and what is to be said of the group."""
    groups: dict[bytes, list[DrawnSlot]] = {}
    for slot in slots:
        groups.setdefault(slot.numbers.tobytes(), []).append(slot)
    told = []
    for group in groups.values():
        first = group[0]
        name = first.name if len(group) == 1 else f"{len(group)} of {len(slots)} slots"
        told.append((f"{name}: {_held(first.numbers, steps)}", first))
    return told


def _held(numbers: np.ndarray, steps: np.ndarray) -> str:
    there = np.flatnonzero(~np.isnan(numbers))
    if not len(there):
        return "never read"
    changes = steps[there[1:]][np.diff(numbers[there]) != 0]
    first, last = steps[there[0]], steps[there[-1]]
    span = "" if last == steps[-1] else f", up to step {last}"
    since = "" if there[0] == 0 else f" from step {first}"
    if not len(changes):
        whole = "the same variable"
        return f"{whole} throughout" if not span and not since else f"{whole}{since}{span}"
    shown = ", ".join(map(str, changes[:4].tolist())) + (", ..." if len(changes) > 4 else "")
    return f"another variable at step {shown}{span}"
