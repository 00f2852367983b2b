"""The gate that proves the gate: damage one stored output, and strict nbval fails there.

Each notebook is copied as far as its first output in text, one character of which is changed. nbval
then runs that copy as it runs the original: the damaged cell must fail, and every cell before it
pass. What follows cannot matter to that, so it is left out, and the proof costs one kernel start.
"""

import nbformat
import pytest
from repository_root import ROOT

from tools import gates

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.kernels

NOTEBOOKS = ROOT / "notebooks"


def text_of(output) -> str:
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def damage(output) -> None:
    """Change the last letter or digit of an output, and nothing else."""
    text = text_of(output)
    place = max(index for index, character in enumerate(text) if character.isalnum())
    changed = text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :]
    if output.output_type == "stream":
        output.text = changed
    else:
        output.data["text/plain"] = changed


def damaged(notebook):
    """The notebook up to its first cell with an output in text, which is damaged."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if any(character.isalnum() for character in text_of(output)):
                damage(output)
                notebook.cells = notebook.cells[: index + 1]
                return notebook
    raise AssertionError("no cell stores an output in text, so nbval has nothing to compare")


@pytest.fixture
def strict_nbval(pytester):
    def run(notebook):
        nbformat.write(notebook, pytester.path / "copy.ipynb")
        return pytester.runpytest_subprocess("--nbval", "--nbval-current-env", "copy.ipynb")

    return run


@pytest.mark.parametrize("path", gates.find(NOTEBOOKS), ids=lambda path: path.stem)
def test_a_damaged_output_fails_strict_nbval(path, strict_nbval):
    copy = damaged(nbformat.read(path, as_version=4))
    result = strict_nbval(copy)
    last = len(gates.code_cells(copy)) - 1
    result.assert_outcomes(failed=1, passed=last)
    result.stdout.fnmatch_lines([f"FAILED copy.ipynb::Cell {last}*"])
    result.stdout.fnmatch_lines(["*Cell outputs differ*"])


def test_an_undamaged_copy_passes(strict_nbval):
    good = nbformat.read(ROOT / "tests" / "tools" / "files" / "good.ipynb", as_version=4)
    strict_nbval(good).assert_outcomes(passed=3)


def test_a_notebook_without_text_proves_nothing():
    good = nbformat.read(ROOT / "tests" / "tools" / "files" / "good.ipynb", as_version=4)
    good.cells = good.cells[:2]
    with pytest.raises(AssertionError, match="nothing to compare"):
        damaged(good)
