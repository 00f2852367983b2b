"""Hold every built-in optimizer of every engine to every check: `python -m tools.everything`.

Two engines run at a time, each as `slotscope check all`. Arguments are names of engines, by default
all. Records go to build/checks/. The exit code is 0 only if every engine's is.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from slotscope.engines import ENGINES

RECORDS = Path("build/checks")

#: Those that take longest come first.
ORDER = ("keras-2.1", "keras-jax", "keras-tensorflow", *ENGINES)


def check(engine: str) -> int:
    """Check every built-in of one engine; print its report when it is whole."""
    command = [sys.executable, "-m", "slotscope", "check", "all", "--engine", engine]
    files = ["--json", str(RECORDS / f"{engine}.json"), "--html", str(RECORDS / f"{engine}.html")]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    print(f"{done.stdout}{done.stderr}", flush=True)
    return done.returncode


def main(names: list[str]) -> int:
    """Check the engines called ``names``; the largest of their exit codes."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    engines = names or list(dict.fromkeys(ORDER))
    with ThreadPoolExecutor(2) as pool:
        codes = dict(zip(engines, pool.map(check, engines), strict=True))
    for engine, code in codes.items():
        print(f"{engine}: exit code {code}")
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
