"""The run in which a violation was found: all that is needed to run it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from slotscope.engines import Gradient

if TYPE_CHECKING:
    from slotscope.checks.subjects.subject import Subject


@dataclass(frozen=True)
class Witness:
    """A run that does not follow the subject's rule.

    Attributes:
        subject: what makes the optimizer.
        parameters: initial values.
        gradients: for each step, one for each parameter.
        way: how a step is asked for; empty for the engine's plainest.
        dtype: of the parameters.
        changes: to the constructor's arguments.
    """

    subject: Subject
    parameters: Sequence[np.ndarray]
    gradients: Sequence[Sequence[Gradient]]
    way: str = ""
    dtype: str = "float32"
    changes: Mapping[str, Any] = field(default_factory=dict)
