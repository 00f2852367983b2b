"""Violations with one cause: the same exception, with the same message, in several checks.

They are one entry at the head of what is violated, so that what else is wrong can be seen below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slotscope.checks.data.known_differences import NOT_KNOWN
from slotscope.checks.verdict import CRASHED, Outcome

#: What differs between two messages that say the same: an address, a number.
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Cause:
    """One reason for which several checks are violated.

    Attributes:
        said: the exception and its message, as in the first of them.
        outcomes: the violations, in order.
    """

    said: str
    outcomes: Sequence[Outcome]

    @property
    def checks(self) -> list[str]:
        """The names of the checks, in order."""
        return list(dict.fromkeys(outcome.check for outcome in self.outcomes))

    @property
    def crash(self) -> str:
        """One traceback: the shortest."""
        return min((o.crash for o in self.outcomes if o.crash), key=len, default="")

    @property
    def size(self) -> str:
        """How many cases of how many checks."""
        return f"{len(self.outcomes)} cases of {len(self.checks)} checks"


def causes(violated: Sequence[Outcome]) -> tuple[list[Cause], list[Outcome]]:
    """The causes of violations in several checks, the most frequent first, and what is left."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in violated:
        if exception := _exception(outcome):
            groups.setdefault(_VARYING.sub("#", exception), []).append(outcome)
    found = [Cause(_exception(group[0]), group) for group in groups.values()]
    shared = sorted(
        (cause for cause in found if len(cause.checks) > 1),
        key=lambda cause: -len(cause.outcomes),
    )
    told = {outcome.id for cause in shared for outcome in cause.outcomes}
    return shared, [outcome for outcome in violated if outcome.id not in told]


def _exception(outcome: Outcome) -> str:
    """What ended a check that did not come to its own end; empty if it did."""
    said = outcome.reason.partition(NOT_KNOWN)[0]
    crashed = said.startswith(CRASHED)
    return said.removeprefix(CRASHED).strip() if crashed or outcome.stopped else ""
