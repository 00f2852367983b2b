"""Rewrite the stored outputs of notebooks under exactly the conditions that nbval checks them in.

    nox -s bless                                  every notebook
    nox -s bless -- notebooks/01_k_zeros.ipynb    these

The outputs are those that nbval itself received: a pytest plugin, `Outputs`, keeps them while nbval
runs the notebook in its kernel. Then nbval, strict, runs everything again: once under the same
arithmetic, where images too must be the same to the byte, and once under each extreme of the table
in `tools.arithmetic`, as a notebook must come out again on any processor. A run that fails or
differs puts the former files back. Exit status: 0 when blessed, 1 when refused, 2 when asked for
something that is not a notebook.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tools import arithmetic
from tools.arithmetic import SETTINGS, Setting
from tools.gates import code_cells, find, outputs_are_clean

ROOT = Path(__file__).parents[1]
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
#: What nbval colours its report with.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PYTEST = ("--nbval", f"--config-file={ROOT / 'pyproject.toml'}", "-p", "no:cacheprovider", "-q")

CellOutputs = dict[Path, list[list[Any]]]


class Refused(Exception):  # noqa: N818 - it names what happened, not an error
    """The notebooks stay as they were; the message says why."""


class Outputs:
    """A pytest plugin: what nbval received for each code cell, by notebook, and what failed."""

    def __init__(self) -> None:
        self.received: CellOutputs = defaultdict(list)
        self.failed: list[str] = []

    def pytest_runtest_teardown(self, item: Any) -> None:
        self.received[item.path].append(item.test_outputs or [])

    def pytest_runtest_makereport(self, item: Any, call: pytest.CallInfo[None]) -> None:
        if call.excinfo:
            where = f"{item.path.name}::{item.name} (id {item.cell.get('id')})"
            report = getattr(call.excinfo.value, "inner_traceback", None) or ""
            self.failed.append(f"{where}: {call.excinfo.value}\n{COLOURS.sub('', report)}")


class FreshOutputs(Outputs):
    """The same, with nothing stored to compare with: only a cell that raises fails."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            item.options["check"] = False
            item.cell.outputs = []


def run(paths: list[Path], outputs: Outputs, setting: Setting) -> CellOutputs:
    """Run notebooks under nbval, in kernels of this arithmetic, and return what it received.

    Raises:
        Refused: A cell raised, or (with plain `Outputs`) differs from what is stored.
    """
    with arithmetic.given(setting):
        status = pytest.main([*PYTEST, "--maxfail=1", *map(str, paths)], plugins=[outputs])
    if status != pytest.ExitCode.OK:
        what = "; ".join(outputs.failed) or status
        raise Refused(f"Under the arithmetic '{setting.name}' ({setting.sentence}): {what}")
    return outputs.received


def rewrite(path: Path, outputs: list[list[Any]]) -> None:
    """Store the outputs, count the cells from 1, and keep no trace of this machine.

    Raises:
        Refused: A cell wrote to stderr.
    """
    notebook = nbformat.v4.upgrade(nbformat.read(path, as_version=4))
    for count, (cell, received) in enumerate(zip(code_cells(notebook), outputs, strict=True), 1):
        cell.execution_count = count
        cell.outputs = [nbformat.from_dict(output) for output in received]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    kept = {name: notebook.metadata[name] for name in {"slotscope"} & set(notebook.metadata)}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}, **kept}
    )
    nbformat.write(notebook, path)
    # A warning names a path of this machine: it would come out again here, and nowhere else.
    if unclean := list(outputs_are_clean(notebook)):
        raise Refused(f"{path.name}: {'; '.join(unclean)}")


def compared(outputs: CellOutputs) -> CellOutputs:
    """Outputs without their metadata: nbval doesn't look there, and results may differ there."""
    return {
        path: [[{**output, "metadata": None} for output in cell] for cell in cells]
        for path, cells in outputs.items()
    }


def bless(paths: list[Path]) -> None:
    """Rewrite the notebooks, or leave every one of them as it is.

    Raises:
        Refused: A cell raises or writes to stderr, or the new outputs do not come out again.
    """
    former = {path: path.read_bytes() for path in paths}
    fresh = run(paths, FreshOutputs(), SETTINGS["default"])
    try:
        for path in paths:
            rewrite(path, fresh[path])
        first, second = compared(fresh), compared(run(paths, Outputs(), SETTINGS["default"]))
        if first != second:
            unequal = [str(path) for path in paths if first[path] != second[path]]
            raise Refused(f"two runs differ in the images of {', '.join(unequal)}.")
        for name in arithmetic.EXTREMES:
            run(paths, Outputs(), SETTINGS[name])
    except BaseException:
        for path, content in former.items():
            path.write_bytes(content)
        raise


def main(arguments: list[str]) -> int:
    paths = [Path(name).resolve() for name in arguments] or find(ROOT / "notebooks")
    wrong = [str(path) for path in paths if path.suffix != ".ipynb" or not path.is_file()]
    if wrong or not paths:
        print(f"bless: expected paths of notebooks, not {wrong or 'nothing'}", file=sys.stderr)
        return 2
    try:
        bless(paths)
    except Refused as refusal:
        print(f"bless: refused, no notebook was changed. {refusal}", file=sys.stderr)
        return 1
    names = ("default", *arithmetic.EXTREMES)
    print(f"bless: {len(paths)} notebooks rewritten. Strict nbval passed under {', '.join(names)}.")
    for name in names:
        for sentence in arithmetic.lacking(SETTINGS[name]):
            print(f"bless: {name}: {sentence}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
