"""The recording: plain data, and the views of it that people read.

A recording holds *events* in the order in which they happened, the optimizer *variables* that
were seen, and a *row* for each recorded step. A slot that was replaced has two variables of the
same slot and parameter, numbered 1 and 2.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from slotscope.errors import ValuesNotKeptError, VariableNotFoundError
from slotscope.recording.row import Row
from slotscope.recording.row_blocks import SpilledRows, table_of
from slotscope.recording.statistics import NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the optimizer.

    Attributes:
        kind: ``compiled``, ``constructed`` (variables appeared), ``traced`` (a train step was
            traced), ``stepped``, ``replaced`` (a slot got a new variable), ``frozen mirror`` (the
            optimizer shows a variable that training no longer updates), ``shared`` (the optimizer
            serves another model too), ``gap`` (steps went by unseen), ``untold`` (what cannot be
            seen: the parameter of a slot, or the calls of a method).
        iterations: the optimizer's step counter when it happened.
        detail: what exactly, in words.
        count: how many variables, steps or parameters it is about.
    """

    kind: str
    iterations: int
    detail: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Variable:
    """One optimizer variable that was seen.

    Attributes:
        slot: what it holds, in Keras 3's words.
        parameter: path of its model parameter; empty where it belongs to none.
        number: 1, or more where it replaced another variable of this slot and parameter.
        name: its own name in its engine.
        shape: its shape.
        dtype: its dtype.
        created: the step counter when it appeared; -1 where it was there before the watch.
        initial: the value that all of its elements had when first read; NaN where they differed
            or could not be read before a step.
    """

    slot: str
    parameter: str
    number: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    created: int
    initial: float = float("nan")

    @property
    def label(self) -> str:
        """``slot/parameter``, with its number where it is not the first."""
        label = f"{self.slot}/{self.parameter}" if self.parameter else self.slot
        return label if self.number == 1 else f"{label} ({self.number})"


@dataclass
class Recording:
    """What one watch saw.

    Attributes:
        engine: name of the engine.
        versions: version of each framework involved.
        optimizer: class name of the optimizer.
        every: steps were recorded whenever the counter passed a multiple of this.
        counts: how often each method of the optimizer was called, and totals.
        events: everything that happened, in order.
        rows: the recorded steps.
    """

    engine: str
    versions: dict[str, str]
    optimizer: str
    every: int = 1
    counts: dict[str, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    rows: list[Row] | SpilledRows = field(default_factory=list)
    seen: list[Variable] = field(default_factory=list)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return f"<Recording of {self.optimizer} on {self.engine}: {counts}>"

    @property
    def iterations(self) -> np.ndarray:
        """int64 array (rows,): the step counter after each recorded step."""
        return np.array([row.iterations for row in self.rows], dtype=np.int64)

    @property
    def variables(self) -> pd.DataFrame:
        """One row for each optimizer variable.

        Columns: the fields of :class:`Variable` (``created`` is missing where the variable was
        there before the watch), and ``object``, ``handle``, ``buffer``: whether it stayed
        identical over all recorded steps (missing where the engine does not tell).
        """
        table = pd.DataFrame([asdict(variable) for variable in self.seen])
        if table.empty:
            return table
        table.insert(0, "variable", [variable.label for variable in self.seen])
        table["created"] = table["created"].astype("Int64").replace(-1, pd.NA)
        tokens = self._identities()
        for place, name in enumerate(("object", "handle", "buffer")):
            stayed = [_stayed({token[place] for token in seen}) for seen in tokens]
            table[name] = pd.array(stayed, dtype="boolean")
        return table

    def _identities(self) -> list[set[tuple[int, int, int]]]:
        """For each variable, every (object, handle, buffer) that it had."""
        tokens: list[set[tuple[int, int, int]]] = [set() for _ in self.seen]
        for row in self.rows:
            for index, identity in zip(row.indices.tolist(), row.identity.tolist(), strict=True):
                tokens[index].add(tuple(identity))
        return tokens

    @property
    def statistics(self) -> pd.DataFrame:
        """One row for each recorded step and variable, except ``iterations`` itself."""
        if isinstance(self.rows, SpilledRows):
            table = self.rows.table()
        else:
            table = table_of(self.rows, [variable.label for variable in self.seen])
        slots = np.array([variable.slot for variable in self.seen], dtype=object)
        table = table[slots[table["index"].to_numpy()] != "iterations"]
        table = table[["iterations", "variable", *NAMES]].reset_index(drop=True)
        return table.astype({"variable": "str", "nonfinite": "Int64"})

    def values(
        self, slot: str, parameter: str | None = None, number: int | None = None
    ) -> np.ndarray:
        """The values of a slot after each recorded step.

        Args:
            slot: such as ``"momentum"``; see the ``slot`` column of :attr:`variables`.
            parameter: such as ``"dense/kernel"``; the end of the path is enough where it is
                unique, and nothing at all where only one variable has this slot.
            number: of a slot that was replaced, which variable; by default, at each step, the one
                that training updated.

        Returns:
            Array (rows, \\*shape) in the variable's dtype (bfloat16 as float32).

        Raises:
            VariableNotFoundError: nothing, or more than one variable, fits.
            ValuesNotKeptError: only statistics were kept.
        """
        indices = self._find(slot, parameter, number)
        picked = []
        for row in self.rows:
            places = [place for place, index in enumerate(row.indices) if index in indices]
            if not places:
                continue
            if row.values is None:
                raise ValuesNotKeptError(
                    f"Only statistics were kept of {self.seen[indices[0]].label!r}: a step's state"
                    ' was too large to keep by default. Watch with keep="values", or read'
                    " recording.statistics."
                )
            live = [place for place in places if row.live[place]]
            picked.append(row.values[(live or places)[-1]])
        shape = self.seen[indices[0]].shape
        return np.array(picked) if picked else np.zeros((0, *shape))

    def identity(self, slot: str, parameter: str | None = None) -> pd.DataFrame:
        """For each recorded step, which object, handle and buffer a slot had: 0 for the first.

        A slot that was replaced has others from that step on; -1 is what the engine does not tell.
        """
        indices = self._find(slot, parameter, None)
        known: tuple[dict[Any, int], ...] = ({}, {}, {})
        records = []
        for row in self.rows:
            places = [place for place, index in enumerate(row.indices) if index in indices]
            live = [place for place in places if row.live[place]] or places
            if live:
                # Each variable numbers its own identities from 0.
                own = [(int(row.indices[live[-1]]), int(n)) for n in row.identity[live[-1]]]
                numbers = [
                    -1 if token[1] < 0 else seen.setdefault(token, len(seen))
                    for token, seen in zip(own, known, strict=True)
                ]
                records.append((row.iterations, *numbers))
        return pd.DataFrame(records, columns=["iterations", "object", "handle", "buffer"])

    def _find(self, slot: str, parameter: str | None, number: int | None) -> list[int]:
        """Indices of the variables of one slot and parameter."""
        named = [(i, v) for i, v in enumerate(self.seen) if v.slot == slot]
        exact = [(i, v) for i, v in named if parameter is None or v.parameter == parameter]
        fits = exact or [(i, v) for i, v in named if v.parameter.endswith(f"/{parameter}")]
        fits = [(i, v) for i, v in fits if number is None or v.number == number]
        if len({v.parameter for _, v in fits}) != 1:
            raise VariableNotFoundError(
                self._not_found(slot, parameter, number, [v.label for _, v in fits])
            )
        return [i for i, _ in fits]

    def _not_found(
        self, slot: str, parameter: str | None, number: int | None, several: list[str]
    ) -> str:
        asked = slot if parameter is None else f"{slot}/{parameter}"
        asked += "" if number is None else f" ({number})"
        if several:
            return f"More than one optimizer variable fits {asked!r}. Choose one of: {several}."
        labels = [v.label for v in self.seen]
        near = difflib.get_close_matches(asked, labels, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        held = f"It holds: {labels}." if labels else "It holds none: no step was recorded."
        return f"The recording holds no optimizer variable {asked!r}.{hint}\n{held}"

    def plot(self) -> Figure:
        """Timeline of calls, identity strip, and norms over steps, as one figure."""
        from slotscope.report.recordings.figure import recording_figure

        return recording_figure(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to one file, whole or not at all; :func:`slotscope.load` reads it."""
        from slotscope.recording.archive import save

        save(self, path)


def _stayed(seen: set[int]) -> Any:
    """Whether what was numbered so stayed the same; missing where nothing tells."""
    return pd.NA if seen <= {-1} else len(seen) == 1
