"""A folder of runs is one table: tidy, in order, with what went wrong in it."""

import json
import math
import time
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from repository_root import ROOT
from sweep_folders import failure, make, run

import slotscope
from slotscope.errors import DamagedRunWarning, NoRunsError
from slotscope.recording.recording import Recording
from slotscope.report.runs.data_frame import FIRST, LAST
from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.parquet import write_parquet

#: Fields of a run's record that are no column of their name: the index, and columns of each one's
#: own names.
TOLD_OTHERWISE = {"id", "parameters", "results", "dependencies"}


@pytest.fixture
def table(tmp_path):
    return lambda *runs: slotscope.results(make(tmp_path / "runs", runs))


def test_there_is_a_row_for_each_run_in_the_order_of_the_sweep(table):
    rates = [0.5, 0.125, 0.25]
    found = table(*(run({"rate": rate}, {"loss": rate * 2}) for rate in rates))
    assert found["number"].tolist() == [0, 1, 2]
    assert found["rate"].tolist() == rates
    assert found["loss"].tolist() == [1.0, 0.25, 0.5]
    assert found.index.tolist() == [run({"rate": rate})[0]["id"] for rate in rates]
    assert found.columns.tolist() == [
        *["number", "status", "rate", "loss", "error", "seconds", "attempts", "started"],
        *["notebook", "version.keras", "version.slotscope"],
    ]


def test_every_field_of_a_record_is_a_column_or_told_otherwise(table):
    found = table(run({"rate": 1}, {"loss": 0.5}))
    assert {field.name for field in fields(FinishedRun)} - {*found.columns} == TOLD_OTHERWISE


@pytest.mark.parametrize("column", [*FIRST, *LAST])
def test_every_fixed_column_is_told_in_the_guide_and_in_the_docstring(column):
    assert f"`{column}`" in (ROOT / "docs" / "results.md").read_text("utf-8")
    assert f"``{column}``" in slotscope.results.__doc__


def test_a_failed_run_has_its_error_and_what_it_gave_before(table):
    died = {"kind": "kernel died", "cell": None, "name": "", "message": ""}
    found = table(
        run({"rate": 1}, {"loss": 0.5}),
        run({"rate": 2}, {"loss": 0.25}, error=failure("no", "KeyError")),
        run({"rate": 3}, error=died, attempts=2),
        run({"rate": 4}, error=failure("after 60 s", "", kind="time limit")),
    )
    assert found["status"].tolist() == ["done", "failed", "failed", "failed"]
    assert found["error"].tolist()[1:] == [
        *["KeyError: no", "kernel died", "time limit: after 60 s"]
    ]
    assert pd.isna(found["error"].iloc[0])
    assert found["loss"].tolist()[:2] == [0.5, 0.25]
    assert found["attempts"].tolist() == [1, 1, 2, 1]


def test_columns_have_the_type_of_what_is_in_them_also_where_something_is_missing(table):
    results = {"count": 3, "good": True, "loss": math.nan, "word": "ü", "mixed": 1, "huge": 2**70}
    found = table(
        run({"rate": 1}, results),
        run({"rate": 2.5}, {"mixed": "x"}),
        run({"rate": 3}, error=failure("no")),
    )
    assert {name: str(found[name].dtype) for name in ("rate", *results)} == {
        "rate": "float64",
        "count": "Int64",
        "good": "boolean",
        "loss": "float64",
        "word": "str",
        "mixed": "object",
        "huge": "object",
    }
    assert found["count"].isna().tolist() == [False, True, True]


def test_a_name_that_is_taken_says_of_what_it_is(table):
    found = table(run({"rate": 1, "seconds": 9}, {"rate": 2, "status": "x", "seconds": 3}))
    row = found.iloc[0]
    assert (row["rate"], row["result.rate"]) == (1, 2)
    assert (row["seconds"], row["parameter.seconds"], row["result.seconds"]) == (1.25, 9, 3)
    assert (row["status"], row["result.status"]) == ("done", "x")


def test_names_of_columns_never_collide(table):
    results = {"result.seconds": 1, "seconds": 2, "version.keras": 3, "parameter.seconds": 4}
    found = table(run({"seconds": 5, "version": 6}, results))
    assert found.columns.is_unique
    assert sorted(found[name].iloc[0] for name in found if "seconds" in name) == [1, 1.25, 2, 4, 5]


def test_arrays_tables_figures_and_recordings_are_objects(table):
    frame = pd.DataFrame({"a": [1, 2]})
    found = table(
        run(
            {"rate": 1},
            {
                "array": np.arange(3, dtype="f4"),
                "table": frame,
                "figure": Figure(figsize=(1, 1)),
                "recording": Recording("keras-jax", {}, "SGD"),
            },
        )
    )
    row = found.iloc[0]
    assert row["array"].dtype == np.float32
    assert row["table"].equals(frame)
    assert row["figure"].read().png.startswith(b"\x89PNG")
    assert row["recording"].read().engine == "keras-jax"
    assert str(row["figure"]) == f"a figure, in {row['notebook']}"


def test_a_damaged_run_is_named_in_a_warning_and_the_others_are_read(tmp_path):
    folder = make(tmp_path / "runs", [run({"rate": r}, {"loss": 1.0}) for r in range(7)])
    records = sorted(folder.glob("*/run.json"))
    records[0].write_text("{")
    records[1].write_bytes(b"\xff\x00")
    records[2].write_text("[]")
    record = json.loads(records[3].read_text())
    record["results"]["values"] = '{"loss": 2.0}'
    records[3].write_text(json.dumps(record))
    records[4].write_text(json.dumps({**record, "format": 2}))
    whole = json.loads(records[5].read_text())
    records[5].write_text(json.dumps({**whole, "started": "yesterday"}))
    with pytest.warns(DamagedRunWarning, match="6 of 7 runs") as warned:
        assert len(slotscope.results(folder)) == 1
    assert all(path.parent.name in str(warned[0].message) for path in records[:6])
    assert warned[0].filename == __file__
    for path in records[6:]:
        path.write_text("torn")
    with pytest.raises(NoRunsError, match="7 of 7 runs cannot be read"):
        slotscope.results(folder)


def test_a_missing_or_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*slotscope sweep"):
        slotscope.results(tmp_path / "none")
    with pytest.raises(NoRunsError, match="holds no finished run"):
        slotscope.results(tmp_path)


def test_a_thousand_runs_are_read_in_about_a_second(many):
    start = time.process_time()
    found = slotscope.results(many[0].notebook.parents[1])
    assert time.process_time() - start < 2
    assert (len(found), found["loss"].count()) == (1000, 735)
    assert (found["status"] == "failed").sum() == 181


def test_the_table_is_parquet_too_and_says_what_it_lacks(tmp_path):
    results = {
        "loss": 0.5,
        "curve": np.arange(4.0).reshape(2, 2),
        "figure": Figure(figsize=(1, 1)),
        "table": pd.DataFrame({"a": [1]}),
        "words": ["a", "b"],
        "huge": 2**70,
    }
    folder = make(
        tmp_path / "runs", [run({"rate": 1}, results), run({"rate": 2}, error=failure("no"))]
    )
    found = slotscope.results(folder)
    lacking = write_parquet(found, tmp_path / "runs.parquet")
    read = pd.read_parquet(tmp_path / "runs.parquet").set_index("run")
    assert (lacking.columns, lacking.values) == (("figure", "table", "huge"), {})
    assert read.columns.tolist() == [name for name in found if name not in lacking.columns]
    assert [row.tolist() for row in read["curve"].iloc[0]] == [[0.0, 1.0], [2.0, 3.0]]
    assert read["words"].iloc[0].tolist() == ["a", "b"]
    assert read["loss"].isna().tolist() == [False, True]
    assert read["started"].equals(found["started"])
