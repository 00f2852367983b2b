"""Slots that are geometric series when the gradient is the same at every batch.

Such a slot s is multiplied by μ at each batch and then added to, by the same c each time:
s ← μ s + c, from s = 0. After k batches it holds s_k = c (1 - μ^k) / (1 - μ). For SGD c = -η g; the
optimizers of Adam's family keep an average, where c = (1 - μ) g, or (1 - μ) g² for one of squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from slotscope.engines import Engine
from slotscope.errors import SlotscopeError
from slotscope.recording.recording import Recording
from slotscope.recording.watch import watch
from slotscope.story.one_weight import one_weight

#: y, the target that p·x stays below whatever the optimizer does; exact in float32.
_FAR = 2.0**100


@dataclass(frozen=True, slots=True)
class Average:
    """A slot of an optimizer, and the argument that is its μ.

    Attributes:
        slot: its name.
        argument: the argument of the optimizer.
        power: the power of the gradient that is added.
        rate: whether minus the learning rate is a factor of what is added; else it is 1 - μ.
    """

    slot: str
    argument: str
    power: int = 1
    rate: bool = False

    def added(self, g: float, mu: float, eta: float) -> float:
        """c, what each batch adds."""
        return (-eta if self.rate else 1 - mu) * g**self.power

    def closed_form(self, k: np.ndarray, g: float, mu: float, eta: float) -> np.ndarray:
        """s_k, the value after ``k`` batches (int, any shape), in float64."""
        series: np.ndarray = self.added(g, mu, eta) * (1 - mu**k) / (1 - mu)
        return series


#: The first such slot of an optimizer. Two are missing: Lamb, whose steps grow with the weight
#: until p·x passes y, and Nadam, whose first step on one weight is infinite in tf_keras.
AVERAGES = {
    "SGD": Average("momentum", "momentum", rate=True),
    "Adam": Average("momentum", "beta_1"),
    "AdamW": Average("momentum", "beta_1"),
    "Adamax": Average("momentum", "beta_1"),
    "Lion": Average("momentum", "beta_2"),
    "RMSprop": Average("velocity", "rho", power=2),
    "Adadelta": Average("accumulated_grad", "rho", power=2),
}


def constant_gradient(
    engine: Engine, optimizer: str, eta: float, mu: float, batches: int, g: float
) -> Recording:
    """Train one weight with the gradient ``g`` at every batch, under watch.

    Raises:
        UnknownOptimizerError: the engine has no optimizer of this name.
        SlotscopeError: it has one, which keeps no such slot; or a number is out of its range.
    """
    if not (eta > 0 and 0 < mu < 1 and batches >= 1):
        raise SlotscopeError(
            f"A learning rate of {eta}, a momentum of {mu} and {batches} batches: expected a"
            " learning rate above 0, a momentum between 0 and 1, and 1 batch or more."
        )
    if optimizer not in AVERAGES:
        engine.optimizer(optimizer)  # complains of a name that is misspelt
        raise SlotscopeError(
            f"No slot of {optimizer!r} is a geometric series. Choose one of: {', '.join(AVERAGES)}."
        )
    config = {"learning_rate": eta, AVERAGES[optimizer].argument: mu}
    x = np.full((batches, 1), -g, np.float32)
    with engine.scope():
        model = one_weight(engine, engine.optimizer(optimizer, **config))
        with watch(model) as recording:
            model.fit(x, np.full_like(x, _FAR), batch_size=1, shuffle=False, verbose=0)
    return recording
