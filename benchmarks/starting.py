"""How long it takes until slotscope is there: `python -m benchmarks.starting`, which prints JSON.

Each row is a process of its own, from its start to its end, and stands beside the process without
slotscope that one would start otherwise. Both take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np

from slotscope.kernels.server.frameworks import FRAMEWORKS

ENGINE = "import slotscope; slotscope.engine({!r}).keras"


@dataclass(frozen=True)
class Start:
    """A process, and the one that it is compared with.

    Attributes:
        name: the name of the row.
        command: the process.
        floor: what it cannot be faster than.
        target: seconds of wall time; None if only the ratio counts.
        backend: the backend of Keras 3, for both processes.
    """

    name: str
    command: list[str]
    floor: list[str]
    target: float | None = None
    backend: str = ""


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


COMMAND = str(Path(sys.executable).with_name("slotscope"))
STARTS = (
    Start("import slotscope", _python("import slotscope"), _python("pass"), 0.2),
    Start("slotscope --help", [COMMAND, "--help"], _python("import click"), 0.3),
    *(
        Start(
            f'slotscope.engine("keras-{framework.name}").keras',
            _python(ENGINE.format(f"keras-{framework.name}")),
            _python("import keras"),
            backend=framework.name,
        )
        for framework in FRAMEWORKS
        if framework.backend
    ),
)


def measure(rounds: int, starts: tuple[Start, ...] = STARTS) -> dict[str, object]:
    """Every row, in ``rounds`` rounds after one that fills the system's caches."""
    taken: dict[str, list[tuple[float, float]]] = {start.name: [] for start in starts}
    for number in range(rounds + 1):
        for start in starts:
            environment = {**os.environ, "KERAS_BACKEND": start.backend or "tensorflow"}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as what is beside it is compiled
            times = _seconds(start.command, environment), _seconds(start.floor, environment)
            if number:
                taken[start.name].append(times)
    return {"rounds": rounds, "rows": [_row(start, taken[start.name]) for start in starts]}


def _seconds(command: list[str], environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return time.perf_counter() - begin


def _row(start: Start, times: list[tuple[float, float]]) -> dict[str, object]:
    own, floor = zip(*times, strict=True)
    ratios = [a / b for a, b in times]
    return {
        **asdict(start),
        "command": _shown(start.command),
        "floor": _shown(start.floor),
        "seconds": round(statistics.median(own), 4),
        "floor_seconds": round(statistics.median(floor), 4),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_quartiles": np.quantile(ratios, [0.25, 0.75]).round(3).tolist(),
    }


def _shown(command: list[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:]])


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
def main(rounds: int) -> None:
    """Measure how long starting takes; JSON goes to standard output."""
    json.dump(measure(rounds), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
