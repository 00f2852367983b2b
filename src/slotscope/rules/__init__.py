"""What each optimizer should do, in NumPy: one rule an optimizer, one file a family."""

from __future__ import annotations

import dataclasses
from typing import Any

from slotscope.errors import UnknownRuleError
from slotscope.rules.accumulators import Adadelta, Adagrad, RMSprop
from slotscope.rules.adafactor import Adafactor
from slotscope.rules.adam import Adam, Adamax, AdamW
from slotscope.rules.ftrl import Ftrl
from slotscope.rules.lamb import Lamb
from slotscope.rules.lion import Lion
from slotscope.rules.muon import Muon
from slotscope.rules.nadam import Nadam
from slotscope.rules.rule import FunctionRule, Generation, Rule, Slots
from slotscope.rules.schedule_free import ScheduleFreeAdamW
from slotscope.rules.sgd import SGD

__all__ = ["RULES", "FunctionRule", "Generation", "Rule", "Slots", "rule"]

#: The rule of each of Keras's own optimizers, by its class name; that of another is passed as
#: ``reference=``.
RULES: dict[str, type[Rule]] = {
    "SGD": SGD,
    "Lion": Lion,
    "RMSprop": RMSprop,
    "Adagrad": Adagrad,
    "Adadelta": Adadelta,
    "Ftrl": Ftrl,
    "Adafactor": Adafactor,
    "Adam": Adam,
    "AdamW": AdamW,
    "Adamax": Adamax,
    "Nadam": Nadam,
    "Lamb": Lamb,
    "Muon": Muon,
    "ScheduleFreeAdamW": ScheduleFreeAdamW,
}


def rule(name: str, generation: str, **config: Any) -> Rule:
    """The rule of the built-in optimizer ``name`` in one generation of Keras.

    Args:
        name: class name of the optimizer.
        generation: ``keras-2.1``, ``tf_keras-legacy``, ``tf_keras`` or ``keras-3``.
        **config: hyperparameters that are not the generation's defaults, in Keras 3's argument
            names. Arguments that belong to every optimizer (clipping, averaging, ...) are not the
            rule's and are left to :class:`~slotscope.rules.training.Training`.

    Raises:
        UnknownRuleError: there is no such rule, or not in this generation.
    """
    cls = RULES.get(name)
    if cls is None or generation not in cls.generations:
        raise UnknownRuleError(
            f"There is no rule for the optimizer {name!r} of {generation}. Rules exist for:"
            f" {', '.join(n for n, c in RULES.items() if generation in c.generations)}."
        )
    own = cls.generations[generation]
    known = {field.name for field in dataclasses.fields(cls)}
    given = {**own.defaults, **own.dialect, **config}
    return cls(**{key: value for key, value in given.items() if key in known})
