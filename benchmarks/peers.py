"""What one would use without slotscope, as callbacks: a copy of every slot, and two other tools.

Tools take part where they are installed; neither belongs to the environment of this project.
"""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from slotscope.engines import Engine

Read = Callable[[Any], dict[str, Any]]


def _after_each_batch(engine: Engine, do: Callable[[Any], Any]) -> Any:
    """A callback that calls ``do`` with the optimizer after each batch."""
    base = engine.keras.callbacks.Callback

    class AfterEachBatch(base):  # type: ignore[misc, valid-type]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            do(self.model.optimizer)  # on JAX, to ask for it brings the state up to date

        on_batch_end = on_train_batch_end if engine.name == "keras-2.1" else base.on_batch_end

    return AfterEachBatch()


@contextlib.contextmanager
def copier(engine: Engine, read: Read) -> Iterator[Any]:
    """Copies every optimizer variable after each batch, and keeps none."""
    yield _after_each_batch(engine, read)


@contextlib.contextmanager
def wandb(engine: Engine, read: Read) -> Iterator[Any]:
    """Logs a histogram of every optimizer variable after each batch, offline."""
    import wandb

    with tempfile.TemporaryDirectory() as folder:
        run = wandb.init(mode="offline", dir=folder, settings=wandb.Settings(silent=True))

        def log(optimizer: Any) -> None:
            run.log({label: wandb.Histogram(value) for label, value in read(optimizer).items()})

        yield _after_each_batch(engine, log)
        run.finish()


@contextlib.contextmanager
def tensorboard(engine: Engine, read: Read) -> Iterator[Any]:
    """Keras's own: a histogram of every weight of the model, which slots are not, once an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        yield engine.keras.callbacks.TensorBoard(folder, histogram_freq=1)


@dataclass(frozen=True)
class Peer:
    """A callback to compare with.

    Attributes:
        callback: makes it, as a context manager, of the engine and what reads its optimizer.
        packages: what must be installed.
        graphs: whether it runs on the engines of graphs too.
    """

    callback: Callable[[Engine, Read], contextlib.AbstractContextManager[Any]]
    packages: tuple[str, ...] = ()
    graphs: bool = True


#: By the name of the variant.
PEERS = {
    "copy in a callback": Peer(copier),
    "W&B histograms": Peer(wandb, ("wandb",)),
    "TensorBoard histograms": Peer(tensorboard, ("tensorboard", "tensorflow"), graphs=False),
}


def here(engine: Engine) -> list[str]:
    """The variants that can run."""
    graph = engine.name in ("keras-2.1", "tf_keras-graph")
    return [
        name
        for name, peer in PEERS.items()
        if peer.graphs >= graph and all(map(importlib.util.find_spec, peer.packages))
    ]
