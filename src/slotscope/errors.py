"""Every error that slotscope raises on purpose, by cause.

Each message says what was wrong, what was expected and what to do now. All derive from
:class:`SlotscopeError`, so ``except slotscope.SlotscopeError`` catches them all and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SlotscopeError(Exception):
    """Base of every error of this package."""


class EngineUnavailableError(SlotscopeError):
    """An engine was asked for that cannot run in this environment or this process."""


class UnknownEngineError(SlotscopeError, ValueError):
    """No engine has this name."""


class UnknownOptimizerError(SlotscopeError, ValueError):
    """An engine has no optimizer of this name."""


class UnsupportedReleaseError(SlotscopeError, RuntimeError):
    """A framework's release lacks a private name that slotscope leans on."""


class WheelError(SlotscopeError):
    """An old release of Keras could not be fetched, or is not what it should be."""


class UnknownModelError(SlotscopeError, TypeError):
    """The object is not a model of any engine."""


class NotCompiledError(SlotscopeError, ValueError):
    """The model has no optimizer yet."""


class AlreadyWatchedError(SlotscopeError, RuntimeError):
    """A second watch was opened on a model, or one watch was opened twice."""


class VariableNotFoundError(SlotscopeError, KeyError):
    """The recording holds no such optimizer variable."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument, which hides line breaks in a message.
        return str(self.args[0]) if self.args else ""


class ValuesNotKeptError(SlotscopeError, LookupError):
    """The variable was recorded, but only its statistics were kept."""


class DamagedRecordingError(SlotscopeError, ValueError):
    """A file is not a recording, or no longer a whole one."""


class UnfitResultError(SlotscopeError, TypeError):
    """A value is of a type that a notebook's results cannot hold."""


class NoResultsError(SlotscopeError, LookupError):
    """The notebook holds no results."""


class DamagedResultsError(SlotscopeError, ValueError):
    """A file is not a notebook, or its results are no longer as they were written."""


class NoRunsError(SlotscopeError, LookupError):
    """A folder holds no finished run of a sweep."""


class ReportUnavailableError(SlotscopeError, ImportError):
    """The page of a sweep needs a package that is not installed."""


class DamagedRunWarning(UserWarning):
    """The record of a run is not as a sweep writes it, and is left out of the table."""


class KernelServerError(SlotscopeError, RuntimeError):
    """A warm kernel can't be had; the message says why. An ordinary one can."""


class KernelSpecError(SlotscopeError, ValueError):
    """A kernelspec can't be installed as it was asked for."""


class UnknownRuleError(SlotscopeError, ValueError):
    """No rule is known for this optimizer in this generation."""


class BadCheckArgumentError(SlotscopeError, ValueError):
    """What was asked of the checks cannot be: an unknown check or theme, a bad reason."""


class LeftOutWarning(UserWarning):
    """A check of an optimizer could not be asked for want of something that its author left out."""


class UnseenStepsWarning(UserWarning):
    """Steps of a watched run left no row, or one step left two."""


class HandedOverError(SlotscopeError, ValueError):
    """What was given to ``recording.step`` cannot be recorded."""


class NoStepWarning(UserWarning):
    """A watched optimizer made no step though the model's train function ran: another one did."""


class UntoldWarning(UserWarning):
    """Something about a watched run cannot be told: a slot's parameter, a method's calls."""


class RowsNotWrittenWarning(UserWarning):
    """The rows of a watched run could not be written to disk, and stay in memory."""


class FolderInUseError(SlotscopeError, OSError):
    """A folder that shall take a recording's rows holds something already."""


class ReportNotWrittenError(SlotscopeError, OSError):
    """A file of a report can't be written."""


class UnfitNotebookError(SlotscopeError, ValueError):
    """A file is not a notebook, or not one that can be given parameters."""


class DeclaredParameter(Protocol):
    """What an error says of a parameter that a notebook declares."""

    @property
    def name(self) -> str:
        """How it is called."""

    @property
    def help(self) -> str:
        """What it means, in the notebook's words; empty if it says nothing."""

    @property
    def type_text(self) -> str:
        """What it can be."""

    @property
    def default_text(self) -> str:
        """What it is where nothing is given, or that it is required."""


class BadParametersError(SlotscopeError, ValueError):
    """Parameters are not what the notebook declares.

    Attributes:
        mistakes: a sentence each.
        parameters: what the notebook declares.
    """

    def __init__(self, mistakes: Sequence[str], parameters: Sequence[DeclaredParameter]) -> None:
        super().__init__(list(mistakes), tuple(parameters))
        self.mistakes = list(mistakes)
        self.parameters = tuple(parameters)

    def __str__(self) -> str:
        lines = [*self.mistakes, "", "The notebook's parameters:"]
        for known in self.parameters:
            about = f": {known.help}" if known.help else ""
            lines.append(f"  {known.name} ({known.type_text}; {known.default_text}){about}")
        return "\n".join(lines)


class BadGridError(SlotscopeError, ValueError):
    """A file of combinations can't be read, or describes none."""


class SweepFolderError(SlotscopeError, OSError):
    """The folder of a sweep can't be written, or holds another sweep."""


class SweepInUseError(SlotscopeError, RuntimeError):
    """Another sweep is writing into the folder."""


class SchedulerError(SlotscopeError, RuntimeError):
    """A Dask cluster can't be used: it isn't installed, or can't be reached."""


class UnknownKernelError(SlotscopeError, ValueError):
    """No kernel of this name is installed."""
