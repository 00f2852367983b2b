"""What a check can say, and the record of having said it.

A check is a function that returns in silence where its sentence holds. Where it does not, it
raises one of the exceptions below, or :class:`~slotscope.processes.limits.NotReadyError`,
after which the check is undecided; anything else that it raises is a crash, which counts as a
violation: the optimizer raised where it should have worked.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


class Verdict(enum.StrEnum):
    """What became of one check."""

    HOLDS = "holds"
    VIOLATED = "violated"
    WARNING = "warning"
    KNOWN = "known difference"
    NOT_APPLICABLE = "not applicable"
    NOT_REPRODUCIBLE = "not reproducible"
    UNDECIDED = "undecided"


#: Those that are not spoken of where there are none.
RARE = (Verdict.WARNING, Verdict.UNDECIDED)

#: How the reason of an outcome begins where the check raised what no check should raise.
CRASHED = "the check crashed with "


class Violation(Exception):  # noqa: N818 - a verdict, not an error of this package
    """The sentence of a check is not true of this optimizer."""


class NotApplicable(Exception):  # noqa: N818
    """The check makes no sense for this optimizer or this engine; the message says why."""


class LeftOut(NotApplicable):
    """The check cannot be asked for want of something that an author should have written."""


class NotReproducible(Exception):  # noqa: N818
    """The same run, done twice, ended differently: nothing can be said about its values."""

    @classmethod
    def runs(cls, where: str = "") -> NotReproducible:
        """The exception that says that two runs with fresh optimizers differ, and ``where``."""
        place = f" ({where})" if where else ""
        return cls(
            f"two runs of the same program differ{place}: the engine is not deterministic, or the"
            " optimizer keeps something from one run to the next, as in an attribute of its class"
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """One check of one optimizer, to be done.

    Attributes:
        check: name of the check function.
        case: which of its cases; empty for a check without any.
        theme: the name of its theme, which is that of the module that it is in.
        sentence: what it claims, the first line of its docstring.
    """

    check: str
    case: str
    theme: str
    sentence: str

    @property
    def id(self) -> str:
        """``check_name[case]``, or the name alone."""
        return f"{self.check}[{self.case}]" if self.case else self.check


@dataclass(frozen=True, slots=True)
class Outcome(Planned):
    """One check of one optimizer, done.

    Attributes:
        verdict: what became of it.
        reason: why, in words; empty if it holds.
        example: code that shows a violation.
        crash: the traceback, shortened, where it was an exception that ended it.
        also_of: one of Keras's own optimizers that did the same, as a known difference of Keras
            says, where that was asked.
        seconds: how long it took, on a clock.
        page: where a known difference is written up.
        stopped: whether it did not come to its own end: it hung or waited and was ended, or its
            process died.
    """

    verdict: Verdict
    reason: str = ""
    example: str = ""
    crash: str = ""
    also_of: str = ""
    seconds: float = 0.0
    page: str = ""
    stopped: bool = False


@dataclass(frozen=True, repr=False)
class Outcomes:
    """What all checks said of one optimizer on one engine.

    Attributes:
        optimizer: its name.
        engine: name of the engine.
        versions: version of each framework involved.
        outcomes: one for each check and case, in order.
        stale: known differences and expected failures that did not occur, each with a message.
        missing: how many checks were not run any more, because the run was interrupted.
        strict: whether a warning is as bad as a violation.
    """

    optimizer: str
    engine: str
    versions: dict[str, str]
    outcomes: Sequence[Outcome]
    stale: Sequence[str] = field(default_factory=tuple)
    missing: int = 0
    strict: bool = False

    def counts(self) -> dict[Verdict, int]:
        """How many outcomes have each verdict."""
        found = Counter(outcome.verdict for outcome in self.outcomes)
        return {verdict: found[verdict] for verdict in Verdict}

    def with_verdict(self, verdict: Verdict | str) -> list[Outcome]:
        """The outcomes with this verdict."""
        return [outcome for outcome in self.outcomes if outcome.verdict == Verdict(verdict)]

    @property
    def exit_code(self) -> int:
        """1 where something is violated, out of date or missing, and under ``strict`` where there
        is a warning, else 3 where something is undecided, else 0."""
        warned = self.strict and self.with_verdict(Verdict.WARNING)
        if self.with_verdict(Verdict.VIOLATED) or self.stale or self.missing or warned:
            return 1
        return 3 if self.with_verdict(Verdict.UNDECIDED) else 0

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{verdict} {count}"
            for verdict, count in self.counts().items()
            if count or verdict not in RARE
        )
        return f"<{type(self).__name__} of {self.optimizer} on {self.engine}: {counts}>"
