"""What constructors must refuse: data, one table for each generation.

An entry is here only where that release has a guard, or says in its documentation that it raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: The entries that hold for every optimizer of a generation.
SHARED = ("*",)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Arguments that a constructor must refuse.

    Attributes:
        name: the name of the case.
        arguments: the bad ones, and those without which they mean nothing.
        error: what it must raise.
        words: what its message must contain, in any case of letters.
        optimizers: class names, or :data:`SHARED`.
        inherited: whether a user's own optimizer gets the guard from the base class, where it
            takes the arguments; it may word the message in its own way.
    """

    name: str
    arguments: dict[str, Any]
    error: type[Exception] = ValueError
    words: Sequence[str] = field(default_factory=tuple)
    optimizers: Sequence[str] = SHARED
    inherited: bool = True

    def concerns(self, optimizer: str, builtin: bool) -> bool:
        """Whether an optimizer of this class must refuse them."""
        named = optimizer in self.optimizers and builtin
        return named or (tuple(self.optimizers) == SHARED and (builtin or self.inherited))


def _range(name: str, values: Sequence[Any], *optimizers: str, **needed: Any) -> list[Refusal]:
    """Refusals of single values, whose message names the argument."""
    return [
        Refusal(
            f"{name}={value!r}",
            {**needed, name: value},
            words=(name,),
            optimizers=optimizers or SHARED,
        )
        for value in values
    ]


def _unknown(error: type[Exception]) -> Refusal:
    words = ("no_such_argument",)
    return Refusal("an unknown argument", {words[0]: 1}, error, words, inherited=False)


def _together(*names: str) -> Refusal:
    case = " and ".join(names)
    return Refusal(case, dict.fromkeys(names, 1.0), words=names)


#: Ftrl says of each that it "needs to be positive or zero", or negative.
_FTRL = [
    *_range("initial_accumulator_value", [-0.125], "Ftrl"),
    *_range("learning_rate_power", [0.5], "Ftrl"),
    *_range("l1_regularization_strength", [-0.125], "Ftrl"),
    *_range("l2_regularization_strength", [-0.125], "Ftrl"),
    *_range("l2_shrinkage_regularization_strength", [-0.125], "Ftrl"),
]

_AVERAGE = [
    *_range("ema_momentum", [-0.5, 1.5], use_ema=True),
    *_range("ema_overwrite_frequency", [-1, 1.5], use_ema=True),
]

_KERAS_3 = [
    *_AVERAGE,
    _together("clipnorm", "clipvalue"),
    _together("clipnorm", "global_clipnorm"),
    _together("clipvalue", "global_clipnorm"),
    *_range("gradient_accumulation_steps", [1, -2]),
    *(
        Refusal(
            f"learning_rate={rate!r}",
            {"learning_rate": rate},
            words=("learning_rate", "float"),
            inherited=False,
        )
        for rate in (1, "0.1", None)
    ),
    _unknown(ValueError),
    *_range("momentum", [-0.5, 1.5, 1], "SGD"),
    *_range("weight_decay", [None], "AdamW"),
    *_range("beta_1", [-0.5, 0.0, 1.5], "Lion"),
    *_FTRL,
]

_TF_KERAS = [
    *_AVERAGE,
    _together("clipnorm", "global_clipnorm"),
    *(
        Refusal(f"{name}, of the legacy optimizers", {name: 0.5}, words=(name, "legacy"))
        for name in ("decay", "gradient_aggregator", "gradient_transformers")
    ),
    _unknown(TypeError),
    *_range("momentum", [-0.5, 1.5], "SGD"),
    *_range("weight_decay", [None], "AdamW"),
    *_range("beta_1", [-0.5, 0.0, 1.5], "Lion"),
    *_FTRL,
]

_LEGACY = [
    *(
        refusal
        for name in ("clipnorm", "clipvalue", "global_clipnorm", "decay")
        for refusal in _range(name, [-0.5])
    ),
    _together("clipnorm", "global_clipnorm"),
    _unknown(TypeError),
    *_range("momentum", [-0.5, 1.5], "SGD", "RMSprop"),
    *_range("initial_accumulator_value", [-0.125], "Adagrad"),
    *_FTRL,
]

#: By generation, as :attr:`slotscope.engines.Engine.generation` names it.
REFUSALS: dict[str, list[Refusal]] = {
    "keras-2.1": [_unknown(TypeError)],
    "tf_keras-legacy": _LEGACY,
    "tf_keras": _TF_KERAS,
    "keras-3": _KERAS_3,
}
