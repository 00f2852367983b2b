"""Run the story, and the tests of values, recordings and checks, under other arithmetic.

    nox -s portability                                every setting of tools.arithmetic, everything
    nox -s portability -- lowest avx2                 these settings
    nox -s portability -- lowest --story              only the story; --tests: only the tests

What comes out must not depend on the processor. Each setting has processes, and warm kernels, of
its own. Printed at the end: what each changed in which library, as measured; what this machine
lacks for it; what passed, and every failure by name. Exit status: 0 when all passed, 1 when not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, Skipped
from rich.console import Console
from rich.table import Table

from tools import arithmetic, arithmetic_in_force
from tools.arithmetic import SETTINGS, Setting

ROOT = Path(__file__).parents[1]
FOLDERS = ("engines", "recording", "rules", "checks", "story")
#: By part: what pytest is given.
PARTS = {
    "story": ("--nbval", "notebooks"),
    "tests": (
        *("-m", "not kernels and not browser"),
        *("-n", "2", "--dist", "loadscope"),
        *(f"tests/{folder}" for folder in FOLDERS),
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What one part did under one setting.

    Attributes:
        setting: the arithmetic.
        part: ``story`` or ``tests``.
        status: the status of pytest; 0 when all passed.
        passed: how many cells or tests.
        skipped: how many.
        failed: names of those that failed, or could not be run.
    """

    setting: str
    part: str
    status: int
    passed: int
    skipped: int
    failed: tuple[str, ...]


def run(setting: Setting, part: str) -> Outcome:
    """One part under one setting, with pytest's report as it comes."""
    with tempfile.TemporaryDirectory(prefix="slots") as folder:
        # Warm kernels come from servers in this folder, so that they end with the part.
        given = arithmetic.environment(setting) | {
            "JUPYTER_DEFAULT_PROVISIONER_NAME": "slotscope-warm",
            "XDG_RUNTIME_DIR": folder,
        }
        written = Path(folder) / "results.xml"
        pytest = ("pytest", "-q", f"--junitxml={written}", *PARTS[part])
        try:
            status = _python(*pytest, environment=given)
        finally:
            _python("slotscope", "kernels", "stop", environment=given)
        return read(setting.name, part, status, written)


def read(setting: str, part: str, status: int, path: Path) -> Outcome:
    """The outcome that pytest wrote as JUnit XML; without a file, everything has failed."""
    if not path.exists():
        return Outcome(setting, part, status, 0, 0, (f"pytest ended with {status}",))
    cases = [case for suite in JUnitXml.fromfile(str(path)) for case in suite]
    failed = [c for c in cases if any(isinstance(r, Failure | Error) for r in c.result)]
    skipped = [c for c in cases if any(isinstance(r, Skipped) for r in c.result)]
    names = tuple(f"{case.classname}::{case.name}" for case in failed)
    return Outcome(
        setting, part, status, len(cases) - len(failed) - len(skipped), len(skipped), names
    )


def _python(*command: str, environment: dict[str, str]) -> int:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment).returncode


def measure(names: list[str]) -> dict[str, list[str]]:
    """By setting: each library that computes otherwise than by default, and how."""
    default = arithmetic_in_force.under(SETTINGS["default"])
    return {
        name: arithmetic_in_force.changed(arithmetic_in_force.under(SETTINGS[name]), default)
        for name in names
    }


def show(console: Console, outcomes: list[Outcome], changes: dict[str, list[str]]) -> None:
    """Print what ran under what, and how it ended."""
    table = Table(title="The same under other arithmetic", show_lines=True)
    for column in ("setting", "what it changes here", "what is not to be had here", "outcome"):
        table.add_column(column)
    for name, changed in changes.items():
        ended = [
            f"{one.part}: {one.passed} passed, {len(one.failed)} failed, {one.skipped} skipped"
            for one in outcomes
            if one.setting == name
        ]
        nothing = "-" if name == "default" else "nothing: it is the default once more"
        lacking = arithmetic.lacking(SETTINGS[name])
        columns = ("\n".join(changed) or nothing, "\n".join(lacking) or "-", "\n".join(ended))
        table.add_row(name, *columns)
    console.print(table)
    for one in outcomes:
        for failure in one.failed:
            console.print(f"{one.setting}, {one.part}: {failure}", markup=False, soft_wrap=True)
        if one.status and not one.failed:
            console.print(f"{one.setting}, {one.part}: pytest ended with {one.status}")


def main(arguments: list[str]) -> int:
    """Run what is asked for; the exit status."""
    parser = argparse.ArgumentParser(prog="portability", description=__doc__.splitlines()[0])
    parser.add_argument("setting", nargs="*", help=f"by default all: {', '.join(SETTINGS)}")
    parser.add_argument("--story", action="store_true", help="run the notebooks")
    parser.add_argument("--tests", action="store_true", help="run the tests")
    asked = parser.parse_args(arguments)
    names = asked.setting or list(SETTINGS)
    if unknown := sorted(set(names) - SETTINGS.keys()):
        parser.error(f"no setting {', '.join(unknown)}; there are {', '.join(SETTINGS)}")
    every = not (asked.story or asked.tests)
    parts = [part for part in PARTS if every or getattr(asked, part)]
    # A test's or a pipe's terminal has no width: the table would be cut.
    console = Console(width=None if sys.stdout.isatty() else 160)
    changes = measure(names)
    outcomes = []
    for name in names:
        for part in parts:
            console.rule(f"{part}: {name}")
            outcomes.append(run(SETTINGS[name], part))
    show(console, outcomes, changes)
    return int(any(one.status for one in outcomes))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
