"""The checks' report as JSON: every record, for another program."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from slotscope.checks.verdict import Outcomes

FORMAT = 1


def as_json(reports: Sequence[Outcomes]) -> str:
    """Every field of every outcome, with the counts and the exit code of each report."""
    found = {
        "format": FORMAT,
        "slotscope": metadata.version("slotscope"),
        "reports": [_plain(report) for report in reports],
    }
    return json.dumps(found, indent=1) + "\n"


def _plain(report: Outcomes) -> dict[str, Any]:
    counts = {str(verdict): count for verdict, count in report.counts().items()}
    outcomes = [{"id": o.id, **dataclasses.asdict(o)} for o in report.outcomes]
    return {
        "optimizer": report.optimizer,
        "engine": report.engine,
        "versions": report.versions,
        "exit_code": report.exit_code,
        "strict": report.strict,
        "counts": counts,
        "missing": report.missing,
        "stale": list(report.stale),
        "outcomes": outcomes,
    }
