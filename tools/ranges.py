"""Run a notebook at points of its declared ranges: its asserts must hold at every one of them.

    python -m tools.ranges notebooks/experiments/momentum.ipynb            corners and 20 points
    python -m tools.ranges notebooks/experiments/momentum.ipynb --points 5 --seed 1

The parameters cell declares a range for each parameter, ``Literal`` or ``Annotated`` with bounds. A
corner has every number at its lower bound, or every number at its upper one; random points are
drawn with a seed, numbers above 0 by their logarithm. A point at which the engine has no such
optimizer is no failure: the notebook refuses it by name. Exit status: 0 when all hold, 1 when not.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import papermill

from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.declared.parameters import read_parameters

#: Names of the errors that say a point is not there.
REFUSALS = {"UnknownOptimizerError"}

Point = dict[str, Any]


def declared(path: Path) -> dict[str, Any]:
    """What each parameter of the notebook may be, as an annotation."""
    return {known.name: known.type for known in read_parameters(read_notebook(path))}


def bounds(annotation: Any) -> tuple[Any, Any]:
    """Lowest and highest value of an ``Annotated`` number; all are declared with Ge and Le."""
    marks = annotation.__metadata__
    (low,) = [mark.ge for mark in marks if hasattr(mark, "ge")]
    (high,) = [mark.le for mark in marks if hasattr(mark, "le")]
    return low, high


def drawn(annotation: Any, source: random.Random) -> Any:
    """A value of the declared range."""
    if get_origin(annotation) is Literal:
        return source.choice(get_args(annotation))
    if get_origin(annotation) is not Annotated:
        return source.choice([False, True])
    low, high = bounds(annotation)
    if isinstance(low, int):
        return round(math.exp(source.uniform(math.log(low + 1), math.log(high + 1)))) - 1
    return math.exp(source.uniform(math.log(low), math.log(high)))


def points(path: Path, count: int, seed: int) -> list[Point]:
    """The two corners, and ``count`` random points.

    A corner takes the first, or the last, of the choices.
    """
    source, ranges = random.Random(seed), declared(path)
    corners = [
        {name: _end(annotation, end) for name, annotation in ranges.items()} for end in (0, -1)
    ]
    return corners + [
        {name: drawn(annotation, source) for name, annotation in ranges.items()}
        for _ in range(count)
    ]


def _end(annotation: Any, end: int) -> Any:
    if get_origin(annotation) is Literal:
        return get_args(annotation)[end]
    return bounds(annotation)[end] if get_origin(annotation) is Annotated else bool(end)


def trial(path: Path, point: Point) -> str:
    """What a run at ``point`` ended with: empty if all asserts held, else the error."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            papermill.execute_notebook(
                path,
                Path(folder) / path.name,
                parameters=point,
                cwd=path.parent,
                progress_bar=False,
                shutdown_kernel="immediate",
            )
        except papermill.PapermillExecutionError as error:
            source = error.source.strip().splitlines()
            return f"{error.ename}: {error.evalue} (in the cell {source[0]!r}...)"
    return ""


def refused(error: str) -> bool:
    """Whether the notebook said that there is no such optimizer on this engine."""
    return error.partition(":")[0] in REFUSALS


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    # papermill takes a parameter whose annotation it can't read for an unknown one.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    failed = 0
    for point in points(asked.notebook, asked.points, asked.seed):
        error = trial(asked.notebook, point)
        failed += bool(error) and not refused(error)
        print(f"{error or 'holds'}  {point}", flush=True)
    print(f"{asked.notebook.name}: {failed} points failed (seed {asked.seed}).")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
