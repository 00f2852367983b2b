"""One optimizer by its name in each generation of Keras, with its own defaults and with equal ones.

The model is softmax regression on the digits, from zero, trained by ``fit`` on the same batches in
the same order. Keras 3 is what the others are compared with. Where defaults are made equal, every
argument that a generation takes is set to Keras 3's value; what is then left of a difference is in
the arithmetic, and is compared with the generation's rule in float64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from slotscope.checks.problems.warnings_and_logs import without_advice
from slotscope.engines import Engine
from slotscope.recording.watch import watch
from slotscope.rules import RULES, rule
from slotscope.story.batches import Weights, apart, defaults, rule_states, rule_training
from slotscope.story.digits import shuffled, softmax_regression

#: The generation that Keras 3 is, and those before it, each called as an engine that runs it.
LATEST = "keras-3"
EARLIER = ("keras-2.1", "tf_keras-legacy", "tf_keras")


@dataclass(frozen=True)
class End:
    """Where a training ended.

    Attributes:
        weights: kernel and bias.
        slots: the L2 norm of each slot, over both parameters.
    """

    weights: Weights
    slots: dict[str, float]

    @property
    def moved(self) -> float:
        """The largest weight, in magnitude; all were 0."""
        return max(float(abs(weight).max()) for weight in self.weights)


def engines_with(optimizer: str) -> list[str]:
    """The engines before Keras 3 that have the optimizer, in order of time."""
    return [name for name in EARLIER if name in RULES[optimizer].generations]


def equal_defaults(optimizer: str, generation: str) -> dict[str, Any]:
    """The same arguments with Keras 3's values.

    An argument that Keras 3 does not take has the value of the constant that stands for it there.
    """
    latest = dataclasses.asdict(rule(optimizer, LATEST)) | defaults(optimizer, LATEST)
    own = defaults(optimizer, generation)
    return {name: latest.get(name, value) for name, value in own.items()}


def trained(engine: Engine, optimizer: str, steps: int, size: int, seed: int) -> dict[str, End]:
    """Train with its own defaults, and with Keras 3's: the ends, by ``own`` and ``equal``."""
    configs = {"own": {}, "equal": equal_defaults(optimizer, engine.generation)}
    return {
        name: _fitted(engine, optimizer, config, steps, size, seed)
        for name, config in configs.items()
    }


def _fitted(
    engine: Engine, name: str, config: Mapping[str, Any], steps: int, size: int, seed: int
) -> End:
    x, y = shuffled(steps, size, seed)
    with engine.scope(), without_advice():
        model = softmax_regression(engine, engine.optimizer(name, **config))
        with watch(model, keep="values") as recording:
            model.fit(x, y, batch_size=size, shuffle=False, verbose=0)
        weights: list[np.ndarray] = model.get_weights()
        return End([np.array(weight) for weight in weights], _norms(recording))


def _norms(recording: Any) -> dict[str, float]:
    """The L2 norm of each slot after the last step."""
    table = recording.statistics
    last = table[table["iterations"] == table["iterations"].max()]
    slots = {v.label: v.slot for v in recording.seen if v.parameter}
    last = last[last["variable"].isin(slots)]
    squares = (last["l2"] ** 2).groupby(last["variable"].map(slots), sort=False).sum()
    return {str(slot): float(np.sqrt(square)) for slot, square in squares.items()}


def ruled(
    optimizer: str, generation: str, config: Mapping[str, Any], steps: int, size: int, seed: int
) -> Weights:
    """Where the generation's rule ends with ``config``, in float64."""
    x, y = shuffled(steps, size, seed)
    *_, last = rule_states(rule_training(optimizer, generation, **config), x, y, size)
    return [last["p0"], last["p1"]]


def compared(
    found: Mapping[str, dict[str, End]], optimizer: str, steps: int, size: int, seed: int
) -> pd.DataFrame:
    """How far from Keras 3 each earlier generation ends, as a part of the largest move.

    Args:
        found: by engine, what :func:`trained` returned; Keras 3's is the last.
        optimizer: its name.
        steps: how many steps the training takes.
        size: the size of a batch.
        seed: the seed of the order of the digits.

    Returns:
        One row an earlier engine: ``own defaults`` and ``equal defaults``, how far from Keras 3;
        ``rules``, how far from Keras 3's rule its own rule ends with equal defaults; and ``from its
        rule``, how far it ends from that.
    """
    *earlier, latest = found
    at_last = ruled(optimizer, LATEST, {}, steps, size, seed)
    rows = {}
    for name in earlier:
        config = equal_defaults(optimizer, name)
        own_rule = ruled(optimizer, name, config, steps, size, seed)
        rows[name] = {
            "own defaults": apart(found[name]["own"].weights, found[latest]["own"].weights),
            "equal defaults": apart(found[name]["equal"].weights, found[latest]["equal"].weights),
            "rules": apart(own_rule, at_last),
            "from its rule": apart(found[name]["equal"].weights, own_rule),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
