"""Known differences: what an optimizer is known to do otherwise, with the reason.

One file a package stands in ``known/``, in TOML, one table an entry:

    [[difference]]
    check = "check_every_step_follows_the_rule[sparse]"   # or a list; * and ? as in a shell
    optimizers = ["SGD"]                                  # class names; ["*"] for every one,
    but = ["Lion"]                                        # but for these with their defaults
    custom = true                                         # so of some custom ones, too
    engines = ["tf_keras-legacy"]
    versions = ">=2.16"                                   # of the package; every one if left out
    reason = "the momentum of rows that have no gradient does not decay"
    seen = ["momentum/p0* after step * is *"]             # what the check says, by * and ?
    page = "findings/legacy-momentum-is-lazy.md"          # where it is written up, if it is

An entry excuses what it says is seen, and nothing else at the same check; a crash only by a pattern
that begins as what is said of a crash does. Of an optimizer that is not Keras's own it excuses that
only where Keras's own has just been seen to do the same, see
:func:`slotscope.checks.excuses.shown_by`.

Both ways are strict: a violation without an entry fails, and an entry that applies to something
which was run and held everywhere is reported as out of date. That goes for Keras's own optimizers
with their defaults: a custom one, or other arguments, may do better.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

from packaging.specifiers import SpecifierSet

from slotscope.checks.verdict import CRASHED, Outcome, Verdict
from slotscope.errors import BadCheckArgumentError

#: What stands between a reason and the known difference of the same check that it does not fit.
NOT_KNOWN = ". This is not what is known of Keras here: "


class About(Protocol):
    """An optimizer, as far as a difference can be about it: a subject's plan."""

    @property
    def names(self) -> Sequence[str]:
        """The names of its class, or the classes that it is derived from, among Keras's own."""

    @property
    def builtin(self) -> bool:
        """Whether it is one of Keras's own."""

    @property
    def ordinary(self) -> bool:
        """Whether it is one with its defaults, but for the learning rate."""

    @property
    def lineage(self) -> Collection[str]:
        """Names of its engine, and of those that this is a variant of."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Version of each framework involved."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry of a file, or one expected failure of a caller.

    Attributes:
        check: pattern of ids.
        reason: why it is so.
        seen: patterns of the reason of an outcome, its first line.
        optimizers: class names, or ``*``.
        but: names of Keras's own that, with their defaults, it is not so of, in spite of ``*``.
        custom: whether it may be so of any optimizer that is not Keras's own.
        engines: names of engines, which stand for their variants too, or ``*``.
        versions: the versions of the package; a PEP 440 specifier.
        page: where it is written up.
        package: whose file it stands in; empty for a caller's.
    """

    check: str
    reason: str
    seen: Sequence[str] = ()
    optimizers: Sequence[str] = ("*",)
    but: Sequence[str] = ()
    custom: bool = False
    engines: Sequence[str] = ("*",)
    versions: str = ""
    page: str = ""
    package: str = ""

    def applies(self, about: About) -> bool:
        """Whether it is about this optimizer, on its engine and in its versions."""
        version = about.versions.get(self.package)
        right = not self.package or (
            version is not None and SpecifierSet(self.versions).contains(version, prereleases=True)
        )
        named = {"*", *about.names} & set(self.optimizers) or (self.custom and not about.builtin)
        excepted = about.ordinary and set(about.names) & set(self.but)
        return bool(right and named and not excepted and {"*", *about.lineage} & set(self.engines))

    def matches(self, id: str) -> bool:
        """Whether ``id`` is of its check; ``[`` and ``]`` stand for themselves."""
        return any(_like(name, self.check) for name in (id, id.partition("[")[0]))

    def explains(self, outcome: Outcome) -> bool:
        """Whether a violation is what it says; a caller's own entry does not say what is seen."""
        if outcome.verdict is not Verdict.VIOLATED or not self.matches(outcome.id):
            return False
        return not self.package or any(_fits(outcome.reason, pattern) for pattern in self.seen)


def _like(text: str, pattern: str) -> bool:
    """Whether ``text`` has the form of ``pattern``, in which brackets stand for themselves."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _fits(reason: str, pattern: str) -> bool:
    crashed = reason.startswith(CRASHED)
    return crashed == pattern.startswith(CRASHED) and _like(reason.partition("\n")[0], pattern)


@functools.cache
def differences() -> tuple[Difference, ...]:
    """Every known difference of every package."""
    found = []
    for file in sorted(resources.files(__package__).joinpath("known").iterdir(), key=str):
        if file.name.endswith(".toml"):
            package = file.name.removesuffix(".toml")
            for entry in tomllib.loads(file.read_text("utf-8")).get("difference", []):
                checks = entry.pop("check")
                fixed: dict[str, Any] = {
                    k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()
                }
                for check in [checks] if isinstance(checks, str) else checks:
                    found.append(Difference(check, package=package, **fixed))
    return tuple(found)


def applying(about: About) -> list[Difference]:
    """The known differences that an optimizer can have."""
    return [entry for entry in differences() if entry.applies(about)]


def expected(failures: Mapping[str, str]) -> list[Difference]:
    """A caller's expected failures, {check or check[case]: reason}.

    Raises:
        BadCheckArgumentError: a reason is not a text.
    """
    for check, reason in failures.items():
        if not isinstance(reason, str) or not reason.strip():
            raise BadCheckArgumentError(
                f"expected_failures[{check!r}] is {reason!r}; expected a text that says why it is"
                " expected. Give the reason."
            )
    return [Difference(check, reason) for check, reason in failures.items()]


def judged(outcome: Outcome, known: Iterable[Difference], about: About) -> Outcome:
    """``outcome``, as a known difference where it is a violation that one of ``known`` explains.

    Where one of them is about the same check, and not about what happened, the reason says both.
    """
    others = []
    for entry in known:
        borrowed = bool(entry.package) and not about.builtin
        if entry.explains(outcome) and (not borrowed or outcome.also_of):
            shown = f" ({outcome.also_of} does the same)" if borrowed else ""
            reason = f"{entry.reason} ({outcome.reason}){shown}"
            also_of = outcome.also_of if entry.package else ""
            return dataclasses.replace(
                outcome, verdict=Verdict.KNOWN, reason=reason, page=entry.page, also_of=also_of
            )
        if entry.matches(outcome.id):
            others.append(entry.reason)
    if outcome.verdict is Verdict.VIOLATED and others:
        known_of = "; ".join(dict.fromkeys(others))
        reason = f"{outcome.reason}{NOT_KNOWN}{known_of}"
        return dataclasses.replace(outcome, reason=reason)
    return outcome


def stale(known: Iterable[Difference], outcomes: Sequence[Outcome]) -> list[str]:
    """A message for each of ``known`` whose checks were run and which none of them needed."""
    messages = []
    for difference in known:
        about = [outcome for outcome in outcomes if difference.matches(outcome.id)]
        decided = [o for o in about if o.verdict in (Verdict.HOLDS, Verdict.KNOWN)]
        if decided and all(o.verdict is Verdict.HOLDS for o in decided):
            messages.append(
                f"{difference.check} is listed as failing ({difference.reason}), and it holds:"
                " remove the entry"
            )
    return messages
