"""Small models that are watched while they are trained."""

from __future__ import annotations

from dataclasses import dataclass

from slotscope.checks.problems.small_models import model_of
from slotscope.checks.problems.state import State
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable
from slotscope.recording.recording import Recording
from slotscope.recording.watch import watch


@dataclass(frozen=True)
class TwoFits:
    """What was recorded while a compiled model of the subject was fitted twice.

    Attributes:
        recording: the recording of both fits, 4 batches of one shape each.
        first: the counts after the first.
        state: where the model ended.
    """

    recording: Recording
    first: dict[str, int]
    state: State

    @classmethod
    def of(cls, subject: Subject) -> TwoFits:
        """Record them, once for each subject."""

        def find() -> TwoFits:
            fitted = model_of(subject)
            with watch(fitted.model) as recording:
                fitted.fit(stop=16)
                first = dict(recording.counts)
                fitted.fit(stop=16)
            return cls(recording, first, fitted.state)

        return subject.once("two fits", find)


def eight_batches(subject: Subject, way: str) -> Recording:
    """What was recorded of eight batches, the model not compiled.

    Args:
        subject: what makes the optimizer.
        way: ``train_on_batch``, or ``run eagerly`` for a fit.

    Raises:
        NotApplicable: the engine runs no model eagerly.
    """
    options = {"run_eagerly": True} if way == "run eagerly" else {}
    if not options.keys() <= subject.engine.cheaply.keys():
        raise NotApplicable(f"{subject.engine.name} runs no model eagerly")
    fitted = model_of(subject, compiled=options)
    with watch(fitted.model) as recording:
        if options:
            fitted.fit()
        else:
            fitted.each_batch(fitted.model.train_on_batch)
    return recording
