"""Small models for the checks that need ``fit``: compiled with a fresh optimizer of the subject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from slotscope.checks.problems.state import State, Trained
from slotscope.checks.subjects.subject import Subject
from slotscope.engines import Engine


@dataclass
class Fitted:
    """A compiled model in the scope of its engine.

    Attributes:
        engine: with a graph and a session of its own, where it has any.
        model: the model, compiled.
        x: inputs, float32 (rows, 4), or int32 (rows, 2) for an Embedding.
        y: targets, float32 (rows, 1).
        batch: rows in a batch.
    """

    engine: Engine
    model: Any
    x: np.ndarray
    y: np.ndarray
    batch: int = 4

    def fit(self, start: int = 0, stop: int | None = None, **options: Any) -> None:
        """Fit one epoch on rows from ``start`` to ``stop``, in order."""
        with self.engine.scope():
            self.model.fit(
                self.x[start:stop],
                self.y[start:stop],
                batch_size=self.batch,
                **{"epochs": 1, "shuffle": False, "verbose": 0, **options},
            )

    def compile(self, optimizer: Any = None, **options: Any) -> None:
        """Compile anew, with the optimizer that it has or another one."""
        with self.engine.scope():
            self.model.compile(
                optimizer=self.model.optimizer if optimizer is None else optimizer,
                loss="mean_squared_error",
                **options,
            )

    def evaluate(self) -> None:
        """Evaluate on all rows."""
        with self.engine.scope():
            self.model.evaluate(self.x, self.y, batch_size=self.batch, verbose=0)

    def predict(self) -> None:
        """Predict for all rows."""
        with self.engine.scope():
            self.model.predict(self.x, batch_size=self.batch, verbose=0)

    def each_batch(
        self,
        train: Callable[[np.ndarray, np.ndarray], Any],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        """Call ``train`` with every batch of the rows from ``start`` to ``stop``, in order."""
        with self.engine.scope():
            for row in range(start, len(self.x) if stop is None else stop, self.batch):
                train(self.x[row : row + self.batch], self.y[row : row + self.batch])

    def take(self, state: State) -> None:
        """Give every weight and slot, but not the learning rate, its value in ``state``."""
        self._trained().take(state)

    @property
    def optimizer(self) -> Any:
        """The optimizer that the model was compiled with last."""
        return self.model.optimizer

    @property
    def state(self) -> State:
        """Copies of all weights and optimizer variables, in float64, by number and label."""
        return self._trained().state

    def _trained(self) -> Trained:
        # In the order of get_weights: in Keras 2.1 model.weights puts frozen ones last.
        with self.engine.scope():
            weights = [weight for layer in self.model.layers for weight in layer.weights]
        labelled = {f"weight {number}": weight for number, weight in enumerate(weights)}
        return Trained(self.engine, self.model.optimizer, labelled, model=self.model)


def model_of(
    subject: Subject,
    *,
    embedding: bool = False,
    frozen: bool = False,
    compiled: dict[str, Any] | None = None,
    engine: Engine | None = None,
    **changes: Any,
) -> Fitted:
    """A fresh model of the subject: two Dense layers, or an Embedding and a Dense one.

    Args:
        subject: what makes the optimizer.
        embedding: the first layer is an Embedding, whose gradients come sparse on TensorFlow.
        frozen: the first layer is not trainable.
        compiled: more arguments to ``compile``.
        engine: where it works, by default one of its own.
        **changes: to the constructor's arguments of the optimizer.
    """
    engine = engine or subject.engine.fresh()
    x, y = data(embedding)
    with engine.scope():
        engine.seed(1)
        model = _network(engine, embedding)
        model.layers[1].trainable = not frozen
        optimizer = subject.make(engine, **changes)
        # Not "mse": Keras 3 saves that alias into an .h5 file that it cannot read again.
        loss = "mean_squared_error"
        model.compile(**{"optimizer": optimizer, "loss": loss, **(compiled or {})})
    return Fitted(engine, model, x, y)


def second_model(first: Fitted, units: int) -> Fitted:
    """Another model beside the first one, not compiled, whose hidden layer has ``units``."""
    with first.engine.scope():
        return Fitted(first.engine, _network(first.engine, False, units), first.x, first.y)


def _network(engine: Engine, embedding: bool, units: int = 3) -> Any:
    layers = engine.keras.layers
    if embedding:
        inputs = layers.Input(shape=(2,), dtype="int32")
        hidden = layers.Flatten(name="flat")(layers.Embedding(5, 3, name="rows")(inputs))
    else:
        inputs = layers.Input(shape=(4,))
        hidden = layers.Dense(units, name="hidden")(inputs)
    return engine.keras.models.Model(inputs, layers.Dense(1, name="out")(hidden))


def data(embedding: bool, rows: int = 32) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    x = random.randint(0, 5, (rows, 2)) if embedding else random.randn(rows, 4)
    y = random.randn(rows, 1).astype("float32")
    return x.astype("int32" if embedding else "float32"), y
