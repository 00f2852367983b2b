"""The line at which a run failed, where its error has no message, or is no output of a cell."""

import json

import nbformat
import pytest

from slotscope.report.failing_cell import read_failing_cell
from slotscope.report.runs import scan
from slotscope.report.runs_html import page
from sweep_folders import failure, make, run

SOURCE = "loss = 2\nassert loss < 1"
#: As IPython 9 prints it, colours and all.
ASSERTION = [
    "\x1b[31m-----------------\x1b[39m",
    "\x1b[31mAssertionError\x1b[39m              Traceback (most recent call last)",
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[2]\x1b[39m\x1b[32m, line 2\x1b[39m\n"
    "\x1b[32m      1\x1b[39m loss = \x1b[32m2\x1b[39m\n"
    "\x1b[32m----> \x1b[39m\x1b[32m2\x1b[39m \x1b[38;5;28;01massert\x1b[39;00m loss < 1",
    "\x1b[31mAssertionError\x1b[39m: ",
]
#: As Python prints it.
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/site-packages/IPython/core/interactiveshell.py", line 3667, in run_code
  |     exec(code_obj, self.user_global_ns, self.user_ns)
  |   File "/tmp/ipykernel_1/2.py", line 4, in <module>
  |     raise ExceptionGroup("g", [error])
  | ExceptionGroup: g (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/tmp/ipykernel_1/2.py", line 2, in <module>
    |     raise ValueError(1)
    | ValueError: 1
    +------------------------------------
"""


def asserted():
    output = nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=ASSERTION)
    return nbformat.v4.new_code_cell(SOURCE, outputs=[output])


def grouped(text=GROUP):
    """papermill's record of a cell that failed without an output that says so."""
    outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="an epoch\n"),
        nbformat.v4.new_output("stream", name="stderr", text=text),
    ]
    record = {"papermill": {"exception": True, "status": "failed"}}
    return nbformat.v4.new_code_cell("raise ExceptionGroup", outputs=outputs, metadata=record)


@pytest.fixture
def sweep(tmp_path):
    """A sweep of one run that failed in ``cell``, after one that warned."""

    def sweep(cell, name):
        warned = nbformat.v4.new_output("stream", name="stderr", text="a warning\n")
        before = nbformat.v4.new_code_cell("import slow", outputs=[warned])
        record, _ = run({"rate": 1}, error=failure("", name))
        notebook = nbformat.v4.new_notebook(cells=[before, cell])
        return make(tmp_path / "runs", [(record, notebook)])

    return sweep


def test_a_bare_assert_says_its_line(sweep):
    folder = sweep(asserted(), "AssertionError")
    text = page(scan(folder), folder)
    assert '<pre tabindex="0">assert loss &lt; 1</pre>' in text
    assert "It has no message. The line that raised it:" in text


def test_the_cell_of_an_exception_group_is_the_one_that_failed_in_the_execution_s_record(sweep):
    folder = sweep(grouped(), "CellExecutionError")
    (path,) = folder.glob("*/notebook.ipynb")
    found = read_failing_cell(path)
    assert (found.source, found.trace) == ("raise ExceptionGroup", GROUP)
    assert found.line == 'raise ExceptionGroup("g", [error])'
    text = page(scan(folder), folder)
    assert "raise ExceptionGroup(&#34;g&#34;, [error])</pre>" in text
    assert "ExceptionGroup: g (1 sub-exception)" in text


def test_where_the_trace_names_no_line_the_cell_is_shown(sweep):
    folder = sweep(grouped("no trace\n"), "CellExecutionError")
    text = page(scan(folder), folder)
    assert "<code>raise ExceptionGroup</code>" in text
    assert "It has no message" not in text


def test_a_message_needs_no_line(sweep):
    folder = sweep(asserted(), "AssertionError")
    (path,) = folder.glob("*/run.json")
    record = json.loads(path.read_text())
    record["error"]["message"] = "too large"
    path.write_text(json.dumps(record))
    assert "The line that raised it" not in page(scan(folder), folder)
