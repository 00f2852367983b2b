"""Run on an accelerator what has to hold there: `python -m tools.accelerator`.

The interpreter that runs it is the one whose frameworks are asked: keras-jax and keras-torch, or
those of them that are named. Where their tensors are on an accelerator, the tests of what is
measured inside of a step and of what watching disturbs are run, and `tools.everything`: every check
of every built-in. Where there is none it says so, and what was not run. That is no failure, but
with `--require`.

`--simulated` runs the same on devices that are simulated in the CPU's memory (tools/elsewhere).
Other arguments go to `tools.everything`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
ELSEWHERE = Path(__file__).with_name("elsewhere")
ENGINES = ("keras-jax", "keras-torch")
TESTS = ("tests/recording/test_meters.py", "tests/recording/test_undisturbed.py")

#: Prints the kind of the device on which Keras makes a tensor, and its name.
_PLACE = """
import sys
from slotscope.engines import engine
device = engine(sys.argv[1]).keras.ops.zeros(1).device
print(getattr(device, "platform", None) or device.type, device)
"""


def environment(engine: str, simulated: bool) -> dict[str, str]:
    """That of the processes for one engine, which use one accelerator side by side."""
    from slotscope.processes.worker import sharing

    found = {**os.environ, **sharing()}
    if simulated:
        paths = [str(ELSEWHERE), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
        found["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        found["SLOTSCOPE_ELSEWHERE"] = engine.removeprefix("keras-")
    return found


def place(engine: str, variables: dict[str, str]) -> tuple[str, str]:
    """The kind of an engine's device, and its name; where that can't be told, "" and the reason."""
    command = [sys.executable, "-c", _PLACE, engine]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode:
        return "", (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    kind, _, name = done.stdout.splitlines()[-1].partition(" ")
    return kind, name


def commands(engine: str, options: Sequence[str]) -> list[list[str]]:
    """What is run of one engine, as arguments of Python."""
    tests = ["-m", "pytest", *TESTS, "-k", engine, "-q", "-n", "0", "-p", "no:cacheprovider"]
    return [tests, ["-m", "tools.everything", engine, *options]]


def main(arguments: Sequence[str]) -> int:
    """Run what can be run; 1 if anything failed, or is lacking that was required."""
    parser = argparse.ArgumentParser(prog="python -m tools.accelerator", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--require", action="store_true", help="fail where there is none")
    parser.add_argument("--simulated", action="store_true", help="on simulated devices")
    given, options = parser.parse_known_args(arguments)
    engines = [name for name in ENGINES if name in options] or list(ENGINES)
    options = [option for option in options if option not in ENGINES]
    if importlib.util.find_spec("slotscope") is None:
        print(f"no accelerator here: {sys.executable} has no slotscope, which it would need.")
        return int(given.require)
    lacking, failed = [], []
    for engine in engines:
        variables = environment(engine, given.simulated)
        kind, name = place(engine, variables)
        print(f"{engine}: {name if kind else f'cannot be asked: {name}'}", flush=True)
        todo = commands(engine, options)
        if kind in ("", "cpu") and not given.simulated:
            lacking.append(engine)
            print(*(f"  not run: python {' '.join(command)}" for command in todo), sep="\n")
            continue
        for command in todo:
            print(f"$ python {' '.join(command)}", flush=True)
            if subprocess.run([sys.executable, *command], env=variables, cwd=ROOT).returncode:
                failed.append(f"python {' '.join(command)}")
    if lacking:
        print(f"no accelerator here for {' and '.join(lacking)}, as {sys.executable} sees it.")
        print("What an interpreter needs for one is in docs/accelerators.md.")
    print(*(f"failed: {command}" for command in failed), sep="\n", end="\n" if failed else "")
    return int(bool(failed) or (given.require and bool(lacking)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
