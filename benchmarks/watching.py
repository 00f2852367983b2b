"""What a watch adds to `fit`: `python -m benchmarks.watching ENGINE`, which prints JSON.

Each variant has a model of its own, the same one, trained and so compiled before. Then all take
turns, `fit` by `fit`, and each is compared with the plain one of the same round: a ratio of CPU
times (all threads of the process) and of wall times. Adam, batches of 32, float32. What it runs on
is what the framework chooses: an accelerator, unless that is hidden from it.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import click
import numpy as np

import slotscope
from benchmarks import peers
from slotscope.engines import ENGINES, Engine

BATCH = 32


@dataclass(frozen=True)
class Size:
    """A model of two dense layers, and for how many steps a round trains it."""

    name: str
    widths: tuple[int, int, int]
    steps: int


SIZES = (
    Size("10 k", (64, 76, 64), 1100),  # longer than a ring, so that each round empties it
    Size("1 M", (512, 976, 512), 60),
    Size("20 M", (2048, 4880, 2048), 6),
)
#: There, a step of the large models is as short as one of the small.
ACCELERATOR_SIZES = (SIZES[0], SIZES[1], replace(SIZES[2], steps=60))

#: What `watch` is given, by the name of the variant; None if nothing is watched. Callbacks that
#: do without it are in benchmarks/peers.py.
VARIANTS: dict[str, dict[str, Any] | None] = {
    "plain": None,
    "default": {},
    "norms": {"keep": "norms"},
    "norms, every 10th": {"keep": "norms", "every": 10},
    "statistics": {"keep": "statistics"},
}
#: What is beside them: what one read of the slots would add.
FLOOR = "floor: one read"


@dataclass(frozen=True)
class Ratio:
    """A variant against plain `fit`: the median of the rounds, and the middle half of them."""

    engine: str
    size: str
    variant: str
    cpu: float
    cpu_quartiles: tuple[float, float]
    wall: float
    wall_quartiles: tuple[float, float]
    plain_step_us: float
    rounds: int


def model_of(engine: Engine, size: Size) -> Any:
    """The model, compiled."""
    layers = engine.keras.layers
    engine.seed(0)
    with engine.scope():
        x = layers.Input(shape=(size.widths[0],))
        y = layers.Dense(size.widths[2])(layers.Dense(size.widths[1], activation="relu")(x))
        model = engine.keras.models.Model(x, y)
        model.compile(optimizer=engine.optimizer("Adam", learning_rate=0.001), loss="mse")
    return model


@contextlib.contextmanager
def trained(engine: Engine, size: Size, variant: str) -> Iterator[Callable[[], None]]:
    """What trains one variant's model for one round; compiled before it is given."""
    engine = engine.fresh()
    model = model_of(engine, size)
    random = np.random.default_rng(0)
    rows = BATCH * size.steps
    x = random.standard_normal((rows, size.widths[0])).astype("float32")
    y = random.standard_normal((rows, size.widths[2])).astype("float32")
    watched = VARIANTS.get(variant)

    def read(optimizer: Any) -> dict[str, Any]:
        found = engine.variables(optimizer, model)
        values = engine.read([v.ref for v in found], session)
        return {v.label: value for v, value in zip(found, values, strict=True)}

    with contextlib.ExitStack() as stack, engine.scope() as session:
        callbacks = []
        if variant in peers.PEERS:
            callbacks = [stack.enter_context(peers.PEERS[variant].callback(engine, read))]
        if watched is not None:
            stack.enter_context(slotscope.watch(model, **watched))

        def fit(count: int = rows) -> None:
            options = {"batch_size": BATCH, "verbose": 0, "shuffle": False, "callbacks": callbacks}
            with engine.scope():
                model.fit(x[:count], y[:count], **options)
                engine.read([engine.iterations(model.optimizer)], session)  # waits for the device

        fit(2 * BATCH)
        fit(2 * BATCH)
        yield fit


def timed(run: Callable[[], None]) -> tuple[float, float]:
    """CPU and wall seconds of ``run()``."""
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - cpu, time.perf_counter() - wall


def measure(engine: Engine, size: Size, rounds: int) -> list[Ratio]:
    """Every variant against plain `fit`, in ``rounds`` rounds."""
    names = [*VARIANTS, *peers.here(engine)]
    with contextlib.ExitStack() as stack:
        runs = {name: stack.enter_context(trained(engine, size, name)) for name in names}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for _ in range(rounds):
            for name, run in runs.items():
                taken[name].append(timed(run))
    medians = [statistics.median(times) / size.steps for times in zip(*taken["plain"], strict=True)]
    plain = medians[0], medians[1]
    step = plain[0] * 1e6
    found = []
    for name in names[1:]:
        cpu, wall = (
            [own[i] / plain[i] for own, plain in zip(taken[name], taken["plain"], strict=True)]
            for i in (0, 1)
        )
        found.append(
            Ratio(engine.name, size.name, name, *_summary(cpu), *_summary(wall), step, rounds)
        )
    found.append(floor(engine, size, plain, rounds))
    return found


def _summary(values: list[float]) -> tuple[float, tuple[float, float]]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).round(3).tolist()
    return middle, (low, high)


def floor(engine: Engine, size: Size, plain: tuple[float, float], rounds: int) -> Ratio:
    """What one read of Adam's slots adds, by the fastest read there is: a dot product.

    On an accelerator it is the framework's own, many of which are on their way at once.

    Args:
        plain: CPU and wall seconds of one plain step.
    """
    first, second, third = size.widths
    count = 2 * (first * second + second + second * third + third)
    repeats = 1
    state: Any = np.ones(count, np.float32)
    dot = np.dot
    if accelerator(engine):
        ops, repeats = engine.keras.ops, 200
        state, dot = ops.convert_to_tensor(state), ops.dot

    def read() -> None:
        for _ in range(repeats):
            found = dot(state, state)
        float(found)

    read()
    times = [timed(read) for _ in range(5 * rounds)]
    cpu, wall = ([1 + t[i] / repeats / plain[i] for t in times] for i in (0, 1))
    step = plain[0] * 1e6
    return Ratio(engine.name, size.name, FLOOR, *_summary(cpu), *_summary(wall), step, rounds)


def accelerator(engine: Engine) -> str | None:
    """The name of what JAX or torch computes on, None if that is the CPU."""
    if engine.name == "keras-jax":
        import jax

        (device, *_) = jax.devices()
        return None if device.platform == "cpu" else str(device.device_kind)
    if engine.name == "keras-torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return None


@click.command()
@click.argument("engine", type=click.Choice(list(ENGINES)))
@click.option("--rounds", type=click.IntRange(min=1), default=9, show_default=True)
@click.option("--only", type=click.Choice([size.name for size in SIZES]), help="One size.")
@click.option("--smoke", is_flag=True, help="The smallest size, a few steps: does it run at all?")
@click.option("--accelerator", "wanted", is_flag=True, help="Measure only on an accelerator.")
def main(engine: str, rounds: int, only: str | None, smoke: bool, wanted: bool) -> None:
    """Measure one engine; JSON goes to standard output."""
    warnings.simplefilter("error", slotscope.errors.UnseenStepsWarning)
    used = slotscope.engine(engine)
    device = accelerator(used)
    sizes: tuple[Size, ...] = ACCELERATOR_SIZES if device else SIZES
    if smoke:
        sizes, rounds = (replace(SIZES[0], steps=10),), 2
    if wanted and not device:
        sizes = ()
    found = []
    for size in sizes:
        if not only or size.name == only:
            found += measure(used, size, rounds)
    ratios = [asdict(ratio) for ratio in found]
    json.dump({"device": device, "versions": used.versions, "ratios": ratios}, sys.stdout)


if __name__ == "__main__":
    main()
