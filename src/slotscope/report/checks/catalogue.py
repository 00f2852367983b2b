"""What there is to check: a table made from the checks themselves."""

from __future__ import annotations

import pandas as pd

from slotscope.checks.selection import checks


def sentences() -> pd.DataFrame:
    """Every check, in the order in which they run: ``theme``, ``check`` and ``sentence``."""
    rows = [(check.theme, check.name, check.sentence) for check in checks()]
    return pd.DataFrame(rows, columns=["theme", "check", "sentence"])
