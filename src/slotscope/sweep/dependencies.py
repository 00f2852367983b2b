"""What a run depends on, and whether that has changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from slotscope.processes.imported import UNTOLD

CODE = "the notebook's code changed"
EARLIER = "made before slotscope recorded which modules a run imports"
RELEASED = "slotscope was a development tree, and is a release now"
DEVELOPED = "slotscope was a release, and is a development tree now"
#: A message names at most this many changed modules.
NAMED = 3


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a run depends on.

    Attributes:
        code: a digest of the notebook's code.
        versions: the versions of Python and of what is installed, by name.
        modules: a digest of the code of each module of slotscope that counts, by name: of a run,
            those that it imported; of a sweep, all that there were. None if the version of
            slotscope says all.
        earlier: what stood for the bytes of all modules before they were recorded one by one;
            empty since. Nothing that is read today can be held against it.
    """

    code: str
    versions: Mapping[str, str]
    modules: Mapping[str, str] | None
    earlier: str = ""

    def narrowed(self, imported: Sequence[str] | None) -> Dependencies:
        """What a run has depended on, of all that it may.

        A module that changed while the run was waiting stays as it was when the sweep began, so
        that the run is made again.

        Args:
            imported: modules of slotscope that it imported; all count where None, or one of them,
                says that nobody knows.
        """
        if self.modules is None or imported is None or UNTOLD in imported:
            return self
        return replace(self, modules={name: self.modules.get(name, "") for name in imported})

    def change(self, now: Dependencies) -> str:
        """Why this run would be another one now, in words; empty if it would be the same."""
        if self.code != now.code:
            return CODE
        if self.earlier:
            return "" if self.earlier == now.earlier else EARLIER
        if versions := _versions(self.versions, now.versions):
            return ", ".join(versions)
        if self.modules is None or now.modules is None:
            same = self.modules is now.modules
            return "" if same else DEVELOPED if self.modules is None else RELEASED
        here = now.modules
        return _modules([n for n, digest in self.modules.items() if here.get(n, "") != digest])


def _modules(changed: Sequence[str]) -> str:
    if not changed:
        return ""
    named = ", ".join(changed[:NAMED])
    more = len(changed) - NAMED
    return f"{named} and {more} more changed" if more > 0 else f"{named} changed"


def _versions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """A few words for each version that is another one."""
    changes = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old is None:
            changes.append(f"{name} {new} was not installed")
        elif new is None:
            changes.append(f"{name} {old} is no longer installed")
        elif old != new:
            changes.append(f"{name} {old} is now {new}")
    return changes
