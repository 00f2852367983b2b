"""The notebooks pass every gate, and every gate stops what it is there to stop."""

from pathlib import Path

import nbformat
import pytest
from repository_root import ROOT

from tools import gates

HERE = Path(__file__).parent
NOTEBOOKS = ROOT / "notebooks"

# A file in files/ breaks one rule: the gate that must notice, and words of what it must say.
BROKEN = {
    "never_run": (gates.counts_run_from_one, "[1, None, 3]"),
    "run_out_of_order": (gates.counts_run_from_one, "[1, 2, 7]"),
    "stderr": (gates.outputs_are_clean, "UserWarning: beware"),
    "error": (gates.outputs_are_clean, "ValueError: no"),
    "image_without_alt": (gates.images_have_alt_text, "code cell 3"),
    "no_title": (gates.has_one_title, "0 H1 headings"),
    "two_titles": (gates.has_one_title, "2 H1 headings"),
    "late_title": (gates.has_one_title, "not in the first cell"),
    "nine_lines": (gates.cells_are_small, "9 lines"),
    "seventy_three_columns": (gates.cells_are_small, "73 columns"),
    "no_parameters": (gates.has_parameters, "expected one"),
    "ignore_tag": (gates.everything_is_checked, "nbval-ignore-output"),
    "skip_comment": (gates.everything_is_checked, "nbval-skip"),
    "missing_ids": (gates.cells_have_ids, "4 cells have no id"),
    "own_kernel": (gates.metadata_is_portable, "'my-venv'"),
    "python_version": (gates.metadata_is_portable, "3.11.7"),
    "no_engines": (gates.engines_are_declared, "is [],"),
    "engine_not_a_parameter": (gates.engines_are_declared, "do not set `engine`"),
    "nine_digits": (gates.outputs_are_portable, "shows 2.83333333"),
    "rounding_error": (gates.outputs_are_portable, "shows 1.2e-07"),
    "base64_bundle": (gates.outputs_are_portable, "base64 as application/vnd.other+json"),
}


def read(name: str):
    return nbformat.read(HERE / "files" / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


@pytest.mark.parametrize("path", gates.find(NOTEBOOKS), ids=lambda path: path.stem)
def test_notebook_passes_every_gate(path):
    assert gates.violations(nbformat.read(path, as_version=nbformat.NO_CONVERT)) == []


@pytest.mark.parametrize("path", gates.find(NOTEBOOKS), ids=lambda path: path.stem)
def test_notebook_is_stored_as_nbformat_writes_it(path):
    text = path.read_text(encoding="utf-8")
    assert text == nbformat.writes(nbformat.reads(text, as_version=nbformat.NO_CONVERT)) + "\n"


def test_there_are_notebooks_and_experiments_to_hold():
    folders = {path.parent.name for path in gates.find(NOTEBOOKS)}
    assert folders == {"notebooks", "experiments"}


def test_a_good_notebook_breaks_nothing():
    assert gates.violations(read("good")) == []


@pytest.mark.parametrize("name", BROKEN)
def test_gate_stops(name):
    gate, words = BROKEN[name]
    (sentence,) = gates.violations(read(name))
    assert [sentence] == list(gate(read(name)))
    assert words in sentence


def test_every_gate_is_proven_by_a_file_and_every_file_is_used():
    assert {gate for gate, _ in BROKEN.values()} == set(gates.GATES)
    assert {path.stem for path in gates.find(HERE / "files")} == {"good", *BROKEN}


def test_an_alt_text_of_spaces_is_none():
    notebook = read("image_without_alt")
    for alt, found in (("  ", 1), ("Two bars of equal height.", 0)):
        notebook.cells[3].metadata = nbformat.from_dict({"mystnb": {"image": {"alt": alt}}})
        assert len(gates.violations(notebook)) == found


def test_a_listed_reason_lets_a_mark_pass(monkeypatch):
    monkeypatch.setattr(gates, "REASONS", {"sum": "the sum differs on every machine"})
    assert gates.violations(read("ignore_tag")) == []


def test_every_listed_reason_is_still_needed():
    notebooks = (nbformat.read(path, as_version=4) for path in gates.find(NOTEBOOKS))
    cells = [cell for notebook in notebooks for cell in gates.code_cells(notebook)]
    assert {cell.id for cell in cells if gates.unchecked(cell)} == set(gates.REASONS)


def test_a_parameters_cell_may_be_a_list_of_sixteen_lines():
    for lines, found in ((16, 0), (17, 1)):
        notebook = read("good")
        (cell,) = gates.parameters(notebook)
        cell.source = "\n".join([cell.source, *["seed: int = 0"] * (lines - 1)])
        assert len(gates.violations(notebook)) == found


def test_parameters_are_found_by_name_also_where_an_annotation_takes_lines():
    notebook = read("good")
    (cell,) = gates.parameters(notebook)
    cell.source = 'engine: Literal[\n    "a", "b"\n] = "a"\nrate = 0.5  # eta\nprint(rate)'
    assert gates.parameter_names(notebook) == {"engine", "rate"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[0.1275634765625, -1.22070312, 1.992188]", 0),  # whole numbers over powers of two
        ("loss 0.333, rate 1e-07, norms 2e-06 and 6.3e-05", 0),
        ("keras 3.15.1, tensorflow 2.20.0.dev20261127, 2**-10, 20261127", 0),
        ("a sum: 3.1415927", 1),
        ("a float32 of 24 bits: 123456.78125", 1),
        ("apart 1.161e-07", 1),
        ("0.0000012", 1),
        ("[1.,0.333333333]", 1),
    ],
)
def test_numbers_that_come_out_everywhere_pass_and_others_do_not(text, found):
    notebook = read("good")
    notebook.cells[2].outputs[0].data["text/plain"] = text
    notebook.cells[2].outputs[0].data["image/png"] = "iVBORw0KGgo="
    notebook.cells[2].metadata = nbformat.from_dict({"mystnb": {"image": {"alt": "A sum."}}})
    assert len(gates.violations(notebook)) == found
