"""What there is to check, made from the checks themselves: a table, and a list for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from slotscope.checks.check import Check
from slotscope.checks.selection import checks


def sentences() -> pd.DataFrame:
    """Every check, in the order in which they run: ``theme``, ``check`` and ``sentence``."""
    rows = [(check.theme, check.name, check.sentence) for check in checks()]
    return pd.DataFrame(rows, columns=["theme", "check", "sentence"])


def listed(found: Sequence[Check]) -> str:
    """Each theme, and below it the name of each of its checks and what it claims."""
    lines: list[str] = []
    for theme, of_theme in groupby(found, lambda check: check.theme):
        lines += ["", theme] if lines else [theme]
        for check in of_theme:
            lines += [f"  {check.name}", f"      {check.sentence}"]
    return "\n".join(lines)
