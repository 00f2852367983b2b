"""What a run depends on, as run.json and sweep.json have it, and whether that has changed since.

``fingerprint`` has a digest of the notebook's code and one of each module of slotscope that
counts: in run.json those that the run imported, in sweep.json all that there were. It has null for
them where slotscope's version, which stands among ``versions``, says all. Before slotscope recorded
modules, ``package`` stood for the bytes of all of its files; nothing that is read today can be held
against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slotscope.processes.imported import UNTOLD
from slotscope.sweep.declared.notebook_file import Notebook
from slotscope.sweep.environment import Environment

CODE = "the notebook's code changed"
EARLIER = "made before slotscope recorded which modules a run imports"
RELEASED = "slotscope was a development tree, and is a release now"
DEVELOPED = "slotscope was a release, and is a development tree now"
#: So many changed modules are named.
NAMED = 3


def dependencies(notebook: Notebook, environment: Environment) -> dict[str, Any]:
    """All that a run of a notebook may depend on there."""
    return {
        "versions": dict(environment.versions),
        "fingerprint": {"code": notebook.code, "modules": environment.modules},
    }


def narrowed(may: Mapping[str, Any], imported: Sequence[str] | None) -> dict[str, Any]:
    """What a run has depended on, of all that it may.

    Args:
        may: what :func:`dependencies` gave when the sweep began. A module that changed while the
            run was waiting is recorded as it was, so that the run is made again.
        imported: modules of slotscope that it imported; all count where None, or one of them,
            says that nobody knows.
    """
    everywhere = may["fingerprint"]["modules"]
    if everywhere is None or imported is None or UNTOLD in imported:
        return dict(may)
    modules = {name: everywhere.get(name, "") for name in imported}
    return {**may, "fingerprint": {**may["fingerprint"], "modules": modules}}


def change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Why a run would be another one now, in words; empty where nothing that it needs has changed.

    Args:
        before: what run.json says.
        now: what a run may depend on now.
    """
    made, present = before["fingerprint"], now["fingerprint"]
    if made["code"] != present["code"]:
        return CODE
    if "modules" not in made:
        return EARLIER
    if versions := _versions(before["versions"], now["versions"]):
        return ", ".join(versions)
    modules, here = made["modules"], present["modules"]
    if modules is None or here is None:
        return "" if modules is here else DEVELOPED if modules is None else RELEASED
    return _modules([name for name, digest in modules.items() if here.get(name, "") != digest])


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
