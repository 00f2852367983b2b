"""What notebooks cost on warm kernels, against ordinary ones: CPU time and wall time.

    python -m benchmarks.warm_kernels                          the whole story, three rounds
    python -m benchmarks.warm_kernels --rounds 1 notebooks/02* --json result.json

Each round runs every tool on ordinary and on warm kernels, one after the other. A warm run starts
with no server: the imports that its server makes are in its time. CPU time is that of every
process that a run leaves behind, orphans included: the one that measures adopts them.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = {"ordinary": "local-provisioner", "warm": "slotscope-warm"}
PR_SET_CHILD_SUBREAPER = 36
STOP = [sys.executable, "-m", "slotscope", "kernels", "stop", "--kill"]


def nbval(notebooks: list[str]) -> list[list[str]]:
    """The commands that run notebooks under nbval."""
    plugins = ("-p", "no:cacheprovider", "-q", "--override-ini=xfail_strict=true")
    return [[sys.executable, "-m", "pytest", "--nbval", *plugins, *notebooks]]


#: Executes notebooks one after the other: papermill's own import is paid once, as in a sweep.
EXECUTE = """
import pathlib, sys, papermill
for path in map(pathlib.Path, sys.argv[1:]):
    papermill.execute_notebook(path, None, cwd=path.parent, progress_bar=False)
"""


def papermill(notebooks: list[str]) -> list[list[str]]:
    """The same under papermill."""
    return [[sys.executable, "-c", EXECUTE, *notebooks]]


TOOLS = {"nbval": nbval, "papermill": papermill}


def measure(commands: list[list[str]]) -> dict[str, float]:
    """Run commands, and add up what they and everything that they started cost.

    To be called in a process that has no other children. Servers are stopped after the wall time
    was taken, as they would have stayed for the next run.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin = time.monotonic()
    failed = sum(subprocess.run(command, stdout=sys.stderr).returncode != 0 for command in commands)
    wall = time.monotonic() - begin
    subprocess.run(STOP, stdout=sys.stderr, check=True)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    return {"wall": wall, "cpu": usage(), "failed": failed}


def usage() -> float:
    """Seconds of CPU time of every child that was waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(tool: str, kind: str, notebooks: list[str]) -> dict[str, float]:
    """One measured run, in a process of its own and with no server yet."""
    with tempfile.TemporaryDirectory(prefix="warm") as runtime:
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "-1",
            "JUPYTER_DEFAULT_PROVISIONER_NAME": KINDS[kind],
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XDG_RUNTIME_DIR": runtime,
        }
        command = [sys.executable, "-m", "benchmarks.warm_kernels", "--measure", tool, *notebooks]
        answer = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
    measured: dict[str, float] = json.loads(answer.stdout)
    return measured


def summary(rounds: list[dict[str, dict[str, dict[str, float]]]]) -> dict[str, object]:
    """Medians, extremes, and ratios warm to ordinary within each round, by tool and quantity."""
    found: dict[str, object] = {}
    for tool in rounds[0]:
        for quantity in ("cpu", "wall"):
            seconds = {kind: [r[tool][kind][quantity] for r in rounds] for kind in KINDS}
            ratios = [w / o for w, o in zip(seconds["warm"], seconds["ordinary"], strict=True)]
            found[f"{tool} {quantity}"] = {
                "ratio": statistics.median(ratios),
                "ratios": [min(ratios), max(ratios)],
                **{kind: statistics.median(times) for kind, times in seconds.items()},
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("notebooks", nargs="*", help="default: the whole story")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--json", type=Path, help="where to write the result, too")
    parser.add_argument("--measure", choices=TOOLS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    notebooks = given.notebooks or [str(p) for p in sorted((ROOT / "notebooks").rglob("*.ipynb"))]
    if given.measure:
        print(json.dumps(measure(TOOLS[given.measure](notebooks))))
        return
    rounds = []
    for _ in range(given.rounds):
        rounds.append({t: {kind: run(t, kind, notebooks) for kind in KINDS} for t in given.tools})
        print(json.dumps(rounds[-1]), file=sys.stderr)
    result = {
        "summary": summary(rounds),
        "rounds": rounds,
        "cpus": len(os.sched_getaffinity(0)),
        "python": sys.version.split()[0],
        "notebooks": [Path(path).name for path in notebooks],
    }
    print(json.dumps(result["summary"], indent=2))
    if given.json:
        given.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
