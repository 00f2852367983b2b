"""What was asked for, by sweep.json, is what the table and the page are of."""

import shutil
import warnings

import pytest
from commands import command
from sweep_folders import VERSIONS, failure, make, run

import slotscope
from slotscope.errors import DamagedRunWarning, NoRunsError
from slotscope.report.runs import sweep_page
from slotscope.report.runs.figure_axes import grid_of
from slotscope.report.runs.folder import scan
from slotscope.report.runs.page_table import columns_of

RUNS = [run({"rate": rate}, {"loss": rate * 2}) for rate in (0.5, 0.25, 0.125)]
IDS = [record["id"] for record, _ in RUNS]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


def headline(folder):
    text, tone = sweep_page.headline_of(scan(folder))
    page = sweep_page.page(scan(folder), folder)
    assert f'<p class="headline {tone}">{text}</p>' in page
    return text, tone


def test_only_what_was_asked_for_is_in_the_table_and_in_that_order(folder):
    make(folder, RUNS, about={"runs": [IDS[2], IDS[0]]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = slotscope.results(folder)
    assert table.index.tolist() == [IDS[2], IDS[0]]
    assert table["number"].tolist() == [0, 1]


def test_runs_of_earlier_sweeps_are_counted_and_named(folder):
    make(folder, RUNS, about={"runs": IDS[:1]})
    said = f"2 runs of earlier sweeps are left out: {', '.join(sorted(IDS[1:]))}."
    assert headline(folder) == ("The run is done.", "good")
    assert said in sweep_page.page(scan(folder), folder)
    assert said in command("report", folder).stderr
    make(folder / "other", RUNS[:2], about={"runs": IDS[:1]})
    assert scan(folder / "other").notes == [f"1 run of an earlier sweep is left out: {IDS[1]}."]


def test_what_has_not_run_is_counted_and_nothing_is_green(folder):
    make(folder, RUNS[:2], about={"runs": IDS})
    assert headline(folder) == ("2 of 3 runs are done, 1 has not run.", "")
    (folder / IDS[0] / "run.json").write_text("{")
    assert headline(folder) == (
        "1 of 3 runs is done, 1 has not run, 1 cannot be read.",
        "",
    )


def test_what_failed_is_said_first(folder):
    failed = run({"rate": 1}, error=failure("no"))
    make(folder, [RUNS[0], failed], about={"runs": [*IDS, failed[0]["id"]]})
    assert headline(folder) == ("1 of 4 runs failed, 1 is done, 2 have not run.", "bad")


def test_without_a_list_all_runs_are_taken_and_one_that_cannot_be_read_is_not_green(folder):
    make(folder, RUNS)
    (folder / "sweep.json").unlink()
    assert headline(folder) == ("All 3 runs are done.", "good")
    (folder / "sweep.json").write_text("[")
    assert headline(folder) == ("All 3 runs are done.", "good")
    (folder / IDS[0] / "run.json").write_text("{")
    assert headline(folder) == ("2 of 3 runs are done, 1 cannot be read.", "")


def test_runs_of_other_code_are_counted(folder):
    now = {"code": "new", "package": "bb", "versions": "cc"}
    make(
        folder,
        [*RUNS[:2], run({"rate": 9}, fingerprint=now)],
        about={"fingerprint": now, "runs": IDS[:2]},
    )
    assert headline(folder) == ("All 2 runs are done.", "")
    said = "2 runs were made by other code or versions, and have not run again yet."
    assert said in sweep_page.page(scan(folder), folder)


def test_runs_of_which_a_module_has_changed_since_are_counted(folder):
    def made(rate, modules):
        return run({"rate": rate}, fingerprint={"code": "aa", "modules": modules})

    runs = [made(1, {"slotscope.a": "1"}), made(2, {"slotscope.b": "1"}), run({"rate": 3})]
    modules = {"slotscope.a": "1", "slotscope.b": "2"}
    about = {"versions": VERSIONS, "fingerprint": {"code": "aa", "modules": modules}}
    make(folder, runs, about={**about, "runs": [record["id"] for record, _ in runs]})
    assert scan(folder).outdated == 2  # one with `b`, and one that doesn't say which


def test_none_of_those_asked_for_has_finished(folder):
    make(folder, RUNS[:1], about={"runs": IDS[1:]})
    with pytest.raises(NoRunsError, match="None of the 2 runs that were asked for has finished"):
        slotscope.results(folder)


def test_a_copied_folder_counts_as_damaged_where_nothing_says_what_was_asked_for(folder):
    make(folder, RUNS)
    (folder / "sweep.json").unlink()
    shutil.copytree(folder / IDS[0], folder / "a copy")
    with pytest.warns(DamagedRunWarning, match=f"it belongs into a folder {IDS[0]}"):
        assert len(slotscope.results(folder)) == 3
    assert headline(folder) == ("3 of 4 runs are done, 1 cannot be read.", "")


def test_a_damaged_record_that_was_not_asked_for_is_a_note_and_no_warning(folder):
    make(folder, RUNS, about={"runs": IDS[:2]})
    (folder / IDS[2] / "run.json").write_text("{")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(slotscope.results(folder)) == 2
    assert headline(folder) == ("All 2 runs are done.", "good")
    said = "1 record that cannot be read is of no run that was asked for, and left out: "
    assert scan(folder).notes == [
        f"{said}{folder / IDS[2] / 'run.json'}: it is not JSON, or was cut off."
    ]
    assert scan(folder).warning == ""
    (folder / IDS[1] / "run.json").write_text("{")
    assert headline(folder) == ("1 of 2 runs is done, 1 cannot be read.", "")
    assert scan(folder).warning.startswith(f"1 of 2 runs cannot be read and are left out: {folder}")
    assert IDS[2] not in scan(folder).warning


@pytest.mark.parametrize("content", ["{", "[]", '{"id": "of mine"}'])
def test_a_file_of_that_name_in_a_folder_of_another_is_nobody_s_run(folder, content):
    make(folder, RUNS)
    (folder / "data").mkdir()
    (folder / "data" / "run.json").write_text(content)
    assert headline(folder) == ("All 3 runs are done.", "good")
    assert scan(folder).notes == []


def test_a_parameter_that_a_run_was_not_given_is_its_default(folder):
    make(folder, [*RUNS, run({}, {"loss": 3.0})])
    runs = scan(folder).runs
    (rate,) = [column for column in columns_of(runs, grid_of(runs))[0] if column.name == "rate"]
    assert [cell.text for cell in rate.cells] == ["0.5", "0.25", "0.125", "(default)"]
    assert rate.kind == "number"
    assert "rate (default)" in sweep_page.page(scan(folder), folder)
    assert slotscope.results(folder)["rate"].isna().tolist() == [False] * 3 + [True]
