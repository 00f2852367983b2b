"""Arrays, tables, figures and recordings leave a notebook as they entered it."""

import copy
import json
import subprocess
import sys

import ml_dtypes
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import slotscope
from slotscope.errors import DamagedResultsError, UnfitResultError
from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, Row, Variable


def back(notebook, name="value"):
    """The value after the notebook was a file."""
    return slotscope.read_results(json.loads(nbformat.writes(notebook)))[name]


def figure():
    drawn = Figure(figsize=(2, 1))
    drawn.subplots().plot([1, 2])
    return drawn


def recording():
    made = Recording("keras-jax", {"jax": "0.10"}, "SGD", 1, {"steps": 2}, [Event("stepped", 1)])
    made.seen.append(Variable("momentum", "a/b", 1, "m", (2,), "float32", -1, 0.0))
    for step in range(2):
        made.rows.append(
            Row(
                step,
                step,
                np.array([0]),
                np.full((1, 6), step + 1.0),
                np.full((1, 3), step),
                np.array([True]),
                (np.full(2, step, "float32"),),
            )
        )
    return made


ARRAYS = [
    np.arange(6, dtype=np.int8).reshape(2, 3),
    np.array([0.1, -0.0, np.inf, 5e-324]),
    np.array([1.5, np.nan], dtype=np.float16),
    np.array([1 + 2j, np.nan]),
    np.array([[True], [False]]),
    np.array(["SGD", "größer"]),
    np.array([b"x"]),
    np.array(["2026-11-25", "NaT"], dtype="datetime64[D]"),
    np.zeros((0, 3), dtype=np.float32),
    np.array(2.5),
    np.arange(4, dtype=">i4"),
    np.arange(12.0).reshape(3, 4).T[::2],
    np.array([1 / 3, 2], dtype=ml_dtypes.bfloat16),
    np.array([0.5], dtype=ml_dtypes.float8_e4m3fn),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_an_array_comes_back_bit_for_bit(kept, array):
    read = back(kept(value={"of": [array]}))["of"][0]
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tobytes() == array.tobytes()
    read[...] = array  # it is one's own, not a view of a text


def test_an_array_of_objects_stays_one_of_what_a_result_can_hold(kept):
    array = np.array([["SGD", None], [0.5, True]], dtype=object)
    read = back(kept(value=array))
    assert (read.dtype, read.tolist()) == (np.dtype(object), array.tolist())
    lists = np.array([None, [1, 2]], dtype=object)
    assert back(kept(value=lists)).tolist() == [None, [1, 2]]


def test_a_nan_keeps_its_bits(kept):
    array = np.array([0x7FC00001, 0xFFC00000], dtype=np.uint32).view(np.float32)
    assert back(kept(value=array)).view(np.uint32).tolist() == [0x7FC00001, 0xFFC00000]


TABLES = {
    "numbers": pd.DataFrame({"a": np.array([1, 2], "int8"), "b": np.array([0.1, np.nan], "f4")}),
    "missing": pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [True, False]}),
    "words": pd.DataFrame({"a": ["x", "ü"], "b": pd.Categorical(["s", "t"], ordered=True)}),
    "dates": pd.DataFrame({"a": pd.to_datetime(["2026", "2027"]).tz_localize("UTC")}),
    "index": pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")])),
    "empty": pd.DataFrame({"a": pd.array([], "float32")}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_keeps_its_types(kept, name):
    pd.testing.assert_frame_equal(back(kept(value=TABLES[name])), TABLES[name], check_exact=True)


@pytest.mark.parametrize("name", ["loss", None])
def test_a_series_stays_one(kept, name):
    series = pd.Series([0.5, 0.25], index=pd.Index([3, 4], name="step"), name=name)
    pd.testing.assert_series_equal(back(kept(value=series)), series)


def test_a_figure_is_shown_and_comes_back_as_png(kept):
    written = kept(value=figure(), more=[figure()])
    images = [output.data for output in written.cells[0].outputs if "image/png" in output.data]
    assert [data["text/plain"] for data in images] == ["value: a figure", "more[0]: a figure"]
    assert back(written).png.startswith(b"\x89PNG\r\n")
    assert back(written, "more")[0].png == back(written).png


def test_a_recording_comes_back_whole(kept):
    read = back(kept(value=recording()))
    assert read.events == recording().events
    assert read.statistics.equals(recording().statistics)
    assert np.array_equal(read.values("momentum"), recording().values("momentum"))


def test_the_last_figure_of_a_name_counts(kept):
    larger = Figure(figsize=(4, 2))
    written = kept(value=figure())
    written.cells += kept(value=larger).cells
    assert back(written).png == back(kept(value=larger)).png != back(kept(value=figure())).png


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.array([object()]), "value\\[0\\] is of type object"),
        (np.zeros(2, dtype=[("a", int)]), "value is an array of dtype"),
        (np.ma.array([1.0], mask=[True]), "value is a masked array"),
        (pd.DataFrame({"a": [1, "x"]}), "value would not come back as it is"),
        (pd.DataFrame({"a": [[1, 2]]}), "value would not come back as it is"),
        ({"$float": "1"}, "value has the key '\\$float'"),
        ([{"a": pd}], "value\\[0\\]\\['a'\\] is of type module"),
        (object(), "value is of type object"),
        ([1, {2, 3}], "value\\[1\\] is of type set"),
        ({"a": 1j}, "value\\['a'\\] is of type complex"),
        ({1: 2}, "value has keys that are not strings"),
        (np.datetime64("2026-01-01"), "value is of type date"),
    ],
    ids=[
        *("objects", "structured", "masked", "mixed", "lists", "tag", "module"),
        *("object", "set", "complex", "key", "date"),
    ],
)
def test_what_would_not_come_back_is_refused_before_anything_is_shown(kept, value, said):
    with pytest.raises(UnfitResultError, match=said):
        kept(value=value)


def test_two_figures_of_one_place_are_refused(kept):
    with pytest.raises(UnfitResultError, match=r"both be a\[0\]"):
        kept(**{"a[0]": figure(), "a": [figure()]})


def test_a_large_array_is_shown_in_part_and_kept_whole(kept):
    array = np.arange(10_000.0).reshape(100, 100)
    written = kept(value=array, curve=array[0])
    assert written.cells[0].outputs[0].data["text/plain"].splitlines() == [
        "value  100 x 100 of float64, from within 2**-10 of 0 to 1e+04",
        "curve  [within 2**-10 of 0, 1, 2, 3, 4, 5, ... 100 in all]",
    ]
    assert np.array_equal(back(written), array)


def test_html_is_shown_where_there_is_a_table_and_escapes(kept):
    assert "text/html" not in kept(loss=0.5).cells[0].outputs[0].data
    table = pd.DataFrame({"<b>": ["<i>"] * 10})
    page = kept(note="<script>", table=table).cells[0].outputs[0].data["text/html"]
    assert page.count("<tr") == 1 + 1 + 7  # the note; the heading, six rows and what is left out
    assert not any(tag in page for tag in ("<script>", "<i>"))
    assert "a table of 10 rows and 1 columns" in page


def damages(written):
    """Copies of a notebook, each with one thing about its figure or recording changed."""
    for index in range(1, len(written.cells[0].outputs)):
        gone, untold, other = (copy.deepcopy(written) for _ in range(3))
        del gone.cells[0].outputs[index]
        untold.cells[0].outputs[index].metadata = {}
        other.cells[0].outputs[index].metadata["slotscope"]["crc32"] += 1
        yield from (gone, untold, other)


def test_a_damaged_figure_or_recording_is_found(kept):
    written = kept(figure=figure(), recording=recording())
    assert len(slotscope.read_results(written)) == 2
    found = list(damages(written))
    assert len(found) == 6
    for damaged in found:
        with pytest.raises(DamagedResultsError, match="Run it again"):
            slotscope.read_results(damaged)


def test_reading_needs_no_framework_and_no_jupyter(kept, tmp_path):
    path = tmp_path / "run.ipynb"
    values = {"array": np.arange(3), "table": TABLES["words"], "recording": recording()}
    nbformat.write(kept(**values, figure=figure()), path)
    code = (
        "import slotscope, sys\n"
        f"print(sorted(slotscope.read_results({str(path)!r})))\n"
        "heavy = {'IPython', 'keras', 'tensorflow', 'jax', 'torch', 'nbformat', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert lines.stdout.splitlines() == ["['array', 'figure', 'recording', 'table']", "[]"]


SOURCE = """\
import os, matplotlib.pyplot as plt, numpy as np, pandas as pd, slotscope
from slotscope.recording.recording import Recording
figure, axes = plt.subplots()
axes.plot(np.frombuffer(os.urandom(9), "uint8"))
slotscope.result(
    array=np.arange(3.0), table=pd.DataFrame({"a": ["x"]}), figure=figure,
    recording=Recording("keras-jax", {"random": os.urandom(9).hex()}, "SGD"),
)"""


@pytest.mark.kernels
def test_strict_nbval_compares_text_and_no_figure_recording_or_bit(executed):
    notebook, path = executed(SOURCE)
    outputs = notebook.cells[0].outputs
    # What pyplot holds is not shown once more: the values, the figure, the recording.
    assert [sorted(output.data) for output in outputs] == [
        ["text/html", "text/plain"],
        ["image/png", "text/plain"],
        ["text/plain"],
    ]
    assert slotscope.read_results(path)["recording"].optimizer == "SGD"

    def nbval():
        nbformat.write(notebook, path)
        words = [sys.executable, "-m", "pytest", "--nbval", "-p", "no:cacheprovider", path.name]
        return subprocess.run(words, cwd=path.parent, capture_output=True).returncode

    assert nbval() == 0
    outputs[0].metadata["slotscope"]["result"]["crc32"] += 1
    assert nbval() == 0
    outputs[0].data["text/plain"] = outputs[0].data["text/plain"].replace("2", "3")
    assert nbval() == 1
