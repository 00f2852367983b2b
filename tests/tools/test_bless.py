"""bless writes what nbval will see, or nothing at all."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from repository_root import ROOT

from tools import arithmetic, gates

pytestmark = pytest.mark.kernels

HERE = Path(__file__).parent


def bless(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.bless", *map(str, paths)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook with these code cells and no outputs, as one leaves an editor."""

    def write(*sources: str) -> Path:
        nb = nbformat.read(HERE / "files" / "good.ipynb", as_version=4)
        nb.cells = nb.cells[:2] + [nbformat.v4.new_code_cell(source) for source in sources]
        nb.cells[1].execution_count = 41
        nb.metadata.language_info.version = "3.11.7"
        path = tmp_path / "draft.ipynb"
        nbformat.write(nb, path)
        return path

    return write


def test_a_draft_becomes_a_notebook_that_passes_every_gate(notebook):
    path = notebook("print('once')\nprint('twice')", "2 + 2")
    ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]
    result = bless(path)
    assert result.returncode == 0, result.stdout + result.stderr
    blessed = nbformat.read(path, as_version=4)
    assert gates.violations(blessed) == []
    assert [cell.id for cell in blessed.cells] == ids
    assert blessed.cells[2].outputs[0].text == "once\ntwice\n"
    assert blessed.cells[3].outputs[0].data == {"text/plain": "4"}
    assert blessed.cells[3].outputs[0].execution_count == 3


def test_blessing_twice_changes_no_byte(notebook):
    path = notebook("import os\n'PYTEST_CURRENT_TEST' in os.environ")
    assert bless(path).returncode == 0
    once = path.read_bytes()
    assert bless(path).returncode == 0
    assert path.read_bytes() == once
    assert b"True" in once, "the kernel does not run under the conditions of nbval"


def test_a_recording_among_results_may_differ(notebook):
    source = (
        "import os, slotscope\n"
        "kept = slotscope.Recording('keras-jax', {'x': os.urandom(9).hex()}, 'SGD')\n"
        "slotscope.result(recording=kept)"
    )
    assert bless(notebook(source)).returncode == 0


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        pytest.param(("1 / 0",), "draft.ipynb::Cell 1", id="a cell raises"),
        pytest.param(("import warnings\nwarnings.warn('no')",), "to stderr", id="a cell warns"),
        pytest.param(("import time\ntime.time_ns()",), "draft.ipynb::Cell 1", id="text varies"),
        pytest.param(
            ("import matplotlib.pyplot as plt, random\n_ = plt.plot([random.random(), 1, 2])",),
            "two runs differ in the images",
            id="an image varies",
        ),
    ],
)
def test_what_cannot_be_stored_is_refused_and_restored(notebook, sources, words):
    path = notebook(*sources)
    former = path.read_bytes()
    result = bless(path)
    assert result.returncode == 1
    assert "refused, no notebook was changed" in result.stderr
    assert words in result.stderr
    assert path.read_bytes() == former


def test_what_is_not_a_notebook_is_named(tmp_path):
    result = bless(tmp_path / "absent.ipynb")
    assert result.returncode == 2
    assert "absent.ipynb" in result.stderr


#: Sums of products of float32, as NumPy's BLAS has them: in which order is up to the processor.
#: They are several, as one of them may come out the same by chance.
SUMS = (
    "import numpy\n"
    "source = numpy.random.default_rng(0)\n"
    "x, y = source.standard_normal((2, 10_001)).astype('float32')\n"
    "sums = [x[:n] @ y[:n] for n in (2000, 3000, 5000, 7777, 10_001)]"
)
PRINTED = "print(*(f'{total:.%dg}' for total in sums))"


@pytest.fixture(scope="module")
def printed():
    """The sums to eight digits, by the settings under which bless runs a notebook."""
    found = {}
    for name in ("default", *arithmetic.EXTREMES):
        given = arithmetic.environment(arithmetic.SETTINGS[name])
        command = [sys.executable, "-c", f"{SUMS}\n{PRINTED % 8}"]
        done = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
        found[name] = done.stdout.strip()
    return found


def test_float32_sums_to_eight_digits_are_refused_by_cell_setting_and_difference(notebook, printed):
    others = [name for name, text in printed.items() if text != printed["default"]]
    if not others:
        pytest.skip(f"this processor prints {printed['default']} under every arithmetic")
    path = notebook(SUMS, PRINTED % 8)
    former = path.read_bytes()
    result = bless(path)
    assert result.returncode == 1
    assert f"Under the arithmetic '{others[0]}'" in result.stderr
    assert "draft.ipynb::Cell 2" in result.stderr
    assert printed["default"] in result.stderr
    assert printed[others[0]] in result.stderr
    assert path.read_bytes() == former


def test_the_same_sums_are_blessed_to_digits_that_no_rounding_reaches(notebook):
    result = bless(notebook(SUMS, PRINTED % 3))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "passed under default, lowest, avx2, four-threads" in result.stdout


def test_the_order_of_a_set_is_refused(notebook):
    assert bless(notebook("print({str(n) for n in range(20)})")).returncode == 1
