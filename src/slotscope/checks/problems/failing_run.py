"""A run that does not follow its rule, with all that is needed to run it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Violation
from slotscope.engines import Gradient


@dataclass(frozen=True)
class FailingRun:
    """A run that does not follow the subject's rule.

    Attributes:
        subject: what makes the optimizer.
        parameters: initial values.
        gradients: for each step, one for each parameter.
        way: how a step is asked for; empty for the engine's plainest.
        dtype: the dtype of the parameters.
        changes: to the constructor's arguments.
    """

    subject: Subject
    parameters: Sequence[np.ndarray]
    gradients: Sequence[Sequence[Gradient]]
    way: str = ""
    dtype: str = "float32"
    changes: Mapping[str, Any] = field(default_factory=dict)


class BrokenRule(Violation):
    """A run does not follow the subject's rule.

    Attributes:
        run: the run that failed, of which a small example can be made.
    """

    def __init__(self, message: str, run: FailingRun) -> None:
        super().__init__(message)
        self.run = run
