"""A check: a plain function ``check_*`` whose docstring's first line is the sentence it tests.

To add one, write it in the module of its theme:

    @check(cases=("zeros", "constant"))
    def check_something_holds(subject, case):
        \"\"\"One sentence about optimizers that can be true or false.\"\"\"

It takes the :class:`~slotscope.checks.subjects.subject.Subject` and, where it has cases, the name
of one. It returns where the sentence holds, and raises what ``verdict.py`` says otherwise.

A theme is a module in ``themes/``, which is found there. Above its checks it states ``PLACE``, by
which themes are ordered, and ``SECONDS``, which one case takes on a machine with two cores, on the
mean.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Planned

Function = Callable[..., None]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Check:
    """One check function with what selection and reports need.

    Attributes:
        name: the name of the function.
        theme: the theme of its module: ``construction``, ``identity``, ``values``, ...
        sentence: what it claims.
        function: ``function(subject)`` or ``function(subject, case)``.
        cases: names of its cases, or a function of the subject that gives them.
        quick: the cases in the quick set: all, none, or those named.
        seconds: how long one case takes, on the mean of its theme.
    """

    name: str
    theme: str
    sentence: str
    function: Function
    cases: Sequence[str] | Callable[[Subject], Iterable[str]] = ()
    quick: bool | tuple[str, ...] = False
    seconds: float = 0.0

    def run(self, subject: Subject, case: str = "") -> None:
        """Raise unless the sentence holds."""
        self.function(subject, case) if case else self.function(subject)

    def items(self, subject: Subject) -> Iterator[Item]:
        """What there is to run, one for each case."""
        cases = self.cases(subject) if callable(self.cases) else self.cases
        for case in cases or ("",):
            yield Item(self, case)


@dataclass(frozen=True)
class Item:
    """One check and one of its cases."""

    check: Check
    case: str

    @property
    def planned(self) -> Planned:
        """What is to be said of it, which any process understands."""
        return Planned(self.check.name, self.case, self.check.theme, self.check.sentence)

    @property
    def id(self) -> str:
        """``check_name[case]``, or the name alone."""
        return self.planned.id

    @property
    def quick(self) -> bool:
        quick = self.check.quick
        return quick if isinstance(quick, bool) else self.case in quick


#: Every check, in order of definition.
CHECKS: list[Check] = []


def check(
    *,
    cases: Sequence[str] | Callable[[Subject], Iterable[str]] = (),
    quick: bool | tuple[str, ...] = False,
) -> Callable[[F], F]:
    """Register a function as a check; its arguments are the fields of :class:`Check`.

    Raises:
        TypeError: its module does not say what a theme says of itself.
    """

    def register(function: F) -> F:
        theme = function.__module__.rpartition(".")[2]
        said = vars(sys.modules[function.__module__])
        if missing := [fact for fact in ("PLACE", "SECONDS") if fact not in said]:
            raise TypeError(
                f"the theme {theme} does not say its {' and '.join(missing)}: put both above its"
                " checks, as in PLACE, SECONDS = 7, 0.5"
            )
        sentence = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        name, seconds = function.__name__, said["SECONDS"]
        CHECKS.append(Check(name, theme, sentence, function, cases, quick, seconds))
        return function

    return register
