"""Hold every built-in optimizer of every engine to every check: `python -m tools.everything`.

Each engine runs as `slotscope check all`. Arguments are names of engines, by default all, and
options of that command. Records go to build/checks/. The exit code is 0 only if every engine's is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from slotscope.engines import ENGINES

RECORDS = Path("build/checks")


def check(engine: str, options: list[str]) -> int:
    """Check every built-in of one engine; its exit code."""
    command = [sys.executable, "-m", "slotscope", "check", "all", "--engine", engine]
    files = ["--json", str(RECORDS / f"{engine}.json"), "--html", str(RECORDS / f"{engine}.html")]
    return subprocess.run([*command, *files, *options]).returncode


def main(arguments: list[str]) -> int:
    """Check the engines that ``arguments`` name; the largest of their exit codes."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    engines = [name for name in ENGINES if name in arguments] or list(ENGINES)
    options = [argument for argument in arguments if argument not in ENGINES]
    codes = {engine: check(engine, options) for engine in engines}
    for engine, code in codes.items():
        print(f"{engine}: exit code {code}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
