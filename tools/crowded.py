"""The same verdicts beside other work: `python -m tools.crowded`.

Everything is run twice, calm and beside busy processes (ten, unless told otherwise), and what it
says is compared: the verdict and the reason of every check of an optimizer, and which tests passed,
failed or were skipped. By default that is `slotscope check Adam` on every engine, the tests and the
notebooks; `--short` is what was seen to fail on a crowded machine. Arguments are names of parts of
it, `--list` shows them. The exit code is 1 where something differed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import junitparser

from slotscope.engines import ENGINES

#: What one of the processes does: nothing, for as long as it has somebody who started it.
BUSY = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""

#: What was said of each thing, by its name.
Verdicts = Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A command that gives verdicts.

    Attributes:
        name: the name of the part.
        module: what Python runs.
        arguments: the arguments of the module.
        option: by which it is told the file for what it found.
        read: what it found, from that file.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    option: str
    read: Callable[[Path], Verdicts]


def outcomes(file: Path) -> Verdicts:
    """What `slotscope check --json` wrote: verdict and reason of each check."""
    reports = json.loads(file.read_text("utf-8"))["reports"]
    return {
        f"{outcome['id']} of {report['optimizer']}": f"{outcome['verdict']} {outcome['reason']}"
        for report in reports
        for outcome in report["outcomes"]
    }


def results(file: Path) -> Verdicts:
    """What `pytest --junit-xml` wrote: whether each test passed, failed or was skipped."""
    cases = [case for suite in junitparser.JUnitXml.fromfile(str(file)) for case in suite]
    return {
        f"{case.classname} {case.name}": ", ".join(type(result).__name__ for result in case.result)
        or "passed"
        for case in cases
    }


def _check(name: str, engine: str, *options: str) -> Part:
    arguments = ("check", "Adam", "--engine", engine, *options)
    return Part(name, "slotscope", arguments, "--json", outcomes)


def _pytest(name: str, *arguments: str) -> Part:
    return Part(name, "pytest", ("-q", *arguments), "--junit-xml", results)


#: What a calm machine and a crowded one must agree about.
ALL = [
    *(_check(engine, engine) for engine in ENGINES),
    _pytest("notebooks", "--nbval", "--override-ini=testpaths=notebooks"),
    _pytest(
        "tests", "--nbval", "-m", "not kernels and not browser", "-n", "2", "--dist", "loadscope"
    ),
]
#: What did not, once.
SHORT = [
    _check("a kill", "keras-jax", "--only", "check_training_resumes_after_a_kill[.keras]"),
    _check("two devices", "keras-jax", "--only", "check_two_devices_end_like_one"),
    _check("quick", "keras-torch", "--quick"),
    _pytest("a notebook", "--nbval", "notebooks/08_check_your_own_optimizer.ipynb"),
]


@contextlib.contextmanager
def busy(number: int) -> Iterator[list[int]]:
    """So many processes that do nothing, as fast as they can: their numbers.

    They end with this block, and with this process, also where it is killed.
    """
    command = [sys.executable, "-c", BUSY, str(os.getpid())]
    with contextlib.ExitStack() as stack:
        processes = []
        for _ in range(number):
            process = subprocess.Popen(command, start_new_session=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process.pid)
        yield processes


def run(part: Part) -> Verdicts:
    """What one part says now; what it prints is shown only where it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found"
        command = [sys.executable, "-m", part.module, *part.arguments, part.option, str(file)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not file.exists():
            return {part.name: f"exit code {done.returncode}, said {done.stdout[-2000:]}"}
        return part.read(file)


def differing(calm: Verdicts, crowded: Verdicts) -> Iterator[tuple[str, str, str]]:
    """What was not said alike: its name, and both of what was said."""
    for name in dict.fromkeys([*calm, *crowded]):
        one, other = calm.get(name, "not run"), crowded.get(name, "not run")
        if one != other:
            yield name, one, other


def compare(parts: Iterable[Part], number: int) -> int:
    """Run every part calm and crowded, and tell; how many verdicts differed."""
    count = 0
    for part in parts:
        calm = run(part)
        with busy(number):
            crowded = run(part)
        found = list(differing(calm, crowded))
        count += len(found)
        print(f"{part.name}: {len(calm)} verdicts, {len(found)} differ", flush=True)
        for name, one, other in found:
            print(f"  {name}\n    calm:    {one}\n    crowded: {other}", flush=True)
    return count


@click.command()
@click.argument("names", nargs=-1)
@click.option("--processes", default=10, show_default=True, help="How many are busy beside it.")
@click.option("--short", is_flag=True, help="Only what was seen to fail; some minutes.")
@click.option("--list", "listed", is_flag=True, help="Show the parts.")
def main(names: tuple[str, ...], processes: int, short: bool, listed: bool) -> None:
    """Compare the verdicts of a calm machine with those of a crowded one."""
    parts = SHORT if short else ALL
    if unknown := set(names) - {part.name for part in parts}:
        raise click.UsageError(f"No part is called {', '.join(sorted(unknown))}; see --list.")
    chosen = [part for part in parts if part.name in names or not names]
    if listed:
        for part in chosen:
            click.echo(f"{part.name}: python -m {part.module} {' '.join(part.arguments)}")
        return
    count = compare(chosen, processes)
    cores = os.cpu_count()
    said = f"{count} verdicts differ" if count else "the verdicts are the same"
    click.echo(f"{processes} busy processes on {cores} cores: {said}.")
    sys.exit(bool(count))


if __name__ == "__main__":
    main()
