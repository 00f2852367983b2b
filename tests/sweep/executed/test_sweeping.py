"""Notebooks run in earnest: in kernels, from the command line, limited, failed, interrupted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
from commands import command
from sweep_cases import LOGGED, kernelspec, write
from waiting import ended, until

import slotscope
from slotscope.sweep.environment import environment
from slotscope.sweep.executed.execution import Task, execute
from slotscope.sweep.run_records import NOTEBOOK, RUN, RunError, identity
from slotscope.sweep.run_records import SWEEP as SWEEP_FILE

pytestmark = pytest.mark.kernels

SWEEP = ["sweep", str(LOGGED), "--ordinary-kernels", "--jobs", "2"]


def runs(folder):
    """What every run.json says, in the order of the sweep."""
    found = [json.loads(path.read_text()) for path in Path(folder).glob(f"*/{RUN}")]
    return sorted(found, key=lambda run: run["number"])


def test_run_writes_the_executed_notebook_with_its_results(tmp_path):
    out = tmp_path / "out.ipynb"
    result = command("run", LOGGED, "-p", "x", "3", "-p", "power=3", "-o", out)
    assert (result.exit_code, result.output) == (0, f"written: {out}\n")
    assert slotscope.read_results(out) == {"square": 27.0, "twice": 54.0}
    (injected,) = [
        cell
        for cell in nbformat.read(out, as_version=4).cells
        if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    assert injected.source == "# Parameters\nx = 3\npower = 3.0\n"


def test_run_keeps_a_notebook_up_to_the_cell_that_failed(tmp_path):
    out = tmp_path / "out.ipynb"
    result = command("run", LOGGED, "-p", "kind", "raise", "-o", out)
    assert result.exit_code == 1
    assert "\ncode cell 3: ValueError: 1 is not liked" in f"\n{result.output}"
    cells = nbformat.read(out, as_version=4).cells
    assert cells[6].outputs[0].ename == "ValueError"
    assert cells[7].execution_count is None


def test_a_notebook_works_in_its_own_folder_and_needs_no_parameters(tmp_path):
    path = write(tmp_path / "some.ipynb", "import os\nopen('made', 'w').close()", tag=None)
    kernel = ["--kernel", "python3"]
    assert command("run", path, "-o", tmp_path / "out.ipynb", *kernel).exit_code == 0
    assert (tmp_path / "made").exists()


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep in which one run raised and one kernel died, and what was printed."""
    folder = tmp_path_factory.mktemp("swept")
    (folder / "grid.toml").write_text(
        f'[grid]\nkind = ["plain", "raise", "die"]\n[fixed]\nx = 2\nlog = "{folder}/log"'
    )
    words = [*SWEEP, "--grid", folder / "grid.toml", "--out", folder / "runs"]
    return folder, command(*words), words


def test_a_sweep_keeps_every_run(swept):
    folder, result, _ = swept
    assert result.exit_code == 1
    plain, raised, died = runs(folder / "runs")
    assert plain["status"] == "done"
    assert json.loads(plain["results"]["values"]) == {"square": 4.0, "twice": 8.0}
    assert raised["error"] == {
        "kind": "cell",
        "cell": 3,
        "name": "ValueError",
        "message": "2 is not liked",
    }
    assert (died["attempts"], raised["attempts"]) == (2, 1)
    assert died["error"] == {
        "kind": "kernel died",
        "cell": 3,
        "name": "DeadKernelError",
        "message": "Kernel died: killed by SIGKILL",
    }
    for run in (plain, raised, died):
        path = folder / "runs" / run["id"] / NOTEBOOK
        errors = [
            output.ename
            for cell in nbformat.read(path, as_version=4).cells
            for output in cell.get("outputs", [])
            if output.output_type == "error"
        ]
        assert errors == ([run["error"]["name"]] if run["error"] else [])


def test_a_sweep_tells_of_every_run_and_sums_up(swept):
    folder, result, _ = swept
    lines = result.output.splitlines()
    assert lines[:2] == ["3 runs: 0 done, 3 to run", "       3  new"]
    assert lines[2].startswith("[1/3] ")
    assert "3 runs: 1 done, 2 failed" in lines
    (raised,) = [run for run in runs(folder / "runs") if run["parameters"]["kind"] == "raise"]
    assert lines[-2:][0].startswith(f"  {folder}/runs/")
    assert any(raised["id"] in line and "2 is not liked" in line for line in lines[-2:])
    said = "kernel died, code cell 3, tried twice: DeadKernelError: Kernel died: killed by SIGKILL"
    assert any(line.endswith(said) for line in lines[-2:])


def test_the_same_again_runs_only_what_failed(swept):
    folder, _, words = swept
    dry = command(*words, "--dry-run")
    assert dry.exit_code == 0
    assert dry.output.splitlines()[:2] == ["3 runs: 1 done, 2 to run", "       2  failed before"]
    before = (folder / "log").read_text()
    assert command(*words).exit_code == 1
    assert (folder / "log").read_text() == before == "2\n"


def test_what_was_asked_for_is_written_also_where_nothing_is_to_run(tmp_path):
    path = write(tmp_path / "some.ipynb", "x = 0", tag=0)
    words = ["sweep", path, "--kernel", "python3", "--jobs", "1", "--out", tmp_path / "runs"]
    first = command(*words, "-p", "x=1,2")
    assert first.exit_code == 0, first.output
    again = command(*words, "-p", "x=2")
    assert again.output == "1 run: 1 done, nothing to run\n"
    one, two = (identity({"x": x}) for x in (1, 2))
    (run,) = [run for run in runs(tmp_path / "runs") if run["id"] == two]
    asked = json.loads((tmp_path / "runs" / SWEEP_FILE).read_text())
    assert asked == {
        "format": 1,
        "notebook": "some.ipynb",
        "path": "../some.ipynb",
        "runs": [two],
        "versions": run["versions"],
        "fingerprint": {"code": run["fingerprint"]["code"], "modules": environment().modules},
    }
    assert run["fingerprint"]["modules"] == {}  # its kernel had no use for slotscope
    assert (tmp_path / "runs" / one / RUN).exists()  # what is no longer asked for stays


def test_a_run_depends_on_what_its_kernel_imported_and_no_less(swept):
    folder, *_ = swept
    plain, raised, died = (run["fingerprint"]["modules"] for run in runs(folder / "runs"))
    everything = environment().modules
    assert {"slotscope", "slotscope.report.results.result"} <= plain.keys()
    assert "slotscope.sweep.executed.driver" not in plain
    assert plain == {name: everything[name] for name in plain}
    assert raised == {}  # the cell that imports slotscope was not reached
    assert died == everything  # it could not be asked


def test_what_was_imported_for_a_notebook_in_another_process_counts(tmp_path):
    source = (
        "from slotscope.processes.on_engine import _result, _told, _worker\n"
        "def get():\n    import slotscope.sweep.asked.random_values\n"
        "_result(_worker('one', ()).submit(_told, get))"
    )
    outcome = executed(tmp_path, source)
    assert (outcome.error, "slotscope.sweep.asked.random_values" in outcome.imported) == (
        None,
        True,
    )


@pytest.mark.parametrize(
    "source",
    [
        "import sys, types\nsys.modules['slotscope'] = types.ModuleType('slotscope')",
        "def __import__(name):\n    raise ImportError(name)",
    ],
)
def test_a_kernel_that_cannot_tell_what_it_imported_says_nothing(tmp_path, source):
    outcome = executed(tmp_path, source)
    assert (outcome.error, outcome.imported) == (None, None)


def test_a_kernel_of_another_language_is_not_asked(tmp_path, monkeypatch):
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernelspec(monkeypatch, tmp_path, "other", argv, "other")
    outcome = executed(tmp_path, "1", kernel="other", language="other")
    assert (outcome.error, outcome.imported) == (None, None)


def test_a_time_limit_ends_the_run_and_keeps_its_notebook():
    for limit in (6, 60, 600):  # where the cell that sleeps was not reached, with a longer one
        outcome = execute(Task(LOGGED.read_text(), {"kind": "sleep"}, time_limit=limit))
        if outcome.error.cell == 3:
            break
    said = f"the run took longer than its limit of {limit} s"
    assert outcome.error == RunError("time limit", 3, "RunTimeout", said)
    cell = nbformat.reads(outcome.notebook, as_version=4).cells[4]
    assert cell.outputs[0].ename == "RunTimeout"


def test_a_cell_has_a_time_limit_of_its_own():
    for limit in (1, 10, 100):
        outcome = execute(Task(LOGGED.read_text(), {"kind": "sleep"}, cell_time_limit=limit))
        if outcome.error.cell == 3:
            break
    assert (outcome.error.kind, outcome.error.name) == ("time limit", "CellTimeout")
    assert outcome.error.cell == 3


def executed(path, *sources, tag=None, **options):
    """What came of a notebook of these cells."""
    text = write(path / "some.ipynb", *sources, tag=tag).read_text()
    return execute(Task(text, {}, **({"kernel": "python3"} | options)))


def test_a_limit_need_not_be_whole_seconds(tmp_path):
    outcome = executed(tmp_path, "import time\ntime.sleep(0.9)", cell_time_limit=0.6)
    assert outcome.error.message == "a cell took longer than its limit of 0.6 s"


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("raise ExceptionGroup('g', [ValueError(1)])", "ExceptionGroup", "g (1 sub-exception)"),
        ("def f(x):\n    assert x\n\nf(0)", "AssertionError", "assert x"),
    ],
)
def test_an_error_always_says_something_and_has_its_cell(tmp_path, source, name, message):
    outcome = executed(tmp_path, source)
    assert outcome.error == RunError("cell", 1, name, message)
    cells = nbformat.reads(outcome.notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    (error,) = (output for output in outputs if output.output_type == "error")
    assert error.ename == name
    assert "Traceback" in "".join(error.traceback)


def test_a_kernel_that_never_came_up_has_not_died(tmp_path, monkeypatch):
    kernelspec(monkeypatch, tmp_path, "broken", [str(tmp_path / "no")])
    outcome = executed(tmp_path, "1", kernel="broken")
    assert (outcome.error.kind, outcome.error.name) == ("no kernel", "FileNotFoundError")


@pytest.mark.parametrize("tag", [0, None])
def test_a_failing_cell_is_counted_as_the_notebook_itself_has_it(tmp_path, tag):
    path = write(tmp_path / "some.ipynb", "x = 1", "1 / x", tag=tag)
    given = {} if tag is None else {"x": 0}
    text = path.read_text() if given else path.read_text().replace("x = 1", "x = 0")
    once = execute(Task(text, given, kernel="python3"))
    assert (once.error.name, once.error.cell) == ("ZeroDivisionError", 2)
    # An executed notebook has papermill's cell already, which is one of its own.
    again = execute(Task(once.notebook, given, kernel="python3"))
    assert again.error.cell == 2 + len(given)


@pytest.mark.parametrize("detached", [False, True])
def test_what_a_kernel_started_ends_with_it(tmp_path, detached):
    started = f"subprocess.Popen(['sleep', '600'], start_new_session={detached})"
    outcome = executed(tmp_path, f"import subprocess\nprint({started}.pid)")
    pid = int(nbformat.reads(outcome.notebook, as_version=4).cells[0].outputs[0].text)
    until(lambda: ended(pid))


def test_what_a_kernel_started_ends_also_where_the_kernel_dies(tmp_path):
    source = (
        "import os, pathlib, subprocess\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(\n"
        "    str(subprocess.Popen(['sleep', '600']).pid))\n"
        "os._exit(3)"
    )
    path = write(tmp_path / "some.ipynb", source, tag=None)
    outcome = execute(Task(path.read_text(), {}, kernel="python3"))
    assert (outcome.error.kind, outcome.error.cell) == ("kernel died", 1)
    assert outcome.error.message == "Kernel died: exit code 3"
    until(lambda: ended(int((tmp_path / "pid").read_text())))


def test_ctrl_c_ends_what_runs_and_the_same_command_goes_on(tmp_path):
    words = [*SWEEP, "-p", "x=1,2", "-p", "seconds=0,600", "--out", str(tmp_path / "runs")]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "slotscope", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    until(lambda: runs(tmp_path / "runs") or process.poll() is not None)
    time.sleep(1)
    while process.poll() is None:  # whoever presses it may not wait
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.decode().splitlines() == [
        "Interrupted. The same command goes on where this one stopped."
    ]
    assert [*temporary.iterdir()] == []
    finished = runs(tmp_path / "runs")
    assert finished
    assert all(run["status"] == "done" for run in finished)
    again = command(*words, "--dry-run").output.splitlines()[0]
    assert again == f"4 runs: {len(finished)} done, {4 - len(finished)} to run"


def test_variables_of_the_caller_reach_the_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_VARIABLE", "some value")
    source = "import os\nassert os.environ['SOME_VARIABLE'] == 'some value'"
    path = write(tmp_path / "some.ipynb", "x = 0", source)
    words = ["-p", "x=1", "--kernel", "python3", "--out", tmp_path / "runs", "--jobs", "1"]
    result = command("sweep", path, *words)
    assert result.exit_code == 0, result.output
    assert os.environ["SOME_VARIABLE"] == "some value"


def test_a_kernel_is_warm_where_that_is_asked_for(tmp_path, monkeypatch):
    runtime = tempfile.mkdtemp(prefix="warm")  # short enough for a socket
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    source = "import os\nprint('WARM' if os.getppid() != int(os.environ['JPY_PARENT_PID']) else '')"
    path = write(tmp_path / "some.ipynb", source, tag=None)
    task = Task(path.read_text(), {}, kernel="python3", provisioner="slotscope-warm")
    try:
        (cell,) = nbformat.reads(execute(task).notebook, as_version=4).cells
        assert cell.outputs[0].text == "WARM\n"
    finally:
        command("kernels", "stop", "--kill")
        shutil.rmtree(runtime)
