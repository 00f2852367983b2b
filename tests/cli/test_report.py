"""``slotscope report``: two files, or an error that says which one and what to do."""

import re
import sys

import pandas as pd
from commands import command, refused
from repository_root import ROOT
from sweep_folders import make, run

import slotscope


def test_the_command_writes_the_page_and_the_table(tmp_path):
    folder = make(tmp_path / "runs", [run({"rate": r}, {"loss": 1.0 * r}) for r in (1, 2)])
    result = command("report", folder)
    assert result.output.splitlines() == [
        f"written: {folder / 'results.parquet'}",
        f"written: {folder / 'report.html'}",
    ]
    out = tmp_path / "elsewhere" / "page.html"
    out.parent.mkdir()
    (folder / "results.parquet").unlink()
    assert command("report", folder, "--out", out).exit_code == 0
    assert out.with_name("results.parquet").is_file()
    assert not (folder / "results.parquet").exists()
    links = re.findall(r'href="([^"]*notebook\.ipynb)"', out.read_text())
    assert len(links) == 2
    assert all((out.parent / link).is_file() for link in links)


def test_what_cannot_be_read_or_held_is_said(tmp_path):
    results = {"loss": 0.5, "table": pd.DataFrame({"a": [1]})}
    folder = make(tmp_path / "runs", [run({"rate": r}, results) for r in (1, 2)])
    next(folder.glob("*/run.json")).write_text("{")
    result = command("report", folder)
    assert result.exit_code == 0
    assert "Warning: 1 of 2 runs cannot be read" in result.stderr
    assert result.stdout.splitlines()[1] == ("left out of it, as Parquet cannot hold them: table")
    assert "1 of 2 runs cannot be read" in (folder / "report.html").read_text()


def test_a_page_that_cannot_be_written_leaves_what_was_there(tmp_path):
    folder = make(tmp_path / "runs", [run({"rate": 1})])
    (folder / "report.html").mkdir()
    result = command("report", folder)
    assert result.exit_code == 1
    said = f"Error: {folder / 'report.html'} can't be written: Is a directory. Make room for it, or"
    assert said in result.output
    assert (folder / "results.parquet").is_file()
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_a_page_in_a_folder_that_is_not_there_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "none" / "deep", tmp_path / "file"):
        said = f"There is no folder {place}. Make it, or choose another by --out."
        assert said in refused("report", tmp_path, "--out", place / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_is_none_or_cannot_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    result = command("report", tmp_path / "file")
    assert re.search("Error: .*file' is no folder. Expected the one that a sweep", result.output)

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.listdir", denied)
    result = command("report", tmp_path)
    assert result.exit_code == 1
    assert "can't be read: Permission denied. Give yourself the right" in result.output
    assert "Errno" not in result.output


def test_the_command_says_what_is_wrong(tmp_path, monkeypatch):
    result = command("report", tmp_path)
    assert result.exit_code == 1
    assert "Error: The folder" in result.output
    monkeypatch.setitem(sys.modules, "itables.options", None)
    folder = make(tmp_path / "runs", [run({"rate": 1})])
    result = command("report", folder)
    assert result.exit_code == 1
    assert result.output.splitlines()[1:] == [
        "Error: The page's table is sorted and filtered by DataTables, which the package itables"
        " brings, and that isn't installed.",
        "To mend it: python -m pip install slotscope[notebooks]",
    ]


def test_the_guide_s_example_is_of_columns_that_momentum_has(tmp_path, monkeypatch):
    repository = ROOT
    results = slotscope.read_results(repository / "notebooks" / "experiments" / "momentum.ipynb")
    made = [run({"momentum": m, "seed": s}, results) for m in (0.5, 0.9) for s in (0, 1, 2)]
    make(tmp_path / "runs", made)
    guide = (repository / "docs" / "results.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(table = .*?)```", guide, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    *before, last = example.splitlines()
    names = {"slotscope": slotscope}
    exec("\n".join(before), names)
    assert eval(last, names).shape == (2, 2)
    assert {"result.momentum", "result.error"} <= set(names["table"])
