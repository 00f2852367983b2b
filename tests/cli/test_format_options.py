"""A format of a report is one file and one line in its table: the commands have its option then."""

import importlib
import re
import sys

import pytest
from commands import command
from sweep_folders import make, run

import slotscope.cli
from slotscope.report.checks import formats as checks_formats
from slotscope.report.checks.checks_report import Report
from slotscope.report.formats import Format
from slotscope.report.runs import formats as runs_formats

TOY = """
def of_checks(reports):
    return ", ".join(report.optimizer for report in reports)


def of_runs(sweep, path):
    path.write_text(f"{len(sweep.runs)} runs")
    return ["its figures"]
"""


@pytest.fixture
def with_toy(tmp_path, monkeypatch):
    """The module of a command, imported with one more format in its table."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)

    def imported(name, formats, function):
        toy = Format("toy", ".toy", f"toy:{function}", "Write a toy.")
        monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, toy))
        monkeypatch.delitem(sys.modules, f"slotscope.cli.{name}", raising=False)
        monkeypatch.delattr(slotscope.cli, name, raising=False)
        return importlib.import_module(f"slotscope.cli.{name}")

    return imported


def test_the_checks_are_written_in_a_new_format(tmp_path, monkeypatch, with_toy):
    module = with_toy("check", checks_formats, "of_checks")
    report = Report("Mine", "keras-jax", {}, [])
    monkeypatch.setattr(module, "run", lambda *_: ([report], 0))
    result = command("check", "Mine", "--toy", tmp_path / "deep" / "report.toy")
    assert (result.exit_code, result.output) == (0, f"written: {tmp_path}/deep/report.toy\n")
    report.save(tmp_path / "saved.toy")
    for path in ("deep/report.toy", "saved.toy"):
        assert (tmp_path / path).read_text() == "Mine"
    assert re.search(r"^  --toy FILE +Write a toy\.$", command("check", "--help").output, re.M)


def test_a_sweep_is_written_in_a_new_format_where_it_is_asked_for(tmp_path, with_toy):
    with_toy("report", runs_formats, "of_runs")
    folder = make(tmp_path / "runs", [run({"rate": 1})])
    assert "toy" not in command("report", folder).output
    result = command("report", folder, "--toy", tmp_path / "some.toy")
    assert result.output.splitlines()[2:] == [f"written: {tmp_path}/some.toy", "its figures"]
    assert (tmp_path / "some.toy").read_text() == "1 runs"
