"""What the checks said of every built-in optimizer, in the last run of all of them.

That run takes the better part of an hour, so what it counted is kept in the file of this module's
name: for each engine and optimizer, how many checks came to each verdict, and the versions that
were run.
``nox -s checks`` runs it again and fails where the counts are others.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

#: Where the counts are kept.
FILE = Path(__file__).with_suffix(".csv")

#: Names of the two columns by which a row is found.
KEYS = ["engine", "optimizer"]


def recorded() -> pd.DataFrame:
    """The kept counts: one row an engine and optimizer.

    Columns: ``engine``, ``optimizer``, ``versions`` (of the frameworks), and one for each
    verdict, as an int.
    """
    return pd.read_csv(FILE)


def verdicts(engines: Iterable[str]) -> pd.DataFrame:
    """How many checks hold, differ for a known reason, or are violated, over ``engines``.

    Returns:
        One row an optimizer; columns ``hold``, ``known differences`` and ``violated``, as int.
    """
    found = recorded()
    found = found[found["engine"].isin(list(engines))]
    counts = found.groupby("optimizer")[["holds", "known difference", "violated"]].sum()
    return counts.set_axis(["hold", "known differences", "violated"], axis="columns")
