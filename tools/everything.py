"""Hold every built-in optimizer of every engine to every check: `python -m tools.everything`.

Each engine runs as `slotscope check all`. Arguments are names of engines, by default all, and
options of that command. Whole records go to build/checks/. The exit code is 0 only if every
engine's is, and the verdicts count as recorded in slotscope.story.verdicts; `--record` records
them anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from slotscope.engines import ENGINES
from slotscope.story import verdicts

RECORDS = Path("build/checks")


def check(engine: str, options: list[str]) -> int:
    """Check every built-in of one engine; its exit code."""
    command = [sys.executable, "-m", "slotscope", "check", "all", "--engine", engine]
    files = ["--json", str(RECORDS / f"{engine}.json"), "--html", str(RECORDS / f"{engine}.html")]
    return subprocess.run([*command, *files, *options]).returncode


def counted(engine: str) -> pd.DataFrame:
    """The verdicts of the last run, as they are recorded."""
    rows = []
    for report in json.loads((RECORDS / f"{engine}.json").read_text("utf-8"))["reports"]:
        versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
        rows.append(dict(zip(verdicts.KEYS, (engine, report["optimizer"]), strict=True)))
        rows[-1] |= {"versions": versions, **report["counts"]}
    return pd.DataFrame(rows)


def record(found: pd.DataFrame) -> None:
    """Put the counts of some engines in place of what was recorded of them."""
    kept = verdicts.recorded() if verdicts.FILE.exists() else found[:0]
    kept = kept[~kept["engine"].isin(found["engine"])]
    order = {name: place for place, name in enumerate(ENGINES)}
    table = pd.concat([kept, found]).sort_values(
        "engine", key=lambda c: c.map(order), kind="stable"
    )
    table.to_csv(verdicts.FILE, index=False)


def differing(found: pd.DataFrame) -> list[str]:
    """A line for each optimizer whose verdicts count otherwise than recorded."""
    now, before = (t.set_index(verdicts.KEYS).T.to_dict() for t in (found, verdicts.recorded()))
    return [
        f"{optimizer} on {engine}: {counts}, recorded were {before.get((engine, optimizer))}"
        for (engine, optimizer), counts in now.items()
        if counts != before.get((engine, optimizer))
    ]


def main(arguments: list[str]) -> int:
    """Check the engines that ``arguments`` name; the largest of their exit codes."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    engines = [name for name in ENGINES if name in arguments] or list(ENGINES)
    options = [a for a in arguments if a not in (*ENGINES, "--record")]
    codes = {engine: check(engine, options) for engine in engines}
    for engine, code in codes.items():
        print(f"{engine}: exit code {code}")
    if options:  # not everything was run
        return max(codes.values())
    found = pd.concat([counted(engine) for engine in engines])
    if "--record" in arguments:
        record(found)
    others = differing(found)
    print("\n".join(others))
    return max(*codes.values(), bool(others))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
