"""Which combinations of parameters a sweep runs, from a file and from the command line.

    [grid]                                      # every value with every other
    optimizer = ["SGD", "Adam"]
    [zip]                                       # lists of one length, taken together
    momentum = [0.5, 0.99]
    batches = [12, 600]
    [random]                                    # drawn, the same ones for the same seed
    samples = 20
    seed = 0
    learning_rate = {loguniform = [1e-4, 1.0]}
    [fixed]                                     # the same in every run
    engine = "keras-jax"

The parts multiply: here 2 times 2 times 20 runs. Every value is held to what the notebook declares
before anything runs, and all mistakes are told at once, each with its place.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slotscope.errors import BadGridError, BadParametersError
from slotscope.sweep.asked.random_values import draws
from slotscope.sweep.declared.checked_values import Signature, UnfitValueError
from slotscope.sweep.run_records import identity

TABLES = ("grid", "zip", "random", "fixed")
#: More combinations than anyone waits for are a slip of the pen.
MOST = 1_000_000

#: Some parameters, each with its values, that are varied together.
Axis = dict[str, list[Any]]


@dataclass(frozen=True)
class Combinations:
    """The runs of a sweep.

    Attributes:
        runs: the values of each, in order.
        repeated: how many more there would be, had equal ones not been counted once.
    """

    runs: tuple[dict[str, Any], ...]
    repeated: int


def read_grid(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        BadGridError: it can't be read, is not TOML, or has something else than the four tables.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadGridError(f"{path} can't be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadGridError(f"{path} is not TOML: {error}.") from error
    unknown = [name for name in tables if name not in TABLES]
    unknown += [name for name in TABLES if not isinstance(tables.get(name, {}), dict)]
    if unknown:
        raise BadGridError(
            f"{path} has {', '.join(unknown)}. Expected the tables [grid], [zip], [random] and "
            "[fixed], with parameters in them."
        )
    return tables


def combine(
    signature: Signature,
    tables: Mapping[str, Mapping[str, Any]],
    options: Sequence[tuple[str, list[Any]]] = (),
) -> Combinations:
    """All combinations, checked.

    Args:
        signature: what the notebook declares.
        tables: those of a file.
        options: names and values of the command line, which are varied like those of ``[grid]``.

    Raises:
        BadParametersError: with every mistake, and what could be given.
        BadGridError: there is no combination.
    """
    reading = _Reading(signature)
    axes = [*reading.axes(tables, options)]
    reading.mistakes += signature.missing(reading.places)
    sizes = [len(next(iter(axis.values()))) for axis in axes]
    if math.prod(sizes) > MOST:
        reading.mistakes.append(
            f"{' times '.join(map(str, sizes))} is more than {MOST:,} runs: give fewer values"
        )
    if reading.mistakes:
        raise BadParametersError(reading.mistakes, signature.parameters)
    if not axes:
        raise BadGridError(
            "There is nothing to vary. Give values by --grid FILE or -p name=a,b,c; "
            "`slotscope run` makes one run."
        )
    return _product(axes)


def _product(axes: Sequence[Axis]) -> Combinations:
    rows = [
        [dict(zip(axis, row, strict=True)) for row in zip(*axis.values(), strict=True)]
        for axis in axes
    ]
    count, runs = 0, dict[str, dict[str, Any]]()
    for parts in itertools.product(*rows):
        run = {name: value for part in parts for name, value in part.items()}
        runs.setdefault(identity(run), run)
        count += 1
    return Combinations(tuple(runs.values()), count - len(runs))


@dataclass
class _Reading:
    """Tables while they are read: mistakes so far, and where each parameter was given."""

    signature: Signature
    mistakes: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)

    def axes(
        self,
        tables: Mapping[str, Mapping[str, Any]],
        options: Sequence[tuple[str, list[Any]]],
    ) -> Iterator[Axis]:
        """What is varied together, in the order of tables; only whole ones, once mistakes came."""
        for name, values in tables.get("grid", {}).items():
            yield from self._listed("[grid]", {name: values})
        for name, values in options:
            yield from self._listed("-p", {name: values})
        if tables.get("zip"):
            yield from self._zipped(tables["zip"])
        if tables.get("random"):
            yield from self._drawn(tables["random"])
        for name, value in tables.get("fixed", {}).items():
            yield from self._listed("[fixed]", {name: [value]})

    def _listed(self, place: str, lists: Mapping[str, Any]) -> Iterator[Axis]:
        checked = {name: self._values(place, name, values) for name, values in lists.items()}
        if all(checked.values()):
            yield checked

    def _zipped(self, lists: Mapping[str, Any]) -> Iterator[Axis]:
        lengths = {name: len(values) for name, values in lists.items() if isinstance(values, list)}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            self.mistakes.append(f"[zip]: its lists are of one length, but {found}")
            for name, values in lists.items():
                self._values("[zip]", name, values)
            return
        yield from self._listed("[zip]", lists)

    def _drawn(self, table: Mapping[str, Any]) -> Iterator[Axis]:
        samples, seed = table.get("samples"), table.get("seed", 0)
        names = [name for name in table if name not in ("samples", "seed")]
        if type(samples) is not int or not 0 < samples <= MOST:
            self.mistakes.append(
                f"[random]: expected samples, a whole number above 0 and not above {MOST:,}"
            )
            samples = 1  # of which mistakes can be told
        if type(seed) is not int:
            self.mistakes.append(
                "[random]: seed is that of the samples, a whole number; a parameter of that name "
                "can be varied in [grid]"
            )
            seed = 0
        if not names:
            self.mistakes.append("[random]: it names no parameter")
        drawn = {name: self._samples(name, table[name], samples, seed) for name in names}
        if drawn and all(drawn.values()):
            yield drawn

    def _samples(self, name: str, description: Any, samples: int, seed: int) -> list[Any]:
        """The checked samples of one parameter; none, and one mistake, where some do not fit."""
        if not self._named("[random]", name):
            return []
        try:
            drawn = draws(name, description, samples, seed)
        except ValueError as error:
            self.mistakes.append(f"[random] {name}: {error}")
            return []
        checked, mistakes = self._checked(name, drawn)
        if mistakes:
            (_, first), unfit = mistakes[0], f"{len(mistakes):,} of {samples:,} samples do not fit"
            hint = self._whole(name, drawn[0], description)
            self.mistakes.append(f"[random] {first} ({unfit}{hint})")
        return [] if mistakes else checked

    def _whole(self, name: str, sample: Any, description: Mapping[str, Any]) -> str:
        """What to write where whole numbers are wanted, and others are drawn."""
        if not isinstance(sample, float) or self._checked(name, [round(sample)])[1]:
            return ""
        (ends,) = description.values()
        return f"; {{integers = {[*map(round, ends)]}}} may be meant"

    def _named(self, place: str, name: str) -> bool:
        """Whether a parameter exists and was not given before; where not, that is told."""
        if name in self.places:
            twice = place == self.places[name] == "-p"
            self.mistakes.append(
                f"-p {name} is given twice: values are parted by commas, {name}=a,b"
                if twice
                else f"{place} {name}: it is given in {self.places[name]}, too"
            )
            return False
        self.places[name] = place
        try:
            self.signature.check_name(name)
        except UnfitValueError as error:
            self.mistakes.append(f"{place} {error}")
            return False
        return True

    def _values(self, place: str, name: str, values: Any) -> list[Any]:
        """The checked values of one parameter; none where one of them is a mistake."""
        if not self._named(place, name):
            return []
        if not isinstance(values, list) or not values:
            self.mistakes.append(
                f"{place} {name}: expected a list of values, such as [{values!r}]"
                if not isinstance(values, list)
                else f"{place} {name}: the list is empty, so nothing would run"
            )
            return []
        checked, mistakes = self._checked(name, values)
        for number, mistake in mistakes:
            where = f" (value {number})" if len(values) > 1 else ""
            self.mistakes.append(f"{place}{where} {mistake}")
        return [] if mistakes else checked

    def _checked(self, name: str, values: Sequence[Any]) -> tuple[list[Any], list[tuple[int, str]]]:
        """Values that fit, and what is wrong with each other one, with its number from 1."""
        checked, mistakes = [], []
        for number, value in enumerate(values, 1):
            try:
                checked.append(self.signature.value(name, value))
            except UnfitValueError as error:
                mistakes.append((number, str(error)))
        return checked, mistakes
