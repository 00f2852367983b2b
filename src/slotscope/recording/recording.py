"""The recording: plain data, and the views of it that people read.

A recording holds *events* in the order in which they happened, the optimizer *variables* that
were seen, and a *row* for each recorded step. A slot that was replaced has two variables of the
same slot and parameter, numbered 1 and 2.
"""

from __future__ import annotations

import difflib
import html
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd

from slotscope.engines.meters.statistics import STATISTICS
from slotscope.errors import HandedOverError, ValuesNotKeptError, VariableNotFoundError
from slotscope.files import whole
from slotscope.recording import archive, drawing
from slotscope.recording.records import Event, Row, Variable
from slotscope.recording.row_blocks import SpilledRows, table_of
from slotscope.recording.summary import sentences
from slotscope.recording.up_to_date import UpToDate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Recording:
    """What one watch saw.

    Attributes:
        engine: name of the engine.
        versions: version of each framework involved.
        optimizer: class name of the optimizer.
        keep: what the watch was asked to keep, None for the default.
        others: class names of the other optimizers on the model that were watched with it, by
            what a program writes behind ``model.`` for each; their variables carry that name.
        steps_of: how many steps each made; the watched one's name is empty.
        every: steps were recorded whenever the counter passed a multiple of this.
        counts: how often each method of the optimizer was called, and totals.
        train_calls: how often the model's train function ran.
        events: everything that happened, in order.
        rows: the recorded steps.
        stepper: takes the steps of :meth:`step`; None outside of a watch.
        fetch: brings what happened since the last look; None outside of a watch.
    """

    engine: str
    versions: dict[str, str]
    optimizer: str
    every: int = 1
    counts: dict[str, int] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    rows: list[Row] | SpilledRows = field(default_factory=list)
    seen: list[Variable] = field(default_factory=list)
    train_calls: int = 0
    keep: str | None = None
    others: dict[str, str] = field(default_factory=dict)
    steps_of: dict[str, int] = field(default_factory=dict)
    stepper: Callable[[Sequence[Any]], None] | None = field(default=None, repr=False, compare=False)
    fetch: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """A copy has all that there is now, and nothing of the watch that goes on."""
        if self.fetch is not None:
            self.fetch()
        return vars(self) | {"stepper": None, "fetch": None}

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return f"<Recording of {self.optimizer} on {self.engine}: {counts}>\n{self.summary()}"

    def _repr_html_(self) -> str:
        told = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences(self))
        return f"<ul>{told}</ul>"

    def summary(self) -> str:
        """What happened, in a few sentences: who trained, what slots there are, what is unusual."""
        return "\n".join(sentences(self))

    def step(self, optimizer_variables: Sequence[Any]) -> None:
        """Record a step of a loop that keeps the optimizer's state itself, on JAX::

            weights, slots = jitted_stateless_apply(slots, gradients, weights)
            recording.step(slots)

        Args:
            optimizer_variables: the arrays of ``optimizer.variables`` after the step, in that
                order: the second result of ``stateless_apply``.

        Raises:
            HandedOverError: not so many arrays as the optimizer has variables; or the watch has
                ended; or the engine's loops have no such state.
        """
        if self.stepper is None:
            raise HandedOverError(
                "recording.step was called outside of a watch, where no step can be recorded. Call"
                " it inside of the `with slotscope.watch(...)` block."
            )
        self.stepper(optimizer_variables)

    @property
    def timeline(self) -> pd.DataFrame:
        """:attr:`events` as a table: ``step``, ``iterations``, ``kind``, ``detail``, ``count``."""
        columns = ["step", "iterations", "kind", "detail", "count"]
        told = [asdict(event) | {"kind": str(event.kind)} for event in self.events]
        return pd.DataFrame(told, columns=columns)

    @property
    def iterations(self) -> np.ndarray:
        """int64 array (rows,): the step counter after each recorded step."""
        return np.array([row.iterations for row in self.rows], dtype=np.int64)

    @property
    def steps(self) -> np.ndarray:
        """int64 array (rows,): the steps made since the watch began, at each recorded step.

        The step counter goes back where an optimizer is replaced or its state is reset; this never
        does.
        """
        return np.array([row.step for row in self.rows], dtype=np.int64)

    @property
    def learning_rates(self) -> np.ndarray:
        """float64 array (rows,): the learning rate that each recorded step used.

        It is the optimizer's own, before any factor of a single parameter; a schedule and
        ``decay`` are in it. NaN where an optimizer has none, as one made of several.
        """
        return np.array([row.learning_rate for row in self.rows], dtype=np.float64)

    @property
    def variables(self) -> pd.DataFrame:
        """One row for each optimizer variable.

        Columns: the fields of :class:`Variable` (``created`` is missing where the variable was
        there before the watch), and ``object``, ``handle``, ``buffer``: whether it stayed
        identical over all recorded steps (missing where the engine does not tell).
        """
        names = [field.name for field in fields(Variable)]
        table = pd.DataFrame([asdict(variable) for variable in self.seen], columns=names)
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
        table = table[["step", "iterations", "learning_rate", "variable", *STATISTICS]].reset_index(
            drop=True
        )
        dtypes = {name: statistic.dtype for name, statistic in STATISTICS.items()}
        return table.astype({"variable": "str", **dtypes})

    def values(
        self,
        slot: str,
        parameter: str | None = None,
        number: int | None = None,
        optimizer: str | None = None,
    ) -> np.ndarray:
        """The values of a slot after each recorded step.

        Args:
            slot: such as ``"momentum"``; see the ``slot`` column of :attr:`variables`.
            parameter: such as ``"dense/kernel"``; the end of the path is enough where it is
                unique, and nothing at all where only one variable has this slot.
            number: of a slot that was replaced, which variable; by default, at each step, the one
                that training updated.
            optimizer: of several optimizers, which one; see the ``optimizer`` column of
                :attr:`variables`. By default the one that is watched, where it has such a slot.

        Returns:
            Array (rows, \\*shape) in the variable's dtype (bfloat16 as float32).

        Raises:
            VariableNotFoundError: nothing, or more than one variable, fits.
            ValuesNotKeptError: only statistics were kept.
        """
        indices = self._find(slot, parameter, number, optimizer)
        picked = []
        for row in self.rows:
            places = [place for place, index in enumerate(row.indices) if index in indices]
            if not places:
                continue
            if row.values is None:
                raise ValuesNotKeptError(
                    f"No values were kept of {self.seen[indices[0]].label!r}: {self._why_none()}."
                    ' Watch with keep="values", or read recording.statistics.'
                )
            live = [place for place in places if row.live[place]]
            picked.append(row.values[(live or places)[-1]])
        shape = self.seen[indices[0]].shape
        return np.array(picked) if picked else np.zeros((0, *shape))

    def _why_none(self) -> str:
        if self.keep is None:
            return "a step's state was too large to keep by default"
        return f"the watch was given keep={self.keep!r}"

    def identity(
        self, slot: str, parameter: str | None = None, optimizer: str | None = None
    ) -> pd.DataFrame:
        """For each recorded step, which object, handle and buffer a slot had: 0 for the first.

        A slot that was replaced has others from that step on; -1 is what the engine does not tell.
        """
        indices = self._find(slot, parameter, None, optimizer)
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
                records.append((row.step, row.iterations, *numbers))
        return pd.DataFrame(records, columns=["step", "iterations", "object", "handle", "buffer"])

    def _find(
        self, slot: str, parameter: str | None, number: int | None, optimizer: str | None
    ) -> list[int]:
        """Indices of the variables of one slot and parameter, and of one optimizer."""
        named = [(i, v) for i, v in enumerate(self.seen) if slot in (v.slot, v.label, v.place)]
        if optimizer is not None:
            named = [(i, v) for i, v in named if v.optimizer == optimizer]
        exact = [(i, v) for i, v in named if parameter is None or v.parameter == parameter]
        fits = exact or [(i, v) for i, v in named if v.parameter.endswith(f"/{parameter}")]
        fits = [(i, v) for i, v in fits if number is None or v.number == number]
        fits = [(i, v) for i, v in fits if not v.optimizer] or fits
        if len({v.place for _, v in fits}) != 1:
            asked = slot if parameter is None else f"{slot}/{parameter}"
            asked = f"{optimizer}:{asked}" if optimizer else asked
            asked += "" if number is None else f" ({number})"
            raise VariableNotFoundError(self._not_found(asked, [v.label for _, v in fits]))
        return [i for i, _ in fits]

    def _not_found(self, asked: str, several: list[str]) -> str:
        if several:
            return f"More than one optimizer variable fits {asked!r}. Choose one of: {several}."
        labels = [v.label for v in self.seen]
        near = difflib.get_close_matches(asked, labels, n=1, cutoff=0.4)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        held = f"It holds: {labels}." if labels else "It holds none: no step was recorded."
        return f"The recording holds no optimizer variable {asked!r}.{hint}\n{held}"

    def plot(
        self,
        slots: str | Collection[str] | None = None,
        parameters: str | Collection[str] | None = None,
        top: int = 8,
        log: bool = True,
    ) -> Figure:
        """What happened, which variable held each slot, norms and the learning rate, over steps.

        Args:
            slots: draw only these, such as ``"momentum"``.
            parameters: draw only the slots of these; the end of a path is enough.
            top: draw a curve for so many slots, those of the largest norms; of the others, the
                range.
            log: whether the axis of norms is logarithmic; zero isn't drawn then.

        Returns:
            A figure, whose label (``figure.get_label()``) says in words what is seen.

        Raises:
            VariableNotFoundError: no slot fits.
        """
        return drawing.figure(self, slots, parameters, top, log)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to one file, whole or not at all; :func:`slotscope.load` reads it."""
        with whole(Path(path)) as temporary, temporary.open("wb") as file:
            self.write(file)

    def write(self, file: BinaryIO) -> None:
        """Write everything to an open file; :func:`slotscope.load` reads it."""
        if self.fetch is not None:
            self.fetch()
        archive.write(vars(self), file)

    def spill(self, folder: Path | None = None) -> SpilledRows:
        """Keep the rows on disk from now on, those that there are too; it keeps no values.

        Args:
            folder: where to; a temporary one, which goes with the recording, by default.
        """
        rows = SpilledRows(
            folder,
            lambda: archive.about(vars(self)),
            lambda: [variable.label for variable in self.seen],
        )
        rows.extend(self.rows)
        self.rows = rows
        return rows


for _name in ("counts", "events", "rows", "steps_of"):
    setattr(Recording, _name, UpToDate(_name))


def load(path: str | PathLike[str] | BinaryIO) -> Recording:
    """Read a recording: a file of :meth:`Recording.save`, or a folder that `watch(to=...)` filled.

    Of a run that was killed, a folder has every block of steps that was complete.

    Args:
        path: the path of the file or the folder, or an open file.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedRecordingError: it is not a recording, or not all of it is there.
    """
    with archive.damage_is_told(path):
        if isinstance(path, str | PathLike) and Path(path).is_dir():
            recording = Recording(**archive.read_folder(Path(path)))
            recording.spill(Path(path)).table()  # damage shows now, not in the middle of a figure
            return recording
        return Recording(**archive.read(path))


def _stayed(seen: set[int]) -> Any:
    """Whether what was numbered so stayed the same; missing where nothing tells."""
    return pd.NA if seen <= {-1} else len(seen) == 1
