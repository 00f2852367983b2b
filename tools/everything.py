"""Hold every built-in optimizer of every engine to every check: `python -m tools.everything`.

One engine after the other runs `slotscope check all` on two processes. Arguments are names of
engines, by default all, and options of that command. Whole records go to build/checks/. The exit
code is 0 only if every engine's is, and the verdicts count as in slotscope.story.recorded_verdicts;
3 if all that is wrong is that something is undecided. `--record` records them anew, where all is
decided.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from slotscope.checks.verdict import RARE, Verdict
from slotscope.cli.check import UNDECIDED, worst
from slotscope.engines import ENGINES
from slotscope.story import recorded_verdicts

RECORDS = Path("build/checks")


def check(engine: str, options: list[str]) -> int:
    """Check every built-in of one engine, which prints its reports; its exit code."""
    command = [sys.executable, "-m", "slotscope", "check", "all", "--engine", engine]
    files = ["--json", str(RECORDS / f"{engine}.json"), "--html", str(RECORDS / f"{engine}.html")]
    start = time.perf_counter()
    code = subprocess.run([*command, *files, *options]).returncode
    print(f"{engine}: exit code {code} after {time.perf_counter() - start:.0f} s", flush=True)
    return code


def counted(engine: str) -> pd.DataFrame:
    """The verdicts of the last run, as they are recorded."""
    rows = []
    for report in json.loads((RECORDS / f"{engine}.json").read_text("utf-8"))["reports"]:
        versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
        rows.append(dict(zip(recorded_verdicts.KEYS, (engine, report["optimizer"]), strict=True)))
        told = {v: n for v, n in report["counts"].items() if n or v not in RARE}
        decided = {v: n for v, n in told.items() if v != Verdict.UNDECIDED}
        rows[-1] |= {"versions": versions, **decided}
    return pd.DataFrame(rows)


def record(found: pd.DataFrame) -> None:
    """Put the counts of some engines in place of what was recorded of them."""
    kept = recorded_verdicts.recorded() if recorded_verdicts.FILE.exists() else found[:0]
    kept = kept[~kept["engine"].isin(found["engine"])]
    order = {name: place for place, name in enumerate(ENGINES)}
    table = pd.concat([kept, found]).sort_values(
        "engine", key=lambda c: c.map(order), kind="stable"
    )
    table.to_csv(recorded_verdicts.FILE, index=False)


def differing(found: pd.DataFrame) -> list[str]:
    """A line for each optimizer whose verdicts count otherwise than recorded.

    What is not reproducible in one run may hold in the next, so there the sum alone counts.
    """
    tables = (found, recorded_verdicts.recorded())
    now, before = (table.set_index(recorded_verdicts.KEYS).T.to_dict() for table in tables)
    lines = []
    for key, counts in now.items():
        then = before.get(key, {})
        racing = counts["not reproducible"] or then.get("not reproducible")
        if racing and _total(counts) == _total(then):
            continue
        if counts != then:
            lines.append(f"{key[1]} on {key[0]}: {counts}, recorded were {then}")
    return lines


def _total(counts: dict[str, Any]) -> int:
    return sum(count for verdict, count in counts.items() if verdict in set(Verdict))


def main(arguments: list[str]) -> int:
    """Check the engines that ``arguments`` name; the worst of their exit codes."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    engines = [name for name in ENGINES if name in arguments] or list(ENGINES)
    options = [a for a in arguments if a not in (*ENGINES, "--record")]
    codes = [check(engine, options) for engine in engines]
    if options or worst(codes) == UNDECIDED:  # not everything was run
        return worst(codes)
    found = pd.concat([counted(engine) for engine in engines])
    if "--record" in arguments:
        record(found)
    others = differing(found)
    print("\n".join(others))
    return worst([*codes, int(bool(others))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
