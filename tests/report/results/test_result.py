"""Results leave a notebook as they entered it, or an error says why not."""

import copy
import json
import math

import nbformat
import numpy as np
import pytest
from repository_root import ROOT

import slotscope
from slotscope.errors import DamagedResultsError, NoResultsError, UnfitResultError

VALUES = {
    "engine": "keras-2.1",
    "steps": 12,
    "large": 2**70,
    "exact": True,
    "nothing": None,
    "third": 1 / 3,
    "one": 1.0,
    "tiny": 5e-324,
    "velocity": [-1.0, -1.5, [-1.75, {"of": "p"}]],
}


def test_the_stored_experiment_holds_its_results():
    path = ROOT / "notebooks" / "experiments" / "momentum.ipynb"
    values = slotscope.read_results(path)
    assert (values["engine"], values["optimizer"], values["steps"]) == ("keras-2.1", "SGD", 12)
    assert values["values"].dtype == np.float32
    assert values["values"][:3].tolist() == [1.25, 1.875, 2.1875]
    assert values["error"] == 0.0


def test_results_come_back_from_a_notebook_that_papermill_ran(executed):
    source = f"import slotscope\nslotscope.result(**{VALUES!r})"
    notebook, path = executed(source, "slotscope.result(last=float('nan'))")
    for read in (notebook, path, str(path)):
        values = slotscope.read_results(read)
        assert math.isnan(values.pop("last"))
        assert values == VALUES
        assert type(values["one"]) is float
    assert "third     0.333\n" in notebook.cells[0].outputs[0].data["text/plain"]


def test_floats_are_exact_and_those_that_json_lacks_come_back(kept):
    random = np.random.RandomState(0).randn(100).tolist()
    values = [*random, 0.1, -0.0, 1e300, math.inf, -math.inf]
    read = slotscope.read_results(kept(values=values))["values"]
    assert list(map(repr, read)) == list(map(repr, values))
    written = kept(a=math.nan, b=[math.inf])
    json.loads(json.dumps(written, allow_nan=False))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(3), 3),
        (np.True_, True),
        (np.str_("SGD"), "SGD"),
        ((1, 2), [1, 2]),
    ],
    ids=str,
)
def test_single_values_become_plain_ones(kept, value, read):
    back = slotscope.read_results(kept(value=value))["value"]
    assert (back, type(back)) == (read, type(read))


def test_no_value_is_refused(kept):
    with pytest.raises(UnfitResultError, match="Name one"):
        kept()


def test_a_reader_sees_three_digits_and_the_start_of_a_list(kept):
    written = kept(loss=1 / 3, velocity=np.arange(9) / 3, engine="keras-jax")
    assert written.cells[0].outputs[0].data["text/plain"].splitlines() == [
        "loss      0.333",
        "velocity  [within 2**-10 of 0, 0.333, 0.667, 1, 1.33, 1.67, ... 9 in all]",
        "engine    keras-jax",
    ]


def test_outside_a_notebook_it_prints(capsys):
    slotscope.result(steps=3)
    assert capsys.readouterr().out == "steps  3\n"


def test_the_last_value_of_a_name_counts(kept):
    written = kept(a=1, b=1)
    written.cells += kept(b=2).cells
    assert slotscope.read_results(written) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([], "was not executed"),
        ([nbformat.v4.new_output("stream", text="2")], r"no cell called slotscope\.result"),
        ([nbformat.v4.new_output("error", ename="KeyError")], "a cell raised KeyError"),
    ],
    ids=["not executed", "no result", "failed"],
)
def test_a_notebook_without_results_says_what_to_do(outputs, said):
    cell = nbformat.v4.new_code_cell("1 + 1", outputs=outputs)
    with pytest.raises(NoResultsError, match=said):
        slotscope.read_results(nbformat.v4.new_notebook(cells=[cell]))


def bundle(written):
    """What another program reads of the first output."""
    return written.cells[0].outputs[0].metadata["slotscope"]["result"]


def test_what_another_program_reads_is_where_no_comparison_looks(kept):
    (output,) = kept(loss=1 / 3).cells[0].outputs
    assert output.data == {"text/plain": "loss  0.333"}
    assert output.metadata["slotscope"]["result"]["values"] == '{"loss": 0.3333333333333333}'


def damages(written):
    """Copies of a notebook, each with one thing about its results changed."""
    for name, value in {
        "values": '{"steps": 13}',
        "crc32": 0,
        "format": 2,
    }.items():
        damaged = copy.deepcopy(written)
        bundle(damaged)[name] = value
        yield damaged
        del bundle(damaged)[name]
        yield damaged
    damaged = copy.deepcopy(written)
    damaged.cells[0].outputs[0].metadata["slotscope"]["result"] = "{}"
    yield damaged


def test_damaged_results_are_refused(kept):
    for damaged in damages(kept(steps=12)):
        with pytest.raises(DamagedResultsError, match="Run it again"):
            slotscope.read_results(damaged)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"cells": 3}', "\x00\xff"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "some.ipynb"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(DamagedResultsError, match=r"some\.ipynb"):
        slotscope.read_results(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        slotscope.read_results(tmp_path / "no.ipynb")
