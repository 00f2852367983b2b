"""How often a slot was not what it had been one step before, in each of three senses."""

from __future__ import annotations

import pandas as pd

from slotscope.recording.recording import Recording


def changes(recording: Recording, slot: str, parameter: str | None = None) -> pd.Series:
    """At how many of the recorded steps a slot was another one than at the step before.

    Args:
        recording: what a watch saw.
        slot: such as ``"momentum"``.
        parameter: its parameter, where several have such a slot.

    Returns:
        Int64 series with the entries ``object``, ``handle`` and ``buffer``: 0 is a slot that
        stayed the same, the number of steps less one a slot that never did; missing where the
        engine does not tell.
    """
    identity = recording.identity(slot, parameter)[["object", "handle", "buffer"]].astype("Int64")
    changed = identity.diff().fillna(0).ne(0).sum().astype("Int64")
    return changed.mask(identity.eq(-1).any())
