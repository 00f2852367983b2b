"""The table of mutants: one TOML file a generation, one line a mutant.

    [[place]]
    at = "src.optimizers.adam:Adam.update_step"     # within the engine's Keras package
    engines = ["keras-jax", "keras-tensorflow"]     # one mutant for each
    optimizer = "Adam"                              # the one that is held to the checks
    mutants = [
        ["swap", "-", 1, "the bias correction of the second moment adds"],
    ]
    equivalent = [
        ["drop", "built", 1, "the argument why nothing can tell the difference"],
    ]

A line is an operator, its arguments, and what the mutant does wrong (or why it does nothing wrong).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotscope.engines import ENGINES
from tools.mutants.operators import OPERATORS

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Mutant:
    """One defect on one engine.

    Attributes:
        engine: its name.
        optimizer: the built-in optimizer that is held to the checks.
        place: ``module:Class.method`` within the engine's package.
        operator: what changes it.
        arguments: the operator's.
        sentence: what is wrong with it; of an equivalent one, why nothing is.
        equivalent: whether no check can tell it from the original.
    """

    engine: str
    optimizer: str
    place: str
    operator: str
    arguments: tuple[Any, ...]
    sentence: str
    equivalent: bool = False

    @property
    def id(self) -> str:
        """``engine/Class.method/operator arguments``."""
        change = " ".join(map(str, (self.operator, *self.arguments)))
        return f"{self.engine}/{self.place.partition(':')[2]}/{change}"


class BadTableError(Exception):
    """The table itself is wrong; the message says where."""


def mutants(files: list[Path] | None = None) -> list[Mutant]:
    """Every mutant of the table.

    Raises:
        BadTableError: an engine or operator is not known, or two mutants are the same.
    """
    found = [
        mutant
        for file in files or sorted(FOLDER.glob("*.toml"))
        for place in tomllib.loads(file.read_text("utf-8"))["place"]
        for mutant in _of_place(place)
    ]
    ids = set()
    for mutant in found:
        if mutant.operator not in OPERATORS:
            raise BadTableError(f"{mutant.id}: there is no operator {mutant.operator!r}")
        if mutant.engine not in ENGINES:
            raise BadTableError(f"{mutant.id}: there is no engine {mutant.engine!r}")
        if mutant.id in ids:
            raise BadTableError(f"{mutant.id} stands there twice")
        ids.add(mutant.id)
    return found


def _of_place(place: dict[str, Any]) -> Iterator[Mutant]:
    for engine in place["engines"]:
        for key in ("mutants", "equivalent"):
            for operator, *arguments, sentence in place.get(key, []):
                yield Mutant(
                    engine,
                    place["optimizer"],
                    place["at"],
                    operator,
                    tuple(arguments),
                    sentence,
                    key == "equivalent",
                )
